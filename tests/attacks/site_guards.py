"""Which test notices when a guard of a data owner's node is missing:
``python -m tests.attacks.site_guards``.

As `guards.py` does for secure aggregation; takes some minutes. `docs/attacks.md` says what each is
for, and what none of them stops.
"""

import sys

from tests.attacks.guard_runner import Guard, try_all

HERE = "tests/attacks/test_{}.py"


def _guard(name: str, file: str, code: str, without: str, tests: str) -> Guard:
    """`tests` is the middle of a file's name, a colon, and words of names of tests."""
    module, _, words = tests.partition(":")
    return Guard(name, f"{file}.py", code, without, (HERE.format(module), words))


SITE_GUARDS = (
    # What is asked.
    _guard(
        "functions that are not on the list",
        "protocols/queries/codec",
        "    kind = kinds.get(function)\n",
        "    kind = kinds.get(function) or next(iter(kinds.values()))\n",
        "site_attacks:unknown_function",
    ),
    _guard(
        "refused questions on record",
        "provider/node",
        "            self._ledger.refused(\n",
        "            print(\n",
        "site_attacks:unknown_function",
    ),
    _guard(
        "rows drawn with the node's secret",
        "provider/rows",
        "    seed = hmac.new(secret, message, hashlib.sha256).digest()\n"
        '    return np.random.default_rng(int.from_bytes(seed, "big"))\n\n\n'
        "def subject_generator",
        '    seed = hmac.new(b"", message, hashlib.sha256).digest()\n'
        '    return np.random.default_rng(int.from_bytes(seed, "big"))\n\n\n'
        "def subject_generator",
        "site_attacks:ids_ground",
    ),
    _guard(
        "rows drawn for a subject",
        "provider/answers/task_evidence",
        "context.random_about(subject_of(query)))",
        "context.random)",
        "site_attacks:drawn_again",
    ),
    _guard(
        "a stored answer for a repeated question",
        "provider/sqlite_ledger",
        "                return bytes(answer) if isinstance(answer, bytes) else None",
        "                return None",
        "ledger_attacks:replayed",
    ),
    # Crafted models and heads.
    _guard(
        "models that somebody else signed",
        "provider/policies/question_limits",
        "        if rules.models == Models.SIGNED and file in endorsed:",
        "        if rules.models == Models.SIGNED:",
        "site_attacks:copies_a_pixel",
    ),
    _guard(
        "the coordinator's own signature",
        "provider/policies/signers",
        "            and endorsement.signer != coordinator\n",
        "",
        "site_attacks:copies_a_pixel",
    ),
    _guard(
        "heads for each row",
        "provider/policies/budgets",
        "            check_uses(own.heads_per_row, totals.uses, cost.uses)",
        "            pass",
        "site_attacks:counts_one_row",
    ),
    _guard(
        "heads that are kept count of",
        "provider/sqlite_ledger",
        '        "uses": dict(cost.uses),',
        '        "uses": {},',
        "site_attacks:counts_one_row",
    ),
    _guard(
        "noise on plain answers",
        "provider/site/gate",
        "    return noisy_answer(query, answer, rule, os.urandom)",
        "    return answer",
        "site_attacks:against_noise",
    ),
    _guard(
        "a budget of privacy",
        "provider/policies/budgets",
        "            check_privacy(rules.privacy, totals, cost.rho)",
        "            pass",
        "site_attacks:against_noise",
    ),
    _guard(
        "whatever a model makes of a row is bounded",
        "provider/site/gate",
        "            rule.limits if rule else None,",
        "            None,",
        "site_attacks:infinite_for_bright_rows",
    ),
    _guard(
        "a refusal that would tell of a row",
        "provider/answers/shown",
        "        if not self.context.bounded and not np.isfinite(made).all():",
        "        if not np.isfinite(made).all():",
        "site_attacks:infinite_for_bright_rows",
    ),
    _guard(
        "what is no number in an exact answer",
        "provider/answers/shown",
        "        if not self.context.bounded and not np.isfinite(made).all():",
        "        if False:",
        "model_files:finite_weights_that_overflow",
    ),
    # Few rows, and differences.
    _guard(
        "rows behind a number",
        "provider/policies/question_limits",
        '            _enough("rows behind a number", used, "min_rows", least)\n    if used',
        "            pass\n    if used",
        "policy_attacks:class_of_one_row",
    ),
    _guard(
        "rows of a half",
        "provider/policy",
        "                counts = [half_sizes(count)[0] for count in counts]",
        "                pass",
        "site_attacks:whole_and_its_half",
    ),
    _guard(
        "rows left out of a draw",
        "provider/policies/question_limits",
        "    if 0 < rows < least:",
        "    if False:",
        "site_attacks:all_rows_but_a_few",
    ),
    _guard(
        "rows that become visible together",
        "provider/data/visible",
        "if new and len(new) >= min_rows else []",
        "if new else []",
        "site_attacks:two_jobs",
    ),
    _guard(
        "the policy's floor holds for snapshots",
        "provider/site/job_node",
        "look_at_data(shop.snapshots, shop.memory.config, general.min_rows)",
        "look_at_data(shop.snapshots, shop.memory.config, 1)",
        "site_attacks:two_jobs",
    ),
    _guard(
        "whole classes once",
        "provider/aggregation",
        "            wholes = wholes_of(query, rows, self._bench.dataset) if exact else ()",
        "            wholes = ()",
        "site_attacks:all_rows_asked_twice",
    ),
    _guard(
        "whole classes once, on disk",
        "provider/sqlite_attempts",
        "            for whole in wholes\n",
        "            for whole in ()\n",
        "site_attacks:all_rows_asked_twice",
    ),
    # Lies about parties.
    _guard(
        "participants in a manifest, once",
        "protocols/secagg/manifest",
        "        if list(self.participants) != sorted(set(self.participants)):",
        "        if False:",
        "site_attacks:lists_a_party_twice",
    ),
    _guard(
        "participants in the roster",
        "protocols/secagg/manifest",
        "    if strangers := set(manifest.participants) - roster.by_name.keys():",
        "    if strangers := set[ProviderId]():",
        "site_attacks:not_in_the_roster",
    ),
    _guard(
        "parties of a sum among the participants",
        "protocols/secagg/manifest",
        "        if strangers := set(parties) - set(self.participants):",
        "        if strangers := set[ProviderId]():",
        "site_attacks:not_in_the_roster",
    ),
    _guard(
        "rows that a party has",
        "provider/contribution",
        "    if wrong.any():",
        "    if False:",
        "site_attacks:overstates_rows",
    ),
    _guard(
        "rows of those who are left",
        "protocols/secagg/floors",
        "        if together.size and together.min() < self.min_rows_together:",
        "        if together.size and len(present) == len(question.parties) and (\n"
        "            together.min() < self.min_rows_together\n"
        "        ):",
        "site_attacks:overstates_rows",
    ),
    # Replay, and words of others.
    _guard(
        "answers that were acknowledged",
        "provider/ledger",
        "    if state in GONE:",
        "    if False:",
        "site_attacks:after_it_was_acknowledged",
    ),
    _guard(
        "invitations of others",
        "provider/site/reception",
        "    if invitation.provider != config.name:",
        "    if False:",
        "site_attacks:invitation_replayed",
    ),
    _guard(
        "manifests of other jobs",
        "protocols/secagg/manifest",
        "    if manifest.job != job:",
        "    if False:",
        "site_attacks:invitation_replayed",
    ),
    _guard(
        "plans of other jobs",
        "protocols/job_plan",
        "    if plan.job != job:",
        "    if False:",
        "site_attacks:invitation_replayed",
    ),
    _guard(
        "jobs that were left",
        "provider/site/engagements",
        "    if known.standing is Standing.LEFT:",
        "    if False:",
        "site_attacks:invitation_replayed",
    ),
    _guard(
        "consent to what was shown",
        "provider/site/engagements",
        "            if agreed is not None and known[1] != agreed.encode():",
        "            if False:",
        "site_attacks:between_look_and_consent",
    ),
    _guard(
        "rosters of before",
        "provider/trust",
        "            current=known.roster if known else None,",
        "            current=None,",
        "site_attacks:old_roster",
    ),
    _guard(
        "addresses that are configured",
        "provider/site/reception",
        "    if invitation.address not in config.federation.coordinators:",
        "    if False:",
        "site_attacks:not_configured",
    ),
    _guard(
        "addresses that are configured still",
        "provider/site/config",
        "    if address not in federation.coordinators:",
        "    if False:",
        "site_attacks:not_configured",
    ),
    _guard(
        "one coordinator for plan and manifest",
        "protocols/job_plan",
        "    if plan.coordinator not in coordinators:",
        "    if False:",
        "site_attacks:another_coordinator_than",
    ),
    _guard(
        "plans without a signature",
        "protocols/job_plan",
        "    if not signed.holds_for(plan.coordinator):",
        "    if False:",
        "site_attacks:another_coordinator_than",
    ),
    _guard(
        "the manifest that was agreed to",
        "provider/site/job_node",
        "    _go_by(invitation, shop)\n",
        "",
        "site_attacks:than_the_one_agreed_to",
    ),
    _guard(
        "the coordinator that was agreed to",
        "provider/agreed",
        "        if manifest.coordinator != self.plan.coordinator:",
        "        if False:",
        "site_attacks:than_the_one_agreed_to",
    ),
    _guard(
        "no more under a later roster",
        "provider/agreed",
        "        manifest.check_within(self.manifest)\n",
        "",
        "site_attacks:wider_than_what_was_agreed_to",
    ),
    _guard(
        "no more than the plan under a later roster",
        "provider/agreed",
        "        if beyond := manifest.functions - planned:",
        "        if beyond := frozenset[str]():",
        "site_attacks:wider_than_what_was_agreed_to",
    ),
    _guard(
        "how answers travel by the plan",
        "provider/policies/consent",
        "        if planned.transport is not transport:",
        "        if False:",
        "policy_attacks:outgrows",
    ),
    _guard(
        "questions of the plan",
        "provider/policies/consent",
        "                if before + more > most:",
        "                if False:",
        "site_attacks:beyond_the_plan",
    ),
    _guard(
        "budgets asked within the transaction",
        "provider/sqlite_ledger",
        "            allow(\n                totals_on_disk(",
        "            (lambda totals: None)(\n                totals_on_disk(",
        "site_attacks:race",
    ),
    # Floods.
    _guard(
        "refusals on record",
        "provider/node",
        "        if self._refusals > MOST_REFUSALS:",
        "        if False:",
        "site_attacks:flood_of_refused",
    ),
    _guard(
        "reasons on record",
        "provider/sqlite_ledger",
        '"reason": reason[:LONGEST_REASON]}',
        '"reason": reason * 1000}',
        "site_attacks:largest_size",
    ),
    _guard(
        "backbones of answers alone",
        "provider/site/gate",
        "        cost, rule = cost_under(policy), noise_rule(policy, function)\n"
        "        return Permit(",
        "        cost, rule = cost_under(policy), noise_rule(policy, function)\n"
        '        self._owner.backbone_seen(self._plan.job, function, "")\n'
        "        return Permit(",
        "site_attacks:flood_of_backbones",
    ),
    _guard(
        "attempts left lying about",
        "provider/aggregation",
        "        if self._idle >= MOST_IDLE:",
        "        if False:",
        "site_attacks:come_to_nothing",
    ),
    # The door.
    _guard(
        "invitations alone at the door",
        "protocols/invitation",
        "            fields = Fields(body, _KIND)\n",
        "            return None\n            fields = Fields(body, _KIND)\n",
        "site_attacks:would_have_the_ledger",
    ),
    _guard(
        "the size of an invitation",
        "provider/site/door",
        "        if length > MAX_BYTES:",
        "        if False:",
        "site_attacks:invitation_of_the_largest_size",
    ),
    _guard(
        "a crowd at the door",
        "provider/site/door",
        "        if self._here >= _WAITING:",
        "        if False:",
        "site_attacks:crowd_at_the_door",
    ),
    # Certificates.
    _guard(
        "names in certificates",
        "coordinator/admission",
        "        if self.names_in_certificates and hello.provider not in peer.names:\n",
        "        if False:\n",
        "site_attacks:token_stolen",
    ),
    _guard(
        "tokens",
        "coordinator/admission",
        '        if not hmac.compare_digest(token, hello.token) or token == b"":\n',
        "        if False:\n",
        "site_attacks:token_stolen",
    ),
    _guard(
        "the coordinators' authority",
        "provider/site/federation",
        "    if federation.plaintext:\n        return None\n",
        "    if True:\n        return None\n",
        "site_attacks:told_no_authority",
    ),
    # Log lines.
    _guard(
        "words of others in a log line",
        "synlearn/logs",
        '            f"{printable(message)}",',
        '            f"{message}",',
        "log_attacks:forged_by_a_reason",
    ),
    _guard(
        "words of others in a traceback",
        "synlearn/logs",
        '            *(f"  | {printable(line)}" for line in trace.splitlines()),',
        "            *trace.splitlines(),",
        "log_attacks:forged_by_a_traceback",
    ),
    _guard(
        "names in a log line",
        "synlearn/logs",
        "    return text if _PLAIN.fullmatch(text) else json.dumps(text)",
        "    return text",
        "log_attacks:forged_by_a_reason",
    ),
    _guard(
        "fields that a log line may have",
        "synlearn/logs",
        "        fields = _fields_of(record)\n",
        "        fields = vars(record).copy()\n",
        "log_attacks:secret_that_a_line_is_given",
    ),
    _guard(
        "the token of a greeting in a repr",
        "protocols/frames",
        "    token: bytes = field(repr=False)  # in no log",
        "    token: bytes",
        "log_attacks:secret_token",
    ),
    _guard(
        "tokens that admit in a repr",
        "coordinator/admission",
        "    tokens: Mapping[ProviderId, bytes] = field(repr=False)\n    names_in_",
        "    tokens: Mapping[ProviderId, bytes]\n    names_in_",
        "log_attacks:secret_token",
    ),
    _guard(
        "the token of an invitation in a repr",
        "protocols/invitation",
        "    token: bytes = field(repr=False)  # in no log",
        "    token: bytes",
        "log_attacks:secret_of_an_invitation",
    ),
)


if __name__ == "__main__":
    sys.exit(try_all(SITE_GUARDS, ("synlearn", "protocols", "provider", "coordinator")))
