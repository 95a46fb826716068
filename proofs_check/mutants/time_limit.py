"""A limit on the time that the check of a mutant takes: a wrong formula may keep a solver going."""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

# So often, in seconds, one looks at the clock.
_LOOKS = 0.05


class OutOfTime(BaseException):
    """Raised where time is up; being no `Exception`, it is not taken for an error of a solver."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise `OutOfTime` in a block for which the process has worked so long, in seconds of CPU.

    What other programs do on the machine therefore does not count. The error is raised between two
    instructions of Python, in the thread that has entered the block and in no other. A call into
    compiled code that does not come back is waited for.
    """
    thread, left = threading.get_ident(), threading.Event()
    deadline = time.process_time() + seconds

    def watch() -> None:
        while not left.wait(_LOOKS):
            if time.process_time() > deadline:
                _raise_in(thread, ctypes.py_object(OutOfTime))
                return

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        left.set()
        watcher.join()
        # An error that has not been raised yet would come after the block.
        _raise_in(thread, None)


def _raise_in(thread: int, error: object) -> None:
    """Have an error raised in a thread; None takes back one that has not been raised yet."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), error)
