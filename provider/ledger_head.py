"""The head of a chain, in a small file beside the ledger: it shows when the end was cut off."""

import os
from pathlib import Path

from provider.chain import Head

_SLOT = 512
"""Bytes from one copy to the next: a sector, so that a power cut spoils one of them at most."""


class HeadFile:
    """Two copies of a head, written in turns in place, so that one of them is always whole.

    Renaming a new file over the old one would cost more than the ledger's own commit does.

    Args:
        path: Of the file, such as `ledger.head`; made at the first write.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._written = -1

    def write(self, head: Head) -> None:
        """Keep this head; one that is older than the last one written changes nothing."""
        if head.seq <= self._written:
            return
        self._written = head.seq
        line = f"{head} {head.signature.hex()}\n".encode()
        file = os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.pwrite(file, line.ljust(_SLOT - 1) + b"\n", (head.seq % 2) * _SLOT)
        finally:
            os.close(file)

    def read(self) -> Head | None:
        """The newest copy that can be read; None where there is none."""
        try:
            text = self.path.read_bytes()
        except FileNotFoundError:
            return None
        heads = [head for start in (0, _SLOT) if (head := _head(text[start : start + _SLOT]))]
        return max(heads, key=lambda head: head.seq, default=None)


def _head(slot: bytes) -> Head | None:
    try:
        place, signature = slot.decode("ascii").split()
        head = Head.parse(place)
        return Head(head.seq, head.hash, bytes.fromhex(signature))
    except ValueError:
        return None
