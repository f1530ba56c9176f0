"""From the owner's names of classes to the federation's."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from protocols.queries import QueryError
from protocols.queries.spec import check_class_name
from synlearn.errors import InputError
from synlearn.settings import read_table

LEFT_OUT: Final = ""
"""What a class is mapped to whose rows are not used."""
_UNMAPPED: Final = ("refuse", "leave out")
_SHOWN: Final = 10


@dataclass(frozen=True, slots=True)
class LabelMap:
    """Which class of the federation each local class belongs to.

    In TOML::

        unmapped = "refuse"        # or "leave out"
        [labels]
        "Katze" = "animal/cat"
        "Kater" = "animal/cat"     # two local classes may be one
        "unsure" = ""              # left out

    Attributes:
        names: Local name to the federation's; an empty one leaves the class out.
        unmapped: "refuse" or "leave out" local classes that are not named.
    """

    names: Mapping[str, str]
    unmapped: str = "refuse"

    def __post_init__(self) -> None:
        if self.unmapped not in _UNMAPPED:
            raise InputError(
                f"unmapped is '{self.unmapped}'; it must be one of {', '.join(_UNMAPPED)}."
            )
        for local, name in self.names.items():
            if name == LEFT_OUT:
                continue
            try:
                check_class_name(name)
            except QueryError as error:
                raise InputError(
                    f"the label '{local}' is mapped to {name!r}, which is no name of a class "
                    f"({error}); correct it in the label map."
                ) from error

    @classmethod
    def read(cls, path: Path) -> "LabelMap":
        """Read a TOML file; raises InputError, see `from_table`."""
        return cls.from_table(read_table(path), str(path))

    @classmethod
    def from_table(cls, table: Mapping[str, Any], where: str) -> "LabelMap":
        """Read a parsed table with `labels` and perhaps `unmapped`.

        Raises:
            InputError: A key is unknown, a value is no text, or a name is none of a class.
        """
        for key in table:
            if key not in ("labels", "unmapped"):
                raise InputError(f"{where}: unknown key '{key}'; known keys: labels, unmapped.")
        names = table.get("labels", {})
        if not isinstance(names, dict):
            raise InputError(f"{where}: 'labels' must be a section, written as [labels].")
        for local, name in names.items():
            if not isinstance(name, str):
                raise InputError(f"{where}: labels: '{local}' must be a text, not {name!r}.")
        try:
            return cls(dict(names), table.get("unmapped", "refuse"))
        except InputError as error:
            raise InputError(f"{where}: {error}") from error

    def to_toml(self) -> str:
        """Return the map as TOML, for `read`."""
        lines = [f"unmapped = {_quoted(self.unmapped)}", "", "[labels]"]
        lines += [f"{_quoted(local)} = {_quoted(name)}" for local, name in self.names.items()]
        return "\n".join(lines) + "\n"

    def resolve(self, local: Iterable[str]) -> dict[str, str]:
        """Map the local classes that there are; `LEFT_OUT` for those that are not used.

        Raises:
            InputError: Some are not named, and must be.
        """
        local = sorted(local)
        missing = [name for name in local if name not in self.names]
        if missing and self.unmapped == "refuse":
            shown = ", ".join(f"'{name}'" for name in missing[:_SHOWN])
            more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
            raise InputError(
                f"The label map does not name the local classes {shown}{more}; name each, or set "
                'unmapped = "leave out".'
            )
        return {name: self.names.get(name, LEFT_OUT) for name in local}


def _quoted(text: str) -> str:
    """A TOML basic string: JSON's escapes, and one more character that has to be escaped."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
