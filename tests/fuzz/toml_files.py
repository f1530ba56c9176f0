"""Settings written by people: job files, a node's configuration."""

import tomllib
from collections.abc import Callable
from pathlib import Path

from coordinator.job import read_job
from provider.policies.policy_file import read_policy
from provider.policies.template import guarded_policy_toml
from provider.site.config import read_config
from synlearn.settings import as_table, from_table
from tests.fuzz.mutation import toml_document
from tests.fuzz.parsers import parsed, written
from tests.fuzz.target import Target
from tests.identities import AUTHORITY

_EXAMPLES = Path(__file__).parent.parent.parent / "examples"
_NODE = f"""
provider = "hospital-a"
[data]
source = "folders"
path = "images"
height = 64
width = 64
[labels]
"Katze" = "animal/cat"
[federation]
authority = "{AUTHORITY.public.hex()}"
coordinators = ["example.org:9092", "[::1]:9092"]
ca = "ca.pem"
certificate = "node.pem"
key = "node.key"
[door]
users = [998]
"""


def toml_target(name: str, read: Callable[[Path], object], *seeds: str) -> Target:
    """A target for a reader of TOML files, which raises InputError and nothing else."""

    def run(data: bytes) -> None:
        path = written(f"{name}.toml", data)
        parsed(lambda: read(path))

    return Target(
        name,
        run,
        lambda: [seed.encode() for seed in seeds],
        toml_document(tomllib.loads),
        examples=300,
        largest=2**18,
    )


def _job(path: Path) -> None:
    """A job that was read has an id, and can be written down and read again."""
    job = read_job(path)
    assert job.id
    assert from_table(type(job), _as_toml(as_table(job)), "again") == job


def _as_toml(value: object) -> dict[str, object]:
    """Tuples as the lists that TOML has."""
    assert isinstance(value, dict)
    return {
        key: _as_toml(item)
        if isinstance(item, dict)
        else list(item)
        if isinstance(item, tuple)
        else item
        for key, item in value.items()
    }


JOBS = toml_target(
    "jobs", _job, *((_EXAMPLES / name).read_text() for name in ("mini-demo.toml", "dsprites.toml"))
)
NODE_CONFIGS = toml_target("node-configs", read_config, _NODE)
POLICIES = toml_target("policies", read_policy, guarded_policy_toml(), 'profile = "open"\n')
