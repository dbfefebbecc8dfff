"""An empty engine for tests of single expressions."""

import pytest

from churnlab import engine


@pytest.fixture
def backend():
    found = engine.connect()
    yield found
    found.disconnect()
