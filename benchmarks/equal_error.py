"""Flows compared at equal error: each method at the loosest tolerance that is good enough.

Seconds are those of the processor, of one thread in a process of its own, so that other work on
the machine does not matter; imports, data and compilation are not timed.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from benchmarks.child import Child, Ended, Failed, Run
from benchmarks.peers import PEERS, TOLERANCES
from benchmarks.tables import Table

# The tolerance of the reference, our own flow.
_EXACT = 1e-8
# A curve this far off is of no use.
_WRONG = 0.1

# Runs are repeated for this many seconds or so often, whichever comes first; the fastest counts.
_SECONDS, _REPEATS = 1.0, 20


class Case(NamedTuple):
    """What is compared: functions that return ``solve`` for `Child`, and their arguments.

    ``ours`` and ``peer`` take a tolerance and return outputs at all times and evaluations; `peer`
    has the name of the method as its first argument. ``descent`` returns the seconds of a step of
    gradient descent, the number of steps and their size. ``floor`` is the least time of one of
    our evaluations, and `goal` the error that is good enough.
    """

    label: dict[str, Any]
    ours: Callable[..., Callable[[float], tuple[np.ndarray, int]]]
    peer: Callable[..., Callable[[float], tuple[np.ndarray, int]]]
    descent: Callable[..., Callable[[None], tuple[float, float, float]]]
    arguments: tuple[Any, ...]
    floor: float
    goal: float


def table(**label: str) -> Table:
    """Return a table with these first columns."""
    numbers = {"seconds": "9.3g", "ratio": "9.3g", "error": "7.1e", "rtol": "5.0e"}
    return Table(**label, method="<16s", **numbers, evaluations="11.3g", note="<s")


def compare(rows: Table, case: Case, limit: float) -> None:
    """Add the rows of one case; a peer may take `limit` seconds or three times what ours takes."""
    with Child(case.ours, case.arguments, limit=20 * limit) as child:
        exact = child.run(_EXACT).result[0]
    judge = partial(_error, exact)
    with Child(case.ours, case.arguments, limit=20 * limit) as child:
        mine = loosest(child, judge, case.goal)
    assert mine.run is not None, mine.note
    floor = mine.run.result[1] * case.floor
    note = f"peak {mine.run.peak / 2**20:.0f} MiB; floor {floor:.1e} s"
    show(rows, case, "ours", mine, mine.run.cpu, note)
    limit = max(limit, 3 * mine.run.cpu)
    for name in PEERS:
        with Child(case.peer, (name, *case.arguments), limit=limit) as child:
            found = loosest(child, judge, case.goal)
        show(rows, case, name, found, mine.run.cpu)
    with Child(case.descent, case.arguments, limit=limit) as child:
        step, count, rate = child.run().result
    rows.row(
        **case.label,
        method="gradient descent",
        seconds=step * count,
        ratio=step * count / mine.run.cpu,
        evaluations=count,
        note=f"extrapolated: {step:.1e} s a step of {rate:.1e}",
    )


def show(rows: Table, case: Case, method: str, found: "Found", reference: float, note: str = ""):
    """Add the row of one method."""
    if found.run is None:
        rows.row(**case.label, method=method, note=f"stopped: {found.note}")
        return
    if found.error > case.goal:
        verdict = "wrong curve" if found.error > _WRONG else "misses the error"
        note = "; ".join(filter(None, (verdict, found.note)))
    rows.row(
        **case.label,
        method=method,
        seconds=found.run.cpu,
        ratio=found.run.cpu / reference,
        error=found.error,
        rtol=found.rtol,
        evaluations=float(found.run.result[1]),
        note=note,
    )


def _error(exact: np.ndarray, result: tuple[np.ndarray, int]) -> float:
    return trajectory_error(result[0], exact)


class Found(NamedTuple):
    """A method at one tolerance: its run and error, both None where it gave nothing; and why."""

    rtol: float
    run: Run | None
    error: float
    note: str


def loosest(child: Child, error: Callable[[Any], float], goal: float) -> Found:
    """Return the run at the first tolerance with an error within the goal.

    Where there is none, the most accurate run, and a note that says what became of the others.
    Tuning starts at ten times the goal and ends when the runs so far took twice as long as one
    may take.
    """
    best, note, spent = Found(np.nan, None, np.inf, ""), "", 0.0
    for rtol in (one for one in TOLERANCES if one < 11 * goal):
        if spent > 2 * child.limit:
            note = f"tuning stopped before rtol {rtol:.0e}"
            break
        try:
            run = child.run(rtol)
            spent += run.cpu
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
    """Return the fastest of a few runs; memory is that of the first."""
    times = [run.cpu]
    while sum(times) < _SECONDS and len(times) < _REPEATS:
        times.append(child.run(rtol).cpu)
    return run._replace(cpu=min(times))


def trajectory_error(found: np.ndarray, exact: np.ndarray) -> float:
    """Return the largest relative Frobenius error over the first axis; infinite for NaN."""
    axes = tuple(range(1, exact.ndim))
    with np.errstate(over="ignore", invalid="ignore"):
        error = np.sqrt(((found - exact) ** 2).sum(axes) / (exact**2).sum(axes)).max()
    return float(error) if np.isfinite(error) else np.inf
