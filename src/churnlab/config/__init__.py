"""Hydra configuration: the schema is the dataclass that the code uses.

Hydra and OmegaConf stay here and in `churnlab.cli`; below, everything is a plain dataclass.
"""

from churnlab.config.compose import compose, configs_folder, to_settings
from churnlab.config.explain import absent_plugin, explain
from churnlab.config.overrides import mend
from churnlab.config.recorded import recorded
from churnlab.config.register import register

__all__ = [
    "absent_plugin", "compose", "configs_folder", "explain", "mend", "recorded", "register",
    "to_settings",
]  # fmt: skip
