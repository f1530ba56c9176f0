"""One policy's text on its way to rules: every part of it is right, or none of it holds."""

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, TypeVar

from protocols.ids import digest
from protocols.secagg.keys import is_identity
from provider.policies.contradictions import Contradiction, check_rules
from provider.policies.profiles import FUNCTIONS, KEYS_OF, PROFILES
from provider.policies.rules import (
    ApprovalRules,
    Budget,
    FunctionRules,
    General,
    HoursRules,
    ModelRules,
    PrivacyRules,
    Rules,
    WorkerRules,
)
from provider.policies.texts import MAX_BYTES, read_text
from provider.policies.toml_lines import line_of
from synlearn.errors import InputError
from synlearn.settings import from_table

MODELS_KEYS = ("digests", "digests_file", "signers")
SECTIONS: dict[str, type] = {
    "privacy": PrivacyRules,
    "approval": ApprovalRules,
    "hours": HoursRules,
    "worker": WorkerRules,
}
BUDGETS = ("day", "job")
TOP = ("profile", "functions", "models", "budgets", *SECTIONS)
_LARGEST = 2**63

T = TypeVar("T")
Table = dict[str, Any]


class PolicyParser:
    """Parses one text.

    Args:
        text: TOML.
        name: Of the file, for messages.
        folder: In which a relative `digests_file` is looked for.

    Raises:
        InputError: It is not TOML.
    """

    def __init__(self, text: str, name: str, folder: Path) -> None:
        self._text = text
        self._name = name
        self._folder = folder
        try:
            self._table: Table = tomllib.loads(text)
        except ValueError as error:  # also for numbers beyond all measure
            raise InputError(
                f"{name} is not valid TOML: {str(error)[:200]}; mend it there."
            ) from error

    def rules(self) -> Rules:
        """The rules that the text states.

        Raises:
            InputError: Any part of it is wrong.
        """
        table = self._table
        self._known(table, (), (*TOP, *(field.name for field in fields(General))))
        base = self._base()
        general = {k: v for k, v in table.items() if k not in TOP}
        budgets = self._table_at(table, ("budgets",))
        self._known(budgets, ("budgets",), BUDGETS)
        rules = replace(
            base,
            general=self._section(base.general, general, ()),
            functions=self._functions(base),
            models=self._models(),
            day=self._budget(base.day, budgets, "day"),
            job=self._budget(base.job, budgets, "job"),
            privacy=self._named(base.privacy, "privacy"),
            approval=self._named(base.approval, "approval"),
            hours=self._named(HoursRules(), "hours") if "hours" in table else base.hours,
            worker=self._named(base.worker, "worker"),
        )
        try:
            check_rules(rules)
        except Contradiction as error:
            raise self._wrong(error.path, error.sentence) from error
        return rules

    def _base(self) -> Rules:
        profile = self._table.get("profile")
        if not isinstance(profile, str) or profile not in PROFILES:
            raise self._wrong(
                ("profile",),
                'the policy needs profile = "guarded" or profile = "open" to build on.',
            )
        return PROFILES[profile]

    def _functions(self, base: Rules) -> Mapping[str, FunctionRules]:
        table = self._table_at(self._table, ("functions",))
        self._known(table, ("functions",), FUNCTIONS)
        functions = dict(base.functions)
        for name in table:
            path = ("functions", name)
            own = self._table_at(table, path)
            self._known(own, path, KEYS_OF[name])
            functions[name] = self._section(functions[name], own, path)
        return functions

    def _models(self) -> ModelRules:
        table = self._table_at(self._table, ("models",))
        self._known(table, ("models",), MODELS_KEYS)
        listed = self._digests(self._texts(table, "digests"), ("models", "digests"))
        if "digests_file" in table:
            listed |= self._digests_file(table["digests_file"])
        signers = set()
        for signer in self._texts(table, "signers"):
            key = _unhex(signer)
            if key is None or not is_identity(key):
                raise self._wrong(
                    ("models", "signers"),
                    f"{signer[:80]!r} is no Ed25519 public key; give its 64 hexadecimal digits.",
                )
            signers.add(key)
        return ModelRules(listed, frozenset(signers))

    def _digests(self, texts: Sequence[str], path: Sequence[str]) -> frozenset[str]:
        try:
            return frozenset(str(digest(text)) for text in texts)
        except ValueError as error:
            raise self._wrong(path, f"{error}; give the SHA-256 of a model file.") from error

    def _digests_file(self, named: object) -> frozenset[str]:
        path = ("models", "digests_file")
        if not isinstance(named, str) or not named.isprintable() or not named:
            raise self._wrong(path, "digests_file must be the name of a file, as a text.")
        try:
            lines = read_text(self._folder / named, 16 * MAX_BYTES).splitlines()
        except InputError as error:
            raise self._wrong(path, str(error)) from error
        words = (line.split("#")[0].strip() for line in lines)
        return self._digests([word.split()[0] for word in words if word], path)

    def _texts(self, table: Table, key: str) -> tuple[str, ...]:
        value = table.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self._wrong(("models", key), f"{key} must be a list of texts.")
        return tuple(value)

    def _budget(self, base: Budget, budgets: Table, name: str) -> Budget:
        path = ("budgets", name)
        table = self._table_at(budgets, path)
        self._known(table, path, [field.name for field in fields(Budget)])
        return self._section(base, table, path)

    def _named(self, base: T, name: str) -> T:
        table = self._table_at(self._table, (name,))
        self._known(table, (name,), [field.name for field in fields(SECTIONS[name])])
        return self._section(base, table, (name,))

    def _section(self, base: T, table: Table, path: Sequence[str]) -> T:
        """`base` with the keys of `table`, each checked by itself so that its line is known."""
        values: Table = {}
        for key, value in table.items():
            if _is_beyond(value):
                raise self._wrong((*path, key), f"{key} has a number beyond all measure.")
            if isinstance(value, dict) or (
                isinstance(value, list) and any(isinstance(item, list | dict) for item in value)
            ):
                raise self._wrong((*path, key), f"{key} is no section; give it one value.")
            try:
                checked = from_table(type(base), {key: value}, "")
            except InputError as error:
                sentence = str(error).removeprefix(": ")
                raise self._wrong((*path, key), sentence) from error
            values[key] = getattr(checked, key)
        return replace(base, **values)  # type: ignore[type-var]  # all sections are dataclasses

    def _table_at(self, parent: Table, path: Sequence[str]) -> Table:
        table = parent.get(path[-1], {})
        if not isinstance(table, dict):
            raise self._wrong(path, f"{path[-1]} must be a section: [{'.'.join(path)}].")
        return table

    def _known(self, table: Table, path: Sequence[str], names: Sequence[str]) -> None:
        for key in table:
            if key not in names:
                near = difflib.get_close_matches(key[:80], names, n=1, cutoff=0.5)
                hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names)}."
                raise self._wrong((*path, key), f"unknown key {key[:80]!r}; {hint}")

    def _where(self, path: Sequence[str]) -> str:
        line = line_of(self._text, path)
        place = self._name if line is None else f"{self._name}, line {line}"
        section = ".".join(path[:-1])
        return f"{place} [{_one_line(section)}]" if section else place

    def _wrong(self, path: Sequence[str], sentence: str) -> InputError:
        return InputError(f"{self._where(path)}: {_one_line(sentence)}")


def _one_line(text: str) -> str:
    """As one line of bearable length, whatever the file put into it."""
    return "".join(c if c.isprintable() else "?" for c in text)[:600]


def _is_beyond(value: object) -> bool:
    items = value if isinstance(value, list) else [value]
    return any(isinstance(item, int) and abs(item) >= _LARGEST for item in items)


def _unhex(text: str) -> bytes | None:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return None
