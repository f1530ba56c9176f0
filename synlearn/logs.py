"""Log lines of our programs: one line an event, as text or as JSON, each with named fields.

What a line is about stands in fields, never in its sentence alone::

    with logged(job=job, provider=provider):
        log.warning("refused: %s", why, extra={"code": code.name})

Nobody can forge a line: whatever is not printable in a sentence, a name or a traceback is written
as an escape, and every further line of a traceback is marked as one.
"""

import json
import logging
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from enum import Enum
from types import MappingProxyType
from typing import Final, TextIO

FIELDS: Final = (
    "job",
    "query",
    "provider",
    "function",
    "code",
    "attempt",
    "peer",
    "bytes",
    "seconds",
)
"""What a line may be about; `docs/observability.md` says what each means. No other `extra` is ever
written."""
OURS: Final = ("synlearn", "protocols", "provider", "coordinator")
"""Loggers whose details can be asked for; those of libraries tell what nobody wants to know."""
LONGEST: Final = 4000
"""Characters of a sentence: it may quote what somebody else has sent."""
_LONGEST_TRACE: Final = 20_000
_PLAIN = re.compile(r"[A-Za-z0-9._:@/+-]+")
_NOTHING: Mapping[str, str] = MappingProxyType({})
_about: ContextVar[Mapping[str, str]] = ContextVar("about", default=_NOTHING)


class LogFormat(Enum):
    """How lines are written."""

    TEXT = "text"
    JSON = "json"


@contextmanager
def logged(**fields: str) -> Iterator[None]:
    """Give all lines of this context these of `FIELDS`; tasks that begin in it have them, too."""
    token = _about.set({**_about.get(), **fields})
    try:
        yield
    finally:
        _about.reset(token)


class LineFormatter(logging.Formatter):
    """Writes a record as one line, and in text its traceback in marked lines after it.

    As text: time (UTC), level, logger, `[field=value ...]` or `-`, sentence. As JSON: `time`,
    `level`, `logger`, `message`, the fields, `exception`.
    """

    def __init__(self, form: LogFormat) -> None:
        super().__init__()
        self._form = form

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        time = time.replace("+00:00", "Z")
        message = record.getMessage()[:LONGEST]
        fields = _fields_of(record)
        trace = self.formatException(record.exc_info) if record.exc_info else ""
        trace = trace[-_LONGEST_TRACE:]  # what happened stands at its end
        if self._form is LogFormat.JSON:
            head = {"time": time, "level": record.levelname, "logger": record.name}
            tail = {"exception": trace} if trace else {}
            return json.dumps({**head, "message": message, **fields, **tail}, default=str)
        about = " ".join(f"{name}={_quoted(value)}" for name, value in fields.items())
        lines = [
            f"{time} {record.levelname} {record.name} {f'[{about}]' if about else '-'} "
            f"{printable(message)}",
            *(f"  | {printable(line)}" for line in trace.splitlines()),
        ]
        return "\n".join(lines)


def start_logs(form: LogFormat, level: int = logging.INFO, stream: TextIO | None = None) -> None:
    """Write all log lines of this process from now on.

    Args:
        form: How.
        level: Least level of our own lines; those of libraries are written from INFO on.
        stream: Where to; standard error where None.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(LineFormatter(form))
    logging.basicConfig(level=max(level, logging.INFO), handlers=[handler], force=True)
    for name in OURS:
        logging.getLogger(name).setLevel(level)


def printable(text: str) -> str:
    r"""A text in which nothing moves a cursor or ends a line.

    >>> printable("fine\nforged \x1b[31m")
    'fine\\nforged \\x1b[31m'
    """
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode("ascii")
        for each in text
    )


def _fields_of(record: logging.LogRecord) -> dict[str, object]:
    """What a line says of itself goes before what its context says."""
    about = _about.get()
    found = ((name, getattr(record, name, about.get(name))) for name in FIELDS)
    return {name: value for name, value in found if value is not None}


def _quoted(value: object) -> str:
    text = str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text)
