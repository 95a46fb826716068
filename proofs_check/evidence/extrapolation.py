"""Limits from finitely many points: a fit in known correction terms, with its error."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.stats import t as student

from grokflow.proofs_check.evidence.judging import FALSE_REFUTATIONS


def extrapolated(what: str = "") -> str:
    """Say what the half-width of an extrapolation holds, for the derivation of an allowance."""
    return (
        f"interval of the extrapolation {what} at an error rate of {FALSE_REFUTATIONS:g}, plus "
        "twice the changes when its last term or a third of the points is dropped and when one "
        "term more is fitted"
    ).replace("  ", " ")


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


def extrapolate(values: np.ndarray, terms: np.ndarray) -> Limit:
    """Fit ``value = limit + Σ c_j term_j`` and judge the fit by what it leaves out.

    Parameters
    ----------
    values : ndarray, shape (m,)
        Measurements, at least six, ordered towards the limit.
    terms : ndarray, shape (m, k + 1)
        The leading correction terms, known up to their coefficients, most important first; all of
        them vanish in the limit. The last one is not fitted (`corrections` has families).

    Returns
    -------
    Limit
        The half-width adds the interval of the fit, which covers noise at the rate
        `FALSE_REFUTATIONS`, to twice the three changes of the limit that show what is left out:
        when the last term of the fit is dropped, when the first one beyond is added, and when the
        third of the points farthest from the limit is dropped. Three, because any can be small by
        accident; the tests draw curves of every family with coefficients of one size beyond the
        last term, and the interval holds the limit of at least 99.9 % of them.
    """
    m, k = terms.shape[0], terms.shape[1] - 1
    needed = points_needed(terms)
    if k < 1 or m < needed:
        raise ValueError(
            f"{m} points for {k} corrections, expected at least {needed} and 1: add points"
        )
    fitted = terms[:, :-1]
    full, error = _fit(values, fitted)
    fewer_terms, _ = _fit(values, fitted[:, :-1])
    more_terms, _ = _fit(values, terms)
    fewer_points, _ = _fit(values[m // 3 :], fitted[m // 3 :])
    changes = sum(abs(full - other) for other in (fewer_terms, more_terms, fewer_points))
    quantile = float(student.ppf(1 - FALSE_REFUTATIONS / 2, m - k - 1))
    return Limit(full, quantile * error + 2 * changes)


def carried(errors: np.ndarray, terms: np.ndarray) -> float:
    """Return by how much errors of the measurements move the limit at most; it is linear in them.

    Parameters
    ----------
    errors : ndarray, shape (m,)
        Bounds on the error of each measurement.
    terms : ndarray, shape (m, k + 1)
        Those of `extrapolate`.
    """
    weights = [abs(extrapolate(one, terms).value) for one in np.eye(len(errors))]
    return float(np.array(weights) @ errors)


def points_needed(terms: np.ndarray) -> int:
    """Return how many measurements a fit in these terms asks for, the last of them not fitted."""
    count: int = terms.shape[1]
    return max(6, (3 * (count + 1) + 1) // 2)


def _fit(values: np.ndarray, corrections: np.ndarray) -> tuple[float, float]:
    """Return the intercept of a least-squares fit and its standard error."""
    design = np.column_stack([np.ones(len(values)), corrections])
    coefficients, *_ = np.linalg.lstsq(design, values, rcond=None)
    residual = values - design @ coefficients
    variance = float(residual @ residual) / (len(values) - design.shape[1])
    covariance = variance * np.linalg.pinv(design.T @ design)
    return float(coefficients[0]), float(np.sqrt(covariance[0, 0]))
