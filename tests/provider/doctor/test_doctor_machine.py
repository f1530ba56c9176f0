from pathlib import Path

from provider.doctor.finding import Severity, worst
from provider.doctor.machine import check_clock, check_disk, check_versions


def test_a_clock_before_the_last_entry_is_an_error() -> None:
    (found,) = check_clock(latest_entry=2000.0, now=1000.0)
    assert found.severity is Severity.ERROR
    assert "1000 s before" in found.what
    assert found.next


def test_a_clock_after_it_is_not() -> None:
    (found,) = check_clock(latest_entry=1000.0, now=2000.0)
    assert found.severity is not Severity.ERROR


def test_a_disk_too_small_is_an_error_and_a_tight_one_a_warning(tmp_path: Path) -> None:
    assert worst(check_disk(tmp_path, 2**60)) is Severity.ERROR
    assert worst(check_disk(tmp_path, 0)) is not Severity.ERROR


def test_what_is_installed_here_is_what_is_asked_for() -> None:
    (found,) = check_versions()
    assert found.severity is Severity.FINE, found
    assert "synlearn" in found.what
