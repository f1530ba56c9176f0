"""Who takes part in a job of grouped closures, from phase to phase.

Participants are fixed for a phase. Whoever leaves in its middle is left out of what is asked, and
the phase begins again; whoever comes enters with the next round of learning. All of it is in the
checkpoint before anything else is asked, so that a job that is resumed asks the same.
"""

from collections.abc import Collection, Iterable, Mapping

import numpy as np

from coordinator.aggregation_events import AggregationFailed
from coordinator.attendance import Attendance
from coordinator.drawing import environment_of
from coordinator.enrolment import Newcomers, ask_for_holdings, ask_newcomers
from coordinator.grouped_job import GroupedJob
from coordinator.grouped_state import (
    GroupedState,
    Sizes,
    grouped_state_tensors,
    initial_grouped_state,
)
from coordinator.holdings import Counts, Holdings
from coordinator.roll import Roll
from coordinator.room import Room
from coordinator.session_questions import ProvidersGone, TooManyAbsent
from protocols.ids import ProviderId
from protocols.secagg.standing import GRACE
from synlearn.errors import InputError


class RollCall:
    """Keeps the roll of one job.

    Args:
        job: Its [session] says how many may be absent.
        shape: Channels, height and width of the images that the models take.
        sizes: Of the job's state.
        room: Its ways to the providers, its folder, and who is told.
    """

    def __init__(self, job: GroupedJob, shape: tuple[int, ...], sizes: Sizes, room: Room) -> None:
        self._job = job
        self._shape = shape
        self._sizes = sizes
        self._room = room

    @property
    def _attendance(self) -> Attendance:
        return self._room.attendance

    def gone(self, among: Collection[ProviderId]) -> Mapping[ProviderId, str]:
        """Who of some providers will not come back, and why."""
        return self._attendance.gone(among)

    def open(self, saved: GroupedState | None) -> GroupedState:
        """Wait for the providers of a job, or of the phase in which an earlier process stopped.

        Returns:
            The state, with who takes part; it is on disk.

        Raises:
            TooManyAbsent: Not enough have come.
            InputError: Those who came cannot answer what is going to be asked.
            AggregationFailed, QueryError, QueryRefused, SessionsStopped: As the sessions have it.
        """
        if saved is None:
            return self._first()
        if missing := self._attendance.wait_for(saved.participants):
            self.without(saved, missing)
        return saved

    @property
    def behind(self) -> bool:
        """Whether there is a later roster than the one that the participants have taken."""
        return self._attendance.behind

    def brief(self, state: GroupedState) -> None:
        """See to it that all participants believe the coordinator, under the latest roster.

        Raises:
            AggregationFailed, ProvidersGone, SessionsStopped: As `Attendance.brief`.
        """
        self._attendance.renew()
        self._attendance.brief(state.participants)

    def caught_up(self, state: GroupedState) -> bool:
        """Whether there was a later roster, which all participants have taken now; as `brief`."""
        if not self._attendance.renew():
            return False
        self._attendance.brief(state.participants)
        return True

    def without(self, state: GroupedState, why: Mapping[ProviderId, str]) -> None:
        """Go on in the present phase without some participants; it is on disk when this returns.

        Raises:
            TooManyAbsent: The job does not allow it, or the phase cannot do without them.
        """
        roll = state.roll.without(why)
        self._check_count(roll, why)
        staying = [name for name in state.participants if name not in why]
        if state.learning_rounds < self._job.learning.rounds:
            if state.roll.round == state.learning_rounds:
                self._check_holders(state, staying, why)
            else:
                self._check_tasks(state.holdings.only(staying), roll, why)
        state.roll = roll
        self._save(state)
        self._room.progress.absent(why)

    def begin_round(self, state: GroupedState) -> None:
        """Fix who takes part in the next round of learning, unless an earlier process has.

        Raises:
            TooManyAbsent: Too many are gone.
            AggregationFailed, ProvidersGone, SessionsStopped: As `Attendance.brief`.
        """
        round_ = state.learning_rounds
        if state.roll.round == round_:
            return
        gone = self._attendance.gone(state.participants)
        staying = [name for name in state.participants if name not in gone]
        self._attendance.renew()
        self._attendance.brief(staying)
        come = self._newcomers(staying, round_)
        holdings = state.holdings.only(staying).joined_by(come.held)
        roll = state.roll.without(gone).entered(come.held, round_)
        self._check_count(roll, gone)
        self._check_tasks(holdings, roll, gone)
        state.holdings, state.roll = holdings, roll
        self._save(state)
        self._room.progress.absent(gone)
        self._room.progress.entered(come.held, round_)

    def _first(self) -> GroupedState:
        """Find out who is there, and what they hold."""
        expected = self._attendance.expected
        absent = self._attendance.wait_for(expected)
        young = self._attendance.young
        roll, holdings = Roll(tuple(sorted(expected - young))), None
        while holdings is None:
            roll = roll.without(absent)
            self._check_count(roll, absent)
            try:
                holdings = self._holdings(expected - absent.keys())
            except ProvidersGone as gone:
                absent |= gone.why
        self._check_tasks(holdings, roll, absent, young)
        state = initial_grouped_state(self._job, holdings, self._sizes, roll)
        self._save(state)
        self._room.progress.absent(absent)
        return state

    def _holdings(self, providers: Collection[ProviderId]) -> Holdings:
        self._attendance.brief(providers)
        return ask_for_holdings(self._job, providers, self._shape, self._room.questions)

    def _newcomers(self, known: Collection[ProviderId], round_: int) -> Newcomers:
        """Who enters, with what they hold; the operator is told of those who cannot."""
        why_not: dict[ProviderId, str] = {}
        come = self._attendance.newcomers(known)
        while come:
            try:
                self._attendance.brief(come)
                break
            except ProvidersGone as gone:
                why_not |= gone.why
            except AggregationFailed as failed:
                why_not |= {name: drop.why for name, drop in failed.dropped.items()}
            come -= why_not.keys()
        found = ask_newcomers(
            come,
            self._shape,
            self._room.questions,
            round_=round_,
            timeout=self._attendance.timeout,
        )
        for name, why in sorted((why_not | found.why_not).items()):
            self._room.progress.warn(f"{name} does not enter with round {round_}: {why}.")
        return found

    def _check_count(self, roll: Roll, why: Mapping[ProviderId, str]) -> None:
        most = self._job.session.absent_most
        if len(roll.absent) > most:
            raise TooManyAbsent(
                why,
                f"Then {len(roll.absent)} of {len(roll.members)} providers are absent, and "
                f"[session] absent_most is {most}; start their nodes and go on, or raise it and go "
                "on without them",
            )

    def _check_tasks(
        self,
        holdings: Holdings,
        roll: Roll,
        why: Mapping[ProviderId, str],
        young: Collection[ProviderId] = (),
    ) -> None:
        """Check that tasks can be drawn from what these providers hold."""
        try:
            environment_of(self._job, holdings.only(roll.members), self._sizes.models)
        except InputError as error:
            if not roll.absent:
                if not young:
                    raise
                raise InputError(
                    f"{error} Nodes do not count {_names(young)} before they have known them for "
                    f"{GRACE // 86400} days."
                ) from error
            raise TooManyAbsent(
                why,
                f"Without {_names(roll.absent)}, {error} Start their nodes and go on",
            ) from error

    def _check_holders(
        self, state: GroupedState, staying: Iterable[ProviderId], why: Mapping[ProviderId, str]
    ) -> None:
        """Check that each class of the round's tasks keeps as many holders as nodes ask for."""
        settings, members = self._job.learning, state.roll.members
        known = state.holdings.only(members)
        sample = environment_of(self._job, known, self._sizes.models).sample(
            state.learning_rounds, settings.tasks_per_round, settings.models_per_round
        )
        classes: Counts = np.unique(sample.tasks)
        held = known.only(frozenset(staying)).rows[:, classes] > 0
        left = held.sum(axis=0)
        floor = 1 if self._job.below_floor else self._job.providers.min_parties_per_class
        if left.min() < floor:
            fewest = int(left.argmin())
            raise TooManyAbsent(
                why,
                f"Then {left[fewest]} providers hold {known.classes[classes[fewest]]!r}, of which "
                f"this round has tasks; a sum has rows of {floor} at least. Start their nodes and "
                "go on; [providers] dropouts says how many holders a class can lose in a round",
            )

    def _save(self, state: GroupedState) -> None:
        self._room.folder.save(grouped_state_tensors(state))


def _names(names: Collection[ProviderId]) -> str:
    return ", ".join(sorted(names)[:8]) + (" ..." if len(names) > 8 else "")
