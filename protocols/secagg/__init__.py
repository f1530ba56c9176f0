"""Secure aggregation: the sum of many parties' vectors, and of nobody's alone.

After Bonawitz et al. (CCS 2017), with the consistency check against an active coordinator, and the
sparse graph of Bell et al. (CCS 2020) for many parties. Pure state machines: no network, clock or
hidden randomness. docs/secure-aggregation.md has the protocol and what it does not protect.
"""

from protocols.secagg.local import Aggregate, aggregate_locally
from protocols.secagg.question import minimum_threshold
from protocols.secagg.rounds import Aborted, Round

__all__ = ["Aborted", "Aggregate", "Round", "aggregate_locally", "minimum_threshold"]
