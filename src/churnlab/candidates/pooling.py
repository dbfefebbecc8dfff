"""Models whose groups borrow strength from each other, or each stand alone."""

from typing import Any, Final

from churnlab.candidates.base import Context
from churnlab.candidates.models import BayesianCandidate
from churnlab.errors import DataError, FitRefusedError, UsageError
from churnlab.models.draws import PopulationDraws
from churnlab.origins.past import Past
from churnlab.summary import Cells
from churnlab.summary.cells import POOLED

#: Endings of candidates' names: how groups pool, and what varies between them.
POOLED_SUFFIXES: Final = {
    "+partial": ("partial", "locations"),
    "+partial_all": ("partial", "all"),
    "+none": ("none", "locations"),
    "+complete": ("complete", "locations"),
}


class PoolingCandidate(BayesianCandidate):
    """A Bayesian model of groups: partial pooling, or every group fitted on its own.

    The groups are those of `split.group` that have a customer by the origin.

    name, model, k: As in `ModelCandidate`.
    how: `partial` or `none`.
    effects: What varies under partial pooling: `locations` or `all`.
    """

    def __init__(self, name: str, model: str, k: int | None, how: str, effects: str) -> None:
        super().__init__(name, model, k)
        self.how, self.effects = how, effects

    @property
    def pooling(self) -> dict[str, Any]:
        """How groups pool, as arguments of `fit_population`."""
        return {"pooling": self.how, "group_effects": self.effects}

    def learn(self, past: Past, context: Context) -> tuple[PopulationDraws, dict[str, Any]]:
        """Fit the groups known at an origin, or find the finished fit.

        Raises UsageError: The panel has no groups.
        """
        if past.group_names == POOLED:
            raise UsageError(
                f"candidate {self.name} needs groups and split.group is not set; name a column of "
                f"members, such as split.group=channel, or ask for plain {self.model}."
            )
        return self.learn_cells(past.grouped_cells(), past.origin, context)

    def fit(self, cells: Cells, context: Context) -> tuple[PopulationDraws, dict[str, Any]]:
        """Fit all groups; one that cannot stand alone refuses no pooling, and the rest go on."""
        try:
            draws, note = super().fit(cells, context)
        except DataError as error:
            raise FitRefusedError(f"{self.name}: {error}") from error
        return draws, {**note, "groups": len(cells.groups)}
