"""The transition law fitted to a scan: ``λt* = a log α + b log log(1/λ) + C``.

Seeds are different data with constants of their own: the fit has one intercept a seed, common a
and b, and C is the mean intercept. Intervals come from a bootstrap over seeds, the unit that is
independent; its percentiles are widened for few seeds [1]_. Only simulated cells are fitted (the
shift law would put a = 1 in by hand), and of them those that have forgotten their start.

Theory says a = 1; b = -1/L for exponential tails and 0 for the square loss, as λ → 0; and C from
the quasi-static path. At finite λ the margin level m in ``-(1/L) log m`` is ``log(1/λ) + O(1)``,
so b is reached slowly: the same fit to the times that the path predicts says what to expect at
these λ.

References
----------
.. [1] Hesterberg, What Teachers Should Know About the Bootstrap, Am. Stat. 69 (2015), the expanded
   percentile interval.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.stats import norm
from scipy.stats import t as student

from grokflow.simulations.scan.cells import Value
from grokflow.simulations.scan.table import ScanTable
from grokflow.theory.summary import Summarised
from grokflow.theory.transition.intervals import Estimate

_RESAMPLES = 2000
_LEVEL = 0.95
# Share ``(α*/α)^L = e^{-L λt*}`` of the start that a fitted cell may remember.
_MEMORY = 1e-3
# What may differ between the cells of one fit.
_WITHIN = ("alpha", "lam", "p", "seed")


_UNKNOWN = Estimate(float("nan"), float("nan"), float("nan"))


class Law(NamedTuple):
    """The coefficients of the law."""

    a: float
    b: float
    C: float


class LeastSquaresFit(NamedTuple):
    """Slopes of shape (k,) and mean intercept, each with b bootstrap values, and residuals."""

    slopes: np.ndarray
    intercept: float
    slope_draws: np.ndarray
    intercept_draws: np.ndarray
    residuals: np.ndarray


@dataclass(frozen=True, eq=False, repr=False)
class LawFit(Summarised):
    """The law fitted to the cells that share everything but α, λ and the seed.

    Parameters
    ----------
    settings : dict
        What they share of the axes with several values.
    table : ScanTable
        The cells.
    a, b, C, width : Estimate
        Coefficients, NaN where the cells do not determine them, and the mean width. C is beside
        the theory's a or b then.
    theory : Law
        Coefficients as λ → 0.
    path : Law
        The same fit to the times that the path predicts for the same cells.
    residuals : ndarray
        Simulated minus fitted times, one for each cell.
    """

    settings: dict[str, Value]
    table: ScanTable
    a: Estimate
    b: Estimate
    C: Estimate
    width: Estimate
    theory: Law
    path: Law
    residuals: np.ndarray

    def _summary(self) -> Mapping[str, object]:
        """Return the coefficients with their intervals."""
        coefficients = {
            name: f"{found.value:.3g} [{found.low:.3g}, {found.high:.3g}]"
            for name, found in (("a", self.a), ("b", self.b), ("C", self.C))
        }
        return {**self.settings, **coefficients, "cells": len(self.residuals)}


def fit_laws(table: ScanTable, rng: np.random.Generator | None = None) -> list[LawFit]:
    """Fit the law ``λt* = a log α + b log log(1/λ) + C`` to the simulated cells of a scan.

    There is one fit for every combination of the axes other than α, λ and the seed that has cells
    to fit; see `grokflow.simulations.scan.law`.

    Parameters
    ----------
    table : ScanTable
        A scan.
    rng : Generator, optional
        Draws the resamples for the intervals; by default a fixed one, so that a table has one fit.

    Returns
    -------
    list of LawFit
        Coefficients with intervals, beside those of the theory.

    Examples
    --------
    >>> import grokflow as gf
    >>> sizes = {"n": 20, "d": 50, "k": 2, "n_test": 100}
    >>> alpha = [1e3, 1e4, 1e5]
    >>> scan = gf.Scan.over("sparse-regression", alpha=alpha, lam=1e-4, direct=True, **sizes)
    >>> [fit] = gf.fit_laws(scan.run())
    >>> print(f"a = {fit.a.value:.2f} found, {fit.theory.a:.2f} by theory")
    a = 1.00 found, 1.00 by theory
    """
    rng = np.random.default_rng(0) if rng is None else rng
    depth = table["depth"]
    usable = table.good & table["simulated"] & (table["lam"] < 1)
    usable &= np.exp(-depth * np.nan_to_num(table["predicted"], nan=0.0)) <= _MEMORY
    other = [name for name, v in table.axes.items() if len(v) > 1 and name not in _WITHIN]
    rows = list(zip(*(table[name].tolist() for name in other), strict=True)) if other else [()]
    fits = []
    for values in dict.fromkeys(rows):
        chosen = usable.copy()
        for name, value in zip(other, values, strict=True):
            chosen &= table[name] == value
        if chosen.any():
            fits.append(_fit(table.where(chosen), dict(zip(other, values, strict=True)), rng))
    return fits


def _fit(table: ScanTable, settings: dict[str, Value], rng: np.random.Generator) -> LawFit:
    columns = regressors(table)
    moving, theory = np.ptp(columns, axis=0) > 0, theory_of(table)
    # A slope that the cells do not determine is that of the theory, so that C is comparable.
    held = columns[:, ~moving] @ np.array([theory.a, theory.b])[~moving]
    found = estimate(columns[:, moving], table["lambda_t"] - held, table["seed"], rng)
    path = estimate(columns[:, moving], table["predicted"] - held, table["seed"], rng)
    slopes, expected = [_UNKNOWN, _UNKNOWN], [np.nan, np.nan]
    for place, column in enumerate(np.flatnonzero(moving)):
        draws = found.slope_draws[:, place]
        slopes[column] = interval(float(found.slopes[place]), draws, table["seed"])
        expected[column] = float(path.slopes[place])
    return LawFit(
        settings=settings,
        table=table,
        a=slopes[0],
        b=slopes[1],
        C=interval(found.intercept, found.intercept_draws, table["seed"]),
        width=_mean(table["width"], table["seed"], rng),
        theory=theory,
        path=Law(expected[0], expected[1], path.intercept),
        residuals=found.residuals,
    )


def regressors(table: ScanTable) -> np.ndarray:
    """Return ``log α`` and ``log log(1/λ)``, shape (cells, 2)."""
    alpha, lam = (np.asarray(table[name], dtype=np.float64) for name in ("alpha", "lam"))
    return np.column_stack([np.log(alpha), np.log(-np.log(lam))])


def theory_of(table: ScanTable) -> Law:
    """Return a, b and C as λ → 0; C is the path's at the smallest λ, averaged over seeds."""
    smallest = table["lam"] == table["lam"].min()
    seeds = table["seed"][smallest]
    constants = [float(table["constant"][smallest][seeds == s].mean()) for s in np.unique(seeds)]
    tailed = table["loss"][0] != "square"
    return Law(1.0, -1.0 / float(table["depth"][0]) if tailed else 0.0, float(np.mean(constants)))


