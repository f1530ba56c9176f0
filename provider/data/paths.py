"""Paths that stay inside the owner's folder, whatever a link or a table says."""

from functools import lru_cache
from pathlib import Path

from synlearn.errors import InputError


class Inside:
    """Finds files below one root.

    Args:
        root: The folder; may itself be reached through a link.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self._real = lru_cache(4096)(_resolved)

    def file(self, relative: str, said_by: str) -> Path:
        """Return a file's real path, links resolved.

        Args:
            relative: As written down, from the root.
            said_by: Who says so, for the message.

        Raises:
            InputError: It leads outside the root, or is no path at all.
        """
        if "\0" in relative:
            raise InputError(f"{said_by} names a path with a zero byte; correct it.")
        written = self.root / relative
        path = self._real(written.parent) / written.name
        if written.name == ".." or path.is_symlink():
            path = path.resolve()
        if not path.is_relative_to(self.root):
            raise InputError(
                f"{said_by} leads to {path}, outside the folder {self.root}; move the file into "
                "the folder."
            )
        return path


def _resolved(path: Path) -> Path:
    return path.resolve()
