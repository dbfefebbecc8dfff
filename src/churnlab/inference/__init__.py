"""Posteriors of a population's parameters: laplace or NUTS, one result, one gate."""

from churnlab.inference.acceptance import gate
from churnlab.inference.datatree import load_draws, load_predictive, posterior_image, to_datatree
from churnlab.inference.fit import fit_population, maximum_likelihood
from churnlab.inference.result import PopulationFit
from churnlab.inference.ways.seasons import Seasons, fit_seasons

__all__ = [
    "PopulationFit", "Seasons", "fit_population", "fit_seasons", "gate", "load_draws",
    "load_predictive", "maximum_likelihood", "posterior_image", "to_datatree",
]  # fmt: skip
