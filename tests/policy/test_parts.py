"""Parts of the settings are given whole, by fields or by name; anything else is said."""

from __future__ import annotations

import pytest

from churnlab.errors import UsageError
from churnlab.fitting import InferenceConfig, ModelConfig
from churnlab.parts import part


@pytest.mark.parametrize("value", ["bg_nbd", {"name": "bg_nbd"}, ModelConfig(name="bg_nbd")])
def test_a_part_has_three_spellings(value):
    assert part("model", ModelConfig, value) == ModelConfig(name="bg_nbd")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (5, "inference must be a name, a mapping of fields or a InferenceConfig; got 5"),
        ({"drawz": 3}, "inference has no 'drawz'. Did you mean 'draws'?"),
    ],
)
def test_what_is_no_part_is_said(value, said):
    with pytest.raises(UsageError, match=said.replace("?", r"\?").replace(".", r"\.")):
        part("inference", InferenceConfig, value)


def test_values_that_are_no_parts_stay():
    assert part("seed", int, 5) == 5
