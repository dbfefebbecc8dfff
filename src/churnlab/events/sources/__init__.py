"""Where rows come from: files, frames, connections; each becomes a view in the engine."""

from churnlab.events.sources.views import (
    ROW_HASH,
    Source,
    from_connection,
    from_files,
    from_frame,
    reading_error,
    where_error,
)

__all__ = [
    "ROW_HASH", "Source", "from_connection", "from_files", "from_frame", "reading_error",
    "where_error",
]  # fmt: skip
