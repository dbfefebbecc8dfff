"""Posteriors of a population's parameters: laplace or NUTS, one result, one gate."""

from churnlab.inference.compare import Elpd, KChoice, choose_k, compare_models, elpd
from churnlab.inference.datatree import load_draws, save_posterior
from churnlab.inference.diagnostics import gate, problems
from churnlab.inference.fit import fit_population, maximum_likelihood
from churnlab.inference.result import Point, PopulationFit
from churnlab.inference.sbc import sbc_ecdf, sbc_summary, sbc_table

__all__ = [
    "Elpd",
    "KChoice",
    "Point",
    "PopulationFit",
    "choose_k",
    "compare_models",
    "elpd",
    "fit_population",
    "gate",
    "load_draws",
    "maximum_likelihood",
    "problems",
    "save_posterior",
    "sbc_ecdf",
    "sbc_summary",
    "sbc_table",
]
