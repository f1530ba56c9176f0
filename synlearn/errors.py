"""Errors that a caller can do something about."""


class InputError(ValueError):
    """Something the user handed in cannot be used.

    The message is one sentence: what is wrong, where, and what to do about it. Command lines print
    it as it is and exit with code 2.
    """


class ScoreInputError(InputError):
    """A score or a metric of scores is not defined for these arrays.

    Raised instead of returning NaN, which would silently poison a mean over tasks.
    """
