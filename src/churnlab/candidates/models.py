"""Buy-till-you-die models: Bayesian, by maximum likelihood, and as `lifetimes` fits them."""

import contextlib
import datetime as dt
import hashlib
import io
import warnings
from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from churnlab import models
from churnlab.candidates.base import Candidate, Context, Forecast, Kind
from churnlab.errors import FitRefusedError
from churnlab.forecast import closed_forms
from churnlab.models.draws import PopulationDraws
from churnlab.origins.past import Past
from churnlab.origins.targets import Target
from churnlab.runs.hashing import content_hash
from churnlab.summary import Cells, Clock, Dated
from churnlab.types import Array, Ints

#: Draws behind count distributions: they cost a column per count, and CRPS settles early.
_PMF_DRAWS = 20
#: Draws behind expectations where each is a sum over counts (Erlang gaps).
_SLOW_DRAWS = 10
#: lifetimes' own tolerance first.
_PEER_TOLERANCES = (1e-7, 1e-5, 1e-3)


class ModelCandidate(Candidate):
    """A model whose forecasts are its closed forms averaged over draws of its parameters.

    model: Likelihood, as in `churnlab.models.MODELS`.
    k: Erlang shape of the gaps; None leaves the choice to the fit.
    """

    kind: ClassVar[Kind] = "model"

    def __init__(self, name: str, model: str, k: int | None = None) -> None:
        self.name = name
        self.model = model
        self.k = k

    @abstractmethod
    def fit(self, cells: Cells, context: Context) -> tuple[PopulationDraws, dict[str, Any]]:
        """Return draws (one row for a plug-in fit) and what should stand in the tables."""

    def key(self, context: Context) -> dict[str, Any]:
        """Return what the fit depends on besides the data."""
        del context
        return {"how": type(self).__name__, "model": self.model, "k": self.k}

    def learn(self, past: Past, context: Context) -> tuple[PopulationDraws, dict[str, Any]]:
        """Fit at an origin, or find the finished fit."""
        return self.learn_cells(past.cells, past.origin, context)

    def learn_cells(
        self, cells: Cells, origin: dt.date, context: Context
    ) -> tuple[PopulationDraws, dict[str, Any]]:
        """Fit cells of events up to an origin (purchases or visits), or find the finished fit."""
        data = {"data": data_hash(cells), "group": list(cells.groups)}
        return self.stored(data, origin, context, lambda: self.fit(cells, context))

    def stored(
        self,
        data: dict[str, Any],
        origin: dt.date,
        context: Context,
        fit: Callable[[], tuple[PopulationDraws, dict[str, Any]]],
    ) -> tuple[PopulationDraws, dict[str, Any]]:
        """Return the finished fit to these data, or make it."""
        key = {**self.key(context), **data}

        def make() -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
            context.report("fit")
            draws, note = fit()
            about = {"k": draws.k, "groups": list(draws.groups), "note": note}
            unseen = {} if draws.unseen is None else {"unseen": draws.unseen}
            return {"theta": draws.theta, **unseen}, about

        arrays, about = context.cache.get(key, make)
        groups = tuple(about["groups"])
        draws = PopulationDraws(
            self.model, int(about["k"]), arrays["theta"], groups, origin, arrays.get("unseen")
        )
        return draws, about["note"]

    def clock(self, note: dict[str, Any]) -> Clock | None:
        """Return the clock that the draws are measured on; None is plain days."""
        del note
        return None

    def windowed_risk(self, past: Past, windows: Ints, context: Context) -> Array:
        """Return P(no purchase in the window) alone, per customer."""
        draws, note = self.learn(past, context)
        rows = closed_forms.Rows(past, windows, self.clock(note), draws)
        return closed_forms.risk_and_alive(rows, draws.thin(context.score_draws))[0]

    def forecast(self, past: Past, target: Target, context: Context) -> Forecast:
        """Forecast by the model's closed forms."""
        draws, note = self.learn(past, context)
        thin = draws.thin(context.score_draws)
        rows = closed_forms.Rows(past, target.windows(past), self.clock(note), draws)
        risk, alive = closed_forms.risk_and_alive(rows, thin)
        expected = closed_forms.expected_of(rows, thin if draws.k == 1 else draws.thin(_SLOW_DRAWS))
        pmf = None
        if context.counts and target.basis == "fixed_days":
            pmf = closed_forms.pmf_of(rows, draws.thin(_PMF_DRAWS), _largest(expected))
        assert draws.seen_until is not None
        return Forecast(
            score=risk,
            seen_until=draws.seen_until,
            risk=risk,
            p_alive=alive,
            expected=expected,
            pmf=pmf,
            pmf_row=None if pmf is None else rows.inverse,
            details={**_parameters(draws), **note},
            notes=tuple(note.get("warnings", ())),
        )


