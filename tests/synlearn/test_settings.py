from dataclasses import dataclass, field
from pathlib import Path

import pytest

from synlearn.errors import InputError
from synlearn.settings import as_table, from_table, read_settings, setting


@dataclass(frozen=True)
class Oven:
    temperature: float = setting(180.0, low=30.0, high=280.0)
    mode: str = setting("fan", choices=("fan", "grill"))


@dataclass(frozen=True)
class Recipe:
    name: str = setting()
    eggs: int = setting(2, low=1)
    vegan: bool = setting(False)
    book: Path | None = setting(None)
    spices: tuple[str, ...] = setting(())
    oven: Oven = field(default_factory=Oven)

    def __post_init__(self) -> None:
        if self.vegan and self.eggs:
            raise InputError("a vegan recipe has no eggs; set eggs to 0.")


def read(text: str, folder: Path) -> Recipe:
    path = folder / "recipe.toml"
    path.write_text(text)
    return read_settings(Recipe, path)


def error(text: str, folder: Path) -> str:
    with pytest.raises(InputError) as caught:
        read(text, folder)
    sentence = str(caught.value)
    assert sentence.startswith(f"{folder / 'recipe.toml'}")
    assert sentence.endswith((".", "?"))
    return sentence.removeprefix(f"{folder / 'recipe.toml'}")


def test_what_the_file_says_and_defaults_for_the_rest(tmp_path: Path) -> None:
    recipe = read(
        'name = "cake"\nspices = ["vanilla", "salt"]\nbook = "a/b"\n[oven]\ntemperature = 200',
        tmp_path,
    )
    assert recipe == Recipe("cake", 2, False, Path("a/b"), ("vanilla", "salt"), Oven(200.0, "fan"))
    assert isinstance(recipe.oven.temperature, float)


def test_limits_are_included(tmp_path: Path) -> None:
    for temperature in (30, 280):
        text = f'name = "cake"\n[oven]\ntemperature = {temperature}'
        assert read(text, tmp_path).oven.temperature == temperature


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("eggs = 1", ": name is required and missing; add it to the file."),
        ('nmae = "cake"', ": unknown key 'nmae'; did you mean 'name'?"),
        (
            'name = "cake"\nqqq = 1',
            ": unknown key 'qqq'; known keys: name, eggs, vegan, book, spices, oven.",
        ),
        (
            'name = "cake"\n[oven]\ntemprature = 1.0',
            " [oven]: unknown key 'temprature'; did you mean 'temperature'?",
        ),
        ('name = "cake"\neggs = 0', ": eggs is 0; it must be at least 1."),
        (
            'name = "cake"\n[oven]\ntemperature = 300',
            " [oven]: temperature is 300.0; it must be at least 30.0 and at most 280.0.",
        ),
        (
            'name = "cake"\n[oven]\nmode = "microwave"',
            " [oven]: mode is 'microwave'; it must be one of fan, grill.",
        ),
        ("name = 1", ": name must be a text, not 1."),
        ('name = "cake"\neggs = 2.0', ": eggs must be a whole number, not 2.0."),
        ('name = "cake"\neggs = true', ": eggs must be a whole number, not True."),
        ('name = "cake"\neggs = "2"', ": eggs must be a whole number, not '2'."),
        ('name = "cake"\nvegan = 1', ": vegan must be true or false, not 1."),
        ('name = "cake"\nbook = 1', ": book must be a path, written as a text, not 1."),
        ('name = "cake"\nspices = "salt"', ": spices must be a list, not 'salt'."),
        ('name = "cake"\nspices = [1]', ": spices must be a text, not 1."),
        (
            'name = "cake"\n[oven]\ntemperature = true',
            " [oven]: temperature must be a number, not True.",
        ),
        (
            'name = "cake"\n[oven]\ntemperature = nan',
            " [oven]: temperature is nan; it must be a finite number.",
        ),
        (
            'name = "cake"\n[oven]\ntemperature = inf',
            " [oven]: temperature is inf; it must be a finite number.",
        ),
        (
            'name = "cake"\noven = 200',
            ": 'oven' must be a section, written as [oven].",
        ),
        ('name = "cake"\nvegan = true', ": a vegan recipe has no eggs; set eggs to 0."),
    ],
)
def test_a_mistake_is_named_with_its_place(text: str, sentence: str, tmp_path: Path) -> None:
    assert error(text, tmp_path) == sentence


def test_a_file_that_is_not_toml(tmp_path: Path) -> None:
    assert error("name = = 1", tmp_path).startswith(" is not valid TOML: ")
    assert "line 2" in error('eggs = 1\nname "cake"', tmp_path)


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_bytes(b"\xff\xfe\0")
    with pytest.raises(InputError, match=r"recipe\.toml is not a UTF-8 text file"):
        read_settings(Recipe, path)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"No such file or directory\); check the path\."):
        read_settings(Recipe, tmp_path / "missing.toml")
    with pytest.raises(InputError, match=r"Is a directory\); check the path\."):
        read_settings(Recipe, tmp_path)


def test_a_table_gives_the_settings_back() -> None:
    recipe = Recipe("cake", book=Path("a/b"), spices=("salt",), oven=Oven(mode="grill"))
    table = as_table(recipe)
    assert table["book"] == "a/b"
    table["spices"] = list(table["spices"])  # as TOML and JSON have it
    assert from_table(Recipe, table, where="here") == recipe


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("eggs = " + "[" * 20_000, "is nested too deeply"),
        ("eggs = " + "1" * 5000, "is not valid TOML"),
        ("eggs = 0x" + "f" * 5000, "does not fit in 64 bits"),
        ("[oven]\ntemperature = 1" + "0" * 400, "does not fit in 64 bits"),
        ('name = "cake"\nbook = "a\\u0000b"', "no path holds a null character"),
    ],
    ids=["depth", "digits", "hexadecimal digits", "a real without a point", "null"],
)
def test_what_python_itself_stumbles_over(text: str, sentence: str, tmp_path: Path) -> None:
    assert sentence in error(text, tmp_path)
