"""The transition law, fitted: λt* = a log α + b log log(1/λ) + C over α, λ and draws of the data.

a = 1; b = 0 for the square loss and -1/L for exponential tails; C is the mean over the draws of
the constant read off the quasi-static path. Unlike in `transition_law`, no coefficient is given:
a and b are common to all draws, every draw has an intercept of its own.

How it is measured: every λ and every draw is simulated at one of three α, so that α and λ vary
independently. The law is one for λ → 0, and its leading correction is fitted along: λ for the
square loss; 1/log(1/λ) for tails, because ``log m = log log(1/λ) + O(1/log(1/λ))``, at λ down to
1e-80 and 1e-100. The interval of a bootstrap over draws covers the data; what the correction
leaves out is judged by adding its square, and by dropping the third of the λ that are largest.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from grokflow.proofs_check.claim import Broken, Check, Claim, Evidence, StatementKind, Verdict
from grokflow.proofs_check.laboratory import Laboratory
from grokflow.proofs_check.scan.experiments import law_runs
from grokflow.simulations.scan.law import Law, estimate, interval

DERIVATION = (
    "half of the 95 % interval of a bootstrap over draws of the data, plus twice the changes when "
    "the next correction is added or the third of the points farthest from λ = 0 is dropped; for C "
    "plus twice the changes of both crossings when every second point of path and record is dropped"
)
# Half of what a wrong coefficient would be off by at least: a by another power of α, b by 1/L.
_RESOLUTION = Law(0.25, 0.25, 0.25)


@dataclass(frozen=True, eq=False)
class _Fit:
    """Coefficients, C less the path's, and half of their intervals."""

    value: np.ndarray
    halfwidth: np.ndarray


def check(
    laboratory: Laboratory, model: str, *, a: float = 1.0, b: float = 0.0, constant: float = 1.0
) -> Evidence:
    """Compare the fitted a, b and C with these, C in units of the path's."""
    runs = law_runs(laboratory, model)
    ell = -np.log(runs.lam)
    corrections = (1 / ell, 1 / ell**2) if runs.tailed else (runs.lam, runs.lam**2)
    columns = np.column_stack([np.log(runs.alpha), np.log(ell), *corrections])
    times = runs.lambda_t - constant * runs.constant
    full = _fit(columns[:, :-1], times, runs.draw)
    near = runs.lam <= np.quantile(runs.lam, 2 / 3)
    fewer_points = _fit(columns[near, :-1], times[near], runs.draw[near])
    more_terms = _fit(columns, times, runs.draw)
    changes = np.abs(full.value - more_terms.value) + np.abs(full.value - fewer_points.value)
    allowed = full.halfwidth + 2 * changes + np.array([0.0, 0.0, 2 * runs.roughness])
    off = np.abs(full.value - np.array([a, b, 0.0]))
    worst = int(np.argmax(off / allowed))
    if (allowed > np.array(_RESOLUTION)).any():
        worst = int(np.argmax(allowed / np.array(_RESOLUTION)))
    return Evidence(
        float(off[worst]), float(allowed[worst]), DERIVATION, resolution=_RESOLUTION[worst]
    )


def _fit(columns: np.ndarray, times: np.ndarray, draw: np.ndarray) -> _Fit:
    """Return the slopes in log α and log log(1/λ), and the intercept."""
    found = estimate(columns, times, draw, np.random.default_rng(0))
    values = [float(found.slopes[0]), float(found.slopes[1]), found.intercept]
    draws = [found.slope_draws[:, 0], found.slope_draws[:, 1], found.intercept_draws]
    ends = [interval(v, d, draw) for v, d in zip(values, draws, strict=True)]
    return _Fit(np.array(values), np.array([(end.high - end.low) / 2 for end in ends]))


def _claim(model: str, words: str, hypotheses: tuple[str, ...], source: str, b: float) -> Claim:
    test: Check = partial(check, model=model, b=b)
    other = "b = 0, as for the square loss" if b else "b = -1/2, as for exponential tails"
    wrong = partial(check, model=model, b=-0.5 - b)
    return Claim(
        label=f"law-{model}",
        statement=f"λt* = a log α + b log log(1/λ) + C with a = 1, {words} and C of the path",
        hypotheses=hypotheses,
        source=source,
        kind=StatementKind.LIMIT,
        expected=Verdict.SUPPORTED,
        check=test,
        broken=(
            Broken(other, wrong),
            Broken("a = 1/2", partial(check, model=model, a=0.5, b=b)),
            Broken("C = 0", partial(check, model=model, b=b, constant=0.0)),
        ),
    )


_TAILS = "grokflow; the leading order is Lyu et al. 2024, Theorems 3.4 and 3.5"
_SQUARES = "grokflow; the leading order is Lyu et al. 2024, Theorems 3.9 and 3.10"

SQUARE = _claim(
    "square", "b = 0", ("depth-2 diagonal net, square loss", "targets that fit"), _SQUARES, 0.0
)
LOGISTIC, EXPONENTIAL = (
    _claim(name, "b = -1/2", (f"depth-2 diagonal net, {name} loss", "separable data"), _TAILS, -0.5)
    for name in ("logistic", "exponential")
)
COMPLETION = _claim(
    "completion", "b = 0", ("matrix completion W = UUᵀ - VVᵀ from U = V = α I",), _SQUARES, 0.0
)
