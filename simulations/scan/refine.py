"""More values where the transition curve bends.

Bisection: where λt* at a value of a numeric axis is farther than a tolerance from the straight
line between its neighbours (in the logarithm of the axis), both gaps beside it are halved. It is
our own and not python-adaptive's learner, whose next point depends on which cell finished first:
here the refined scan is a function of the table alone, so it is the same with any number of
workers, and an interrupted refinement goes on from the store. The grid stays rectangular, and so
keeps its labels.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from grokflow.simulations.scan.axes import rounded
from grokflow.simulations.scan.runner import Scan
from grokflow.simulations.scan.table import ScanTable

# Axes that may be halved: whole numbers and words may not.
_REAL = ("alpha", "lam", "p", "gamma", "fraction", "noise", "sigma")


def refined(scan: Scan, table: ScanTable, tolerance: float) -> Scan:
    """Return the scan with more values, or itself where nothing bends by more than `tolerance`.

    Parameters
    ----------
    scan : Scan
        What was computed.
    table : ScanTable
        Its outcomes.
    tolerance : float
        Distance in λt* that a straight line may be off.

    Raises
    ------
    ValueError
        When the tolerance is not above 0.
    """
    if not tolerance > 0:
        raise ValueError(f"tolerance is {tolerance}, expected above 0: try 0.05")
    axes = dict(scan.axes)
    times = table.to_xarray()["lambda_t"]
    for name in _REAL:
        values = np.sort(np.array(axes.get(name, ()), dtype=np.float64))
        if len(values) > 2 and values[0] > 0:
            along = times.sortby(name).transpose(name, ...).values.reshape(len(values), -1)
            new = _midpoints(values, bends(values, along) > tolerance)
            axes[name] = tuple(dict.fromkeys([*axes[name], *new]))
    return scan if axes == dict(scan.axes) else replace(scan, axes=axes)


def bends(values: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return how far each inner time is from the line between its neighbours, the worst curve.

    Parameters
    ----------
    values : ndarray, shape (k,)
        Increasing values of an axis above 0.
    times : ndarray, shape (k, m)
        λt* along it on m curves; NaN where there is none.

    Returns
    -------
    ndarray, shape (k - 2,)
        Zero where no curve has all three times.
    """
    x = np.log(values)
    share = ((x[1:-1] - x[:-2]) / (x[2:] - x[:-2]))[:, None]
    off = np.abs(times[1:-1] - (1 - share) * times[:-2] - share * times[2:])
    return np.asarray(np.nan_to_num(off, nan=0.0).max(axis=1, initial=0.0))


def _midpoints(values: np.ndarray, bent: np.ndarray) -> list[float]:
    """Return the geometric means of the gaps beside each bent inner value."""
    gaps = np.zeros(len(values) - 1, dtype=bool)
    gaps[:-1] |= bent
    gaps[1:] |= bent
    middle = np.sqrt(values[:-1] * values[1:])[gaps]
    return [rounded(float(value)) for value in middle]
