"""Where the configuration tree is, and from a composed configuration to the settings object."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, OmegaConf

from churnlab.config.overrides import mend
from churnlab.config.register import register
from churnlab.errors import UsageError


def configs_folder() -> Path:
    """Return the folder of the configuration tree: packaged, or the checkout's `configs/`."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "configs", package.parents[1] / "configs"):
        if (folder / "fit.yaml").exists():
            return folder
    raise UsageError(f"the configuration tree is missing beside {package}; reinstall churnlab.")


def compose(command: str, overrides: Sequence[str] = ()) -> DictConfig:
    """Compose the configuration of a command outside of Hydra's own command line."""
    register(command)
    already = GlobalHydra.instance()
    state = already.hydra if already.is_initialized() else None
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(config_dir=str(configs_folder()), version_base="1.3"):
            return hydra_compose(config_name=command, overrides=mend(overrides))
    finally:
        GlobalHydra.instance().hydra = state


def to_settings(config: DictConfig) -> Any:
    """Turn a composed configuration into its settings object, checked by its `__post_init__`s.

    Raises UsageError: A mandatory value is missing or a value is out of range.
    """
    missing = sorted(OmegaConf.missing_keys(config) - {"hydra"})
    if missing:
        raise UsageError(
            f"{', '.join(missing)} must be given, e.g. {missing[0]}=VALUE; see --help."
        )
    return OmegaConf.to_object(config)
