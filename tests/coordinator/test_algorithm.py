from typing import TYPE_CHECKING, cast

from coordinator.algorithm import synergistic_learning

if TYPE_CHECKING:
    from coordinator.run import Run


class Script:
    """A run that writes down which of its methods were called."""

    def __init__(self, pretraining: int, learning: int) -> None:
        self.left = {"pretraining": pretraining, "learning": learning}
        self.calls: list[str] = []

    @property
    def pretraining_left(self) -> bool:
        return self.left["pretraining"] > 0

    @property
    def learning_left(self) -> bool:
        return self.left["learning"] > 0

    def __getattr__(self, name: str) -> object:
        def call(*arguments: object) -> str:
            self.calls.append(name)
            if name == "update_backbone":
                self.left["pretraining"] -= 1
            if name == "update_metric":
                self.left["learning"] -= 1
            return f"{name} of round {self.calls.count(name)}"

        return call


def test_lines_in_the_papers_order() -> None:
    run = Script(pretraining=2, learning=2)
    result: object = synergistic_learning(cast("Run", run))
    assert result == "result of round 1"
    lines_4 = ["ask_for_pretraining", "update_backbone", "checkpoint"]
    lines_8_to_11 = ["sample_tasks_and_models", "validate", "generate_target_datasets"]
    assert run.calls == (
        2 * lines_4 + 2 * [*lines_8_to_11, "update_metric", "checkpoint"] + ["result"]
    )
