"""Which rows answer a question: drawn by the node, so that no caller can choose or steer them."""

import hashlib
import hmac

import numpy as np

from protocols.ids import JobId, QueryId


def row_generator(
    secret: bytes, job: JobId, query: QueryId, attempt: int = 0
) -> np.random.Generator:
    """Randomness for one attempt at one question, keyed by the node's secret.

    HMAC-SHA256(secret, job, query, attempt): the same question draws the same rows again (a
    retry reveals nothing new), and without the secret nobody can search for an id that draws
    chosen rows.

    Args:
        secret: 32 bytes known to this node alone.
        job: The job asking.
        query: The question's id.
        attempt: Counts the attempts at one masked question; 0 otherwise.
    """
    message = f"rows/v1|{job}|{query}|{attempt}".encode()
    seed = hmac.new(secret, message, hashlib.sha256).digest()
    return np.random.default_rng(int.from_bytes(seed, "big"))
