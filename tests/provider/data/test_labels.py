import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provider.data.labels import LabelMap
from synlearn.errors import InputError


def test_names_are_mapped_joined_and_left_out(tmp_path: Path) -> None:
    file = tmp_path / "labels.toml"
    file.write_text('[labels]\n"Katze" = "cat"\n"Kater" = "cat"\nunsure = ""\nunused = "x"\n')
    labels = LabelMap.read(file)
    assert labels.resolve(["Katze", "unsure", "Kater"]) == {
        "Kater": "cat",
        "Katze": "cat",
        "unsure": "",
    }
    with pytest.raises(InputError, match="'Hund', 'Maus'; name each"):
        labels.resolve(["Katze", "Maus", "Hund"])


def test_what_is_not_named_may_be_left_out() -> None:
    labels = LabelMap({"a": "b"}, unmapped="leave out")
    assert labels.resolve(["a", "c"]) == {"a": "b", "c": ""}


def test_a_long_list_of_missing_names_is_cut() -> None:
    with pytest.raises(InputError, match="'09' and 15 more"):
        LabelMap({}).resolve(f"{number:02d}" for number in range(25))


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("label = 1", "unknown key 'label'"),
        ("labels = 1", "must be a section"),
        ("[labels]\na = 1", "'a' must be a text"),
        ('[labels]\na = "line\\nfeed"', "no name of a class"),
        (f'[labels]\na = "{"x" * 129}"', "no name of a class"),
        ('unmapped = "keep"', "must be one of refuse, leave out"),
        ("unmapped = 3", "must be one of"),
        ("[labels", "not valid TOML"),
    ],
)
def test_a_wrong_map_is_refused(tmp_path: Path, text: str, match: str) -> None:
    (tmp_path / "labels.toml").write_text(text)
    with pytest.raises(InputError, match=match):
        LabelMap.read(tmp_path / "labels.toml")


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), st.sampled_from("ab")))
def test_a_map_is_read_as_it_was_written(names: dict[str, str]) -> None:
    labels = LabelMap(names, "leave out")
    assert LabelMap.from_table(tomllib.loads(labels.to_toml()), "here") == labels
