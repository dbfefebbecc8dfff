"""Data that cannot support a model end in a warning or a refusal, never in silent nonsense."""

from dataclasses import replace

import numpy as np
import pytest

from churnlab.errors import FitRefusedError
from churnlab.inference import fit_population, gate, problems
from churnlab.inference.targets.target import Target
from churnlab.inference.ways.mode import find_mode
from churnlab.inference.ways.proposal import from_mode, refit

from .conftest import Rows, rows, simulated

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

    monkeypatch.setattr("churnlab.inference.ways.laplace.MAX_K_HAT", -10.0)
    called = {}

    def nuts(target, mode, draws, chains, rng):  # type: ignore[no-untyped-def]
        called["draws"] = draws
        return module._try_laplace(target, mode, draws, rng)[0] | {"method": "nuts"}

    monkeypatch.setattr(module, "_from_nuts", nuts)
    fit = fit_population(cdnow, model="bg_nbd", draws=300)
    assert called == {"draws": 300}
    assert fit.method == "nuts"
    assert "k-hat" in fit.reason


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
