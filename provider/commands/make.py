"""`init`: make a node."""

import shutil
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from protocols.ids import provider_id
from provider.commands.shared import HomeOption, console, default_home
from provider.data.labels import LabelMap
from provider.data.settings import DataSettings, open_source
from provider.policies.policy_file import parse_policy
from provider.policies.template import guarded_policy_toml
from provider.site.config import FederationSettings, read_config
from provider.site.config_text import config_text
from provider.site.home import Home
from provider.site.identity import fingerprint, make_key
from synlearn.errors import InputError
from synlearn.terminal import explained

_OPEN = 'profile = "open"  # exact answers to all questions: for tests, and data without secrets\n'
_TABLES = (".csv", ".parquet")


def init(
    home: HomeOption = default_home(),
    provider: Annotated[str | None, typer.Option(help="Your name in the federation.")] = None,
    data: Annotated[
        Path | None, typer.Option(help="Class folders, a folder of arrays, or a table.")
    ] = None,
    kind: Annotated[
        str | None, typer.Option(help="images, arrays, image table or feature table.")
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option(help="YOURS=THEIRS, once for each class; YOURS= leaves one out."),
    ] = None,
    same_labels: Annotated[
        bool, typer.Option(help="Your names of classes are the federation's.")
    ] = False,
    image: Annotated[str, typer.Option(help="Channels x height x width.")] = "3x32x32",
    label_column: Annotated[str, typer.Option(help="Of a table.")] = "label",
    image_column: Annotated[str, typer.Option(help="Of a table of images.")] = "image",
    feature_columns: Annotated[str, typer.Option(help="Of a table of features, with commas.")] = "",
    authority: Annotated[str, typer.Option(help="Public key of the authority, 64 digits.")] = "",
    coordinator: Annotated[list[str] | None, typer.Option(help="host:port; repeatable.")] = None,
    ca: Annotated[Path | None, typer.Option(help="PEM file of their authority.")] = None,
    certificate: Annotated[Path | None, typer.Option(help="PEM file of your own.")] = None,
    key: Annotated[Path | None, typer.Option(help="PEM file of its private key.")] = None,
    plaintext: Annotated[bool, typer.Option(help="No TLS: for tests on one machine.")] = False,
    profile: Annotated[str, typer.Option(help="guarded, or open for tests.")] = "guarded",
) -> None:
    """Make a node: configuration, policy and identity key, in a folder for you alone.

    What is not given is asked for, on a terminal.
    """
    with explained():
        made = Home(home)
        name = _checked_name(provider or _asked("Your name in the federation"))
        settings = _data_settings(data or Path(_asked("Folder or file of the data")), kind, image)
        settings = replace(
            settings,
            label_column=label_column,
            image_column=image_column,
            feature_columns=tuple(filter(None, feature_columns.split(","))),
        )
        labels = _labels(open_source(settings).local_classes(), label or [], same=same_labels)
        federation = FederationSettings(
            authority=authority,
            coordinators=tuple(coordinator or ()),
            ca=_absolute(ca),
            certificate=_absolute(certificate),
            key=_absolute(key),
            plaintext=plaintext,
        )
        policy = _policy(profile)
        text = config_text(name, settings, labels, federation)
        public = _write(made, text, policy)
    console.print(f"[green]Made:[/] {escape(str(made.folder))}")
    console.print(f"Identity {public.hex()}")
    console.print(f"Fingerprint {fingerprint(public)}")
    console.print(
        "Next: give identity and fingerprint to the federation's authority, read "
        f"{escape(str(made.policy))}, then run: synlearn-provider doctor --home "
        f"{escape(str(made.folder))}"
    )


def _write(home: Home, config: str, policy: str) -> bytes:
    """Write all files of a node, or none; returns its public key."""
    home.make()
    unfinished = Home(home.folder / ".unfinished")
    shutil.rmtree(unfinished.folder, ignore_errors=True)
    unfinished.folder.mkdir(mode=0o700)
    try:
        unfinished.config.write_text(config, encoding="utf-8")
        unfinished.policy.write_text(policy, encoding="utf-8")
        read_config(unfinished.config)  # what is written can be read
        public = make_key(unfinished.key).identity.public
        for ready, place in (
            (unfinished.policy, home.policy),
            (unfinished.key, home.key),
            (unfinished.config, home.config),  # last: it makes the folder a node
        ):
            ready.rename(place)
    finally:
        shutil.rmtree(unfinished.folder, ignore_errors=True)
    return public


def _policy(profile: str) -> str:
    texts = {"guarded": guarded_policy_toml(), "open": _OPEN}
    if profile not in texts:
        raise InputError(f"--profile is {profile!r}; it must be one of guarded, open.")
    parse_policy(texts[profile], "the policy", Path())
    return texts[profile]


def _checked_name(name: str) -> str:
    try:
        return provider_id(name)
    except ValueError as error:
        raise InputError(f"--provider: {error}.") from error


def _data_settings(path: Path, kind: str | None, image: str) -> DataSettings:
    path = path.expanduser().resolve()
    if not path.exists():
        raise InputError(f"{path} is not there; give the folder or file of the data.")
    try:
        channels, height, width = map(int, image.split("x"))
    except ValueError as error:
        raise InputError(f"--image is {image!r}; write it as 3x32x32.") from error
    kind = kind or _kind_of(path)
    kinds = ("images", "arrays", "image table", "feature table")
    if kind not in kinds:
        raise InputError(f"--kind is {kind!r}; it must be one of {', '.join(kinds)}.")
    return DataSettings(path, kind, channels, height, width)


def _kind_of(path: Path) -> str:
    if path.is_dir():
        return "arrays" if (path / "images.npy").is_file() else "images"
    if path.suffix.lower() in _TABLES:
        return "image table"
    raise InputError(f"{path} is neither a folder nor a table (.csv, .parquet); say its --kind.")


def _labels(local: Mapping[str, int], given: list[str], *, same: bool) -> dict[str, str]:
    """The federation's name of each local class, from options or the terminal."""
    named: dict[str, str] = {}
    for each in given:
        own, found, theirs = each.partition("=")
        if not found or own not in local:
            raise InputError(
                f"--label {each!r} should be YOURS=THEIRS; your classes are "
                f"{', '.join(sorted(local)) or 'none'}."
            )
        named[own] = theirs
    for own in sorted(local):
        if own not in named:
            named[own] = own if same else _asked(f"The federation's name of your class {own}", own)
    LabelMap(named)  # its names are names of classes
    return named


def _asked(what: str, default: str | None = None) -> str:
    if not sys.stdin.isatty():
        raise InputError(
            f"{what} is missing; give it as an option, see: synlearn-provider init --help"
        )
    answer: str = typer.prompt(what, default=default)
    return answer


def _absolute(path: Path | None) -> Path | None:
    return None if path is None else path.expanduser().resolve()
