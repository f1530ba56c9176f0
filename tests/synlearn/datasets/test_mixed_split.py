import dataclasses
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from synlearn.datasets.mixed_plan import DOMAINS, DomainPlan, Kind, KindPlan, Part, Unit
from synlearn.datasets.mixed_sources import load_source
from synlearn.datasets.mixed_split import make_split, parts_of, read_split
from synlearn.errors import InputError
from tests import mixed
from tests.shared_data import shared_data

COMMITTED = Path(__file__).parents[3] / "examples" / "mixed-split.json"


def test_classes_are_dealt_as_planned() -> None:
    photographs, drawings, digits = mixed.split().domains
    superclass = dict(
        zip(
            mixed.sources()["cifar100"].class_names, mixed.sources()["cifar100"].groups, strict=True
        )
    )
    for kind, count in ((Kind.EXPERT, 2), (Kind.PROVIDER, 1), (Kind.UNSEEN, 1)):
        groups = Counter(superclass[name] for name in photographs.classes[kind])
        assert groups == {f"super{row}": count for row in range(6)}
    alphabet = dict(
        zip(
            mixed.sources()["omniglot"].class_names, mixed.sources()["omniglot"].groups, strict=True
        )
    )
    of_kind = {kind: {alphabet[name] for name in own} for kind, own in drawings.classes.items()}
    assert sorted(len(own) for own in of_kind.values()) == [1, 1, 2]
    assert len(set.union(*of_kind.values())) == 4
    assert len(drawings.classes[Kind.UNSEEN]) == 12  # six of either alphabet, at most
    assert len(digits.classes[Kind.SHARED]) == 10


def test_no_image_is_for_two_things_and_shares_are_kept() -> None:
    for domain in mixed.split().domains:
        images = mixed.sources()[domain.name]
        parts = parts_of(domain, images, 0)
        for kind, names in domain.classes.items():
            for name in names:
                found = Counter(parts[images.labels == images.class_names.index(name)].tolist())
                for part, count in domain.shares[kind].items():
                    assert found[part] == (32 if count is None else count)


def test_the_same_seed_gives_the_same_manifest_and_another_seed_another(tmp_path: Path) -> None:
    again = make_split(mixed.sources(), seed=0, plans=mixed.PLANS)
    assert again == mixed.split()
    assert make_split(mixed.sources(), seed=1, plans=mixed.PLANS).digest != again.digest
    path = tmp_path / "split.json"
    path.write_bytes(again.to_json())
    assert read_split(path) == again


def test_every_held_class_has_at_least_three_holders_of_five_classes() -> None:
    split = mixed.split()
    holders = Counter((own.domain, name) for own in split.providers for name in own.classes)
    held = {
        (domain.name, name)
        for domain in split.domains
        for kind in (Kind.PROVIDER, Kind.SHARED)
        for name in domain.classes.get(kind, ())
    }
    assert set(holders) == held
    assert min(holders.values()) >= 3
    assert {len(set(own.classes)) for own in split.providers} == {5}


def test_repeated_images_are_left_out() -> None:
    images = mixed.sources()["mnist"]
    pixels = images.images.copy()
    pixels[1] = pixels[0]
    pixels[40] = pixels[0]  # of another class
    doubled = dataclasses.replace(images, images=pixels)
    plans = (
        DomainPlan(
            "mnist", Unit.CLASS, 1, (KindPlan(Kind.NOT_LEARNED, None, {Part.EXAMPLES: None}),)
        ),
    )
    (domain,) = make_split({"mnist": doubled}, seed=0, plans=plans).domains
    parts = parts_of(domain, doubled, 0)
    assert np.flatnonzero(parts == "").tolist() == [1, 40]


@pytest.mark.parametrize(
    ("unit", "kind", "message"),
    [
        (Unit.CLASS, KindPlan(Kind.EXPERT, 11, {Part.EXPERT: 1}), "too few classes"),
        (Unit.CLASS, KindPlan(Kind.EXPERT, 2, {Part.EXPERT: 33}), "32 different images"),
        (Unit.GROUP, KindPlan(Kind.EXPERT, 2, {Part.EXPERT: 1}), "too few classes"),
    ],
)
def test_a_set_that_is_too_small_is_refused(unit: Unit, kind: KindPlan, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make_split(mixed.sources(), seed=0, plans=(DomainPlan("mnist", unit, 1, (kind,)),))


def test_a_class_that_is_not_there_is_named() -> None:
    domain = mixed.split().domains[2]
    other = dataclasses.replace(domain, classes={Kind.SHARED: ("eleven",)})
    with pytest.raises(InputError, match="mnist has no class 'eleven'"):
        parts_of(other, mixed.sources()["mnist"], 0)


@pytest.mark.parametrize(
    ("content", "message"), [(b"{}", "field format is missing"), (b"", "it is not JSON")]
)
def test_a_file_that_is_no_manifest_is_refused(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "split.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_split(path)
    path.write_bytes(mixed.split().to_json().replace(b"split/1", b"split/9"))
    with pytest.raises(InputError, match="split/9"):
        read_split(path)


def test_the_committed_manifest_names_the_planned_sets() -> None:
    split = read_split(COMMITTED)
    assert [domain.name for domain in split.domains] == [plan.name for plan in DOMAINS]
    for domain, plan in zip(split.domains, DOMAINS, strict=True):
        names = [name for own in domain.classes.values() for name in own]
        assert len(set(names)) == len(names)
        assert list(domain.classes) == [kind.kind for kind in plan.kinds]


def test_the_committed_manifest_is_made_from_the_real_sets() -> None:
    data = shared_data()
    real = {plan.name: load_source(plan.name, data) for plan in DOMAINS}
    assert make_split(real, seed=0).to_json() == COMMITTED.read_bytes()
