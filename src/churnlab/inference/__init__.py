"""Posteriors of a population's parameters: laplace or NUTS, one result, one gate."""

from churnlab.inference.acceptance import gate, problems
from churnlab.inference.datatree import (
    load_draws,
    load_predictive,
    posterior_image,
    save_posterior,
    to_datatree,
)
from churnlab.inference.fit import fit_population, maximum_likelihood
from churnlab.inference.result import Point, PopulationFit
from churnlab.inference.ways.erlang import choose_k
from churnlab.inference.ways.seasons import Seasons, fit_seasons

__all__ = [
    "Point",
    "PopulationFit",
    "Seasons",
    "choose_k",
    "fit_population",
    "fit_seasons",
    "gate",
    "load_draws",
    "load_predictive",
    "maximum_likelihood",
    "posterior_image",
    "problems",
    "save_posterior",
    "to_datatree",
]
