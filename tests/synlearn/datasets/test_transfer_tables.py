from pathlib import Path

import numpy as np
import pytest

from synlearn.datasets.transfer_tables import read_cross_table, read_scored_table
from synlearn.errors import InputError

SCORED = "dataset,model,finetune_accuracy,LEEP\nA,m,80,-1\nA,n,90,-2\nB,m,70,-3\n"
CROSS = (
    "target_dataset,architecture,source_dataset,finetune_accuracy\n"
    "A,net,A,99\nA,net,B,50\nB,net,A,40\n"
)


def write(folder: Path, text: str) -> Path:
    path = folder / "table.csv"
    path.write_text(text)
    return path


def test_a_table_with_scores(tmp_path: Path) -> None:
    found = read_scored_table(write(tmp_path, SCORED))
    assert (found.models, found.targets) == (("m", "n"), ("A", "B"))
    assert found.accuracy[0].tolist() == [0.8, 0.7]
    assert np.isnan(found.accuracy[1, 1])
    assert found.scores["LEEP"][1, 0] == -2


def test_a_models_own_source_is_unknown(tmp_path: Path) -> None:
    found = read_cross_table(write(tmp_path, CROSS))
    assert found.models == ("net/A", "net/B")
    assert found.architectures == ("net", "net")
    assert np.isnan(found.accuracy[0, 0])
    assert found.accuracy[0, 1] == 0.4
    assert found.accuracy[1, 0] == 0.5


@pytest.mark.parametrize(
    ("text", "words"),
    [("", "lacks one of the columns"), ("a,b\n1,2\n", "lacks"), (SCORED + "B,n,x,1\n", "'x'")],
)
def test_another_file_is_refused(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=words):
        read_scored_table(write(tmp_path, text))
    with pytest.raises(InputError, match="cannot be read"):
        read_scored_table(tmp_path / "none.csv")
