"""How much oftener than by chance: a ratio N/E shrunk towards 1 by a Gamma(a, a) prior.

Counts of many pairs, N_j with expectation E_j under chance: N_j ~ Poisson(lift_j E_j), lift_j ~
Gamma(a, a), so the posterior is Gamma(a + N_j, a + E_j) (DuMouchel 1999, one component with mean
1). The counts of one customer hang together, so each pair's N and E are first divided by its
design effect, the variance of N over customers against the Poisson's (Rao and Scott 1992).
"""

from typing import Final

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.special import digamma, gammaln
from scipy.stats import gamma

from churnlab.types import Array

#: The prior's shape lies in here: the prior sd of a lift, 1/sqrt(a), is 1.4 to .22. Without an
#: upper bound data made mostly by chance give a = infinity and shrink the few true journeys away
#: (at 20, with baskets shuffled within customers, 2.5-3.4% of the pairs of a grocery panel exclude
#: 1); without a lower one a few huge ratios unshrink all the others.
SHAPE_BOUNDS: Final = (0.5, 20.0)
#: The design effect of a pair is a mean of its own and of 1, which counts as so many customers.
DESIGN_WEIGHT: Final = 10.0
#: Many exposures of a common item are underdispersed, and a pair could count for more than its
#: Poisson; it never does, so that the interval errs to the wide side.
LEAST_DESIGN: Final = 1.0


def design_effect(n: Array, customers: Array, squares: Array) -> Array:
    """Return the variance of N over customers, divided by N.

    n (pair,): Completed exposures N.
    customers (pair,): Customers with a chance to complete.
    squares (pair,): Sum over customers of (N_i - (N/E) E_i)^2.
    """
    own = squares / np.maximum(n, 1.0)
    mean = (DESIGN_WEIGHT + customers * own) / (DESIGN_WEIGHT + customers)
    return np.maximum(mean, LEAST_DESIGN)


def prior_shape(n: Array, e: Array) -> float:
    """Return the a, within `SHAPE_BOUNDS`, under which the counts are likeliest.

    N is negative binomial: log p = lgamma(a+N) - lgamma(a) + a log a - (a+N) log(a+E) + terms
    without a.
    """
    low, high = np.log(SHAPE_BOUNDS)

    def loss(log_a: float) -> float:
        a = np.exp(log_a)
        value = gammaln(a + n) - gammaln(a) + a * log_a - (a + n) * np.log(a + e)
        return float(-value.sum())

    if len(n) == 0:
        return SHAPE_BOUNDS[1]
    return float(np.exp(minimize_scalar(loss, bounds=(low, high), method="bounded").x))


def lift_of(counts: pd.DataFrame, n: str, customers: str) -> pd.DataFrame:
    """Return `shrunk_lift` of a table of pairs.

    counts: The columns named by `n` and `customers`, ``expected``, and ``n_n, n_e, e_e``: sums over
        customers of N_i^2, N_i E_i, E_i^2.
    """
    wanted = [n, "expected", customers, "n_n", "n_e", "e_e"]
    seen, e, who, n_n, n_e, e_e = counts[wanted].to_numpy(float).T
    ratio = np.divide(seen, e, out=np.zeros(len(e)), where=e > 0)
    return shrunk_lift(seen, e, who, n_n - 2 * ratio * n_e + ratio**2 * e_e)


def shrunk_lift(n: Array, e: Array, customers: Array, squares: Array) -> pd.DataFrame:
    """Return the lift of every pair with its 90% interval.

    n, e, customers, squares (pair,): As in `design_effect`; E is the expectation of N under chance.
    Returns: ``lift`` (EBGM, the geometric mean of the posterior), ``lift_q05`` (EB05),
        ``lift_q95``, ``lift_raw`` (N/E; missing where E is 0), ``design_effect``, ``prior_shape``.
    """
    design = design_effect(n, customers, squares)
    n_eff, e_eff = n / design, e / design
    possible = e > 0
    a = prior_shape(n_eff[possible], e_eff[possible])
    shape, rate = a + n_eff, a + e_eff
    return pd.DataFrame(
        {
            "lift": np.exp(digamma(shape)) / rate,
            "lift_q05": gamma.ppf(0.05, shape, scale=1 / rate),
            "lift_q95": gamma.ppf(0.95, shape, scale=1 / rate),
            "lift_raw": np.divide(n, e, out=np.full(len(n), np.nan), where=possible),
            "design_effect": design,
            "prior_shape": a,
        }
    )
