"""The ways to train that the mixed experiment compares: without a part, or from less."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from synlearn.errors import InputError
from synlearn.mre.triplets import Pairs

DEFAULT: Final = "default"
LEARNING_MODELS: Final = (20, 40, 80, 160)
LEARNING_TASKS: Final = (30, 100, 300)


@dataclass(frozen=True, slots=True)
class Ablation:
    """One way to train; what is None is as in the default.

    Attributes:
        key, label, meaning: As in `Method`.
        attention: Whether attention is supervised.
        pretrained: Whether `g_mu` was pre-trained, or is as it was drawn.
        pairs: Between which models the triplet loss compares.
        k: Images of each class in every target dataset, instead of a mixture.
        models: How many models to learn with.
        tasks: How many tasks to learn with.
    """

    key: str
    label: str
    meaning: str = ""
    attention: bool = True
    pretrained: bool = True
    pairs: Pairs = "within"
    k: int | None = None
    models: int | None = None
    tasks: int | None = None


ABLATIONS: Final = (
    Ablation(DEFAULT, "As shipped", "All learning models and tasks; K drawn from 1 to 10."),
    Ablation("attention-off", "No attention supervision", "w_att = 0.", attention=False),
    Ablation("pretraining-off", "No pre-training", "g_mu as it was drawn.", pretrained=False),
    Ablation("across", "Pairs across tasks", "Triplets compare different tasks.", pairs="across"),
    *(
        Ablation(f"models-{n}", f"{n} learning models", "Drawn anew by each seed.", models=n)
        for n in LEARNING_MODELS
    ),
    *(Ablation(f"k-{k}", f"Training K = {k}", "Instead of 1 to 10.", k=k) for k in (1, 5, 10, 20)),
    *(
        Ablation(f"tasks-{n}", f"{n} learning tasks", "Drawn anew by each seed.", tasks=n)
        for n in LEARNING_TASKS
    ),
)


def chosen(keys: Sequence[str]) -> tuple[Ablation, ...]:
    """Return the ablations of these keys, all of them for none.

    Raises:
        InputError: There is no such key.
    """
    known = {ablation.key: ablation for ablation in ABLATIONS}
    for key in keys:
        if key not in known:
            raise InputError(f"there is no ablation {key!r}; choose from {', '.join(known)}.")
    return tuple(known[key] for key in keys) if keys else ABLATIONS
