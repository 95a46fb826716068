"""Ctrl-C: how the command line hears of it, and how it tells one from other errors.

Python ends a process by the signal, whatever its exit code, once a `KeyboardInterrupt` has passed
an ``exec`` of text, which dataclasses run while modules are imported. A subclass of it leaves no
such mark, so the command line has the signal raise one.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class CtrlC(KeyboardInterrupt):
    """The user has pressed Ctrl-C."""


@contextmanager
def ctrl_c_raised() -> Iterator[None]:
    """Raise `CtrlC` where Python would raise `KeyboardInterrupt` itself.

    A handler that somebody else has installed is left alone, and so are threads other than the
    main one, which signals do not reach.
    """
    python_handles = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if not python_handles or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGINT, _raise)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def is_interruption(error: BaseException | None) -> bool:
    """Whether Ctrl-C is behind an error, also one that a library made of it while it cleaned up."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error is not None


def _raise(*_: object) -> None:
    raise CtrlC
