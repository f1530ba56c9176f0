"""One computing thread: the arrays of tests are small, and threads that wait for work are in the
way of the processes that tests start. Set before anything imports PyTorch."""

import os
from importlib.util import find_spec
from pathlib import Path

import hypothesis
import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")

# How long one example takes says more of what else runs on the machine than of the code.
hypothesis.settings.register_profile("tests", deadline=None)
hypothesis.settings.load_profile("tests")

# Doctests are looked for in every module; this one is the fuzzer's own process and needs its extra.
collect_ignore_glob = ["attacks/hostile_bundle/*"]  # travels to Flower, and is imported there alone
collect_ignore = [] if find_spec("atheris") else ["fuzz/child.py"]


@pytest.fixture(scope="session")
def tiny_zoo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A zoo of eight dSprites models that have seen their images once. Not to be changed."""
    from synlearn.datasets.dsprites import draw_domains  # noqa: PLC0415 - after the line above
    from synlearn.zoo.dsprites import BuildPlan, build_zoo  # noqa: PLC0415
    from synlearn.zoo.training import TrainingPlan  # noqa: PLC0415

    root = tmp_path_factory.mktemp("zoo")
    plan = BuildPlan(draw_domains(8, seed=0), training=TrainingPlan(epochs=1))
    build_zoo(root, plan, workers=1, on_built=lambda _: None)
    return root
