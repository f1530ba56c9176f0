"""What the sites of a deployed job are given: whom to believe, a token, an invitation."""

import base64
import json
import secrets
import threading
from collections.abc import Collection, Mapping
from pathlib import Path

from coordinator.authority.current_roster import CurrentRoster
from coordinator.authority.folder import FederationFolder
from coordinator.joining import JobTrust
from coordinator.seniority import Seniority
from protocols.errors import Refused
from protocols.ids import ProviderId
from protocols.invitation import Invitation
from protocols.job_plan import JobPlan, SignedPlan, accept_plan, sign_plan
from protocols.secagg.keys import Identity
from protocols.secagg.manifest import JobManifest, sign_manifest
from protocols.secagg.roster import Roster
from synlearn.atomic import write_atomically
from synlearn.errors import InputError

INVITATIONS, TOKENS, PLAN = "invitations", "tokens.json", "plan"


class SitePapers:
    """The papers of one job, made anew as the federation's roster goes on; for any thread.

    They lie in the run's folder. A run that is resumed has the same plan and tokens, so that nobody
    has to be invited again; a new member gets its own.

    Args:
        plan: What the owners agree to; that of an earlier process of the run stands.
        federation: Whom to invite, under which keys.
        roster: In force now.
        out: Folder of the run.

    Attributes:
        tokens: By site; more when the roster has new members. That of a site that was revoked
            stays, so that it is told that it is no member, and not that its token is wrong.

    Raises:
        InputError: The federation's folder, or the run's, cannot be used.
    """

    def __init__(
        self, plan: JobPlan, federation: FederationFolder, roster: Roster, out: Path
    ) -> None:
        self._identity = federation.coordinator
        if self._identity.public not in roster.coordinators:
            raise InputError("The roster does not admit this coordinator's identity; rotate it.")
        self._federation = federation
        self._current = CurrentRoster(federation, roster)
        self._seniority = Seniority(federation.root / "coordinator" / "shown.json")
        self._address = federation.config.addresses[0]
        self._out = out
        self._plan = _kept_plan(out / PLAN, plan, self._identity)
        self.tokens: dict[ProviderId, bytes] = {}
        self._lock = threading.Lock()
        self._trust = self._issue(roster)

    @property
    def roster(self) -> Roster:
        """In force now."""
        with self._lock:
            return self._current()

    @property
    def trust(self) -> JobTrust:
        """The job's trust under the roster in force, with papers for every member of it.

        Under the one before, where the new one does not admit this coordinator.
        """
        with self._lock:
            roster = self._current()
            if roster is not self._trust.roster and self._identity.public in roster.coordinators:
                self._trust = self._issue(roster)
            return self._trust

    def young(self) -> frozenset[ProviderId]:
        """Members that nodes do not count yet; InputError where that is not known."""
        return self._seniority.young(self.trust.roster)

    def invitation(self, name: ProviderId) -> bytes:
        """The bytes for a site; KeyError for one that is no member."""
        return self._invitation(name, self.trust)

    def _issue(self, roster: Roster) -> JobTrust:
        self._seniority.show(roster)
        names = sorted(roster.by_name)
        plan = JobPlan.decode(self._plan.body)
        manifest = JobManifest(
            job=plan.job,
            coordinator=self._identity.public,
            roster=roster.digest,
            participants=tuple(names),
            functions=frozenset(each.function for each in plan.functions),
            models=plan.files,
            makes_models=True,
        )
        trust = JobTrust(self._identity, roster, self._federation.links(), manifest)
        self.tokens.update(_tokens(self._out / TOKENS, names))
        folder = self._out / INVITATIONS
        folder.mkdir(mode=0o700, exist_ok=True)
        for name in names:
            path = folder / f"{name}.invitation"
            write_atomically(path, self._invitation(name, trust), private=True)
        return trust

    def _invitation(self, name: ProviderId, trust: JobTrust) -> bytes:
        return Invitation(
            provider=name,
            job=trust.manifest.job,
            address=self._address,
            token=self.tokens[name],
            rosters=trust.links,
            manifest=sign_manifest(trust.manifest, trust.identity),
            plan=self._plan,
        ).encode()


def _kept_plan(path: Path, plan: JobPlan, identity: Identity) -> SignedPlan:
    """The plan that the owners were shown first: how it is bounded depends on the members then."""
    try:
        kept = SignedPlan.decode(path.read_bytes())
        accept_plan(kept, coordinators=frozenset({identity.public}), job=plan.job)
    except (FileNotFoundError, Refused):  # refused: of an identity that was rotated since
        kept = sign_plan(plan, identity)
        write_atomically(path, kept.encode())
    return kept


def _tokens(path: Path, names: Collection[ProviderId]) -> Mapping[ProviderId, bytes]:
    """A token for each site, also for one that was revoked since; the same in all processes."""
    kept = json.loads(path.read_text()) if path.exists() else {}
    tokens = {ProviderId(name): base64.b64decode(token) for name, token in kept.items()}
    tokens |= {name: secrets.token_bytes(32) for name in names if name not in tokens}
    text = {name: base64.b64encode(token).decode() for name, token in tokens.items()}
    if text != kept:
        write_atomically(path, json.dumps(text).encode(), private=True)
    return tokens
