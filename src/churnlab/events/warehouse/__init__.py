"""Event logs that stay where they are: Spark or PostgreSQL checks, cleans and sums them up."""

from churnlab.events.warehouse.engines import Engine
from churnlab.events.warehouse.reading import read_there

__all__ = ["Engine", "read_there"]
