"""Covariates of customers as numbers: standardised, coded, and collapsed to distinct profiles.

A profile is a distinct (group, covariates). Cells carry profiles where cells without covariates
carry groups, so everything that follows a fit stays as it is.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from churnlab.errors import DataError, UsageError, nearest
from churnlab.types import Array, Ints

#: Level of customers whose category is missing.
MISSING = "unknown"
#: A category with more levels wants to be pooled: `model.group`.
MOST_LEVELS = 50


@dataclass(frozen=True)
class Coding:
    """How one covariate becomes coefficients.

    column: The attribute's name.
    mean, sd: Of a number, over the customers of the fit; its coefficient is per standard deviation.
    levels: Of a category, the most frequent one first: it is the reference, the others have a
        coefficient each. Empty for a number.
    """

    column: str
    mean: float = 0.0
    sd: float = 1.0
    levels: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the coefficients: ``age``, or ``channel=web`` for each level but the first."""
        if not self.levels:
            return (self.column,)
        return tuple(f"{self.column}={level}" for level in self.levels[1:])

    def encode(self, values: pd.Series) -> Array:
        """Return (customer, coefficient).

        Raises DataError: Numbers that are missing or infinite; categories that the fit has not
            seen.
        """
        if not self.levels:
            return ((_numbers(values, self.column) - self.mean) / self.sd)[:, None]
        text = _text(values)
        unknown = sorted(set(text) - set(self.levels))
        if unknown:
            raise DataError(
                f"{self.column} has {unknown[0]!r}, a level that the fit has not seen (it has "
                f"{', '.join(self.levels)}).{nearest(unknown[0], self.levels)} Fit again on data "
                "that have it; model.group can predict levels that are new."
            )
        indicators: Array = text.to_numpy()[:, None] == np.array(self.levels[1:], object)
        return indicators.astype(np.float64)


@dataclass(frozen=True)
class Design:
    """Profiles of a summary: distinct (group, covariates).

    codings: One per covariate.
    matrix (profile, coefficient): Standardised numbers and indicators.
    group (profile,): Codes into `groups`.
    groups: Names of the groups; ``("all",)`` without grouping columns.
    """

    codings: tuple[Coding, ...]
    matrix: Array
    group: Ints
    groups: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the coefficients."""
        return tuple(name for coding in self.codings for name in coding.names)


def learn_codings(customers: pd.DataFrame, covariates: Sequence[str]) -> tuple[Coding, ...]:
    """Return how each covariate is coded, from the customers of a fit.

    covariates: Column names; ``C(name)`` makes a category of numbers.
    Raises DataError: A covariate that is constant, missing or infinite, or has too many levels.
    """
    return tuple(_coding(customers[column_of(name)], name) for name in covariates)


def column_of(covariate: str) -> str:
    """Return the column behind ``name`` or ``C(name)``."""
    inner = re.fullmatch(r"C\((.+)\)", covariate)
    return inner.group(1) if inner else covariate


def profiles(
    customers: pd.DataFrame, codings: tuple[Coding, ...], group: Ints, groups: tuple[str, ...]
) -> tuple[Design, Ints, tuple[str, ...]]:
    """Return the design, the profile of each customer, and the profiles' names.

    customers: One row per customer with the covariates' columns.
    group, groups: Group code of each customer, and the groups' names.
    """
    encoded = [coding.encode(customers[coding.column]) for coding in codings]
    table = np.column_stack([group.astype(np.float64), *encoded])
    distinct, first, code = np.unique(table, axis=0, return_index=True, return_inverse=True)
    design = Design(codings, distinct[:, 1:].copy(), distinct[:, 0].astype(np.int64), groups)
    shown = customers.iloc[first]
    parts = [[groups[g] for g in design.group]] if len(groups) > 1 else []
    parts += [[f"{c.column}={v}" for v in _shown(shown[c.column], c)] for c in codings]
    names = tuple(" | ".join(one) for one in zip(*parts, strict=True))
    return design, np.asarray(code, np.int64).reshape(-1), names


def _coding(values: pd.Series, covariate: str) -> Coding:
    column = column_of(covariate)
    if covariate == column and _is_number(values):
        found = _numbers(values, column)
        sd = float(found.std())
        if not sd > 0:
            raise DataError(
                f"covariate {column!r} is {found[0]:g} for every customer and explains nothing; "
                "leave it out."
            )
        return Coding(column, float(found.mean()), sd)
    counts = _text(values).value_counts()
    if len(counts) == 1:
        raise DataError(
            f"covariate {column!r} is {counts.index[0]!r} for every customer and explains "
            "nothing; leave it out."
        )
    if len(counts) > MOST_LEVELS:
        raise DataError(
            f"covariate {column!r} has {len(counts)} levels (at most {MOST_LEVELS}); use it as "
            f"model.group={column}, where levels borrow strength from each other."
        )
    order = sorted(counts.index, key=lambda level: (-counts[level], level))
    return Coding(column, levels=tuple(str(level) for level in order))


def _is_number(values: pd.Series) -> bool:
    if pd.api.types.is_bool_dtype(values):
        return False
    if pd.api.types.is_numeric_dtype(values):
        return True
    if pd.api.types.is_datetime64_any_dtype(values):
        raise UsageError(
            f"covariate {values.name!r} holds times; give a number (days, an age) or a category."
        )
    present = values.dropna()
    return bool(len(present)) and bool(pd.to_numeric(present, errors="coerce").notna().all())


def _numbers(values: pd.Series, column: str) -> Array:
    found = pd.to_numeric(values, errors="coerce").to_numpy(np.float64)
    bad = ~np.isfinite(found)
    if bad.any():
        raise DataError(
            f"covariate {column!r} is missing or not a finite number for {int(bad.sum()):,} of "
            f"{len(found):,} customers; fill the gaps, drop these customers, or take it as a "
            f"category: C({column})."
        )
    return found


def _text(values: pd.Series) -> pd.Series:
    return values.astype("str").where(values.notna(), MISSING).astype("object")


def _shown(values: pd.Series, coding: Coding) -> list[str]:
    if coding.levels:
        return list(_text(values))
    return [f"{v:.6g}" for v in _numbers(values, coding.column)]
