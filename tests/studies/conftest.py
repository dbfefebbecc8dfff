"""The data of the inference tests."""

from tests.inference.conftest import cdnow  # noqa: F401 (a fixture)
