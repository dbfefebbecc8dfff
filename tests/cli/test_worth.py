"""What `churnlab fit` says of money: amounts, a stated worth, neither, and useless amounts."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from churnlab.cli import main
from churnlab.simulate.btyd import simulate_btyd


@pytest.fixture(scope="module")
def purchases():
    rng = np.random.default_rng(1)
    log = simulate_btyd("mbg_nbd", (1.0, 30.0, 0.9, 6.0), 150, 300, rng)
    return log.purchases.assign(amount=rng.gamma(3.0, 10.0, len(log.purchases)))


@pytest.fixture
def fit(tmp_path, purchases):
    """Run `churnlab fit` on the log with other amounts; return status, fit.json and the table."""

    def run(*overrides, **columns):
        frame = purchases.drop(columns="amount").assign(**columns)
        frame.to_parquet(tmp_path / "p.parquet")
        data = ["data=files", f"data.purchases.path={tmp_path / 'p.parquet'}"]
        more = ["rule=fixed", "inference.draws=200", f"run_dir={tmp_path / 'run'}"]
        status = main(["fit", *data, *more, *overrides])
        if status:
            return status, None, None
        report = json.loads((tmp_path / "run" / "fit.json").read_text(encoding="utf-8"))
        return status, report["spend"], pd.read_parquet(tmp_path / "run" / "customers.parquet")

    return run


def test_amounts_give_values_at_the_margin_rate(fit, purchases, capsys):
    status, spend, customers = fit("value.margin_rate=.25", amount=purchases["amount"])
    assert (status, spend["worth"]) == (0, "amount")
    assert spend["model"]["n_amounts"] == len(purchases)
    assert spend["value"]["margin_rate"] == 0.25
    assert customers["residual_value"].gt(0).all()
    assert "margin rate 0.25" in capsys.readouterr().out


def test_without_amounts_there_is_no_value_until_one_is_stated(fit, capsys):
    status, spend, customers = fit()
    assert (status, spend["worth"], spend["model"]) == (0, None, None)
    assert "residual_value" not in customers.columns
    assert "state value.per_purchase" in capsys.readouterr().out
    status, spend, customers = fit("value.per_purchase=12")
    assert (status, spend["worth"]) == (0, "value.per_purchase")
    assert "amount_per_purchase" not in customers.columns
    assert customers["residual_value"].gt(0).all()
    assert "12 per purchase for everybody" in capsys.readouterr().out


def test_amounts_that_teach_nothing_are_a_note_not_a_failure(fit, capsys):
    status, spend, customers = fit(amount=9.99)
    assert (status, spend["worth"]) == (0, None)
    assert "all amounts are equal (9.99)" in spend["notes"][0]
    assert "residual_value" not in customers.columns
    assert "all amounts are equal (9.99)" in capsys.readouterr().out


@pytest.mark.parametrize(
    "wrong", ["value.discount_rate=-1", "value.per_purchase=0", "value.horizon=30"]
)
def test_impossible_settings_end_with_status_2(fit, wrong, capsys):
    assert fit(wrong, amount=1.0)[0] == 2
    assert "value." in capsys.readouterr().err
