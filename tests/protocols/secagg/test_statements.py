import pytest

from protocols.secagg.messages import Advertisement, KeyList
from protocols.secagg.statements import (
    advertised_statement,
    choice_commitment,
    company_digest,
    context_digest,
    masked_statement,
    own_mask_commitment,
    survivors_statement,
)
from tests.protocols.secagg.company import bytes_of

T, U = bytes_of("transcript"), bytes_of("another")


def entry(*parts: object) -> Advertisement:
    return Advertisement.unpack(b"".join(map(bytes_of, parts)) + b"s" * 64)


def test_the_kinds_of_statement_never_coincide() -> None:
    """One and the same content, in all the ways in which it is hashed or signed."""
    made = [
        own_mask_commitment(T, U),
        choice_commitment(T, U),
        context_digest(T, KeyList.of({})),
        company_digest(T, {}),
        company_digest(T, {0: U}),
        masked_statement(T),
        masked_statement(T + U),
        survivors_statement(T, ()),
        advertised_statement(T, entry(1, 2, 3, 4)),
    ]
    assert len(set(made)) == len(made)


@pytest.mark.parametrize("part", range(4))
def test_each_key_is_signed_in_its_place(part: int) -> None:
    parts = [1, 2, 3, 4]
    whole = advertised_statement(T, entry(*parts))
    assert advertised_statement(U, entry(*parts)) != whole
    parts[part] = 9
    assert advertised_statement(T, entry(*parts)) != whole
    assert advertised_statement(T, entry(2, 1, 3, 4)) != whole


def test_the_signature_itself_is_not_signed_but_bound_to_the_context() -> None:
    one = entry(1, 2, 3, 4)
    other = Advertisement.unpack(one.unsigned + b"t" * 64)
    assert advertised_statement(T, one) == advertised_statement(T, other)
    assert context_digest(T, KeyList.of({0: one})) != context_digest(T, KeyList.of({0: other}))


def test_the_context_names_who_has_which_keys() -> None:
    a, b = entry(1, 2, 3, 4), entry(5, 6, 7, 8)
    lists = [{0: a}, {1: a}, {0: a, 1: b}, {0: b, 1: a}, {0: a, 2: b}, {}]
    digests = {context_digest(t, KeyList.of(keys)) for t in (T, U) for keys in lists}
    assert len(digests) == 2 * len(lists)


def test_the_company_names_who_shared_and_how_they_drew() -> None:
    x, y = bytes_of("x"), bytes_of("y")
    companies = [{}, {0: x}, {1: x}, {0: y}, {0: x, 1: y}, {0: y, 1: x}, {256: x}, {2**24: x}]
    digests = {company_digest(context, each) for context in (T, U) for each in companies}
    assert len(digests) == 2 * len(companies)


def test_a_list_of_survivors_reads_in_one_way_only() -> None:
    lists = [(), (0,), (1,), (0, 1), (0, 1, 2), (1, 2), (258,), (1, 2, 3), (12, 3), (1, 23)]
    statements = {survivors_statement(company, each) for company in (T, U) for each in lists}
    assert len(statements) == 2 * len(lists)
