"""Where developers may keep real data sets: a folder `shared/data` beside the checkout."""

from pathlib import Path

import pytest

_FOLDER = Path(__file__).resolve().parents[2] / "shared" / "data"


def shared_data() -> Path:
    """Return the folder; skips the test where it is not there."""
    if not _FOLDER.is_dir():
        pytest.skip("reads real data sets from ../shared/data, which is not there")
    return _FOLDER
