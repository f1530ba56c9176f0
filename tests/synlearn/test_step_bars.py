import io

from rich.console import Console

from synlearn.step_bars import StepBars


def test_each_step_has_a_bar_from_its_first_call_on() -> None:
    stream = io.StringIO()
    with StepBars(Console(file=stream, width=80)) as step:
        step("experts", 0, 5)
        step("experts", 2, 5)
        step("truth", 3, 3)
        step("experts", 1, 5)
    lines = stream.getvalue().splitlines()
    assert [line.split()[0] for line in lines] == ["experts", "truth"]
    assert "3/5" in lines[0]
    assert "3/3" in lines[1]
