"""A silence's curve is that of the customer's own group, or none."""

from types import SimpleNamespace

import numpy as np
import pytest

from churnlab.errors import UsageError
from churnlab.fitting.report.data import silence_curves
from churnlab.models.draws import PopulationDraws

DRAWS = PopulationDraws(
    "mbg_nbd", 1, np.array([[[0.5, 40.0, 0.8, 2.0], [2.0, 40.0, 0.8, 2.0]]]), ("slow", "fast")
)
DAYS, FIT = np.array([0.0, 60.0]), {"group_columns": ["pace"], "calendar": None}


def alive(pace, fit=FIT, draws=DRAWS):
    person = SimpleNamespace(pace=pace, x=3, t_x=90.0)
    return silence_curves(draws, person, DAYS, 30, fit)[0].mean


def test_it_is_the_curve_of_the_own_group():
    assert alive("fast")[1] < alive("slow")[1]


def test_an_unknown_group_and_the_profiles_of_covariates_are_refused():
    with pytest.raises(UsageError, match="no group 'other'"):
        alive("other")
    with pytest.raises(UsageError, match="no group ''"):
        alive("", FIT | {"group_columns": []})
