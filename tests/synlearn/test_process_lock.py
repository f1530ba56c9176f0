from pathlib import Path

import pytest

from synlearn.errors import InputError
from synlearn.process_lock import alone, is_held


def test_one_process_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "node.lock"
    assert not is_held(path)
    with alone(path, "This node"):
        assert is_held(path)
        with (
            pytest.raises(InputError, match="This node is started already"),
            alone(path, "This node"),
        ):
            pass
    assert not is_held(path)
    with alone(path, "This node"):
        pass
