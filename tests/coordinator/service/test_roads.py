"""Both roads give what the library gives."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from synlearn import Client
from synlearn.client import ServiceError
from synlearn.errors import InputError
from synlearn.fusion.zoo_evidence import Evidence, ModelEvidence, run_models
from synlearn.mre.task_means import TaskMeans
from synlearn.ranker import Ranker
from synlearn.ranking import ACCURACY, Ranking
from synlearn.zoo.catalog import Zoo
from synlearn.zoo.filters import ModelFilter
from tests.service_house import FEATURES, Service, images, labels


@pytest.fixture(params=["http", "grpc"])
def client(request: pytest.FixtureRequest, served: Service, tmp_path: Path) -> Iterator[Client]:
    with Client(getattr(served, request.param), cache=tmp_path / "cache") as found:
        yield found


@pytest.fixture(scope="module")
def library(house: Path) -> tuple[Ranker, Zoo]:
    return Ranker.load(house / "mre"), Zoo.open(house / "zoo")


def plain(ranking: Ranking) -> Ranking:
    return replace(ranking, explainer=None)


def test_a_ranking_is_the_librarys(client: Client, library: tuple[Ranker, Zoo]) -> None:
    ranker, zoo = library
    found = client.rank(images(), labels())
    own = ranker.rank(images(), labels(), zoo, evidence=0)
    assert found.unit == ACCURACY
    assert plain(found) == plain(own)
    assert found.to_json() == own.to_json()
    assert found.to_csv() == own.to_csv()


@pytest.mark.parametrize("where", [None, ModelFilter(input_shape=(3, -1, -1))])
def test_evidence_is_weighed_in_as_the_library_does(
    client: Client, library: tuple[Ranker, Zoo], where: ModelFilter | None
) -> None:
    ranker, zoo = library
    for count in (1, 3, 99):
        found = client.rank(images(), labels(), evidence=count, where=where)
        own = ranker.rank(images(), labels(), zoo, evidence=count, where=where)
        assert plain(found) == plain(own)
        assert sum(row.was_run for row in found) == min(count, len(zoo))
    with pytest.raises(InputError, match="give a number from 0"):
        client.rank(images(), labels(), evidence=-1)


def test_models_that_were_run_are_kept(served: Service, tmp_path: Path) -> None:
    def kept_after(address: str) -> dict[Path, int]:
        with Client(address, cache=tmp_path) as client:
            client.rank(images(), labels(), evidence=2)
        return {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}

    kept = kept_after(served.http)
    assert len([path for path in kept if path.suffix == ".safetensors"]) == 2
    assert kept_after(served.grpc) == kept


def _brought(client: Client, ranker: Ranker, zoo: Zoo) -> tuple[TaskMeans, ModelEvidence]:
    task = client.task_means(images(), labels())
    first = tuple(row.model for row in client.rank_means(task).rows[:3])
    return task, ModelEvidence(first, run_models(images(), labels(), zoo, first))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda own: {"similarity": own.similarity + 1}, "similarities of the evidence"),
        (lambda own: {"similarity": 1 - own.similarity}, "similarities of the evidence"),
        (lambda own: {"similarity": own.similarity * np.nan}, "similarities of the evidence"),
        (lambda own: {"similarity": own.similarity[:2]}, "6 similarities"),
        (lambda own: {"direct": {**own.direct, "more": own.direct["leep"]}}, "other scores"),
        (lambda own: {"direct": {}}, "other scores"),
        (lambda own: {"direct": {**own.direct, "leep": own.direct["leep"][:2]}}, "for 3 models"),
        (lambda own: {"direct": {**own.direct, "leep": np.full(3, 1e300)}}, "out of bounds"),
    ],
)
def test_what_is_no_evidence_is_refused_in_a_sentence(
    served: Service,
    library: tuple[Ranker, Zoo],
    tmp_path: Path,
    change: Callable[[Evidence], dict[str, object]],
    said: str,
) -> None:
    with Client(served.grpc, cache=tmp_path) as client:
        task, brought = _brought(client, *library)
        wrong = replace(brought.evidence, **change(brought.evidence))  # type: ignore[arg-type]
        with pytest.raises(ServiceError, match=said):
            client.rank_means(task, evidence=replace(brought, evidence=wrong))
        client.rank_means(task, evidence=brought)


def test_evidence_of_other_models_than_the_first_is_refused(
    client: Client, library: tuple[Ranker, Zoo]
) -> None:
    task, brought = _brought(client, *library)
    last = client.rank_means(task).rows[-1].model
    for models in ((*brought.models[:2], last), brought.models[:1] * 3):
        with pytest.raises(ServiceError, match=r"not of the first models|of each once"):
            client.rank_means(task, evidence=replace(brought, models=models))
    many = tuple(f"model-{number}" for number in range(201))
    scores = {name: np.zeros(201) for name in brought.evidence.direct}
    with pytest.raises(ServiceError, match="200"):
        client.rank_means(task, evidence=ModelEvidence(many, Evidence(scores, np.eye(201))))


def test_conditions_reach_the_service(client: Client, library: tuple[Ranker, Zoo]) -> None:
    ranker, zoo = library
    sizes = sorted(zoo.card(model).parameters for model in zoo)
    where = ModelFilter(most_parameters=sizes[3], input_shape=(3, -1, -1))
    found = client.rank(images(), labels(), where=where)
    own = ranker.rank(images(), labels(), zoo, evidence=0, where=where)
    assert plain(found) == plain(own)
    assert len(found.facts) == len(found) < len(zoo)
    with pytest.raises(InputError, match="loosen that condition"):
        client.rank(images(), labels(), where=ModelFilter(most_parameters=1))


def test_a_ranking_explains_itself(client: Client, library: tuple[Ranker, Zoo]) -> None:
    ranker, zoo = library
    found = client.rank(images(), labels())
    best = found.best.model
    own = ranker.rank(images(), labels(), zoo, evidence=0).explain(best)
    explanation = found.explain(best)
    assert explanation.task_classes == own.task_classes == ("bee", "cat", "dog", "elk", "owl")
    assert explanation.model_classes == own.model_classes
    np.testing.assert_allclose(explanation.weights, own.weights)
    with pytest.raises(InputError, match="no model"):
        found.explain("nobody")


def test_the_list_and_the_files_are_the_zoos(
    client: Client, library: tuple[Ranker, Zoo], tmp_path: Path
) -> None:
    _, zoo = library
    listed = list(client.models())
    assert tuple(each.id for each in listed) == zoo.ids
    path = client.fetch_model(listed[2], tmp_path / "zoo")
    assert path.read_bytes() == zoo.weights(zoo.ids[2])
    with pytest.raises(ServiceError, match="is not what the service's list says"):
        client.fetch_model(replace(listed[2], card_sha256="0" * 64), tmp_path / "zoo")
    assert client.about.zoo == zoo.digest
    assert client.about.features == FEATURES


def test_what_was_fetched_is_kept(served: Service, tmp_path: Path) -> None:
    with Client(served.http, cache=tmp_path) as first:
        first.task_means(images(), labels())
    (kept,) = tmp_path.iterdir()
    before = kept.stat().st_mtime_ns
    with Client(served.grpc, cache=tmp_path) as second:
        second.task_means(images(), labels())
    assert kept.stat().st_mtime_ns == before
    kept.write_bytes(b"damaged")
    with Client(served.grpc, cache=tmp_path) as third:
        third.task_means(images(), labels())
    assert kept.stat().st_size > 100


@pytest.mark.parametrize(
    ("means", "counts", "said"),
    [
        (np.full((3, FEATURES), np.nan), [1, 1, 1], "NaN"),
        (np.full((3, FEATURES), 9.0), [1, 1, 1], "of length"),
        (np.zeros((3, FEATURES + 1)), [1, 1, 1], "features"),
        (np.zeros((1, FEATURES)), [1], "two classes"),
        (np.zeros((10_000, FEATURES)), [1] * 10_000, "at most"),
        (np.zeros((3, FEATURES)), [1, 0, 1], "counts lie in"),
        (np.zeros((3, FEATURES)), [1, 1], "class means take"),
    ],
)
def test_what_is_no_task_is_refused_in_a_sentence(
    served: Service, means: np.ndarray, counts: list[int], said: str
) -> None:
    task = TaskMeans(means.astype(np.float32), np.array(counts), tuple(map(str, range(len(means)))))
    with Client(served.grpc) as client, pytest.raises(ServiceError, match=said) as refused:
        client.rank_means(replace(task))
    assert refused.value.code in {"INVALID_ARGUMENT", "RESOURCE_EXHAUSTED"}
    with Client(served.http) as client, pytest.raises((ServiceError, ValueError)) as told:
        client.rank_means(task)
    if isinstance(told.value, ServiceError):
        assert told.value.code == "422"


def test_nobody_there_is_said_in_a_sentence() -> None:
    for address in ("http://127.0.0.1:9", "grpc://127.0.0.1:9"):
        with (
            Client(address, seconds=5) as client,
            pytest.raises(ServiceError, match="cannot be asked"),
        ):
            _ = client.about
    for address in ("rank.example.org", "ftp://rank.example.org", "https://"):
        with pytest.raises(InputError, match="no address of a service"):
            Client(address)
