"""What reports say of priors, and the predictive figure."""

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt

from churnlab.backtest.report import text as backtest_text
from churnlab.fitting.report import data
from churnlab.fitting.report import plots as draw
from churnlab.fitting.report import text as fit_text

ROWS = [
    {"parameter": "rate_mean", "prior": "Gamma(alpha=2, beta=1)", "prior_sensitivity": 0.012,
     "likelihood_sensitivity": 0.09, "shift_sd": 0.02, "verdict": "robust"},
    {"parameter": "dropout_mean", "prior": "Beta(alpha=1, beta=1)", "prior_sensitivity": 0.2,
     "likelihood_sensitivity": 0.01, "shift_sd": -0.7, "verdict": "prior_led"},
]  # fmt: skip


def test_fit_names_the_parameters_that_the_prior_shapes() -> None:
    said, shown = fit_text.sensitivity({"prior_sensitivity": ROWS}, "en")
    assert "The priors shape dropout_mean; largest shift −0.70 sd (dropout_mean)." in said
    line = "| dropout_mean | Beta(alpha=1, beta=1) | 0.200 | 0.010 | −0.70 | rests on the prior |"
    assert line in shown
    said, shown = fit_text.sensitivity({"prior_sensitivity": ROWS[:1]}, "ko")
    assert "사전분포에 좌우되는 모수가 없습니다." in said
    assert "데이터에 근거" in shown
    assert fit_text.sensitivity({}, "en") == []


def test_backtest_takes_the_last_origin_of_each_bayesian_candidate() -> None:
    def learnt(origin: str, candidate: str, value: float) -> dict[str, object]:
        worst = {"parameter": "rate_mean", "prior_sensitivity": value, "shift_sd": 0.1}
        return {"origin": origin, "candidate": candidate, "prior_sensitivity": worst}

    rows = [learnt("1997-09-30", "mbg_nbd", 0.034), learnt("1997-08-31", "mbg_nbd", 0.5)]
    ratio = {"origin": "1997-09-30", "candidate": "ratio", "cutoff_days": 80}
    (said,) = backtest_text.prior_sensitivity({"learnt": [*rows, ratio]}, "en")
    assert "doubles): mbg_nbd 0.034 (rate_mean, +0.10 sd). The" in said
    assert backtest_text.prior_sensitivity({"learnt": [ratio]}, "en") == []


def test_predictive_figure_and_its_claim() -> None:
    draws = np.linspace(0, 100, 101)
    counts = data.predictive(
        {
            "observed": np.array([[50.0, 99.0]]),
            "prior": np.column_stack([10 * draws, draws]),
            "posterior": np.column_stack([draws, draws]),
        }
    )
    expected = pd.DataFrame(
        {"repeats": [0, 1], "observed": [50.0, 99.0],
         "prior_q05": [50.0, 5.0], "prior_q50": [500.0, 50.0], "prior_q95": [950.0, 95.0],
         "posterior_q05": [5.0] * 2, "posterior_q50": [50.0] * 2, "posterior_q95": [95.0] * 2}
    )  # fmt: skip
    pd.testing.assert_frame_equal(counts, expected)
    claim = fit_text.predictive_claim(counts, "en")
    assert claim.startswith("1 of 2 counts")
    assert "50 to 950 one-time buyers" in claim
    figure, ax = plt.subplots()
    draw.predictive(ax, counts, lang="en")
    assert [t.get_text() for t in ax.get_xticklabels()] == ["0", "1+"]
    assert [p.get_height() for p in ax.patches] == [900.0, 90.0, 90.0, 90.0]
    plt.close(figure)
