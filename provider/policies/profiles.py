"""The two profiles on which a policy file builds, and which keys each function has."""

from protocols.masked import MASKED
from protocols.queries import QUERIES
from provider.policies.rules import (
    Budget,
    FunctionRules,
    General,
    PrivacyRules,
    Rules,
    WorkerRules,
)

FUNCTIONS = tuple(sorted(QUERIES.keys() | MASKED.keys()))
"""All functions there are, whether asked of one provider or of several."""

_ALL = ("allow", "transport", "approval", "max_questions", "max_answer_bytes")
_NOISE = ("noise_epsilon", "noise_clip")
_CLASSES = ("min_rows", "models", "max_models", "max_classes")
_MEANS = ("min_k", "max_draws")

KEYS_OF: dict[str, tuple[str, ...]] = {
    "describe": _ALL,
    "class_outputs": (*_ALL, *_CLASSES, *_NOISE),
    "leep_likelihood": (*_ALL, *_CLASSES, "max_tasks", *_NOISE),
    "squared_error": (*_ALL, "min_rows", "models", "max_models", *_NOISE),
    "head_statistics": (*_ALL, *_CLASSES, "max_width", "min_rows_per_width", *_NOISE),
    "head_correct": (*_ALL, *_CLASSES, "max_tasks", "max_width", "heads_per_row", *_NOISE),
    "pretraining_gradient": (*_ALL, "min_rows", "models", *_NOISE),
    "pretraining_update": (*_ALL, "min_rows", "models", *_NOISE),
    "target_features": (*_ALL, "min_rows", "models", *_MEANS, *_NOISE),
    "task_evidence": (*_ALL, *_CLASSES, *_MEANS),
    "class_feature_sums": (*_ALL, "models", "min_k", "min_k_together"),
}
"""Keys that may stand in the section of a function."""

OPEN = Rules("open", General(), dict.fromkeys(FUNCTIONS, FunctionRules()))
"""Exact answers, for tests, demos and data without secrets."""

_SIGNED = FunctionRules(models="signed", min_rows=20)

GUARDED = Rules(
    "guarded",
    General(
        min_rows=20,
        min_parties=3,
        min_parties_per_class=3,
        describe_rounding=10,
    ),
    {
        "describe": FunctionRules(transport="plain", max_questions=100),
        "class_outputs": _SIGNED,
        "leep_likelihood": _SIGNED,
        "squared_error": _SIGNED,
        "head_statistics": FunctionRules(
            transport="masked", min_rows=20, max_width=64, min_rows_per_width=2.0
        ),
        "head_correct": FunctionRules(min_rows=20, heads_per_row=2000, max_questions=500),
        "pretraining_gradient": FunctionRules(transport="masked", min_rows=20),
        # There is no masked form of it, so the owner has to choose its noise first.
        "pretraining_update": FunctionRules(allow=False, transport="plain", min_rows=20),
        "target_features": FunctionRules(
            transport="plain", min_rows=20, min_k=10, max_draws=100, max_questions=200
        ),
        # Direct scores of a few rows may be those of one row in other words.
        "task_evidence": FunctionRules(
            allow=False, transport="plain", models="signed", min_rows=20, min_k=10, max_draws=100
        ),
        "class_feature_sums": FunctionRules(
            transport="masked", min_k=1, min_k_together=10, max_questions=500
        ),
    },
    day=Budget(questions=20_000, bytes=2**30),
    job=Budget(questions=50_000, bytes=4 * 2**30),
    privacy=PrivacyRules(epsilon_job=4.0, epsilon_ever=10.0, delta=1e-6),
    worker=WorkerRules(seconds=600.0, memory_mib=4096, threads=1),
)
"""What `init` writes."""

PROFILES = {"open": OPEN, "guarded": GUARDED}
