"""Data that cannot support a model end in a warning or a refusal, never in silent nonsense."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import gammaln

from churnlab.errors import FitRefusedError
from churnlab.inference import fit_population, gate
from churnlab.inference.acceptance import problems
from churnlab.inference.diagnostics import in_groups, kind_of
from churnlab.inference.fit import maximum_likelihood
from churnlab.inference.targets.target import Target
from churnlab.inference.ways.laplace import sample_laplace
from churnlab.inference.ways.mode import find_mode
from churnlab.inference.ways.proposal import from_mode, refit
from churnlab.inference.ways.stages import Stages

from .conftest import Rows, rows, simulated

#: What well-mixed chains give.
CHAINS = {
    "method": "nuts",
    "u": np.zeros((400, 4)),
    "diagnostics": {"r_hat": 1.0, "ess": 400.0, "divergences": 0},
}
MODELS = ("bg_nbd", "mbg_nbd", "pareto_nbd")


def _warned(fit, part: str) -> bool:  # type: ignore[no-untyped-def]
    return any(part in warning for warning in fit.warnings)


@pytest.mark.parametrize("model", MODELS)
def test_nobody_drops_out(model: str) -> None:
    """Regular buyers seen to the last day: dropout near zero, said so."""
    rng = np.random.default_rng(1)
    rate = rng.gamma(3, 1 / 30, 2000)
    x = rng.poisson(rate * 300).astype(float)
    t_x = np.where(x > 0, 300 * rng.beta(np.maximum(x, 1), 1), 0.0)
    fit = fit_population(rows(x, t_x, 300.0), model=model)
    assert _warned(fit, "Dropout is near zero"), fit.warnings
    gate(fit)


def test_likelihood_without_a_maximum_is_named() -> None:
    """Everybody buys at one rate: the shape of the rates runs to infinity."""
    rng = np.random.default_rng(2)
    x = rng.poisson(4, 600).astype(float)
    t_x = np.where(x > 0, 100 * rng.beta(np.maximum(x, 1), 1), 0.0)
    fit = fit_population(rows(x, t_x, 100.0), model="bg_nbd")
    assert _warned(fit, "no proper maximum") or _warned(fit, "rate_shape"), fit.warnings
    assert np.isfinite(fit.draws.theta).all()


def _nbd_maximum(cells: Rows) -> float:
    """Greatest likelihood without dropout, in its two parameters."""
    x, T = cells.x, cells.T

    def loss(p):  # type: ignore[no-untyped-def]
        r, alpha = np.exp(p)
        shape = gammaln(r + x) - gammaln(r) - r * np.log1p(T / alpha) - x * np.log(alpha + T)
        return -shape.sum()

    gap = np.log(T.sum() / x.sum())
    options = {"xatol": 1e-8, "fatol": 1e-9, "maxiter": 4000}
    return -min(minimize(loss, [s, s + gap], method="Nelder-Mead", options=options).fun
                for s in (1, 3, 5))  # fmt: skip


@pytest.mark.parametrize("seed", [1, 3])
@pytest.mark.parametrize("model", MODELS)
def test_a_maximum_lies_no_lower_than_that_of_a_model_within(model: str, seed: int) -> None:
    """Rates nearly equal, nobody drops out: the ridge of the shape is long, its top is found."""
    rng = np.random.default_rng(seed)
    x = rng.poisson(rng.gamma(100, 1 / 6000, 800) * 500).astype(float)
    cells = rows(x, np.where(x > 0, 500 * rng.beta(np.maximum(x, 1), 1), 0.0), 500.0)
    assert maximum_likelihood(cells, model).value > _nbd_maximum(cells) - 1e-3


def test_few_repeaters_are_named() -> None:
    fit = fit_population(simulated("bg_nbd", [0.3, 60.0, 1.0, 3.0], 60, seed=1), model="bg_nbd")
    assert _warned(fit, "customers bought again")
    assert _warned(fit, "say little about dropout_concentration")


def test_two_customers_end_in_warnings_not_in_nonsense() -> None:
    cells = rows([1, 0], [10, 0], [50, 60])
    for model in MODELS:
        fit = fit_population(cells, model=model, draws=400)
        assert len(fit.warnings) >= 2
        assert np.isfinite(fit.draws.theta).all()


def test_gate_names_the_worst_parameter(cdnow: Rows) -> None:
    good = fit_population(cdnow, model="bg_nbd")
    assert problems(good) == []
    table = good.table.copy()
    table.loc["b", "ess_tail"] = 12.0
    with pytest.raises(FitRefusedError, match="b has 12 effective draws"):
        gate(replace(good, table=table))
    with pytest.raises(FitRefusedError, match=r"k-hat 0\.93"):
        gate(replace(good, diagnostics={"k_hat": 0.93}))
    table = good.table.assign(r_hat=1.0)
    table.loc["a", "r_hat"] = 1.4
    nuts = replace(good, method="nuts", table=table, diagnostics={"divergences": 100})
    with pytest.raises(FitRefusedError, match=r"a has R-hat 1\.400.*100 divergent"):
        gate(nuts)


def test_laplace_falls_through_with_the_reason(
    cdnow: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    from churnlab.inference.ways import ways as module

    monkeypatch.setattr("churnlab.inference.acceptance.MAX_K_HAT", -10.0)
    called = {}

    def nuts(target, mode, draws, chains, rng):  # type: ignore[no-untyped-def]
        called["draws"] = draws
        return module._try_laplace(target, mode, draws, rng)[0] | CHAINS

    monkeypatch.setattr(module, "_from_nuts", nuts)
    fit = fit_population(cdnow, model="bg_nbd", draws=300)
    assert called == {"draws": 300}
    assert fit.method == "nuts"
    assert "k-hat" in fit.reason


def test_few_customers_are_sampled_by_more_proposals_before_nuts(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    """200 customers whose first attempt fails by k-hat or by its draws: they need no chains."""
    from churnlab.inference.ways import ways as module

    target = Target(simulated("mbg_nbd", [0.24, 60.0, 0.4, 1.0], 200, seed=7), "mbg_nbd")
    mode = find_mode(target)

    def reason() -> str:
        return module._try_laplace(target, mode, 1000, np.random.default_rng(1))[1]

    assert reason() == ""
    monkeypatch.setattr(module, "CHEAP", 0.0)
    assert "k-hat" in reason()


@pytest.mark.parametrize(
    ("apart", "divergent", "again"), [(1.0099, 10, False), (1.01, 0, True), (1.0, 11, True)]
)
def test_chains_that_have_not_mixed_are_weighted_once_more(
    monkeypatch, apart, divergent, again
) -> None:  # type: ignore[no-untyped-def]
    """What chains have seen is where the proposal is fitted to; it is taken if it passes."""
    from churnlab.inference.ways import ways as module

    target = Target(simulated("mbg_nbd", [0.24, 60.0, 0.4, 1.0], 200, seed=1), "mbg_nbd")
    mode, seen = find_mode(target), []
    u = module._try_laplace(target, mode, 1000, np.random.default_rng(2))[0]["u"]
    figures = {"r_hat": apart, "ess": 400.0, "divergences": divergent}
    chains = {"method": "nuts", "u": u, "diagnostics": figures}

    def tried(*given, near=None, **options):  # type: ignore[no-untyped-def]
        seen.append(near)
        found = sample_laplace(*given, near=near, **options)
        return found if near is not None else replace(found, reason="no")

    monkeypatch.setattr(module, "sample_laplace", tried)
    monkeypatch.setattr(module, "_from_nuts", lambda *_: chains)
    monkeypatch.setattr(module, "AGAIN", module.AGAIN[:1])
    rng = np.random.default_rng(1)
    parts = module.sample(target, mode, "laplace", 1000, 4, rng, Stages(None))
    assert (parts["method"], parts["reason"]) == (("laplace", "") if again else ("nuts", "no"))
    assert [n is u for n in seen] == ([False, True] if again else [False])


@pytest.mark.parametrize("draws", [500, 4000])
def test_laplace_asks_of_kept_draws_what_the_gate_asks(
    cdnow: Rows, monkeypatch: pytest.MonkeyPatch, draws: int
) -> None:
    from churnlab.inference.ways import ways as module

    needed = min(400.0, 0.4 * draws)
    monkeypatch.setattr(module, "_from_nuts", lambda *_: CHAINS)
    target = Target(cdnow, "mbg_nbd")
    mode, rng = find_mode(target), np.random.default_rng(1)
    sample = module.sample_laplace(target, mode, draws, rng)
    for name in ("ess_bulk", "ess_tail"):
        for ess, method in ((needed, "laplace"), (needed - 0.1, "nuts")):
            worst = {name: np.append(getattr(sample, name)[1:], ess)}
            monkeypatch.setattr(
                module, "sample_laplace", lambda *_, w=worst, **__: replace(sample, **w)
            )
            parts = module.sample(target, mode, "laplace", draws, 4, rng, Stages(None))
            assert (parts["method"], bool(parts["reason"])) == (method, method == "nuts")


@pytest.mark.parametrize("model", MODELS)
def test_proposal_density_is_that_of_its_draws(cdnow: Rows, model: str) -> None:
    """Densities agree with the sampler's, and integrate to 1 (against a wide Gaussian)."""
    target = Target(cdnow, model)
    proposal = from_mode(target, find_mode(target))
    u, log_q = proposal.sample(4000, np.random.default_rng(3))
    np.testing.assert_allclose(proposal.log_density(u), log_q, rtol=1e-8, atol=1e-8)
    ratio = target.values(u) - log_q
    weights = np.exp(ratio - ratio.max())
    fitted = refit(proposal, u, weights / weights.sum())
    v, log_f = fitted.sample(20_000, np.random.default_rng(4))
    np.testing.assert_allclose(fitted.log_density(v), log_f, rtol=1e-8, atol=1e-8)
    back = np.exp(proposal.log_density(v) - log_f)
    assert back.mean() == pytest.approx(1, rel=1e-9, abs=5 * back.std() / np.sqrt(len(back)))


