"""Writing a `node.toml` that its owner will read and edit."""

import json
from collections.abc import Mapping

from provider.data.settings import DataSettings
from provider.site.config import FederationSettings

_HEAD = "# Who this node is, where its data lies, whom it dials. Check it: synlearn-provider doctor"
_SNAPSHOT = """
[snapshot]
corrupt_rows = "skip"     # rows that cannot be read: skip them, or refuse the whole
most_corrupt = 0.01       # largest share that is skipped
removed_rows = "leave"    # rows you removed: leave at once, or wait until there are enough"""
_DOOR = """
[door]                    # who may hand in invitations besides your own user
users = []                # such as the number of the SuperNode's user
"""


def config_text(
    provider: str,
    data: DataSettings,
    labels: Mapping[str, str],
    federation: FederationSettings,
) -> str:
    """A commented `node.toml`; `read_config` reads it back as these very settings."""
    sections = (
        (_HEAD, f"provider = {_text(provider)}", 'unmapped = "refuse"'),
        _data_lines(data),
        ("", "[labels]  # your names of classes = the federation's; an empty one is left out"),
        tuple(f"{_text(local)} = {_text(name)}" for local, name in labels.items()),
        (_SNAPSHOT,),
        _federation_lines(federation),
        (_DOOR,),
    )
    return "\n".join(line for section in sections for line in section)


def _data_lines(data: DataSettings) -> tuple[str, ...]:
    lines = ["", "[data]", f"path = {_text(str(data.path))}", f"kind = {_text(data.kind)}"]
    if data.kind in {"images", "image table"}:
        lines += [
            f"channels = {data.channels}  # images are brought to this shape",
            f"height = {data.height}",
            f"width = {data.width}",
        ]
    if data.kind.endswith("table"):
        lines.append(f"label_column = {_text(data.label_column)}")
        lines.append(f"target_columns = {_list(data.target_columns)}")
    if data.kind == "image table":
        lines.append(f"image_column = {_text(data.image_column)}")
    if data.kind == "feature table":
        lines.append(f"feature_columns = {_list(data.feature_columns)}")
    return tuple(lines)


def _federation_lines(federation: FederationSettings) -> tuple[str, ...]:
    lines = [
        "",
        "[federation]",
        f"authority = {_text(federation.authority)}  # its public key, 64 digits",
        f"coordinators = {_list(federation.coordinators)}  # host:port; no other is ever dialled",
    ]
    for name in ("ca", "certificate", "key"):
        value = getattr(federation, name)
        lines.append(f"{name} = {_text(str(value))}" if value else f'# {name} = "{name}.pem"')
    if federation.plaintext:
        lines.append("plaintext = true  # for tests on one machine only")
    return tuple(lines)


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _list(texts: tuple[str, ...]) -> str:
    return "[" + ", ".join(map(_text, texts)) + "]"
