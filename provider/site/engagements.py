"""The jobs that a site was invited to, and what its owner said to each.

Consent is for one job and one plan. It is kept beside the ledger, in the same file, so that the
commands of the owner and the process that answers share one memory.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from protocols.ids import JobId, digest_of, job_id
from protocols.invitation import Invitation
from provider.agreed import Agreed
from provider.journal import Journal
from synlearn.errors import InputError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS engagements (
    job TEXT PRIMARY KEY,
    standing TEXT NOT NULL,
    invitation BLOB NOT NULL,
    since REAL NOT NULL,
    snapshot TEXT NOT NULL DEFAULT '',
    multiple INTEGER NOT NULL DEFAULT 1,
    remark TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
"""
_SELECT = "SELECT job, standing, invitation, since, snapshot, multiple, remark FROM engagements"
_MOST_INVITATIONS = 1000


class Standing(Enum):
    """How a site stands to a job."""

    INVITED = "invited"  # the owner has not said anything yet
    JOINED = "joined"  # the owner agreed to the plan; the node answers
    DECLINED = "declined"
    OVER = "over"  # the coordinator said goodbye, or will not have us
    LEFT = "left"  # the owner withdrew


_NEXT = {
    Standing.INVITED: {Standing.JOINED, Standing.DECLINED},
    Standing.JOINED: {Standing.LEFT, Standing.OVER},
    Standing.OVER: {Standing.JOINED, Standing.LEFT},
    Standing.DECLINED: {Standing.JOINED},
    Standing.LEFT: set[Standing](),
}


@dataclass(frozen=True, slots=True)
class Engagement:
    """One job.

    Attributes:
        job: Its name.
        standing: What became of it.
        invitation: As it was accepted or is waiting.
        since: Unix seconds of the last change.
        snapshot: Digest of the data that it is answered from; empty before the first question.
        multiple: To which its numbers of rows are rounded down.
        remark: Why it is over, or that the owner left.
    """

    job: JobId
    standing: Standing
    invitation: Invitation
    since: float
    snapshot: str
    multiple: int
    remark: str