def estimate(
    columns: np.ndarray, times: np.ndarray, seeds: np.ndarray, rng: np.random.Generator
) -> LeastSquaresFit:
    """Fit ``times = columns @ slopes + intercept of the seed`` by least squares.

    Parameters
    ----------
    columns : ndarray, shape (m, k)
        Regressors.
    times : ndarray, shape (m,)
        What is fitted.
    seeds : ndarray, shape (m,)
        Whose intercept each has.
    rng : Generator
        Draws the resamples of seeds.
    """
    _, whose = np.unique(seeds, return_inverse=True)
    count = int(whose.max()) + 1
    share = np.eye(count)[whose] / np.bincount(whose)[whose][:, None]  # (m, seeds)
    x_mean, y_mean = share.T @ columns, share.T @ times
    x, y = columns - x_mean[whose], times - y_mean[whose]
    # Normal equations of each seed; a resample sums those of the seeds that it draws.
    own = np.eye(count)[whose]
    gram, moment = np.einsum("ms,mi,mj->sij", own, x, x), np.einsum("ms,mi,m->si", own, x, y)
    drawn = rng.multinomial(count, np.full(count, 1 / count), size=_RESAMPLES) / count
    weights = np.vstack([np.full(count, 1 / count), drawn])
    inverse = np.linalg.pinv(np.einsum("bs,sij->bij", weights, gram), hermitian=True)
    slopes = np.einsum("bij,bj->bi", inverse, weights @ moment)
    intercepts = np.einsum("bs,bs->b", weights, y_mean - slopes @ x_mean.T)
    residuals = y - x @ slopes[0]
    return LeastSquaresFit(slopes[0], float(intercepts[0]), slopes[1:], intercepts[1:], residuals)


def interval(value: float, draws: np.ndarray, seeds: np.ndarray) -> Estimate:
    """Return the expanded percentile interval of a bootstrap over seeds."""
    count = len(np.unique(seeds))
    if count < 2:
        return Estimate(value, np.nan, np.nan)
    reach = np.sqrt(count / (count - 1)) * student.ppf((1 + _LEVEL) / 2, count - 1)
    tail = float(norm.cdf(-reach))
    low, high = np.quantile(draws, [tail, 1 - tail])
    return Estimate(value, float(low), float(high))


def _mean(values: np.ndarray, seeds: np.ndarray, rng: np.random.Generator) -> Estimate:
    """Return the mean of finite values, each seed with the same weight."""
    finite = np.isfinite(values)
    if not finite.any():
        return _UNKNOWN
    nothing = np.empty((int(finite.sum()), 0))
    found = estimate(nothing, values[finite], seeds[finite], rng)
    return interval(found.intercept, found.intercept_draws, seeds[finite])
