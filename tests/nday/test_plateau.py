"""L2 and L3: three definitions of the plateau day, late bumps, flat cohorts beside chance."""

from __future__ import annotations

import numpy as np
import pytest

from churnlab.nday.decide.flat import chance_flat, flat_share
from churnlab.nday.decide.plateau import (
    below_early,
    changepoint,
    fraction_of_final,
    hazard_below,
    late_bump,
)
from churnlab.nday.posterior import fit_conversion, population_curves
from churnlab.nday.report.words import LATE_BUMP, NO_PLATEAU, PLATEAU, verdict

from .simulators import cliff, config, counts_from_hazard


def _G(hazard):
    return 1 - np.cumprod(1 - np.asarray(hazard, float))[None, :]


def truths(hazard):
    """Each definition's own true day."""
    G = _G(hazard)
    drop = np.flatnonzero(np.diff(hazard) < -0.5 * hazard[0])[0] + 1
    return {
        "hazard_below": hazard_below(G).draws[0],
        "fraction_of_final": fraction_of_final(G).draws[0],
        "changepoint": float(drop),
    }


def study(seed, hazard):
    rng = np.random.default_rng(seed)
    counts = counts_from_hazard(hazard, rng)
    fit = fit_conversion(counts, config(), draws=300, rng=rng)
    G = population_curves(fit)
    y, r = counts.conversions.sum(axis=0), counts.at_risk.sum(axis=0)
    days = [hazard_below(G), fraction_of_final(G), changepoint(y, r, rng, draws=300)]
    return {d.definition.partition("(")[0]: d for d in days}


def coverage(seeds, hazard):
    true = truths(hazard)
    near = dict.fromkeys(true, 0)
    inside = dict.fromkeys(true, 0)
    for seed in seeds:
        for name, day in study(seed, hazard).items():
            near[name] += abs(day.quantile(0.5) - true[name]) <= 2
            inside[name] += day.quantile(0.05) <= true[name] <= day.quantile(0.95)
    return near, inside


def test_truths_of_the_simulation():
    assert truths(cliff()) == {"hazard_below": 10, "fraction_of_final": 9, "changepoint": 10}


def test_l2_each_definition_finds_its_own_day():
    near, inside = coverage(range(3), cliff())
    assert set(near.values()) == {3}
    assert min(inside.values()) >= 2


@pytest.mark.slow
def test_l2_coverage_over_many_simulations():
    near, inside = coverage(range(100, 160), cliff())
    assert set(near.values()) == {60}
    # At least 85%: 51 of 60.
    assert min(inside.values()) >= 51, inside


def test_definitions_differ_on_one_exponential_curve():
    """.9 of its end on day 10, a hazard below .1% on day 18 (docs/nday.md)."""
    t = np.arange(0, 61)
    G = (0.2 * (1 - np.exp(-np.log(10) / 10 * t)))[None, :]
    assert fraction_of_final(G).draws[0] == 10
    assert hazard_below(G, days=1).draws[0] in (18, 19)


def test_no_plateau_when_the_hazard_stays_up_and_when_it_ends_too_late():
    assert hazard_below(_G(np.full(31, 0.004))).p_none == 1.0
    late = np.where(np.arange(31) < 27, 0.01, 0.0)
    assert hazard_below(_G(late)).p_none == 1.0
    assert hazard_below(_G(np.where(np.arange(31) < 20, 0.01, 0.0))).draws[0] == 20


def test_a_quiet_sunday_is_no_plateau():
    weekly = np.where(np.arange(35) % 7 == 6, 0.0, 0.01)
    assert hazard_below(_G(weekly), least=1).p_none == 1.0
    assert hazard_below(_G(weekly), days=1, least=1).p_none == 0.0


def test_changepoint_says_none_without_a_drop_and_widens_without_two_levels():
    rng = np.random.default_rng(0)
    r = np.full(31, 12_000)
    level = changepoint(rng.binomial(r, 0.01), r, rng)
    assert level.p_none > 0.5
    rising = changepoint((r * np.linspace(0.002, 0.02, 31)).astype(int), r, rng)
    assert rising.p_none == 1.0
    sharp = changepoint(rng.binomial(r, cliff()), r, rng)
    smooth = changepoint((r * 0.03 * np.exp(-np.arange(31) / 8)).astype(int), r, rng)
    assert sharp.quantile(0.95) - sharp.quantile(0.05) == 0
    assert smooth.quantile(0.95) - smooth.quantile(0.05) >= 1


