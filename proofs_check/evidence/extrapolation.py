"""Limits from finitely many points: a fit in known correction terms, with its error."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.stats import t as student


class Limit(NamedTuple):
    """An extrapolated limit and the half-width of the interval that should hold it."""

    value: float
    halfwidth: float


class Slopes(NamedTuple):
    """Local slopes of a curve, and the points halfway between those of the curve."""

    at: np.ndarray
    values: np.ndarray


def local_slopes(x: np.ndarray, y: np.ndarray) -> Slopes:
    """Return the m - 1 slopes between neighbours of m points."""
    return Slopes((x[1:] + x[:-1]) / 2, np.diff(y) / np.diff(x))


def extrapolate(values: np.ndarray, corrections: np.ndarray) -> Limit:
    """Fit ``value = limit + Σ c_j correction_j`` and judge the fit by what it leaves out.

    Parameters
    ----------
    values : ndarray, shape (m,)
        Measurements, at least six.
    corrections : ndarray, shape (m, k)
        The leading correction terms, known up to their coefficients, most important first;
        all of them vanish in the limit.

    Returns
    -------
    Limit
        The half-width adds the 95 % interval of the fit, which covers noise, to twice the two
        changes of the limit, which cover terms beyond the last: when the last correction is
        dropped, and when the third of the points farthest from the limit is dropped (twice,
        because either can be small by accident). Points are ordered towards the limit.
    """
    m, k = corrections.shape
    needed = max(6, (3 * (k + 2) + 1) // 2)
    if m < needed:
        raise ValueError(f"{m} points for {k} corrections, expected at least {needed}: add points")
    full, error = _fit(values, corrections)
    fewer_terms, _ = _fit(values, corrections[:, :-1])
    fewer_points, _ = _fit(values[m // 3 :], corrections[m // 3 :])
    change = abs(full - fewer_terms) + abs(full - fewer_points)
    return Limit(full, float(student.ppf(0.975, m - k - 1)) * error + 2 * change)


def _fit(values: np.ndarray, corrections: np.ndarray) -> tuple[float, float]:
    """Return the intercept of a least-squares fit and its standard error."""
    design = np.column_stack([np.ones(len(values)), corrections])
    coefficients, *_ = np.linalg.lstsq(design, values, rcond=None)
    residual = values - design @ coefficients
    variance = float(residual @ residual) / (len(values) - design.shape[1])
    covariance = variance * np.linalg.pinv(design.T @ design)
    return float(coefficients[0]), float(np.sqrt(covariance[0, 0]))
