"""The list of guards is true to the code. To try the guards: ``python -m tests.attacks.guards``."""

import pytest

from tests.attacks.guards import GUARDS, HOUSE, Guard


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
def test_a_guard_stands_where_the_list_says(guard: Guard) -> None:
    code = (HOUSE / "protocols" / "secagg" / f"{guard.file}.py").read_text()
    assert code.count(guard.code) == 1
    assert guard.without != guard.code
    tests = (HOUSE / guard.tests[0]).read_text()
    assert all(f"{words}" in tests for words in guard.tests[1].split(" or "))
