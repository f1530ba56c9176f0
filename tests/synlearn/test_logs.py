import asyncio
import json
import logging
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import pytest

from synlearn.logs import LONGEST, LogFormat, logged
from tests.log_lines import log_lines

log = logging.getLogger("provider.somewhere")
HEAD = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


def test_a_line_says_what_it_is_about_in_fields() -> None:
    with log_lines() as lines, logged(job="a-job", provider="alice"):
        log.warning("refused: %s", "why", extra={"code": "PAUSED", "bytes": 3})
    (line,) = lines.parsed
    assert re.fullmatch(HEAD, line.pop("time"))
    assert line == {
        "level": "WARNING",
        "logger": "provider.somewhere",
        "message": "refused: why",
        "job": "a-job",
        "provider": "alice",
        "code": "PAUSED",
        "bytes": 3,
    }


def test_text_has_the_same_fields_before_the_sentence() -> None:
    with log_lines(LogFormat.TEXT) as lines:
        log.info("nothing else")
        with logged(job="a-job"):
            log.info("refused", extra={"query": "2.17.3", "peer": 'a "b"] c'})
    first, second = lines.text.splitlines()
    assert re.fullmatch(rf"{HEAD} INFO provider\.somewhere - nothing else", first)
    about = r'\[job=a-job query=2\.17\.3 peer="a \\"b\\"\] c"\]'
    assert re.fullmatch(rf"{HEAD} INFO provider\.somewhere {about} refused", second)


def test_a_field_of_the_line_goes_before_one_of_its_context_and_ends_with_it() -> None:
    with log_lines() as lines:
        with logged(query="1.0.0", job="a-job"):
            log.info("one", extra={"query": "1.0.5"})
            with logged(query="2.0.0"):
                log.info("two")
            log.info("three")
        log.info("four")
    assert [line.get("query") for line in lines.parsed] == ["1.0.5", "2.0.0", "1.0.0", None]
    assert [line.get("job") for line in lines.parsed] == ["a-job"] * 3 + [None]


def test_tasks_and_handed_over_calls_are_about_the_same() -> None:
    async def ask(name: str) -> None:
        with logged(query=name):
            await asyncio.sleep(0)
            log.info("in a task")
            with ThreadPoolExecutor(1) as pool:
                pool.submit(copy_context().run, log.info, "in a thread").result()

    async def both() -> None:
        with logged(job="a-job"):
            await asyncio.gather(ask("1.0.0"), ask("2.0.0"))

    with log_lines() as lines:
        asyncio.run(both())
    for name in ("1.0.0", "2.0.0"):
        assert len(lines.about(job="a-job", query=name)) == 2


def test_what_is_no_field_is_not_written() -> None:
    with log_lines() as lines:
        log.info("fine", extra={"token": "hunter2"})
    assert "hunter2" not in lines.text


def test_a_traceback_is_kept_and_marked() -> None:
    for form in LogFormat:
        with log_lines(form) as lines:
            try:
                raise ValueError("one\ntwo")
            except ValueError:
                log.exception("failed")
        assert "ValueError: one" in lines.text
        if form is LogFormat.TEXT:
            first, *others = lines.text.splitlines()
            assert first.endswith("failed")
            assert all(line.startswith("  | ") for line in others)
        else:
            assert lines.parsed[0]["exception"].endswith("two")


def test_a_long_sentence_is_cut() -> None:
    with log_lines() as lines:
        log.info("x" * (LONGEST + 1))
    assert len(lines.parsed[0]["message"]) == LONGEST


@pytest.mark.parametrize("form", LogFormat)
def test_a_process_writes_its_own_details_and_no_librarys(form: LogFormat) -> None:
    code = (
        "import logging; from synlearn.logs import LogFormat, start_logs;"
        f"start_logs(LogFormat('{form.value}'), logging.DEBUG);"
        "[logging.getLogger(name).log(level, f'{name} {level}')"
        " for name in ('coordinator.x', 'asyncio') for level in (10, 20)]"
    )
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    lines = done.stderr.splitlines()
    said = [json.loads(line)["message"] if form is LogFormat.JSON else line for line in lines]
    wanted = ("coordinator.x 10", "coordinator.x 20", "asyncio 20")
    assert [line.endswith(end) for line, end in zip(said, wanted, strict=True)] == [True] * 3
