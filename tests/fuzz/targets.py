"""All targets: whoever adds one writes its line here."""

from tests.fuzz import (
    frames,
    json_files,
    messages,
    node_questions,
    node_sums,
    onnx_files,
    queries,
    service,
    sessions,
    tensor_files,
    toml_files,
)
from tests.fuzz.target import Target

TARGETS: tuple[Target, ...] = (
    frames.TARGET,
    queries.QUERIES,
    queries.ANSWERS,
    queries.MQUERIES,
    messages.TARGET,
    toml_files.JOBS,
    toml_files.NODE_CONFIGS,
    toml_files.POLICIES,
    node_questions.TARGET,
    node_sums.TARGET,
    sessions.NODES,
    sessions.COORDINATORS,
    json_files.CARDS,
    json_files.ZOOS,
    json_files.SPLITS,
    json_files.RESULTS,
    json_files.MRE_MODELS,
    json_files.FUSIONS,
    json_files.ACCURACIES,
    onnx_files.TARGET,
    tensor_files.MODELS,
    tensor_files.BACKBONES,
    tensor_files.METRICS,
    tensor_files.STORED,
    tensor_files.POOLS,
    service.TASKS,
    service.UPLOADS,
    service.RANKINGS,
    service.KEYS,
    service.SETTINGS,
)


def by_name(name: str) -> Target:
    """The target of this name; KeyError if there is none."""
    return {target.name: target for target in TARGETS}[name]