class Engagements:
    """The jobs of the one provider of a site.

    Args:
        journal: Of the ledger; every change is an entry of its chain.
        now: Unix seconds.
    """

    def __init__(self, journal: Journal, now: Callable[[], float]) -> None:
        self._journal = journal
        self._now = now
        with journal.file.transaction() as connection:
            connection.execute(_SCHEMA)

    def invite(self, invitation: Invitation) -> Engagement:
        """Put down a checked invitation.

        What was agreed to is a plan under a manifest: the same ones again, with another token or
        address, go on, and so does a manifest that allows no more under a newer roster; other ones
        wait for the owner anew.

        Raises:
            InputError: There are too many, or the job was left for good.
        """
        job = invitation.job
        with self._journal.page("invited", durable=True) as page:
            known = page.connection.execute(f"{_SELECT} WHERE job = ?", (job,)).fetchone()
            if known is None:
                (count,) = page.connection.execute("SELECT count(*) FROM engagements").fetchone()
                if count >= _MOST_INVITATIONS:
                    raise InputError(f"{count} jobs are on record; no further one is taken.")
            standing = _standing_after(invitation, _engagement(known) if known else None)
            page.connection.execute(
                "INSERT INTO engagements (job, standing, invitation, since) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (job) DO UPDATE SET standing = excluded.standing,"
                " invitation = excluded.invitation, since = excluded.since, remark = ''",
                (job, standing.value, invitation.encode(), self._now()),
            )
            page.record("job", {"job": job, "standing": standing.value, "invited": True})
        return self.find(job)

    def agree(self, shown: Engagement) -> Engagement:
        """Join a job on the terms of the invitation that its owner has seen.

        Raises:
            InputError: Another invitation came meanwhile, or as `move`.
        """
        plan = digest_of(shown.invitation.plan.body)
        return self.move(shown.job, Standing.JOINED, agreed=shown.invitation, plan=plan)

    def move(
        self,
        job: JobId,
        standing: Standing,
        remark: str = "",
        *,
        agreed: Invitation | None = None,
        **details: str,
    ) -> Engagement:
        """Change the standing of a job.

        Args:
            job: Which.
            standing: What becomes of it.
            remark: Why, for people.
            agreed: The invitation that has to stand there still.
            details: What else goes on record, such as the digest of the plan agreed to.

        Raises:
            InputError: There is no such job, or it cannot come to this from where it is.
        """
        with self._journal.page(standing.value, durable=True) as page:
            known = page.connection.execute(
                "SELECT standing, invitation FROM engagements WHERE job = ?", (job,)
            ).fetchone()
            if known is None:
                raise _unknown(job)
            if agreed is not None and known[1] != agreed.encode():
                raise InputError(
                    f"Another invitation to job {job} came meanwhile; look at its plan, and join "
                    "again."
                )
            if standing not in _NEXT[Standing(known[0])]:
                raise InputError(f"Job {job} is {known[0]}; it cannot become {standing.value}.")
            page.connection.execute(
                "UPDATE engagements SET standing = ?, since = ?, remark = ? WHERE job = ?",
                (standing.value, self._now(), remark, job),
            )
            page.record(
                "job", {"job": job, "standing": standing.value, "remark": remark, **details}
            )
        return self.find(job)

    def answer_from(self, job: JobId, snapshot: str, multiple: int) -> Engagement:
        """Fix the data that a job is answered from, once and for all."""
        with self._journal.page("snapshot", durable=True) as page:
            changed = page.connection.execute(
                "UPDATE engagements SET snapshot = ?, multiple = ? WHERE job = ? AND snapshot = ''",
                (snapshot, multiple, job),
            ).rowcount
            if changed:
                page.record("snapshot", {"job": job, "snapshot": snapshot, "multiple": multiple})
        return self.find(job)

    def find(self, job: str) -> Engagement:
        """One job.

        Raises:
            InputError: There is no such job.
        """
        rows = self._journal.file.run(f"{_SELECT} WHERE job = ?", (job,))
        if not rows:
            raise _unknown(job)
        return _engagement(rows[0])

    def every(self) -> list[Engagement]:
        """All jobs, the latest change first."""
        rows = self._journal.file.run(f"{_SELECT} ORDER BY since DESC, job", ())
        return [_engagement(row) for row in rows]

    def joined(self) -> list[JobId]:
        """The jobs to be answered."""
        rows = self._journal.file.run(
            "SELECT job FROM engagements WHERE standing = ? ORDER BY job", (Standing.JOINED.value,)
        )
        return [JobId(str(job)) for (job,) in rows]


def _standing_after(invitation: Invitation, known: Engagement | None) -> Standing:
    """What an invitation makes of a job.

    Raises:
        InputError: The site left the job for good.
    """
    if known is None:
        return Standing.INVITED
    if known.standing is Standing.LEFT:
        raise InputError(f"This site left job {known.job} for good.")
    same = Agreed.of(known.invitation).covers(Agreed.of(invitation))
    if same and known.standing in {Standing.JOINED, Standing.OVER}:
        return Standing.JOINED
    return Standing.DECLINED if same and known.standing is Standing.DECLINED else Standing.INVITED


def _unknown(job: str) -> InputError:
    return InputError(f"There is no job {job} here; see: synlearn-provider status")


def _engagement(row: tuple[object, ...]) -> Engagement:
    job, standing, invitation, since, snapshot, multiple, remark = row
    assert isinstance(invitation, bytes)  # noqa: S101 - a BLOB of ours
    return Engagement(
        job_id(str(job)),
        Standing(standing),
        Invitation.decode(invitation),
        float(str(since)),
        str(snapshot),
        int(str(multiple)),
        str(remark),
    )
