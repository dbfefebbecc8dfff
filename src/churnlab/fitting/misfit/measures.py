"""What is compared between the customers and their replicates: one vector of figures a check."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churnlab.fitting.misfit.replicates import Purchases
from churnlab.types import Array, Ints

#: Purchase classes by repeat purchases, each from its number on, and how they are written.
CLASSES = (1, 2, 4, 8)
CLASS_NAMES = ("1", "2-3", "4-7", "8+")
#: Customers (or purchases) that a figure needs to be compared.
ENOUGH = 50
#: Parts of the log by first purchase.
COHORTS = 5
#: Days of the buckets that calendar figures are made of.
BUCKET = 14
#: A gap of a year lies within the inner days; the outer ones are its neighbourhood.
YEARLY, NEAR_YEARLY = (351, 380), (292, 438)
#: Gaps shorter than this on average say more of the day grid than of regularity.
COARSE_DAYS = 7
YEAR = 365.25


@dataclass(frozen=True)
class Histories:
    """The same customers, as they were (one replicate) or as a model makes them (many).

    first (customer,): Day of the first purchase, days since 1970-01-01.
    end: Last known day.
    x, t_x (row,): Repeat purchases, and days from the first purchase to the last; replicate r has
        the rows r n .. r n + n - 1.
    purchases: The repeat purchases with their dates, where they are known.
    """

    first: Ints
    end: int
    x: Array
    t_x: Array
    purchases: Purchases | None

    @classmethod
    def of(cls, purchases: Purchases, first: Ints, end: int, replicates: int = 1) -> Histories:
        """Return the histories of dated purchases."""
        size = len(first) * replicates
        x = np.bincount(purchases.row, minlength=size).astype(float)
        return cls(first, end, x, np.bincount(purchases.row, purchases.gap, size), purchases)

    @property
    def replicates(self) -> int:
        """How often each customer is there."""
        return len(self.x) // len(self.first)

    @property
    def age(self) -> Array:
        """T, (row,)."""
        return np.tile((self.end - self.first).astype(float), self.replicates)

    @property
    def silence(self) -> Array:
        """Days since the last purchase, (row,)."""
        return self.age - self.t_x

    def by_replicate(self, values: Array | NDArray[np.bool_], cell: Ints, n: int) -> Array:
        """Sum a value of each row by replicate and cell, (replicate, cell); cell -1 is left out."""
        return self._summed(np.arange(len(values)), values, cell, n)

    def by_purchase(self, values: Array | NDArray[np.bool_], cell: Ints, n: int) -> Array:
        """Sum a value of each purchase by replicate and cell, (replicate, cell)."""
        assert self.purchases is not None
        return self._summed(self.purchases.row, values, cell, n)

    def _summed(self, row: Ints, values: Array | NDArray[np.bool_], cell: Ints, n: int) -> Array:
        kept = cell >= 0
        key = (row // len(self.first) * n + cell)[kept]
        found = np.bincount(key, np.asarray(values, float)[kept], self.replicates * n)
        return found.reshape(self.replicates, n)


@dataclass(frozen=True)
class Figures:
    """A check's figures: (replicate, cell) of the data (one replicate) and of the model."""

    cells: tuple[str, ...]
    data: Array
    model: Array
    usable: NDArray[np.bool_]
    """Cells with enough behind them, (cell,)."""


def silence(data: Histories, model: Histories) -> Figures:
    """Share of each purchase class in each quarter of the model's silences of that class."""
    edges = np.zeros((len(CLASSES), 3))
    classes = [np.searchsorted(CLASSES, h.x, side="right") - 1 for h in (data, model)]
    for c in range(len(CLASSES)):
        own = model.silence[classes[1] == c]
        edges[c] = np.quantile(own, [0.25, 0.5, 0.75]) if own.size else 0.0
    names = tuple(
        f"{name} {low} {high}"
        for name, row in zip(CLASS_NAMES, edges, strict=True)
        for low, high in zip([0, *map(round, row)], [*map(round, row), ""], strict=True)
    )
    found = []
    for h, code in zip((data, model), classes, strict=True):
        band = (h.silence[:, None] >= edges[code]).sum(axis=1)
        cell = np.where(code < 0, -1, code * 4 + band)
        counts = h.by_replicate(np.ones(len(h.x)), cell, len(CLASSES) * 4)
        whole = counts.reshape(-1, len(CLASSES), 4).sum(axis=2)
        found.append((counts / np.maximum(np.repeat(whole, 4, axis=1), 1), np.repeat(whole, 4, 1)))
    (seen, n), (made, many) = found
    return Figures(names, seen, made, (n[0] >= ENOUGH) & (many.mean(axis=0) >= ENOUGH))


def ageing(data: Histories, model: Histories) -> Figures:
    """Share of long-known repeat customers whose last purchase came midway through their time."""
    found = []
    for h in (data, model):
        old = (h.age >= np.median(data.age)) & (h.x >= 2)
        place = h.t_x / np.maximum(h.age, 1.0)
        midway = (place >= 1 / 3) & (place < 0.8)
        n = h.by_replicate(old, np.zeros(len(h.x), np.int64), 1)
        found.append((h.by_replicate(old & midway, np.zeros(len(h.x), np.int64), 1), n))
    return _ratio(("midway",), *found)


