"""What a user types in a shell reaches the configuration as typed."""

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from churnlab.config.overrides import mend
from churnlab.errors import UsageError

TYPED = [
    ("model.priors.rate_shape=Gamma(alpha=2, beta=1)", "Gamma(alpha=2, beta=1)"),
    ("data.purchases.customer_id=회원번호", "회원번호"),
    ("data.visits.where=event='v'", "event='v'"),
    ("data.purchases.where=amount > 0 and kind in ('a', 'b')", "amount > 0 and kind in ('a', 'b')"),
    ("data.purchases.path=part*/x.csv", "part*/x.csv"),
    ("data.connection=postgres://h/d?sslmode=require", "postgres://h/d?sslmode=require"),
    ('data.purchases.customer_id=my "id"', 'my "id"'),
    ("data.purchases.path=C:\\orders\\*.csv", "C:\\orders\\*.csv"),
    ("as_of=2011-09-30", "2011-09-30"),
    ("rule.value=.5", 0.5),
    ("split.horizon_days=[28,91]", [28, 91]),
    ("data.purchases.cancelled_values=[환불, 부분 취소,voided]", ["환불", "부분 취소", "voided"]),
    ("data.purchases.event_at=$date ${now}", "$date \\${now}"),
    ("data.purchases.path=${oc.env:HOME}/x.csv", "${oc.env:HOME}/x.csv"),
]


@pytest.mark.parametrize(("typed", "value"), TYPED)
def test_a_value_arrives_as_typed(typed, value):
    override = OverridesParser.create().parse_override(mend([typed])[0])
    assert override.value() == value
    assert override.key_or_group == typed.split("=", 1)[0]


def test_free_mappings_need_no_plus():
    assert mend(["model.priors.rate_shape=HalfNormal(sigma=1)"])[0].startswith("++model.priors.")


def test_sweeps_stay_sweeps():
    override = OverridesParser.create().parse_override(mend(["model=bg_nbd,mbg_nbd"])[0])
    assert override.is_sweep_override()


@pytest.mark.parametrize("typed", ["model", "model mbg_nbd", "=3"])
def test_what_is_no_option_is_refused(typed):
    with pytest.raises(UsageError, match="expected KEY=VALUE"):
        mend([typed])
