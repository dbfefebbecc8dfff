"""Groups in two stages: each group's likelihood expanded once, then the population they share.

Given the population phi = (m, spreads, shared rows), groups are independent, and

    p(phi | data) ~ p(phi) prod_g Z_g(phi),   Z_g(phi) = integral L_g(eta) p(eta | phi) d eta.

1. `search`: modes of all groups side by side, in the same passes over the cells, with the
   population that suits them (empirical Bayes).
2. `expansion`: ln L_g to second order around its mode, so that Z_g(phi) is a Gaussian integral.
3. `hyper`: phi is sampled from that approximation by laplace; it costs no pass over the cells.
4. `run`: for each phi, K draws of every group's eta from its conditional and their exact
   likelihoods give an unbiased estimate of the exact Z_g(phi), hence a weight of phi, and one of
   the K as the group's draw: importance sampling squared (Tran, Scharth, Pitt and Kohn 2013).

Weights with unbiased estimates are exact weights, so up to Monte Carlo error the draws come from
the exact posterior, whatever the expansion; it decides only how much is lost. Pareto k-hat says
whether the weights can be trusted. NUTS on the same density is the slow, obvious twin.
"""

from churnlab.inference.ways.twostage.run import sample_two_stage

__all__ = ["sample_two_stage"]
