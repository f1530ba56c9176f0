from pathlib import Path

import pytest

from protocols.errors import FATAL, Code, FrameError, Refused, code_from_wire

MANUAL = Path(__file__).parents[2] / "docs" / "session.md"


@pytest.mark.parametrize("code", list(Code))
def test_every_code_has_a_sentence_and_a_family(code: Code) -> None:
    assert code.sentence.endswith(".")
    assert code.sentence[0].isupper()
    assert 100 <= code.value < 500
    assert code_from_wire(code.value, code.value // 100 * 100) is code


def test_a_refusal_newer_than_us_is_still_a_refusal() -> None:
    assert code_from_wire(288, 200) is Code.REFUSED_OTHERWISE
    assert code_from_wire(388, 300) is Code.PENDING_OTHERWISE


@pytest.mark.parametrize(("number", "family"), [(288, 300), (188, 100), (0, 100), (488, 400)])
def test_numbers_that_are_no_code(number: int, family: int) -> None:
    with pytest.raises(ValueError, match="not a code"):
        code_from_wire(number, family)


def test_the_reason_stays_at_home() -> None:
    refused = Refused(Code.TOO_FEW_ROWS, local="class 3 has 4 rows")
    assert "class 3" in str(refused)
    assert "class 3" not in refused.code.sentence
    with pytest.raises(ValueError, match="MALFORMED"):
        Refused(Code.MALFORMED)


def test_a_frame_error_carries_its_code_and_sentence() -> None:
    error = FrameError(Code.TOO_LARGE, "It had 9 bytes, of 8 allowed.")
    assert error.code is Code.TOO_LARGE
    assert error.sentence == f"{Code.TOO_LARGE.sentence} It had 9 bytes, of 8 allowed."


def test_what_ends_a_node_for_good_ends_a_session() -> None:
    assert all(100 <= code.value < 200 for code in FATAL)


@pytest.mark.parametrize("code", list(Code))
def test_every_code_has_its_line_in_the_manual(code: Code) -> None:
    final = " (final)" if code in FATAL else ""
    line = f"| {code.value} | `{code.name}`{final} | {code.sentence} |"
    assert line in MANUAL.read_text().splitlines()
