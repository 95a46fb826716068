"""Methods compared at equal error: each at the loosest of its tolerances that is good enough."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from benchmarks.child import Child, Ended, Failed, Run

# A run below this many seconds is repeated, and the fastest counts.
_SHORT, _REPEATS = 1.0, 3


class Found(NamedTuple):
    """A method at one tolerance: its run and error, both None where it gave nothing; and why."""

    rtol: float
    run: Run | None
    error: float
    note: str


def loosest(
    child: Child, tolerances: tuple[float, ...], error: Callable[[Any], float], goal: float
) -> Found:
    """Return the run at the first tolerance with an error within the goal.

    Where there is none, the most accurate run, and a note that says what became of the others.
    Tuning ends when the runs so far took longer than one may take.
    """
    best, note, spent = Found(np.nan, None, np.inf, ""), "", 0.0
    for rtol in tolerances:
        if spent > child.limit:
            break
        try:
            run = child.run(rtol)
            spent += run.seconds
            found = Found(rtol, run, error(run.result), "")
            if found.error <= goal:
                return found._replace(run=_repeated(child, rtol, run))
            best = min(best, found, key=lambda one: one.error)
        except Failed as failure:
            note = f"{failure} at rtol {rtol:.0e}"
            if isinstance(failure, Ended):
                break
    return best._replace(note=note)


def _repeated(child: Child, rtol: float, run: Run) -> Run:
    """Return the fastest of a few runs where one is short; memory is that of the first."""
    if run.cpu > _SHORT:
        return run
    again = [child.run(rtol) for _ in range(_REPEATS - 1)]
    return run._replace(cpu=min(one.cpu for one in (run, *again)))


def trajectory_error(found: np.ndarray, exact: np.ndarray) -> float:
    """Return the largest relative Frobenius error over the first axis; infinite where not finite."""
    axes = tuple(range(1, exact.ndim))
    with np.errstate(over="ignore", invalid="ignore"):
        error = np.sqrt(((found - exact) ** 2).sum(axes) / (exact**2).sum(axes)).max()
    return float(error) if np.isfinite(error) else np.inf
