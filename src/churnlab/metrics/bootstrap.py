"""The bootstrap over customers, through sums: its cost does not grow with customers x replicates.

Means, costs and curves of a resample are functions of sums over customers, so a replicate is a
vector of weights, and one matrix product gives the sums of all replicates. Many customers are drawn
in random groups: the variance over random groups estimates that over customers without bias, with a
relative standard error of sqrt(2 / groups), here under 1%, where 200 replicates leave 5%. Source:
Wolter (2007), "Introduction to Variance Estimation", 2nd edition, chapter 2 (random groups).
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import coo_array

from churnlab.types import Array, Ints

#: Up to so many customers each is a group of its own; up to so many distinct scores none is pooled.
MOST_GROUPS = MOST_LEVELS = 32_768
#: Numbers in one block of replicated tables (32 MB).
_BLOCK = 4_000_000


class CustomerBootstrap:
    """Weights of customers under every replicate, all rows of a customer together.

    n_customers: Customers; rows name them by codes 0 to n - 1.
    rng: Groups and draws the customers.
    group (customer,): The group that each customer is drawn with.
    weights (group, replicate): How often each group was drawn.
    """

    def __init__(self, n_customers: int, replicates: int, rng: np.random.Generator) -> None:
        groups = min(n_customers, MOST_GROUPS)
        alone = groups == n_customers
        self.group: Ints = np.arange(groups) if alone else rng.permutation(n_customers) % groups
        self.weights = np.ascontiguousarray(cluster_weights(groups, replicates, rng).T)

    def sums(self, customer: Ints, columns: ArrayLike) -> Array:
        """Return the replicated sums of columns over rows.

        customer (row,): Whose rows they are.
        columns: array (column, row).
        Returns: array (column, replicate)
        """
        group, n = self.group[customer], len(self.weights)
        totals = [np.bincount(group, c, minlength=n) for c in np.atleast_2d(columns)]
        # not a BLAS product: a few rows only, and the same sums whatever the number of threads
        values: Array = np.einsum("cg,gr->cr", np.stack(totals), self.weights)
        return values

    def counts(self, customer: Ints, level: Ints, n_levels: int) -> Iterator[Array]:
        """Yield how many rows are at each level, (level, replicate), replicates in blocks."""
        rows = (level, self.group[customer])
        table = coo_array((np.ones(len(level)), rows), shape=(n_levels, len(self.weights))).tocsr()
        step = max(1, _BLOCK // n_levels)
        for start in range(0, self.weights.shape[1], step):
            yield table @ np.ascontiguousarray(self.weights[:, start : start + step])


def cluster_weights(n_clusters: int, replicates: int, rng: np.random.Generator) -> Array:
    """Draw bootstrap counts of clusters, shape (replicate, cluster); each row sums to n."""
    draws = [
        np.bincount(rng.integers(0, n_clusters, n_clusters), minlength=n_clusters)
        for _ in range(replicates)
    ]
    return np.array(draws, dtype=np.float64).reshape(replicates, n_clusters)


def cluster_codes(customer: ArrayLike) -> tuple[Ints, int]:
    """Return integer codes 0..n-1 of the customers and how many there are."""
    found, codes = np.unique(np.asarray(customer), return_inverse=True)
    return codes.astype(np.int64), found.size


def score_levels(score: Array, weight: Array, most: int = MOST_LEVELS) -> tuple[Array, Ints]:
    """Return the distinct scores, rising, and which of them each row has.

    Beyond `most` distinct scores neighbours are pooled, at their mean, into as many levels of about
    equal weight: far finer than what a resample moves, which is a share n^(-1/3) of the customers
    for the best cut and n^(-1/2) for a rate.

    score, weight (row,): Score and customers of each row.
    """
    distinct, code = np.unique(score, return_inverse=True)
    if distinct.size <= most:
        return distinct, code.astype(np.int64)
    size = np.bincount(code, weight)
    middle = (np.cumsum(size) - size / 2) / size.sum()
    _, pooled = np.unique(np.floor(middle * most), return_inverse=True)
    mean = np.bincount(pooled, size * distinct) / np.bincount(pooled, size)
    return mean, pooled.astype(np.int64)[code]
