"""The roster in force, as the folder of a federation has it now."""

import logging
from typing import TYPE_CHECKING

from coordinator.authority.folder import FederationFolder
from protocols.errors import Refused
from protocols.secagg.roster import Roster, accept_chain
from synlearn.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

_log = logging.getLogger(__name__)


class CurrentRoster:
    """Follows the chain of rosters while a coordinator runs, so that it learns of revocations.

    It only ever goes on: a folder that lost a link, or has a damaged one, leaves the roster in
    force that was.

    Args:
        folder: Of the federation; links are added to its chain and never changed.
        start: The roster that the coordinator began with.
    """

    def __init__(self, folder: FederationFolder, start: Roster) -> None:
        self._folder = folder
        self._current = start
        self._seen: tuple[Path, ...] = ()
        self._problem = ""

    def __call__(self) -> Roster:
        """The roster in force now."""
        try:
            paths = tuple(sorted(self._folder.rosters.iterdir()))
            if paths != self._seen:
                self._follow()
            self._seen, self._problem = paths, ""
        except (InputError, Refused, OSError) as error:
            why = error.local if isinstance(error, Refused) else str(error)
            if why != self._problem:  # a link that is being copied is whole a moment later
                _log.error(
                    "%s: roster %d stays in force: %s",
                    self._folder.rosters,
                    self._current.version,
                    why,
                )
            self._problem = why
        return self._current

    def _follow(self) -> None:
        links = self._folder.links()
        bodies = [link.body for link in links]
        before = self._current
        if before.encode() not in bodies:
            raise InputError("it is not among the links of the chain any more.")
        new = links[bodies.index(before.encode()) + 1 :]
        if not new:
            return
        accepted = accept_chain(new, authority=self._folder.public, current=before)
        self._current = accepted[-1]
        gone = sorted(before.by_name.keys() - self._current.by_name.keys())
        out = f"; revoked: {', '.join(gone)}" if gone else ""
        _log.warning("roster %d is in force now%s", self._current.version, out)
