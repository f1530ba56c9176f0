import numpy as np
import pytest

from protocols.errors import Code, Refused
from protocols.ids import ProviderId
from protocols.masked import MASKED
from provider.masked_rules import Budget, MaskedRules
from tests.protocols.query_examples import ERROR

ROWS = np.array([5, 0, 9])


def refusal(rules: MaskedRules, *, noisy: bool = False) -> Code:
    with pytest.raises(Refused) as caught:
        rules.check(ERROR, ROWS, noisy=noisy)
    return caught.value.code


def test_the_open_profile_answers_all_of_the_list() -> None:
    rules = MaskedRules()
    assert rules.functions == frozenset(MASKED)
    rules.check(ERROR, ROWS, noisy=False)
    rules.check(ERROR, ROWS, noisy=True)


def test_what_is_refused() -> None:
    assert refusal(MaskedRules(functions=frozenset())) is Code.NOT_ALLOWED
    assert refusal(MaskedRules(budget=Budget(1.0, 1e-6))) is Code.NOT_ALLOWED
    assert refusal(MaskedRules(min_rows=6)) is Code.TOO_FEW_ROWS
    MaskedRules(budget=Budget(1.0, 1e-6)).check(ERROR, ROWS, noisy=True)
    MaskedRules(min_rows=5).check(ERROR, ROWS, noisy=False)  # a slot without rows is none too few


def test_floors_are_the_owners() -> None:
    rules = MaskedRules(min_parties=5, min_parties_per_class=3, min_corrupt=2)
    floors = rules.floors(frozenset({ProviderId("alice")}), "squared_error")
    assert (floors.min_parties, floors.min_parties_per_class, floors.min_corrupt) == (5, 3, 2)
    assert floors.counted == frozenset({ProviderId("alice")})
