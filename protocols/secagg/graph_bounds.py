"""How many neighbours a party needs for the sparse graph to be safe.

Of the n parties in a key list, up to c work together with the coordinator; which, is fixed before
anybody draws. Each party draws k of the others uniformly, its holders: t of their shares give
either of its secrets. Two parties are neighbours, and mask against each other, if one drew the
other. The coordinator sees all draws, and then chooses who survives: any list that q parties sign.

The protocol provides: only one list can be signed by q, so honest holders give one kind of share
of a party, never both; draws come from seeds committed to before the key list, so all know who
drew whom; a share of a survivor's own mask is given only if the survivor's list of sharers was
its holder's; nobody signs a list in which a survivor has fewer than t surviving holders. Then an
honest survivor whose own mask is taken off masks against all its neighbours among the survivors,
and what the sum of a set S of honest survivors shows is random, unless no neighbours lie on either
side of its edge. Three things could go wrong by chance; Hyp(N, K, k) is how many of K marked ones
there are in k draws from N without replacement.

Secrecy. A party with a or more corrupt holders: P[Hyp(n-1, c, k) > a], for each of n parties. With
t > a the corrupt ones lack the other kind of share.

Correctness. d parties fail by accident: P[Hyp(n-1, d, k) > k - t] for each of n parties.

A cut. The honest survivors, h = q - c of them or more, fall into two parts without neighbours
across, each of whose members has m = t - a or more honest holders, which lie in its own part. Take
S to be the smaller part, T the other, of s and h - s members, after leaving members of T out until
there are h (no new neighbours across come about). So s > m, and the probability is at most the sum
over s = m+1..h/2 of the smaller of

  C(n, s) E^s,                                   E = P[m or more of a member's draws fall into S],
  C(n, s) C(n-s, h-s) E'^s A^(h-s),              E' = P[m or more into S, and none into T],
                                                 A = P[none of a member of T's draws falls into S]

and, for parts that are both larger than h/2 and so are both trimmed, one more term for s = h/2
with E' = P[none into T]. Draws of different parties are independent, so these products are exact.

The coordinator may show one key list to some honest parties, and another to others: each party
draws under one, and of all but one list the parties are lost to it. As q have to sign in the end,
at most n' - q + 1 lists (n' parties asked) ever count, so secrecy and cut hold for all of them
together at that many times the probability. The three get a quarter, a quarter and a half of
`FAILURE`.
"""

from dataclasses import dataclass, field
from math import log

import numpy as np
import numpy.typing as npt

FAILURE = 2.0**-40
"""An unlucky draw lets something go wrong with at most this probability, all parties together."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The conditions of the module's docstring, for any degree.

    n: parties in the key list. corrupt (c) and dropouts (d): bounds, below n. quorum (q):
    signatures under a list of survivors, above `corrupt`. lists: how many key lists count.
    """

    n: int
    corrupt: int
    dropouts: int
    quorum: int
    lists: int
    _log_factorial: npt.NDArray[np.float64] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        logs = np.log(np.arange(1, self.n + 1, dtype=np.float64))
        object.__setattr__(self, "_log_factorial", np.concatenate([[0.0], np.cumsum(logs)]))

    def threshold(self, degree: int) -> int | None:
        """The Shamir threshold with which `degree` keeps every condition; None if none does."""
        most_corrupt = self.most(self.corrupt, degree, FAILURE / 4 / self.lists / self.n)
        most_dropped = self.most(self.dropouts, degree, FAILURE / 4 / self.n)
        threshold = degree - most_dropped
        inside = threshold - most_corrupt
        if inside < 1 or threshold < 2:
            return None
        safe = self.log_cut(degree, inside) <= log(FAILURE / 2 / self.lists)
        return threshold if safe else None

    def most(self, marked: int, degree: int, failure: float) -> int:
        """The smallest count of `marked` parties that a party's draws exceed with that probability.

        degree: how many are drawn from the n - 1 others, `marked` of them marked. failure: at most
        this probability, above zero.
        """
        counts = np.arange(min(marked, degree) + 1)
        log_each = (
            self._log_choose(marked, counts)
            + self._log_choose(self.n - 1 - marked, degree - counts)
            - self._log_choose(self.n - 1, degree)
        )
        at_least = np.cumsum(np.exp(log_each)[::-1])[::-1]
        return int(np.count_nonzero(at_least[1:] > failure))

    def log_cut(self, degree: int, inside: int) -> float:
        """Log of the bound on a cut for one key list; may be above zero, where it says nothing.

        degree: k. inside: m, 1 or more.
        """
        n, honest = self.n, self.quorum - self.corrupt
        half = honest // 2
        of_all = self._log_choose(n - 1, degree)

        trimmed = (
            self._log_choose(n, half)
            + self._log_choose(n - half, honest - half)
            + half * (self._log_choose(n - 1 - (honest - half), degree) - of_all)
            + (honest - half) * (self._log_choose(n - 1 - half, degree) - of_all)
        )
        s = np.arange(inside + 1, half + 1)
        if not s.size:
            return float(trimmed)
        x = np.arange(inside, degree + 1)[:, None]
        into_s = self._log_choose(s - 1, x)
        enough = _log_sum(into_s + self._log_choose(n - s, degree - x)) - of_all  # E
        closed = _log_sum(into_s + self._log_choose(n - honest, degree - x)) - of_all  # E'
        away = self._log_choose(n - 1 - s, degree) - of_all  # A
        two_sided = self._log_choose(n - s, honest - s) + s * closed + (honest - s) * away
        terms = self._log_choose(n, s) + np.minimum(s * enough, two_sided)
        return float(np.logaddexp(trimmed, np.logaddexp.reduce(terms)))

    def _log_choose(
        self, top: int | npt.NDArray[np.int64], bottom: int | npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float64]:
        """Log binomial coefficient for top in 0..n; -inf where it is zero."""
        high, low = np.broadcast_arrays(np.asarray(top), np.asarray(bottom))
        possible = (low >= 0) & (low <= high)
        low = np.where(possible, low, 0)
        logs = self._log_factorial
        return np.where(possible, logs[high] - logs[low] - logs[high - low], -np.inf)


def _log_sum(logs: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(np.logaddexp.reduce(logs, axis=0))
