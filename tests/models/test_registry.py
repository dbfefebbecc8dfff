"""One list of models: whatever else knows their names takes them from it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import churnlab
from churnlab.bundle.schema import bundle_schema
from churnlab.candidates.registry import known_candidates
from churnlab.errors import UsageError
from churnlab.models import MODELS, REGISTRY, get, named

PACKAGE = Path(churnlab.__file__).parent
#: Ways to decide by what a model is called, or by what its parameters are.
BY_NAME = re.compile(
    r"""(==|!=|\b(model|name) (not )?in \()\s*["'](m?bg_c?nbd(_k)?|pareto_nbd|ggom_nbd)["']"""
    r"""|\.(startswith|endswith)\(["'](m|bg_?|mbg_?|pareto\w*|_k|cnbd_k)["']\)"""
    r"""|["']beta["'] (not )?in |getattr\([^)]*toss_at_first"""
)


def test_candidates_options_and_schema_have_every_model():
    assert set(MODELS) == set(REGISTRY) <= set(known_candidates())
    configs = PACKAGE.parents[1] / "configs" / "model"
    assert {p.stem for p in configs.glob("*.yaml")} == set(MODELS)
    assert all(f'"{name}"' in str(bundle_schema()).replace("'", '"') for name in MODELS)


def test_nothing_outside_the_models_decides_by_a_model_s_name():
    found = [
        f"{path.relative_to(PACKAGE)}:{number}: {line.strip()}"
        for path in sorted(PACKAGE.rglob("*.py"))
        if path.relative_to(PACKAGE).parts[0] != "models"
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if BY_NAME.search(line) and not line.lstrip().startswith((">>>", "..."))  # an example
    ]
    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        'if draws.model == "pareto_nbd":',
        'if model.startswith("m"):',
        'if name.endswith("_k"):',
        'if "beta" in likelihood.parameters:',
        'if self.model.name in ("bg_nbd", "bg_cnbd_k"):',
        'first = getattr(likelihood, "toss_at_first", True)',
    ],
)
def test_the_guard_above_sees_the_usual_ways(line):
    assert BY_NAME.search(line)


def test_a_model_says_what_it_can_judge_and_who_stands_in():
    for name, model in REGISTRY.items():
        kin = model.kin_for_first_purchasers
        assert get(name).judges_first_purchasers is (kin is None)
        if kin is not None:
            assert named(kin).kin_for_first_purchasers is None
            assert named(kin).regular is model.regular
        assert model().k == model.default_k
        if not model.regular:
            with pytest.raises(UsageError, match="k = 2"):
                get(name, 2)
