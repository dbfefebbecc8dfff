"""The process around a command: its streams, its signals, and what the machine refuses."""

import contextlib
import ctypes
import errno
import mmap
import os
import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

FAULT, INTERRUPTED, TERMINATED = 1, 130, 143
#: glibc's M_MMAP_THRESHOLD, and what is large: a number for each of half a million customers.
_MMAP_THRESHOLD, _LARGE = -3, 1 << 22
#: What the buffers of two BLAS libraries may take, and a product that all of their threads work on.
_BLAS_BYTES, _BLAS_SIDE = 1 << 28, 256
_REFUSALS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "a file would grow beyond the limit on file sizes (ulimit -f)",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "access is not permitted",
    errno.EPERM: "the operation is not permitted",
    errno.EIO: "the disk reports an error",
    errno.EMFILE: "too many files are open (ulimit -n)",
    errno.ENFILE: "too many files are open on this machine",
    errno.ENOMEM: "there is not enough memory",
    errno.EAGAIN: "no more processes or threads can be started (ulimit -u)",
}
#: Characters of a path that are shown of one that is too long.
_SHOWN = 60
#: How libraries that keep no errno say it; DuckDB, Arrow, HDF5.
_SAID = {
    "No space left on device": errno.ENOSPC,
    "File too large": errno.EFBIG,
    "Out of Memory": errno.ENOMEM,
    "Cannot allocate memory": errno.ENOMEM,
    "failed to map segment": errno.ENOMEM,
    "can't start new thread": errno.EAGAIN,
    "Resource temporarily unavailable": errno.EAGAIN,
}


class Terminated(KeyboardInterrupt):
    """SIGTERM: ends what SIGINT ends, with a status of its own."""


_received: list[KeyboardInterrupt] = []


@contextmanager
def own_process() -> Iterator[None]:
    """Let SIGTERM unwind like SIGINT; give closed standard streams somewhere to go.

    The process is to end after the block.
    """
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever started us
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115

    def end(number: int, _: object) -> NoReturn:
        signal.signal(number, signal.SIG_IGN)  # once: what is held is being put away
        _received.append(Terminated() if number == signal.SIGTERM else KeyboardInterrupt())
        raise _received[-1]

    _frugal()
    _received.clear()
    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    try:
        yield
    finally:  # the status is known; a signal while Python takes itself apart would replace it
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _frugal() -> None:
    """Let large arrays return to the system when they are let go of.

    glibc raises the size from which arrays are mapped with every large one that is freed, and
    Arrow's own allocator keeps what it had.
    """
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    with contextlib.suppress(AttributeError, OSError):  # another C library
        ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, _LARGE)


def reserve() -> None:
    """Where address space is limited, let BLAS take its buffers while there is room.

    OpenBLAS takes them at its first product, and ends the process by a signal where it cannot.

    Raises OSError: There is no room for them.
    """
    if _address_limit() is None:
        return
    mmap.mmap(-1, _BLAS_BYTES).close()
    import numpy as np
    from scipy import linalg

    square = np.eye(_BLAS_SIDE)
    linalg.eigh(square @ square)


def leave(status: int) -> NoReturn:
    """End the process with a status, whatever Python thinks of the interrupt.

    Libraries that were refused memory may crash while Python takes itself apart.
    A SIGINT that arrives within `exec` (dataclasses and namedtuples are made so, on import) is
    remembered by CPython as unhandled, and sys.exit would end in death by signal, status -2.
    """
    for stream in (sys.stdout, sys.stderr):
        flush(stream.fileno())
    os._exit(status)


def flush(descriptor: int) -> OSError | None:
    """Flush a standard stream; where it takes nothing, say why and turn it away for good."""
    stream = sys.stdout if descriptor == 1 else sys.stderr
    try:
        stream.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
        return error
    return None


def received() -> KeyboardInterrupt | None:
    """Return the signal that this process was sent, or None.

    A signal that meets compiled code or a callback comes out as whatever that made of it (a
    `SystemError` of numba, an error without a context), so errors are not asked.
    """
    return _received[-1] if _received else None


def refusal(error: BaseException | None) -> str | None:
    """Return in words what the machine refused (disk, memory, rights), or None for a fault.

    Libraries wrap such errors in their own, so causes are looked at as well.
    """
    while error is not None:
        found = _refused(error)
        if found is not None:
            return found
        error = error.__cause__ or error.__context__
    return None


def no_path(error: BaseException | None) -> str | None:
    """Return in words that what was typed is too long for a path, or None for another error."""
    while error is not None:
        if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
            name = str(error.filename)
            return f"a path of {len(name)} characters is too long for a file: {name[:_SHOWN]}..."
        error = error.__cause__ or error.__context__
    return None


def _refused(error: BaseException) -> str | None:
    if isinstance(error, MemoryError):
        return _memory()
    text = str(error)
    number = error.errno if isinstance(error, OSError) else None
    if number not in _REFUSALS:
        number = next((n for words, n in _SAID.items() if words in text), None)
    limited = _address_limit() is not None
    if number is None:
        loading = isinstance(error, (ImportError, OSError)) and "shared object" in text
        return _memory() if limited and loading else None
    if number == errno.ENOMEM or (number == errno.EAGAIN and limited):  # a thread wants a stack
        return _memory()
    name = getattr(error, "filename", None)
    return _REFUSALS[number] + (f" ({name})" if name else "")


def _memory() -> str:
    limit = _address_limit()
    return _REFUSALS[errno.ENOMEM] + ("" if limit is None else f" within ulimit -v {limit // 1024}")


def _address_limit() -> int | None:
    """Return the bytes of address space that the process may have; None without a limit."""
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return None if limit == resource.RLIM_INFINITY else limit
