from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from synlearn.errors import InputError
from synlearn.fennec.history_file import (
    history_from_bytes,
    history_to_bytes,
    read_history,
    write_history,
)
from tests.synlearn.fennec.test_performance import history


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "history.safetensors"
    write_history(history(), path)
    found = read_history(path)
    assert history_to_bytes(found) == path.read_bytes()
    assert found.performance.models == ("a", "b")
    assert np.array_equal(found.performance.values, history().performance.values, equal_nan=True)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no history"),
        (history_to_bytes(history())[:-3], "no history"),
        (save({"values": np.ones((1, 1))}, {"synlearn": "{}"}), "no history"),
        (
            history_to_bytes(history()).replace(b"synlearn-history/1", b"synlearn-history/9"),
            "format",
        ),
        (history_to_bytes(history()).replace(b'\\"a\\", \\"b\\"', b'\\"a\\", \\"a\\"'), "twice"),
    ],
)
def test_damage_is_one_sentence(data: bytes, words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=words):
        history_from_bytes(data)
    path = tmp_path / "damaged"
    path.write_bytes(data)
    with pytest.raises(InputError, match="damaged"):
        read_history(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no-such"):
        read_history(tmp_path / "no-such")