def test_a_proposals_draws_fill_it_evenly(cdnow: Rows) -> None:
    """Means of 500 draws in a posterior's own axes: independent ones would err by 1 / 22."""
    target = Target(cdnow, "mbg_nbd")
    proposal = from_mode(target, find_mode(target))
    means = [
        proposal.whitened(proposal.sample(500, np.random.default_rng(seed))[0]).mean(axis=0)
        for seed in range(10)
    ]
    assert np.std(means, axis=0).max() < 0.2 / np.sqrt(500)


@pytest.mark.parametrize("others", [0.0, 1e-12])
def test_a_proposal_survives_one_draw_that_outweighs_all(cdnow: Rows, others: float) -> None:
    target = Target(cdnow, "mbg_nbd")
    proposal = from_mode(target, find_mode(target))
    u, _ = proposal.sample(500, np.random.default_rng(3))
    weights = np.where(np.arange(500) == 7, 1.0, others)
    fitted = refit(proposal, u, weights / weights.sum())
    v, log_q = fitted.sample(4000, np.random.default_rng(4))
    assert np.isfinite(v).all()
    ratio = np.exp(proposal.log_density(v) - log_q)
    assert ratio.mean() == pytest.approx(1, rel=1e-9, abs=5 * ratio.std() / np.sqrt(4000))


def test_a_warning_of_several_groups_is_one() -> None:
    said = [
        ("a", "Two starts (of 2) differ by 3."),
        ("a", "Few repeaters."),
        ("b (old)", "Two starts (of 4) differ by 7.5."),
    ]
    found = in_groups(said)
    assert found == ["Two starts (of 2) differ by 3. (in a, b (old))", "Few repeaters. (in a)"]
    assert kind_of(found[0]) != kind_of(found[1])
    assert kind_of(found[1]) == kind_of("Few repeaters. (in b (old), c)")
