"""The log of the backtests."""

from tests.backtest.conftest import small_log  # noqa: F401 (a fixture)
