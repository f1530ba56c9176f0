"""The header of a safetensors file, read before the library that builds tensors sees it.

The layout: 8 bytes of length, little-endian, then so much JSON, then the tensors' bytes.
"""

import json
from typing import Any, Final

from synlearn.strict_json import without_twins

HEADER_LIMIT: Final = 2**20
"""Bytes; ours have about 700. JSON takes many times its own size while it is parsed."""


def read_header(data: bytes) -> dict[str, Any]:
    """Parse the header.

    Raises:
        ValueError: It is longer than the file or than `HEADER_LIMIT`, is no JSON object, or has
            a name twice.
    """
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > min(HEADER_LIMIT, len(data) - 8):
        raise ValueError("the header is longer than the file, or than a header may be")
    try:
        header = json.loads(data[8 : 8 + length], object_pairs_hook=without_twins)
    except RecursionError as error:
        raise ValueError("the header is nested too deeply") from error
    if not isinstance(header, dict):
        raise ValueError("the header is no object")
    return header
