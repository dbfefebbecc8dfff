"""Posteriors of a population's parameters: laplace or NUTS, one result, one gate."""

from churnlab.inference.acceptance import gate, problems
from churnlab.inference.datatree import load_draws, load_predictive, save_posterior
from churnlab.inference.fit import fit_population, maximum_likelihood
from churnlab.inference.result import Point, PopulationFit
from churnlab.inference.spend import SpendFit, fit_spend
from churnlab.inference.studies.compare import Elpd, KChoice, choose_k, compare_models, elpd
from churnlab.inference.studies.sbc import sbc_ecdf, sbc_summary, sbc_table
from churnlab.inference.studies.sensitivity import most_prior_sensitive, prior_sensitivity
from churnlab.inference.targets.seasons import Seasons, fit_seasons

__all__ = [
    "Elpd",
    "KChoice",
    "Point",
    "PopulationFit",
    "Seasons",
    "SpendFit",
    "choose_k",
    "compare_models",
    "elpd",
    "fit_population",
    "fit_seasons",
    "fit_spend",
    "gate",
    "load_draws",
    "load_predictive",
    "maximum_likelihood",
    "most_prior_sensitive",
    "prior_sensitivity",
    "problems",
    "save_posterior",
    "sbc_ecdf",
    "sbc_summary",
    "sbc_table",
]
