"""Jobs whose invitations Flower carries: TLS, node authentication, the proxy, real processes."""

from collections.abc import Iterator
from functools import partial

import pytest
import torch

from protocols.ids import ProviderId
from synlearn.mre.classification_model import ClassificationMRE
from synlearn.mre.model import MREModel
from synlearn.mre.storage import load_mre
from tests.integration.flower_region import FlowerRegion, flower_region
from tests.integration.region import join_all, standing
from tests.integration.sites import PATIENCE, Owner, until
from tests.integration.twin import run_twin

pytestmark = pytest.mark.integration

SITES = tuple(ProviderId(f"site-{number}") for number in range(1, 9))


@pytest.fixture(scope="module")
def federation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlowerRegion]:
    with flower_region(tmp_path_factory.mktemp("f"), SITES) as made:
        yield made


def assert_same(one: MREModel, other: MREModel) -> None:
    """Both models have the same weights, but for float32 sums in another order."""
    assert isinstance(one, ClassificationMRE)
    assert isinstance(other, ClassificationMRE)
    for ours, theirs in ((one.backbone, other.backbone), (one.metric, other.metric)):
        for name, weights in ours.state_dict().items():
            torch.testing.assert_close(theirs.state_dict()[name], weights, msg=name)


def is_invited(owner: Owner) -> bool:
    return bool(standing(owner, "invited"))


def test_a_job_on_eight_nodes_ends_with_the_model_of_the_embedded_mode(
    federation: FlowerRegion,
) -> None:
    region = federation.region
    process = region.submit("first")
    try:
        for owner in region.owners:
            until(partial(is_invited, owner), region.log)
        join_all(region)
        output, _ = process.communicate(timeout=3 * PATIENCE)
    finally:
        process.kill()
    assert process.returncode == 0, output
    deployed = load_mre(region.runs / "first" / "mre")
    assert deployed.provenance.models == 5
    twin = run_twin(region, region.job, region.folder / "twin")
    embedded = load_mre(twin.model)
    assert embedded.provenance == deployed.provenance
    assert_same(deployed, embedded)