def cohorts(data: Histories, model: Histories) -> Figures:
    """Log of the repeat purchases a customer, by fifth of the time of first purchases."""
    start, width = data.first.min(), (data.first.max() - data.first.min() + 1) / COHORTS
    band = ((data.first - start) / width).astype(np.int64)
    n = np.bincount(band, minlength=COHORTS)
    found = [
        np.log((h.by_replicate(h.x, np.tile(band, h.replicates), COHORTS) + 0.5) / np.maximum(n, 1))
        for h in (data, model)
    ]
    repeats = model.by_replicate(model.x, np.tile(band, model.replicates), COHORTS).mean(axis=0)
    usable = (n >= ENOUGH) & (repeats >= ENOUGH) & (width >= BUCKET)
    return Figures(tuple(map(str, range(1, COHORTS + 1))), found[0], found[1], usable)


def regularity(data: Histories, model: Histories) -> Figures:
    """Log of how unequal a customer's gaps are: mean log(mean gap / gap), three purchases or more.

    With Erlang-k gaps, given x and t_x, the gaps are Dirichlet(k) shares of t_x: the figure
    depends on k alone.
    """
    found, n = [], []
    for h in (data, model):
        assert h.purchases is not None
        known = (h.x >= 2) & (h.t_x >= COARSE_DAYS * h.x)
        mean = np.log(np.maximum(h.t_x, 1.0) / np.maximum(h.x, 1.0))[h.purchases.row]
        cell = np.where(known[h.purchases.row], 0, -1)
        unequal = h.by_purchase(mean - np.log(h.purchases.gap), cell, 1)
        found.append(np.log(np.maximum(unequal, 1e-9)))
        n.append(h.by_replicate(np.where(known, h.x - 1, 0.0), np.zeros(len(h.x), np.int64), 1))
        found[-1] -= np.log(np.maximum(n[-1], 1e-9))
    return Figures(
        ("gaps",), found[0], found[1], np.array([min(n[0][0, 0], n[1].mean()) >= ENOUGH])
    )


def yearly(data: Histories, model: Histories) -> Figures:
    """Share of gaps of a year among those of ten to fourteen months."""
    found = []
    for h in (data, model):
        assert h.purchases is not None
        gap, cell = h.purchases.gap, np.zeros(len(h.purchases.gap), np.int64)
        inner = (gap >= YEARLY[0]) & (gap < YEARLY[1])
        near = (gap >= NEAR_YEARLY[0]) & (gap < NEAR_YEARLY[1])
        found.append((h.by_purchase(inner, cell, 1), h.by_purchase(near, cell, 1)))
    return _ratio(("a year",), *found)


def trend(data: Histories, model: Histories) -> Figures:
    """Growth of purchases against the model's over the log, as a difference of logs."""
    seen, made, middle = _calendar(data, model)
    enough = len(middle) >= 4
    span = np.ptp(middle) if enough else 0.0  # of few purchases no month may be left
    slope = [_line(v, made.mean(axis=0), middle)[1] * span for v in (seen, made)]
    return Figures(("growth",), slope[0][:, None], slope[1][:, None], np.array([enough]))


def season(data: Histories, model: Histories) -> Figures:
    """Purchases by month of the year against the model's, as logs, growth taken out."""
    seen, made, middle = _calendar(data, model)
    weight = made.mean(axis=0)
    month = pd.DatetimeIndex(middle.astype("datetime64[D]")).month.to_numpy() - 1
    share = np.zeros((len(month), 12))
    share[np.arange(len(month)), month] = weight
    total = share.sum(axis=0)
    share /= np.maximum(total, 1e-9)
    found = []
    for v in (seen, made):
        level, slope = _line(v, weight, middle)
        rest = _logs(v, weight) - level[:, None] - slope[:, None] * middle
        found.append(rest @ share)
    names = tuple(map(str, range(1, 13)))
    return Figures(names, found[0], found[1], (total >= ENOUGH) & (len(middle) >= 8))


def _ratio(
    names: tuple[str, ...], data: tuple[Array, Array], model: tuple[Array, Array]
) -> Figures:
    """Return shares from (part, whole) of data and model."""
    seen, made = (part / np.maximum(whole, 1.0) for part, whole in (data, model))
    enough = (data[1][0] >= ENOUGH) & (model[1].mean(axis=0) >= ENOUGH)
    return Figures(names, seen, made, enough)


def _calendar(data: Histories, model: Histories) -> tuple[Array, Array, Array]:
    """Return repeat purchases by bucket of days in data and model, and the buckets' middles.

    Buckets with few expected purchases, and an incomplete last one, are left out.
    """
    start = int(data.first.min())
    n = (data.end - start + 1) // BUCKET
    found = []
    for h in (data, model):
        assert h.purchases is not None
        place = (h.purchases.day - start) // BUCKET
        found.append(h.by_purchase(np.ones(len(place)), np.where(place < n, place, -1), max(n, 1)))
    kept = found[1].mean(axis=0) >= 10
    middle: Array = (start + (np.arange(max(n, 1), dtype=np.float64) + 0.5) * BUCKET)[kept]
    return found[0][:, kept], found[1][:, kept], middle


def _logs(counts: Array, weight: Array) -> Array:
    return np.asarray(np.log((counts + 0.5) / (weight + 0.5)))


def _line(counts: Array, weight: Array, when: Array) -> tuple[Array, Array]:
    """Return level and slope of log(counts / weight), least squares by weight, (replicate,)."""
    if len(when) < 2:
        return np.zeros(len(counts)), np.zeros(len(counts))
    centre = (weight * when).sum() / weight.sum()
    off, logs = when - centre, _logs(counts, weight)
    slope = (logs * weight * off).sum(axis=1) / (weight * off**2).sum()
    level = (logs * weight).sum(axis=1) / weight.sum()
    return level - slope * centre, slope
