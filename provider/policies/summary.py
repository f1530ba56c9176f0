"""A policy in plain words: what `policy show` and `policy check` print."""

from pathlib import Path

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from protocols.masked import MASKED
from protocols.queries import QUERIES
from provider.policies.notes import notes
from provider.policies.policy_file import read_policy
from provider.policies.profiles import FUNCTIONS, KEYS_OF
from provider.policies.rules import Budget, FunctionRules, Models, Rules, Travel

_TRAVEL = {
    Travel.PLAIN: "by this node alone",
    Travel.MASKED: "in masked sums only",
    Travel.EITHER: "alone or in masked sums",
}
_MODELS = {
    Models.ANY: "any",
    Models.LISTED: "listed here",
    Models.SIGNED: "listed here or signed",
}
_LIMITS = {
    "min_k": "at least {} rows behind a mean",
    "min_k_together": "at least {} rows of all parties",
    "min_rows_per_width": "at least {:g} rows a feature",
    "max_questions": "{} questions a job",
    "max_models": "{} models at a time",
    "max_classes": "{} classes at a time",
    "max_tasks": "{} tasks at a time",
    "max_width": "{} features",
    "max_draws": "{} target datasets at a time",
    "heads_per_row": "{} heads for each row, ever",
    "noise_epsilon": "noise: epsilon {:g} a question",
    "noise_clip": "clipped to {:g}",
}


def policy_check(path: Path) -> str:
    """What `policy check FILE` prints of a policy that could be in force: one line, then notes.

    Raises:
        InputError: It could not; the sentence says what to mend.
    """
    rules = read_policy(path)
    answered = sum(own.allow for own in rules.functions.values())
    first = f"{path} is a good policy: profile {rules.profile}, {answered} functions are answered."
    return "\n".join([first, *(f"Note: {note}" for note in notes(rules))])


def policy_summary(rules: Rules) -> RenderableType:
    """What `policy show` prints: functions, then what holds for all of them, then notes."""
    return Group(
        _functions(rules),
        *(escape(line) for line in general_lines(rules)),
        *(escape(f"Note: {note}") for note in notes(rules)),
    )


def general_lines(rules: Rules) -> tuple[str, ...]:
    """What holds for all functions, a sentence each."""
    general, privacy, hours = rules.general, rules.privacy, rules.hours
    lines = [
        f"Profile {rules.profile}. At least {general.min_rows} rows behind each number.",
        f"Masked sums: {general.min_parties} parties or more, {general.min_parties_per_class} of "
        f"them with rows of each class; {general.min_corrupt} colluding ones are stated, or more.",
        f"Descriptions: counts rounded down to multiples of {general.describe_rounding}.",
        f"Models: files up to {_size(general.max_model_bytes)}; {len(rules.models.digests)} files "
        f"and {len(rules.models.signers)} signers are listed.",
        f"Each day: {_budget(rules.day)}. Each job: {_budget(rules.job)}.",
        f"Privacy: epsilon {_or_any(privacy.epsilon_job)} for each job, "
        f"{_or_any(privacy.epsilon_ever)} in all, at delta {privacy.delta:g}; masked sums "
        f"{'need' if privacy.masked_noise else 'need no'} noise.",
        f"A question waits for your approval for {rules.approval.expires_hours:g} hours.",
        f"Models run for {rules.worker.seconds:g} s at most, in {rules.worker.memory_mib} MiB, "
        f"on {rules.worker.threads} threads or fewer.",
    ]
    if hours is not None:
        times = f"{hours.opens} to {hours.closes}" if hours.opens else "all day"
        lines.append(f"Open {', '.join(hours.weekdays)}, {times} ({hours.timezone}).")
    return tuple(lines)


def _functions(rules: Rules) -> Table:
    table = Table("function", "answered", "models", "rows", "limits", title="What is answered")
    for name in FUNCTIONS:
        table.add_row(name, *map(escape, _row(name, rules)))
    return table


def _row(function: str, rules: Rules) -> tuple[str, str, str, str]:
    own = rules.of(function)
    if not own.allow:
        return "no", "", "", ""
    answered = _TRAVEL[_travel(function, own)]
    if own.approval:
        answered += ", each approved by you"
    keys = KEYS_OF[function]
    models = _MODELS[Models(own.models)] if "models" in keys else ""
    rows = str(max(own.min_rows, rules.general.min_rows)) if "min_rows" in keys else ""
    limits = [
        words.format(value)
        for key, words in _LIMITS.items()
        if key in keys and (value := getattr(own, key)) not in (None, 0.0)
    ]
    return answered, models, rows, "; ".join(limits)


def _travel(function: str, own: FunctionRules) -> Travel:
    """As the rules say, or as the function has it where they leave it open."""
    if own.transport != Travel.EITHER:
        return Travel(own.transport)
    if function not in QUERIES:
        return Travel.MASKED
    return Travel.EITHER if function in MASKED else Travel.PLAIN


def _budget(budget: Budget) -> str:
    questions = "any number of" if budget.questions is None else f"{budget.questions:,}"
    size = "any number of bytes" if budget.bytes is None else _size(budget.bytes)
    return f"{questions} questions, {size}"


def _size(size: float) -> str:
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.4g} {unit}"
        size /= 1024
    return f"{size:.4g} TiB"


def _or_any(limit: float | None) -> str:
    return "without limit" if limit is None else f"{limit:g}"