class BayesianCandidate(ModelCandidate):
    """Posterior draws from `inference.fit_population`."""

    @property
    def pooling(self) -> dict[str, Any]:
        """How groups pool, as arguments of `fit_population`; nothing without groups."""
        return {}

    def key(self, context: Context) -> dict[str, Any]:
        """Return what the fit depends on besides the data."""
        how = {"method": context.method, "draws": context.draws, "seed": context.seed}
        return {**super().key(context), **how, "priors": dict(context.priors), **self.pooling}

    def fit(self, cells: Cells, context: Context) -> tuple[PopulationDraws, dict[str, Any]]:
        """Fit the posterior of the population; a fit that its diagnostics refuse raises."""
        from churnlab import inference
        from churnlab.studies.sensitivity import most_prior_sensitive

        fit = inference.fit_population(
            cells,
            model=self.model,
            k=self.k,
            method=context.method,
            draws=context.draws,
            chains=context.chains,
            seed=context.seed,
            priors=dict(context.priors),
            **self.pooling,
        )
        inference.gate(fit)
        return fit.draws, {
            "method": fit.method,
            "warnings": list(fit.warnings),
            "prior_sensitivity": most_prior_sensitive(fit),
        }


class MaximumLikelihoodCandidate(ModelCandidate):
    """The plug-in forecast at the maximum-likelihood point: what published tables report."""

    def fit(self, cells: Cells, context: Context) -> tuple[PopulationDraws, dict[str, Any]]:
        """Maximise the likelihood."""
        from churnlab import inference

        del context
        k = self.k or 1
        theta, value = inference.maximum_likelihood(cells, self.model, k)
        draws = PopulationDraws(self.model, k, np.asarray(theta, dtype=np.float64)[None, None, :])
        return draws, {"max_log_likelihood": float(value)}


class LifetimesCandidate(ModelCandidate):
    """The peer: parameters by `lifetimes`, in weeks (its optimiser is built for small numbers).

    lifetimes has no P(no purchase in a window) for every model, so the forecasts are our closed
    forms at its parameters: what differs from `<model>_ml` is the optimiser alone.
    """

    kind: ClassVar[Kind] = "peer"

    def fit(self, cells: Cells, context: Context) -> tuple[PopulationDraws, dict[str, Any]]:
        """Fit with lifetimes on weighted cells and bring the time parameters to days."""
        fitter = self._converged(cells, context.seed)
        found = {str(k): float(v) for k, v in fitter.params_.items()}
        likelihood = models.get(self.model)
        theta = likelihood.in_unit(np.array([found[n] for n in likelihood.parameters]), 7.0)
        return PopulationDraws(self.model, 1, theta[None, None, :]), {}

    def _converged(self, cells: Cells, seed: int) -> Any:
        """Fit, loosening the tolerance where the peer's optimiser gives up near a flat ridge."""
        start = {}
        fitter_name = str(models.named(self.model).lifetimes_fitter)
        if (
            fitter_name == "ParetoNBDFitter"
        ):  # by default drawn like this from numpy's global generator
            start = {"initial_params": np.random.default_rng(seed).normal(1.0, 0.05, 4)}
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            import lifetimes
            from lifetimes.utils import ConvergenceError

            fitter = getattr(lifetimes, fitter_name)(penalizer_coef=0.0)
            for tol in _PEER_TOLERANCES:
                try:
                    return fitter.fit(
                        cells.x, cells.t_x / 7, cells.T / 7, cells.weight, tol=tol, **start
                    )
                except (ConvergenceError, ValueError, FloatingPointError):
                    continue
        raise FitRefusedError(
            f"lifetimes' {fitter_name} did not converge on {cells.n_customers} "
            f"customers; compare with {self.model}_ml."
        )


def data_hash(rows: Cells | Dated) -> str:
    """Return the hash of the arrays of cells."""
    return arrays_hash(*(v for _, v in sorted(vars(rows).items()) if isinstance(v, np.ndarray)))


def arrays_hash(*columns: ArrayLike) -> str:
    """Return a hash of the numbers that a fit depends on."""
    return content_hash([_digest(np.asarray(c, dtype=np.float64)) for c in columns])


def _digest(values: Array) -> str:
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()


def _parameters(draws: PopulationDraws) -> dict[str, float]:
    mean = draws.theta.mean(axis=(0, 1))
    names = draws.likelihood.parameters
    return {f"mean_{n}": float(v) for n, v in zip(names, mean, strict=True)} | {"k": draws.k}


def _largest(expected: Array) -> int:
    """Return a count beyond which hardly anything lies, for the columns of the pmf."""
    top = float(expected.max())
    return int(np.ceil(top + 6 * np.sqrt(top + 1) + 4))
