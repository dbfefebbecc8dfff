"""Locks on folders, held by the process: when it ends, however it ends, they are free."""

import fcntl
import os
from pathlib import Path


def lock(folder: Path, *, wait: bool = False) -> int:
    """Hold a folder; return the descriptor whose closing lets go of it.

    A file system without locks holds nothing: as before there were any.

    Raises BlockingIOError: Somebody else holds it, and `wait` is false.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        os.close(descriptor)
        raise
    except OSError:
        pass
    return descriptor
