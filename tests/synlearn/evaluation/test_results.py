"""A results file says what was measured, or is refused with the place of the mistake."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from synlearn.errors import InputError
from synlearn.evaluation.measurements import Measurement, Target
from synlearn.evaluation.results import Results
from synlearn.evaluation.results_file import (
    read_results,
    results_from_json,
    results_to_json,
    write_results,
)


def test_round_trip(results: Results, tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    write_results(results, path)
    assert read_results(path) == results
    assert [file.name for file in tmp_path.iterdir()] == ["results.json"]
    assert results_to_json(read_results(path)) == path.read_text(encoding="utf-8")


def test_the_file_shows_intervals_comparisons_and_targets(results: Results) -> None:
    content = json.loads(results_to_json(results))
    cell = content["measurements"][0]
    assert cell["estimate"]["mean"] == pytest.approx(sum(cell["by_seed"].values()) / 5)
    assert cell["estimate"]["low"] < cell["estimate"]["mean"] < cell["estimate"]["high"]
    assert [target["met"] for target in content["targets"]] == [True, False]
    pairs = {(c["method"], c["baseline"]) for c in content["comparisons"]}
    assert pairs == {("synlearn", "direct_mse")}  # an oracle is a yardstick, not a rival
    assert len(content["comparisons"]) == 4  # two metrics on two splits


def test_a_lower_is_better_target(results: Results) -> None:
    metrics = tuple(replace(m, higher_is_better=False) for m in results.metrics)
    flipped = replace(results, metrics=metrics)
    assert not flipped.is_met(results.targets[0])
    assert flipped.is_met(replace(results.targets[0], bound=0.99))
    assert results.is_met(Target("kendall_tau", "oracle", "out", 5, 0.5)) is None


def change(path: str, value: object) -> Callable[[dict[str, Any]], None]:
    """An edit of the JSON at a place such as "measurements.0.k"."""

    def edit(content: dict[str, Any]) -> None:
        *parents, last = path.split(".")
        target: Any = content
        for step in parents:
            target = target[int(step) if isinstance(target, list) else step]
        target[last] = value

    return edit


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (change("measurements.0.k", "one"), "measurements[0].k is 'one', where int or null"),
        (change("measurements.0.k", True), "measurements[0].k is True"),
        (change("measurements.0.by_seed", {"x": 1.0}), "the key 'x' is no seed"),
        (change("measurements.0.by_seed", {"0": 1.0}), "give one value for each seed"),
        (change("measurements.0.by_seed", [1.0]), "measurements[0].by_seed is [1.0]"),
        (change("measurements.0.method", "leep"), "method 'leep' is not declared"),
        (change("measurements", 3), "measurements is 3, where a list is needed"),
        (change("methods.0.role", "hero"), "methods[0].role is 'hero'"),
        (change("machine.cores", 1.5), "machine.cores is 1.5, where int is needed"),
        (change("timings.zoo", "long"), "timings.zoo is 'long', where float is needed"),
        (change("timings.zoo", 1e400), "Infinity"),
        (change("seeds", [0, 0]), "seeds holds 0 twice"),
        (change("measurement", []), "measurement is not a field"),
        (change("measurement", []), "did you mean 'measurements'"),
        (change("format", "synlearn.results/9"), "another version"),
        (change("ceilings.0.tau_half_by_seed", dict.fromkeys("01234", 1.5)), "between -1 and 1"),
        (lambda content: content.pop("machine"), "incomplete"),
        (lambda content: content.pop("methods"), "incomplete"),
    ],
)
def test_a_broken_file_is_refused(
    results: Results, tmp_path: Path, edit: Callable[[dict[str, Any]], None], sentence: str
) -> None:
    content = json.loads(results_to_json(results))
    edit(content)
    path = tmp_path / "results.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_results(path)
    assert sentence in str(caught.value)
    assert str(path) in str(caught.value)


def test_unreadable_files(results: Results, tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    with pytest.raises(InputError, match="Cannot read"):
        read_results(path)
    path.write_bytes(b"\xff\xfe\xff")
    with pytest.raises(InputError, match="Cannot read"):
        read_results(path)
    for text in (results_to_json(results)[:500], "[" * 100_000, "[]", "3"):
        with pytest.raises(InputError):
            results_from_json(text)


def test_what_cannot_be_built(results: Results) -> None:
    first = results.measurements[0]
    nan = dict.fromkeys(results.seeds, float("nan"))
    huge = dict.fromkeys(results.seeds, 1e308)
    broken: list[tuple[dict[str, Any], str]] = [
        ({"measurements": (first, first)}, "twice"),
        ({"measurements": (replace(first, by_seed=nan),)}, "seed 0 is nan"),
        ({"measurements": (replace(first, by_seed=huge),)}, "seed 0 is 1e[+]308, beyond"),
        ({"measurements": (replace(first, split="elsewhere"),)}, "split 'elsewhere'"),
        ({"methods": ()}, "methods is empty"),
        ({"seeds": ()}, "seeds is empty"),
        ({"targets": (replace(results.targets[0], metric="accuracy"),)}, "metric 'accuracy'"),
    ]
    for fields, sentence in broken:
        with pytest.raises(InputError, match=sentence):
            replace(results, **fields)


def test_lookups(results: Results) -> None:
    assert isinstance(results.find("kendall_tau", "synlearn", "out", 1), Measurement)
    assert results.find("kendall_tau", "synlearn", "out", 2) is None
    assert results.ceiling("weighted_kendall_tau", "out") is None
    assert results.method("synlearn").label == "SynLearn"


def test_a_missing_folder_is_named(results: Results, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="create the folder"):
        write_results(results, tmp_path / "nowhere" / "results.json")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"seeds": [', '"seeds": [' + "1" * 5000 + ","),
        ('"seeds": [', '"seeds": ' + "[" * 20_000),
        ('"experiment": "', '"experiment": "\\ud800'),
    ],
    ids=["digits", "depth", "half a character"],
)
def test_what_python_itself_stumbles_over(results: Results, old: str, new: str) -> None:
    text = results_to_json(results).replace(old, new, 1)
    with pytest.raises(InputError, match="not JSON"):
        results_from_json(text)
