"""The lists of guards are true to the code. To try the guards: ``python -m tests.attacks.guards``,
``python -m tests.attacks.site_guards`` and ``python -m tests.attacks.session_guards``."""

import pytest

from tests.attacks.guard_runner import HOUSE, Guard
from tests.attacks.guards import GUARDS
from tests.attacks.session_guards import SESSION_GUARDS
from tests.attacks.site_guards import SITE_GUARDS


@pytest.mark.parametrize(
    "guard", [*GUARDS, *SITE_GUARDS, *SESSION_GUARDS], ids=lambda guard: guard.name
)
def test_a_guard_stands_where_the_list_says(guard: Guard) -> None:
    code = (HOUSE / guard.file).read_text()
    assert code.count(guard.code) == 1
    assert guard.without != guard.code
    tests = (HOUSE / guard.tests[0]).read_text()
    assert all(f"{words}" in tests for words in guard.tests[1].split(" or "))
