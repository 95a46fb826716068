"""One step of a SUNDIALS solver."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from grokflow.simulations.runs.reached import SolverState

if TYPE_CHECKING:
    from sksundae.cvode import CVODE
    from sksundae.ida import IDA

# Where a new solver writes its warnings; failures come back as such.
os.environ.setdefault("SUNLOGGER_WARNING_FILENAME", os.devnull)
os.environ.setdefault("SUNLOGGER_ERROR_FILENAME", os.devnull)


class SolverFailure(RuntimeError):
    """SUNDIALS returned a negative flag, or a state that is not finite."""


def advance(solver: CVODE | IDA, tau: float) -> SolverState:
    """Step to the solver time `tau` and return the state.

    Raises
    ------
    SolverFailure
        When the solver gives up.
    """
    with _quiet():
        result = solver.step(tau)
    return _state(result, tau)


def one_step(solver: CVODE | IDA, tau: float, stop: float | None) -> SolverState:
    """Take one step of the solver's own towards `tau`, which it may pass, but not beyond `stop`.

    Raises
    ------
    SolverFailure
        When the solver gives up.
    """
    with _quiet():
        result = solver.step(tau, method="onestep", tstop=stop)
    return _state(result, float(result.t))


def _state(result: Any, tau: float) -> SolverState:
    state = np.array(result.y).reshape(-1)
    if not result.success or not np.isfinite(state).all():
        raise SolverFailure(result.message)
    return SolverState(tau, state, np.array(getattr(result, "yp", ())).reshape(-1))


class _Muted:
    """Standard output without what some threads print."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.threads: list[int] = []

    def write(self, text: str) -> int:
        """Write, unless the thread is muted."""
        if threading.get_ident() not in self.threads:
            self.stream.write(text)
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


_LOCK = threading.Lock()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the solver prints of its failures in this thread off standard output."""
    with _LOCK:
        if not isinstance(sys.stdout, _Muted):
            sys.stdout = _Muted(sys.stdout)
        muted = sys.stdout
        muted.threads.append(threading.get_ident())
    try:
        yield
    finally:
        with _LOCK:
            muted.threads.remove(threading.get_ident())
            if not muted.threads and sys.stdout is muted:
                sys.stdout = muted.stream