def test_the_day_the_coupon_expires_stands_apart():
    """A slow start, a rush on day 21 as the coupon ends, and next to nothing after day 9."""
    rush = np.where(np.arange(31) < 10, 0.02, 0.0005)
    rush[21] = 0.2
    G, apart = _G(rush), [21]
    # As a day like any other it makes the busiest week, and puts the plateau after itself.
    assert (hazard_below(G).draws[0], below_early(G, later=1.0).draws[0]) == (22, 22)
    assert hazard_below(G, apart=apart).draws[0] == 10
    assert below_early(G, later=1.0, apart=apart).draws[0] == 10
    # What its rush brings is still to come on day 10.
    assert below_early(G, later=0.45, apart=apart).p_none == 1.0
    assert late_bump(G).probability == 1.0
    assert late_bump(G, apart=apart).probability == 0.0
    # A curve that falls on the very day is flat from the next one on.
    ends = _G(np.where(np.arange(31) < 21, 0.02, 0.0005))
    assert (hazard_below(ends).draws[0], hazard_below(ends, apart=apart).draws[0]) == (21, 22)


def test_changepoint_gives_the_expiry_day_to_neither_level():
    rng = np.random.default_rng(0)
    r, hazard = np.full(31, 12_000), cliff()
    hazard[20] = 0.3
    y = rng.binomial(r, hazard)
    assert changepoint(y, r, rng).quantile(0.95) > 10
    apart = changepoint(y, r, rng, apart=[20])
    assert (apart.quantile(0.05), apart.quantile(0.95)) == (10, 10)


def test_late_bump_is_found_and_a_first_rise_is_not_one():
    ages = np.arange(91)
    wave = 0.03 * np.exp(-ages / 5) + 0.006 * np.exp(-(((ages - 65) / 6) ** 2))
    found = late_bump(_G(wave))
    assert found.probability == 1.0
    assert 25 < found.trough < 55
    assert 55 < found.peak < 70
    assert found.ratio > 5
    rise = 0.01 * np.exp(-(((ages - 12) / 8) ** 2)) + 1e-4
    assert late_bump(_G(rise)).probability == 0.0
    # A ripple that converts next to nobody is none either.
    ripple = 0.03 * np.exp(-ages / 5) + 2e-5 * (ages > 70)
    assert late_bump(_G(ripple)).probability == 0.0


def test_words_follow_the_figures():
    def say(hazard):
        G = _G(hazard)
        return verdict(hazard_below(G), late_bump(G), window_days=len(hazard) - 1, day_index=1,
                       slow=(20, 0.4))  # fmt: skip

    flat = say(cliff())
    assert flat.code == PLATEAU
    assert "day 11" in flat.said["en"]
    assert "11일" in flat.said["ko"]
    none = say(np.full(31, 0.004))
    assert none.code == NO_PLATEAU
    assert "40% of the buyers" in none.said["en"]
    ages = np.arange(91)
    wave = 0.03 * np.exp(-ages / 5) + 0.006 * np.exp(-(((ages - 65) / 6) ** 2))
    assert say(wave).code == LATE_BUMP


@pytest.mark.parametrize(("size", "p"), [(50, 0.61), (200, 0.13), (1000, 1e-4)])
def test_l3_chance_makes_small_cohorts_flat(size, p):
    if size == 1000:
        assert chance_flat(0.01, size) < p
    else:
        assert chance_flat(0.01, size) == pytest.approx(p, abs=0.006)


def test_l3_flat_share_beside_chance():
    hazard = np.where(np.arange(31) < 10, 0.03, 0.001)
    counts = counts_from_hazard(hazard, np.random.default_rng(1), n_cohorts=200, size=60)
    span = flat_share(counts, np.repeat(_G(hazard), 400, axis=0), 11, 20, np.random.default_rng(2))
    assert span["cohorts"] == 200
    # About 43 unconverted each, 1% to come: .65 flat by chance and nothing else.
    alone = 0.999 ** (10 * span["median_unconverted"])
    assert span["expected"] == pytest.approx(alone, abs=0.02)
    assert span["expected_q05"] <= span["share"] <= span["expected_q95"]
    # Cohorts that really stop, half of them: more flat ones than chance makes.
    y = counts.conversions.copy()
    y[::2, 11:] = 0
    stopped = type(counts)(counts.cohorts, y, counts.as_of)
    pooled = np.repeat(_G(np.where(np.arange(31) < 11, hazard, hazard / 2)), 400, axis=0)
    more = flat_share(stopped, pooled, 11, 30, np.random.default_rng(3))
    assert more["share"] > more["expected"]
    assert more["p"] < 0.2


def test_l3_cohorts_without_the_follow_up_are_not_counted():
    counts = counts_from_hazard(cliff(), np.random.default_rng(4), n_cohorts=30)
    last = counts.cohorts["signup_date"].max().date()
    cut = counts.until(last)
    span = flat_share(cut, _G(cliff()), 11, 20, np.random.default_rng(5))
    assert span["cohorts"] == 30 - 20
    assert flat_share(cut, _G(cliff()), 11, 30, np.random.default_rng(5)) is None
