"""Work in a thread of its own beside other work, which it does not outlive."""

from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event

from churnlab.progress import Update


@contextmanager
def beside[Found](work: Callable[[Update], Found]) -> Iterator[Future[Found]]:
    """Do `work` while the block runs; whoever leaves the block waits for its end.

    work: Gets a progress that ends it, at the next step that it tells of, where the block failed or
        was interrupted: nobody waits for what nobody will ask for.
    Raises what the work raises, where its result is asked for.
    """
    left = Event()

    def going_on(_stage: str, _share: float) -> None:
        if left.is_set():
            raise CancelledError

    with ThreadPoolExecutor(1) as thread:
        result = thread.submit(work, going_on)
        try:
            yield result
        except BaseException:
            left.set()
            raise
