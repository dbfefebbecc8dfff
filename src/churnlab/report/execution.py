"""A notebook client that leaves signals to the command."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from nbclient import NotebookClient


class Client(NotebookClient):
    """Runs cells; SIGINT and SIGTERM end the command, not its kernel only.

    nbclient's own handlers kill the kernel and go on, so that an interrupt became the failure of a
    cell. It does without them where the event loop refuses them, as it does beside a main thread.
    """

    @asynccontextmanager
    async def async_setup_kernel(self, **options: Any) -> AsyncIterator[None]:
        """Start the kernel while the loop takes no handlers."""
        loop = asyncio.get_event_loop()
        loop.add_signal_handler = _refuse  # type: ignore[assignment,method-assign]
        try:
            async with super().async_setup_kernel(**options):
                yield
        finally:
            del loop.add_signal_handler


def _refuse(*_: Any) -> None:
    raise RuntimeError("signals are the command's")
