"""What every flow checks before it starts: settings in range, increasing times, enough memory."""

from __future__ import annotations

import numpy as np

from grokflow.theory.arguments import check_range


def check_ranges(settings: object, **ranges: tuple[float, float]) -> None:
    """Refuse settings outside their ranges, and NaN.

    Raises
    ------
    ValueError
        With the first value out of range.
    """
    for name, bounds in ranges.items():
        check_range(name, getattr(settings, name), bounds)


def checked_times(lambda_t: np.ndarray) -> np.ndarray:
    """Return finite, increasing, non-negative output times.

    Raises
    ------
    ValueError
        When they are not, or there are none.
    """
    times = np.asarray(lambda_t, dtype=np.float64)
    if times.ndim != 1 or not times.size:
        raise ValueError(f"lambda_t has shape {times.shape}, expected (m,): pass at least one time")
    if not np.isfinite(times).all():
        first = times[~np.isfinite(times)][0]
        raise ValueError(f"lambda_t contains {first}, expected finite times: remove it")
    if times[0] < 0 or (np.diff(times) <= 0).any():
        raise ValueError("lambda_t must increase from 0 or later: sort the times")
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
