"""What one attempt at a masked question states."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from protocols.ids import Digest, ProviderId, QueryId, digest_of
from protocols.masked import MaskedQuery, slots_of, vector_of
from protocols.queries import encode_query
from protocols.secagg.encoding import Encoding
from protocols.secagg.fields import octets
from protocols.secagg.manifest import JobManifest
from protocols.secagg.noise import DiscreteGaussian
from protocols.secagg.question import (
    AggregationQuestion,
    expected_corrupt,
    expected_dropouts,
    minimum_threshold,
)
from protocols.values import Value, encode_values

RowsByParty: TypeAlias = Mapping[ProviderId, Sequence[int]]
"""Who is asked, and how many rows each party adds to each class slot."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How a sum is made.

    Attributes:
        bound: Largest size of an entry of one party's answer; a party with a larger one drops out.
            Not below what the function allows (`protocols.masked.bound_of`).
        length: Entries of the vector, where the query does not tell (`vector_of`).
        sigma: Of Gaussian noise on the sum, in the answers' unit; None for none.
        corrupt: Colluding parties to be safe against; None for a fifth.
        dropouts: Expected dropouts; None for a tenth.
    """

    bound: float
    length: int | None = None
    sigma: float | None = None
    corrupt: int | None = None
    dropouts: int | None = None


def question_of(  # noqa: PLR0917 - what is asked, under which name, of whom
    manifest: JobManifest,
    query_id: QueryId,
    attempt: int,
    query: MaskedQuery,
    rows: RowsByParty,
    terms: Terms,
) -> AggregationQuestion:
    """Put the question of one attempt.

    Args:
        manifest: Of the job.
        query_id: The aggregation's id.
        attempt: 1 to 3.
        query: What each party computes.
        rows: Who is asked, and their rows for each class slot.
        terms: How the sum is made.

    Raises:
        ValueError: It cannot be put: the sentence says why.
    """
    parties = tuple(sorted(rows))
    table = np.array([rows[party] for party in parties], np.int64)
    return question_about(manifest, query_id, attempt, query, parties, table, terms)


def question_about(  # noqa: PLR0917 - what is asked, under which name, of whom
    manifest: JobManifest,
    query_id: QueryId,
    attempt: int,
    query: MaskedQuery,
    parties: tuple[ProviderId, ...],
    rows: npt.NDArray[np.int64],
    terms: Terms,
) -> AggregationQuestion:
    """As `question_of`, with the rows as a table: (parties, slots), parties ascending."""
    layout, slots = vector_of(query), slots_of(query)
    threshold = minimum_threshold(len(parties))
    corrupt = expected_corrupt(len(parties)) if terms.corrupt is None else terms.corrupt
    noise = None if terms.sigma is None else DiscreteGaussian(terms.sigma, threshold, corrupt)
    layout.check_bound(terms.bound)
    encoding = Encoding.choose(terms.bound, len(parties), noise=noise)
    if encoding.step > (coarsest := layout.coarsest_step(terms.bound)):
        encoding = Encoding.choose(terms.bound, len(parties), step=coarsest, noise=noise)
    return AggregationQuestion(
        job=manifest.job,
        query=query_id,
        attempt=attempt,
        body=encode_query(query),
        parties=parties,
        slots=slots,
        rows=rows,
        threshold=threshold,
        corrupt=corrupt,
        dropouts=expected_dropouts(len(parties)) if terms.dropouts is None else terms.dropouts,
        length=layout.least_length() if terms.length is None else terms.length,
        encoding=encoding,
        manifest=manifest.digest,
    )


def digest_of_asked(query: MaskedQuery, terms: Terms) -> Digest:
    """Names what is asked for, whoever is asked, under whatever roster and keys."""
    values: dict[str, Value] = {"body": octets(encode_query(query)), "terms": repr(terms)}
    return digest_of(encode_values("asked", values))
