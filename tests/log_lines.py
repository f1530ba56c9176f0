"""What our programs log, as the lines that they would write."""

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from synlearn.logs import OURS, LineFormatter, LogFormat


class Lines:
    """The lines so far."""

    def __init__(self) -> None:
        self.stream = io.StringIO()

    @property
    def text(self) -> str:
        """As they were written."""
        return self.stream.getvalue()

    @property
    def parsed(self) -> list[dict[str, Any]]:
        """Of JSON lines."""
        return [json.loads(line) for line in self.text.splitlines()]

    def about(self, **fields: object) -> list[dict[str, Any]]:
        """The JSON lines with these fields."""
        return [line for line in self.parsed if line.items() >= fields.items()]


@contextmanager
def log_lines(
    form: LogFormat = LogFormat.JSON, level: int = logging.DEBUG, packages: tuple[str, ...] = OURS
) -> Iterator[Lines]:
    """Lines of some of our packages, whatever the test's own logging does."""
    lines = Lines()
    handler = logging.StreamHandler(lines.stream)
    handler.setFormatter(LineFormatter(form))
    loggers = [logging.getLogger(name) for name in packages]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(level)
    try:
        yield lines
    finally:
        for logger, was in zip(loggers, before, strict=True):
            logger.removeHandler(handler)
            logger.setLevel(was)
