"""Why something was refused or a session ended: a code and one public sentence for the wire.

The detail stays where it happened: `Refused.local` goes to the node's own log, and never leaves it.
"""

from enum import Enum
from typing import Self


class Code(Enum):
    """Every reason that can cross the wire, with the sentence that the other end may read.

    The value is the number on the wire and never changes its meaning. 100-199 end a session,
    200-299 refuse one question, 300-399 put one off, 400-499 refuse a piece of a file.
    """

    sentence: str

    def __new__(cls, number: int, sentence: str) -> Self:
        """A member whose value is `number`."""
        member = object.__new__(cls)
        member._value_ = number
        member.sentence = sentence
        return member

    # The session ends; a node connects again, unless the code is in FATAL.
    MALFORMED = 100, "A frame could not be read."
    TOO_LARGE = 101, "A frame was larger than allowed."
    UNKNOWN_KIND = 102, "A frame was of a kind that this version does not know."
    OUT_OF_ORDER = 103, "A frame came when it was not allowed."
    TOO_MANY = 104, "More questions or file requests were open at a time than agreed."
    VERSION_MISMATCH = 105, "The two ends speak different versions."
    WRONG_JOB = 106, "The job does not run here: ask the operator for an invitation."
    NOT_ADMITTED = 107, "The provider or its token is not admitted: ask for an invitation."
    REPLACED = 108, "The provider opened a newer session, which replaces this one."
    SILENT = 109, "Nothing was heard for too long."
    SESSION_FAULT = 110, "This end failed at something that was not the other's mistake."
    JOB_NOT_OPEN = 111, "The job is not open here now: come again."
    NOT_A_MEMBER = 112, "The roster in force does not name the provider: ask its authority."
    NOT_PROVEN = 113, "The provider did not prove that it holds the identity key of the roster."
    OWNER_LEFT = 114, "The provider's owner left the job for good."

    # One question is refused.
    DIFFERENT_BODY = 200, "The same query id was asked before with another body."
    UNKNOWN_FUNCTION = 201, "The function is not on the closed list of this version."
    BAD_PARAMETERS = 202, "The parameters of the question are missing, unknown or out of range."
    NOT_ALLOWED = 203, "The provider's policy does not allow this question."
    PAUSED = 204, "The provider has paused answering."
    TOO_FEW_ROWS = 205, "The provider has fewer rows than its policy or the question asks for."
    BUDGET_SPENT = 206, "The provider's budget for questions, bytes or privacy is spent."
    DEADLINE_PASSED = 207, "The answer was not ready by the deadline."
    MODEL_UNUSABLE = 208, "A model file of the question could not be used."
    ANSWER_TOO_LARGE = 209, "The answer would be larger than a frame may be."
    ANSWER_GONE = 210, "The answer was acknowledged and is not kept any more."
    NODE_FAULT = 211, "The node failed at this question; its local log says why."
    FILE_UNAVAILABLE = 212, "A file of the question is not served by the coordinator."
    FILE_WRONG_DIGEST = 213, "A file of the question does not have the digest it was named by."
    FILE_TOO_LARGE = 214, "A file of the question is larger than the node takes."
    QUESTION_TOO_LARGE = 215, "The question is larger than the provider takes."
    ROSTER_NOT_TRUSTED = 216, "The roster is not one that the provider can follow."
    MANIFEST_NOT_TRUSTED = 217, "The job manifest is not trusted, or does not cover this question."
    TOO_FEW_PARTIES = 218, "Fewer parties take part than the provider's floor or the protocol asks."
    TOO_FEW_HOLDERS = 219, "A class slot has rows of fewer parties than the provider's floor asks."
    THRESHOLD_TOO_LOW = 220, "The threshold of a secure aggregation is lower than the parties ask."
    TRANSCRIPT_DIFFERS = 221, "Parties of a secure aggregation were told different things."
    ATTEMPT_SPENT = 222, "This attempt at a secure aggregation is spent, or not known any more."
    OUT_OF_BOUND = 223, "A value lies outside the bound that the question states."
    SURVIVORS_DIFFER = 224, "The list of survivors is not the one this party can agree to."
    QUESTION_NOT_SIGNED = 225, "The question lacks the signature of the job's coordinator."
    REFUSED_OTHERWISE = 299, "The provider refused for a reason that this version does not know."

    # One question is put off.
    AWAITING_APPROVAL = 300, "The provider's owner has to approve this question."
    OUTSIDE_HOURS = 301, "The provider answers only in its hours of work."
    BUSY = 302, "The provider is busy with other questions."
    PENDING_OTHERWISE = 399, "The provider put the question off for a reason unknown here."

    # A piece of a file is refused.
    BLOB_NOT_PUBLISHED = 400, "No file of this digest is published for the job."
    BLOB_BAD_RANGE = 401, "The requested piece lies outside the file, or is larger than allowed."
    BLOB_UNREADABLE = 402, "The file could not be read where it is kept."


_BY_NUMBER = {code.value: code for code in Code}


def code_from_wire(number: int, family: int) -> Code:
    """The code with this number; a newer peer's refusals and delays become OTHERWISE.

    Args:
        number: As it arrived.
        family: First number of the hundred that it has to be in.

    Raises:
        ValueError: `number` lies elsewhere, or is unknown in a hundred without an OTHERWISE.
    """
    code = _BY_NUMBER.get(number, _BY_NUMBER.get(family + 99))
    if number // 100 != family // 100 or code is None:
        raise ValueError(f"{number} is not a code from {family} to {family + 99}")
    return code


class Refused(Exception):  # noqa: N818 - the protocol's word, and no error of ours
    """One question is not answered. Only `code` leaves the node; `local` is for its own log."""

    def __init__(self, code: Code, *, local: str = "") -> None:
        if not 200 <= code.value < 300:
            raise ValueError(f"{code.name} does not refuse a question")
        super().__init__(f"{code.name}: {code.sentence}" + (f" {local}" if local else ""))
        self.code = code
        self.local = local


class FrameError(ValueError):
    """What arrived breaks the rules of the session, and ends it.

    `sentence` says what was wrong with the peer's own frame, so it may be sent to that peer.
    """

    def __init__(self, code: Code, detail: str = "") -> None:
        self.code = code
        self.sentence = f"{code.sentence} {detail}".rstrip()
        super().__init__(self.sentence)


FATAL = frozenset(
    {
        Code.VERSION_MISMATCH,
        Code.WRONG_JOB,
        Code.NOT_ADMITTED,
        Code.REPLACED,
        Code.NOT_A_MEMBER,
        Code.NOT_PROVEN,
    }
)
"""Codes after which a node does not connect again: trying would end the same way."""
