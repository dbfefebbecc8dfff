"""The object of a notebook: a fitted model with what is asked of it in one line."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from churnlab.errors import UsageError, nearest
from churnlab.fitting.building import build
from churnlab.fitting.by_customer import with_customers
from churnlab.fitting.config import InferenceConfig, ModelConfig
from churnlab.fitting.foresight import DRAWS, Foresight
from churnlab.fitting.saving import save
from churnlab.report.drawn import drawn
from churnlab.summary import Summary, summarise

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes
    from xarray import DataTree

    from churnlab.fitting.report.data import SilenceCurve

#: Cells of the P(alive) matrix along either side.
_SIDE: Final = 40


class Fit(Foresight):
    """A fitted model: the population's posterior, and through it each customer's.

    Attributes
    ----------
    data : Summary
        What the model was fitted to.
    population : PopulationFit
        Draws of the population's parameters with their diagnostics.
    seasons : Seasons, optional
        The clock that the cells' times are measured on, with what is known of it.
    config : ModelConfig
        What was asked for.
    notes : tuple of str
        What must be said of groups, covariates and one-time buyers.
    first : FittedModel, optional
        What judges customers with a single purchase where the model cannot: BG/NBD holds them
        alive for ever, so their rows are those of its MBG kin, fitted to the same customers.
    inference, seed
        How the posterior was reached; the same again gives the same draws.

    Notes
    -----
    Pictures take `ax` and `lang` (`en`, `ko`) and return their axes. The examples of the methods go
    on from this one.

    Examples
    --------
    >>> import churnlab as cl
    >>> log = cl.load_shop(400).until("2025-03-31")
    >>> fit = cl.fit(cl.summarise(log), seed=1)
    >>> fit
    Fit(mbg_nbd, 134 customers up to 2025-03-31, laplace, 1,000 draws)
    """

    @classmethod
    def of(
        cls, summary: Summary, model: ModelConfig, inference: InferenceConfig, seed: int, **how: Any
    ) -> Fit:
        """Fit a summary that is grouped as the model says (`churnlab.fit` does both).

        how: ``kept``, ``check`` and ``progress`` of `building.build`.
        """
        found = build(summary, model, inference, seed, **how)
        first = None
        if found.kin is not None:
            other = replace(found.config, name=found.kin.draws.model)
            first = cls(found.data, found.kin, found.seasons, other, inference=inference, seed=seed)
        return cls(
            found.data,
            found.population,
            found.seasons,
            found.config,
            found.notes,
            first,
            inference,
            seed,
        )

    def update(self, log: Any) -> Fit:
        """Return the same model fitted to newer events: same settings, groups and seed.

        Parameters
        ----------
        log : EventLog
            The whole log, with the new events in it.

        Returns
        -------
        Fit
            Fitted anew.

        Raises
        ------
        DataError, FitRefusedError
            As `churnlab.fit`.

        Examples
        --------
        >>> fit.update(cl.load_shop(400))
        Fit(mbg_nbd, 166 customers up to 2025-06-23, laplace, 1,000 draws)
        """
        own = self.data
        newer = summarise(
            log, group=own.group_columns, covariates=own.covariates, **dict(own.counting)
        )
        return self.of(newer, self.config, self.inference, self.seed)

    @cached_property
    def posterior(self) -> DataTree:
        """Everything about the posterior as an ArviZ DataTree (groups: docs/inference.md).

        Log-likelihood, predictive draws and data are by customer, so that `arviz.loo`,
        `arviz.compare`, `arviz.plot_ppc_dist` and `arviz.plot_loo_pit` are of customers.
        """
        return with_customers(self)

    def save(self, folder: str | Path) -> Path:
        """Write the fit into a folder that `churnlab.load` reads back: netCDF, Parquet and JSON.

        Parameters
        ----------
        folder : path
            Made where it does not exist; a fit that stands there is replaced at the end.

        Returns
        -------
        Path
            The folder.

        Raises
        ------
        UsageError
            A fit that was applied to other data (`on`), or of groups fitted alone.

        Examples
        --------
        >>> folder = fit.save("outputs/my_fit")
        >>> cl.load(folder).draws.theta.shape == fit.draws.theta.shape
        True
        """
        return save(self, folder)

    @drawn
    def plot_tracking(self, ax: Axes | None = None, *, lang: str = "en") -> Axes:
        """Draw cumulative repeat purchases by week: as they came, and as the model expects them.

        Raises
        ------
        UsageError
            A summary made from arrays, which does not know the days of purchases.

        Examples
        --------
        >>> ax = fit.plot_tracking()
        """
        from churnlab.fitting.report.data import repeats_by_week
        from churnlab.fitting.report.plots import tracking
        from churnlab.report.style import axes

        weeks = repeats_by_week(self.draws.thin(DRAWS), self.data)
        return tracking(axes(ax), weeks, lang=lang)

    @drawn
    def plot_alive_matrix(self, ax: Axes | None = None, *, lang: str = "en") -> Axes:
        """Draw P(alive) by repeat purchases and days of silence, of the oldest customers.

        Examples
        --------
        >>> ax = fit.plot_alive_matrix()
        """
        from churnlab.fitting.report.data import alive_matrix
        from churnlab.fitting.report.plots import matrix
        from churnlab.report.style import axes

        return matrix(axes(ax), *alive_matrix(self.draws, self.data, _SIDE), lang=lang)

    @drawn
    def plot_history(self, customer: str, ax: Axes | None = None, *, lang: str = "en") -> Axes:
        """Draw one customer's P(alive) against silence, today marked (the story: `cl.explain`).

        Parameters
        ----------
        customer : str
            An id, to the letter.

        Raises
        ------
        UsageError
            The fit does not know the customer.

        Examples
        --------
        >>> ax = fit.plot_history("m00200", lang="ko")
        """
        from churnlab.fitting.report.plots import risk_over_silence
        from churnlab.report.labels import label
        from churnlab.report.style import axes

        people = self.data.customers
        if not (chosen := people["customer_id"] == customer).any():
            known = people["customer_id"][:20_000].astype(str)
            near = nearest(str(customer), [*known])
            raise UsageError(
                f"the fit knows no customer {customer!r}.{near} Ids are text, to the letter."
            )
        person = people[chosen].iloc[0]
        x, t_x, T = (float(person[name]) for name in ("x", "t_x", "T"))
        reach = max(1.3 * (T - t_x), 3.0 * t_x / max(x, 1.0), 30.0)
        today = T - t_x
        ax = risk_over_silence(
            axes(ax),
            *self._alive_over(reach)(customer),
            name=str(customer),
            colour="C0",
            today=today,
            mark=label("today", lang),
            lang=lang,
        )
        ax.set_ylabel(label("p_alive", lang))
        ax.legend()
        return ax

    def _alive_over(self, reach: float) -> Callable[[str], SilenceCurve]:
        """Return what tells a customer's P(alive) by days of silence, 0 to `reach`."""
        from churnlab.fitting.report.data import p_alive_of

        people = self.data.customers.set_index("customer_id")
        days = np.unique(np.linspace(0.0, reach, 121).round())

        def curve(customer: str) -> SilenceCurve:
            person = people.loc[[customer]].iloc[0]
            judge = self.first if self.first is not None and person["x"] < 1 else self
            return p_alive_of(judge.draws, self.data, person, days)

        return curve

    @drawn
    def plot_calibration(self, ax: Axes | None = None, *, lang: str = "en") -> Axes:
        """Draw customers by repeat purchases: in the data, expected before it, and after it.

        Examples
        --------
        >>> ax = fit.plot_calibration()
        """
        from churnlab.fitting.report import data
        from churnlab.fitting.report.plots import predictive
        from churnlab.report.style import axes

        tree = self.posterior["repeaters"]
        counts = {k: np.atleast_2d(tree[k].to_numpy()) for k in ("observed", "prior", "posterior")}
        return predictive(axes(ax), data.predictive(counts), lang=lang)

    @drawn
    def plot_threshold(self, ax: Axes | None = None, *, lang: str = "en") -> Axes:
        """Draw P(alive) of a fast, a middling and a slow buyer, the day each is late marked.

        Examples
        --------
        >>> ax = fit.plot_threshold()
        """
        from churnlab.fitting.report import data
        from churnlab.fitting.report.plots import lateness
        from churnlab.report.style import axes

        people = data.three_customers(self.customers())
        return lateness(axes(ax), self._alive_over, people, lang=lang)

    @drawn
    def plot_parameters(self, ax: Any = None, *, lang: str = "en") -> Any:
        """Draw posterior and prior of each natural quantity, one panel each.

        Parameters
        ----------
        ax : sequence of Axes, optional
            One a quantity.

        Examples
        --------
        >>> axes = fit.plot_parameters()
        """
        from matplotlib import pyplot as plt

        from churnlab.fitting.report.plots import parameters

        after, before = (self.posterior[name] for name in ("posterior", "prior"))
        scalars = [str(n) for n, v in after.data_vars.items() if v.ndim == 2]
        of = {n: (after[n].to_numpy().ravel(), before[n].to_numpy().ravel()) for n in scalars}
        if ax is None:
            figure = plt.figure(figsize=(2.6 * len(scalars), 2.4), layout="constrained")
            ax = figure.subplots(1, len(scalars), squeeze=False)[0]
        parameters(ax, of, lang=lang)
        return ax
