"""Which test notices when a guard is missing: ``python -m tests.attacks.guards``.

Every guard of the protocol is taken out of a copy of the code, one at a time, and the tests that
are there for it are run: at least one has to fail. Takes some two minutes; `test_guards.py` keeps
the list true to the code.
"""

import sys

from tests.attacks.guard_runner import Guard, try_all

ATTACKS = "tests/attacks/test_secagg_attacks.py"
UNITS = "tests/protocols/secagg/test_{}.py"


def _secagg(name: str, file: str, code: str, without: str, tests: tuple[str, str]) -> Guard:
    return Guard(name, f"protocols/secagg/{file}.py", code, without, tests)


def _attack(name: str, file: str, code: str, without: str, words: str) -> Guard:
    return _secagg(name, file, code, without, (ATTACKS, words))


GUARDS = (
    # The question.
    _attack("a party twice", "question", "if any(a >= b for", "if any(a > b for", "sybil_listed"),
    _attack("a sum of one", "question", "if not 2 <= count", "if not 1 <= count", "one_party"),
    _attack("thin noise", "question", "noise.honest > honest", "False", "noise_thinned"),
    _attack(
        "one identity, two names",
        "client",
        "< len(question.parties):\n",
        "< 0:\n",
        "sybil_under_two_names",
    ),
    _attack(
        "a sum that wraps",
        "client",
        "question.encoding.check(len(question.parties))",
        "pass",
        "wraps_around",
    ),
    _attack(
        "floors of the question",
        "client",
        "party.floors.check_question(question)\n",
        "pass\n",
        "threshold_lowered or class_slot or sybils_minted",
    ),
    _attack("low threshold", "floors", "question.threshold < least", "False", "threshold_lowered"),
    _attack(
        "low corruption bound",
        "floors",
        "question.corrupt < max(enough, self.min_corrupt)",
        "False",
        "corruption_bound_lowered",
    ),
    _attack(
        "a sparse graph for nobody's collusion",
        "floors",
        "if count > COMPLETE_UP_TO else 0",
        "if False else 0",
        "corruption_bound_lowered",
    ),
    _attack(
        "two quorums without a common honest party",
        "floors",
        "2 * question.threshold - count <= question.corrupt",
        "False",
        "beyond_what_the_lists_bear",
    ),
    _attack(
        "newcomers count",
        "floors",
        "if self.counted is None or question.parties[i] in self.counted",
        "",
        "sybils_minted",
    ),
    _attack(
        "newcomers who outvote",
        "floors",
        "if newcomers > tolerated:",
        "if False:",
        "sybils_who_outvote",
    ),
    _attack(
        "a slot of one",
        "floors",
        "holders.min() < fewest",
        "False",
        "class_slot or holders_of_a_class",
    ),
    _attack(
        "fewer than the threshold",
        "floors",
        "len(present) < question.threshold",
        "False",
        "below_the_threshold",
    ),
    # The key list.
    _attack(
        "unknown parties",
        "client",
        "not keys.parties or keys.parties[-1] >= len(question.parties)",
        "False",
        "key_list_with_a_stranger",
    ),
    _attack(
        "own keys changed",
        "client",
        "or keys[party.index] != state.advertisement",
        "",
        "own_keys_in_full",
    ),
    _attack(
        "one key for two", "client", "len(set(public)) < len(public)", "False", "sybil_listed_twice"
    ),
    _attack(
        "keys without a signature",
        "client",
        "if not party.verify(party.identities[name], statement, entry.signature):",
        "if False:",
        "key_substitution or different_ or replay",
    ),
    _attack(
        "signature of another question",
        "statements",
        'return _prefix(b"advertised") + transcript + keys.unsigned',
        'return _prefix(b"advertised") + keys.unsigned',
        "different_ or replay or key_substitution",
    ),
    _attack(
        "signature of other keys",
        "statements",
        'return _prefix(b"advertised") + transcript + keys.unsigned',
        'return _prefix(b"advertised") + transcript',
        "key_substitution",
    ),
    _attack(
        "floors of the key list",
        "client",
        "party.floors.check_company(question, keys.parties)",
        "pass",
        "dropped_by_the_coordinator",
    ),
    # Shares.
    _attack(
        "left out of who shared",
        "client",
        "state.before.party.index not in sharers or",
        "",
        "leaves_its_receiver_out",
    ),
    _attack(
        "another choice of neighbours",
        "client",
        "if choice_commitment(question.transcript, seed) != state.keys[index].choice:",
        "if False:",
        "choice_seed_exchanged or drawn_to_order",
    ),
    _attack(
        "a share withheld or more",
        "client",
        "if delivery.sealed.keys() != senders:",
        "if False:",
        "withheld or said_to_have or hidden_from_the_party or did_not_draw",
    ),
    _attack(
        "cut off from its holders",
        "client",
        "if holders < state.graph.threshold:",
        "if False:",
        "cut_off_from_the_holders",
    ),
    _attack(
        "floors of who shared",
        "client",
        "party.floors.check_company(question, delivery.sharers)",
        "pass",
        "dropped_by_the_coordinator",
    ),
    _attack(
        "seals not checked",
        "keys",
        "return ChaCha20Poly1305(key).decrypt(_NONCE, sealed, associated)\n    except",
        "return bytes(len(sealed) - SEAL_BYTES)\n    except",
        "tampered_share or swapped or another_attempt or reflected",
    ),
    _attack(
        "one key list for another",
        "statements",
        'return _digest(b"context", transcript, keys.encode())',
        'return _digest(b"context", transcript)',
        "different_key_lists",
    ),
    _attack(
        "rows read before the checks",
        "client",
        "    drawn = choices(state.graph",
        "    values()\n    drawn = choices(state.graph",
        "low_order",
    ),
    _attack(
        "keys of low order",
        "keys",
        "return self._key.exchange(X25519PublicKey.from_public_bytes(peer))\n        except",
        'return __import__("hashlib").sha256(peer).digest()\n        except',
        "low_order",
    ),
    # Survivors.
    _attack(
        "a list without oneself",
        "client",
        "if party.index not in listed or not",
        "if not",
        "list_without_a_live_party",
    ),
    _attack(
        "a list with strangers",
        "client",
        "not listed <= state.choices.keys()",
        "False",
        "never_shared",
    ),
    _attack(
        "floors of the survivors",
        "client",
        "party.floors.check_company(question, survivors.parties)",
        "pass",
        "dropped_by_the_coordinator",
    ),
    _attack(
        "other company",
        "client",
        "if not party.verify(party.identities[name], masked_statement(state.company), signature):",
        "if False:",
        "another_company or sent_no_vector",
    ),
    _attack("too few holders", "client", "    if alone:\n", "    if False:\n", "isolated_by"),
    _attack(
        "no quorum",
        "client",
        "if agreed < question.threshold:",
        "if False:",
        "different_survivor_sets or without_enough_signatures or one_signature",
    ),
    _attack(
        "votes of those who left",
        "client",
        "        index in state.survivors\n        and party.verify",
        "        index < len(question.parties)\n        and party.verify",
        "those_who_do_not_survive",
    ),
    _attack(
        "agreement on another list",
        "statements",
        'return _prefix(b"survivors") + company + _numbers(survivors)',
        'return _prefix(b"survivors") + company',
        "signatures_for_another_list",
    ),
    _attack(
        "agreement of another attempt",
        "statements",
        'return _prefix(b"survivors") + company + _numbers(survivors)',
        'return _prefix(b"survivors") + _numbers(survivors)',
        "replay",
    ),
    _attack(
        "both shares",
        "client",
        "for i in sorted(held) if i not in state.survivors}",
        "for i in sorted(held)}",
        "told_twice_over or list_without_a_live_party",
    ),
    # Once and in order.
    _attack(
        "rounds out of order",
        "participant",
        "if round_ is not self._next:",
        "if False:",
        "asking_for_both_shares or retry or masks_one_vector",
    ),
    _attack(
        "on after a refusal",
        "participant",
        "        except BaseException:\n            self._end()",
        "        except BaseException:\n            pass",
        "tampered_share",
    ),
    # What the coordinator sees to.
    _attack(
        "own mask not checked",
        "server",
        "                != self._keys[survivor].own_mask",
        '                == b""',
        "lying_",
    ),
    _attack(
        "masking key not checked",
        "server",
        "if private.public != self._keys[dropped].masking_key:",
        "if False:",
        "lying_owner_of_a_masking_key",
    ),
    _attack(
        "shares of strangers",
        "server",
        "if party in self._choices.get(owner, ()):",
        "if True:",
        "holds_none",
    ),
    _attack(
        "replies not signed",
        "server",
        "if not self._verify(self._identities[self._name(party)], statement, signature):",
        "if False:",
        "replay_of_an_old_reply",
    ),
    _secagg(
        "answers that count twice",
        "server",
        "or index in self._heard",
        "",
        (UNITS.format("server"), "answers_twice"),
    ),
    _secagg(
        "keys that all would refuse",
        "server",
        "        if key in self._public:",
        "        if False:",
        (UNITS.format("server"), "copied_from or wrong_message"),
    ),
    _secagg(
        "a list that goes round",
        "messages",
        "(values[1:] <= values[:-1]).any()",
        "(np.diff(values) <= 0).any()",
        (UNITS.format("messages"), "ascending_order"),
    ),
    _secagg(
        "one mask for two contexts",
        "masking",
        'return derive(agreed, salt=context, info=b"synlearn/secagg/pair-mask',
        'return derive(agreed, salt=b"", info=b"synlearn/secagg/pair-mask',
        (UNITS.format("masking"), "both_ends"),
    ),
)


if __name__ == "__main__":
    sys.exit(try_all(GUARDS, ("protocols",)))
