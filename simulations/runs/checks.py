"""What every flow checks before it starts: settings in range, increasing times, enough memory."""

from __future__ import annotations

import numpy as np

from grokflow.theory.arguments import check_range
from grokflow.theory.conversion import as_vector


def check_ranges(settings: object, **ranges: tuple[float, float]) -> None:
    """Refuse settings outside their ranges, and NaN.

    Raises
    ------
    ValueError
        With the first value out of range.
    """
    for name, bounds in ranges.items():
        check_range(name, getattr(settings, name), bounds)


def check_effort(settings: object) -> None:
    """Refuse bounds on the steps and the bytes of a run that let it do nothing.

    Raises
    ------
    ValueError
        With the first one that is no number of at least 1.
    """
    for name in ("max_steps", "memory"):
        if hasattr(settings, name):
            check_range(name, getattr(settings, name), (1.0, float("inf")))


def checked_times(lambda_t: np.ndarray) -> np.ndarray:
    """Return finite, increasing, non-negative output times.

    Raises
    ------
    ValueError
        When they are not, or there are none.
    """
    times = as_vector("lambda_t", lambda_t)
    if not times.size:
        raise ValueError("lambda_t is empty, expected at least one time: pass lambda_t=[0.0, 10.0]")
    if times[0] < 0:
        raise ValueError(f"lambda_t begins at {times[0]:g}, expected 0 or later: begin there")
    if (falling := np.flatnonzero(np.diff(times) <= 0)).size:
        i = int(falling[0])
        raise ValueError(
            f"lambda_t goes from {times[i]:g} to {times[i + 1]:g}, expected times that increase: "
            "sort them, np.unique(lambda_t)"
        )
    return times


def checked_steps(steps: np.ndarray) -> np.ndarray:
    """Return increasing whole numbers of steps, from 0 or later.

    Raises
    ------
    ValueError
        When they are not, or there are none.
    """
    due = np.asarray(steps)
    whole = due.ndim == 1 and due.size > 0 and due.dtype.kind in "iu"
    if not whole or due[0] < 0 or (due[1:] <= due[:-1]).any():
        raise ValueError(
            "steps must be whole numbers that increase from 0 or later: use record_steps"
        )
    return due


def check_memory(memory: int, needed: int, what: str) -> None:
    """Refuse a bound on memory below what is needed for `what`."""
    if memory < needed:
        raise ValueError(f"memory is {memory} bytes, expected {needed} for {what}: raise it")
