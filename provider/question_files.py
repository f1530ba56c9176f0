"""The files that one question names, pulled and held in memory."""

from collections.abc import Iterable

from protocols.errors import Code, Refused
from protocols.ids import Digest
from protocols.limits import MIB
from provider.session_api import BlobFetcher

MOST_TOGETHER = 1024 * MIB
"""Bytes of all files of a question: they lie in memory at a time."""


async def fetch_all(names: Iterable[str], blobs: BlobFetcher, max_bytes: int) -> dict[str, bytes]:
    """Get files by their digests, each once.

    Args:
        names: Digests; may repeat.
        blobs: Gets one file.
        max_bytes: Of one of them.

    Raises:
        Refused: FILE_TOO_LARGE, one or all together are; or as `BlobFetcher.fetch` has it.
    """
    files: dict[str, bytes] = {}
    left = MOST_TOGETHER
    for name in names:
        if name in files:
            continue
        if left <= 0:
            raise Refused(
                Code.FILE_TOO_LARGE,
                local=f"the files of one question have more than {MOST_TOGETHER} bytes together",
            )
        files[name] = await blobs.fetch(Digest(name), min(max_bytes, left))
        left -= len(files[name])
    return files
