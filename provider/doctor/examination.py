"""All checks, in the order in which an owner would mend what they find."""

import time
from collections.abc import Callable, Iterator

from protocols.errors import Refused
from provider.data.settings import open_source
from provider.doctor.finding import Finding, error, fine, warning
from provider.doctor.machine import check_clock, check_disk, check_versions
from provider.doctor.network import check_certificates, check_reachable, utc_now
from provider.policies.notes import notes
from provider.policies.policy_file import read_policy
from provider.sandbox.process import isolation_report
from provider.site.config import SiteConfig, read_config
from provider.site.home import Home, open_to_others
from provider.site.identity import fingerprint, load_key
from provider.verification import verify
from synlearn.errors import InputError

_EDIT = "mend it there; see docs/provider.md"


def examine(home: Home) -> Iterator[Finding]:
    """Look at a site; one thing that is wrong hides no other."""
    yield from check_versions()
    yield from _folder(home)
    config = None
    try:
        config = read_config(home.config)
    except InputError as problem:
        yield error("configuration", str(problem), _EDIT)
    yield from _identity(home)
    yield from _policy(home)
    if config is not None:
        yield from _said(lambda: _data(config, home), "data")
        yield from check_certificates(config.node.federation, utc_now())
        yield from _authority(config)
        yield from check_reachable(config.node.federation)
    yield from _ledger(home, config)
    yield from _isolation()


def _folder(home: Home) -> Iterator[Finding]:
    if open_to_others(home.folder):
        yield error(
            "permissions",
            f"{home.folder} is open to other users",
            f"close it: chmod 700 {home.folder}",
        )
    else:
        yield fine("permissions", f"{home.folder} is yours alone")


def _identity(home: Home) -> Iterator[Finding]:
    try:
        key = load_key(home.key)
    except InputError as problem:
        yield error("identity", str(problem), "restore it: synlearn-provider restore")
        return
    yield fine("identity", f"fingerprint {fingerprint(key.identity.public)}")


def _policy(home: Home) -> Iterator[Finding]:
    try:
        rules = read_policy(home.policy)
    except InputError as problem:
        yield error("policy", str(problem), "mend it: synlearn-provider policy check")
        return
    yield fine("policy", f"profile {rules.profile}")
    for note in notes(rules):
        yield warning("policy", note, f"think about it, in {home.policy}")


def _data(config: SiteConfig, home: Home) -> Iterator[Finding]:
    source = open_source(config.node.data)
    local = source.local_classes()
    names = config.labels.resolve(local)
    used = {own: rows for own, rows in local.items() if names[own]}
    if not used:
        yield error("labels", "no class of the data is used", "map one in [labels] of node.toml")
        return
    rows = sum(used.values())
    yield fine("data", f"{rows:,} rows of {len(used)} classes in {config.node.data.path}")
    left_out = sorted(set(local) - set(used))
    if left_out:
        yield warning(
            "labels",
            f"{len(left_out)} classes are left out ({', '.join(left_out[:3])})",
            "map them in [labels] of node.toml if they should take part",
        )
    yield from check_disk(home.folder, rows * source.layout.row_bytes)


def _authority(config: SiteConfig) -> Iterator[Finding]:
    federation = config.node.federation
    if federation.authority:
        yield fine("authority", fingerprint(bytes.fromhex(federation.authority)))
    else:
        yield error(
            "authority",
            "node.toml names no authority, so no roster and no job can be believed",
            "get its public key from whoever runs the federation, and compare the fingerprint",
        )


def _ledger(home: Home, config: SiteConfig | None) -> Iterator[Finding]:
    latest = None
    if home.ledger.is_file() and config is not None:
        try:
            public = load_key(home.key).identity.public
        except InputError:
            return  # said above
        found = verify(home.ledger, config.node.name, public, head=home.head)
        for problem in found[:3]:
            yield error(
                "ledger", str(problem), "keep the file as it is, and ask who can write to it"
            )
        if not found:
            yield fine("ledger", "every entry is signed, and in its place")
        latest = _latest(home, config)
    yield from check_clock(latest, time.time())


def _latest(home: Home, config: SiteConfig) -> float | None:
    from provider.ledger_file import LedgerFile  # noqa: PLC0415

    file = LedgerFile(home.ledger)
    try:
        rows = file.run("SELECT max(time) FROM events WHERE provider = ?", (config.node.name,))
    finally:
        file.close()
    return None if rows[0][0] is None else float(str(rows[0][0])) / 1000


def _isolation() -> Iterator[Finding]:
    try:
        states = isolation_report()
    except Refused as problem:
        yield error("models", problem.local, "see that Python can start processes here")
        return
    for state in states:
        if not state.active:
            yield warning(
                "models",
                f"the layer {state.layer.value} does not keep the model worker in: {state.why_not}",
                "use a newer kernel, or let the node run where it is allowed",
            )
    kept = [state.layer.value for state in states if state.active]
    if kept:
        yield fine("models", f"the worker is kept in by {', '.join(kept)}")


def _said(check: Callable[[], Iterator[Finding]], about: str) -> Iterator[Finding]:
    """A check that reads what its owner wrote: a mistake in it is a finding."""
    try:
        yield from check()
    except InputError as problem:
        yield error(about, str(problem), _EDIT)
