"""The transition law, fitted: λt* = a log α + b log log(1/λ) + C over α, λ and draws of the data.

a = 1; b = 0 for the square loss and -1/L for exponential tails; C is the mean over the draws of
the constant read off the quasi-static path. Unlike in `transition_law`, no coefficient is given:
every draw has coefficients of its own.

How it is measured: on several draws of the data every λ is simulated at one of three α, so that α
and λ vary independently, and each draw has a fit of its own. The law is one for λ → 0, and its
leading correction is fitted along: λ for the square loss; 1/log(1/λ) for tails, because
``log m = log log(1/λ) + O(1/log(1/λ))``, at λ down to 1e-80 and 1e-100. The draws are the samples
that a, b and C are judged by. C is fitted with a and b as stated, since at these λ an error of b is
one of C six times as large. What the correction leaves out is in all draws alike and shows in how
far the mean moves: when the correction is dropped, when the next one is added, and when the third
of the λ that are largest is dropped.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np

from grokflow.proofs_check.claim import Broken, Check, Claim, Evidence, StatementKind, Verdict
from grokflow.proofs_check.evidence.error_rates import SAMPLED
from grokflow.proofs_check.evidence.judging import judge_samples
from grokflow.proofs_check.evidence.replicates import mean_equals
from grokflow.proofs_check.laboratory import Laboratory
from grokflow.proofs_check.ranges.reasons import LAW
from grokflow.proofs_check.scan.experiments import LawRuns, law_runs
from grokflow.proofs_check.scope import Scope

# What a wrong coefficient would be off by at least: a by a tenth; b by what tells depth 2 from
# depth 3, 1/2 - 1/3; C by a tenth of itself.
_RESOLUTION = (0.1, 1 / 6, 0.1)


class _Stated(NamedTuple):
    """Coefficients as stated, C in units of the path's."""

    a: float
    b: float
    constant: float


def scale_coefficient() -> float:
    """Return the coefficient a of log α, 1."""
    return 1.0


def tail_coefficient(depth: int) -> float:
    """Return the coefficient b of log log(1/λ) under exponential tails, -1/L."""
    return -1 / depth


def check(
    laboratory: Laboratory, model: str, *, a: float = 0.0, b: float = 0.0, constant: float = 1.0
) -> Evidence:
    """Compare the fitted a and b with those stated and so much more, C in units of the path's."""
    tail = tail_coefficient(2) if model in ("logistic", "exponential") else 0.0
    stated = _Stated(scale_coefficient() + a, tail + b, constant)
    runs = law_runs(laboratory, model)
    near = runs.lam <= np.quantile(runs.lam, 2 / 3)
    full = _coefficients(runs, stated, terms=1)
    others = [
        _coefficients(runs, stated, terms=0),
        _coefficients(runs, stated, terms=2),
        _coefficients(runs, stated, terms=1, used=near),
    ]
    changes = sum(np.abs((full - other).mean(axis=0)) for other in others)
    # A crossing that moves by so much with half of the points moves C by as much.
    rough = runs.roughness / float(np.abs(runs.constant).mean())
    tolerance = 2 * changes + np.array([0.0, 0.0, 2 * rough])
    return judge_samples(
        *(
            mean_equals(values, 0.0, resolution, float(common))
            for values, resolution, common in zip(full.T, _RESOLUTION, tolerance, strict=True)
        )
    )


def _coefficients(
    runs: LawRuns, stated: _Stated, terms: int, used: np.ndarray | None = None
) -> np.ndarray:
    """Return a, b and C less what is stated for every draw, shape (draws, 3).

    C is in units of the mean size of the path's.
    """
    chosen = np.ones(len(runs.lam), dtype=bool) if used is None else used
    size, found = float(np.abs(runs.constant).mean()), []
    for draw in np.unique(runs.draw):
        of_it = chosen & (runs.draw == draw)
        log_alpha, ell = np.log(runs.alpha[of_it]), -np.log(runs.lam[of_it])
        slopes = np.column_stack([log_alpha, np.log(ell)])
        small = 1 / ell if runs.tailed else runs.lam[of_it]
        corrections = [small**power for power in range(1, terms + 1)]
        off = runs.lambda_t[of_it] - slopes @ np.array(stated[:2])
        off = off - runs.constant[of_it]
        free = _fitted([*slopes.T, np.ones_like(ell), *corrections], off)
        held = _fitted([np.ones_like(ell), *corrections], off)
        found.append([free[0], free[1], held[0] / size - (stated.constant - 1)])
    return np.array(found)


def _fitted(columns: list[np.ndarray], values: np.ndarray) -> np.ndarray:
    """Return the coefficients of a least-squares fit, columns in units of their largest entry."""
    design = np.column_stack(columns)
    units = np.abs(design).max(axis=0)
    coefficients, *_ = np.linalg.lstsq(design / units, values, rcond=None)
    return np.asarray(coefficients / units)


def _claim(model: str, words: str, hypotheses: tuple[str, ...], source: str, b: float) -> Claim:
    test: Check = partial(check, model=model)
    formulas = (scale_coefficient, tail_coefficient) if b else (scale_coefficient,)
    completion = model == "completion"
    net, loss = ("matrix completion", "square") if completion else ("diagonal net", model)
    near = b + 0.1
    return Claim(
        label=f"law-{model}",
        statement=f"λt* = a log α + b log log(1/λ) + C with a = 1, {words} and C of the path",
        hypotheses=hypotheses,
        source=source,
        kind=StatementKind.LIMIT,
        error_rate=SAMPLED,
        scope=Scope((), net, (loss,), (2,)),
        no_range=LAW,
        expected=Verdict.SUPPORTED,
        check=test,
        formulas=formulas,
        broken=(
            Broken("a = 0.9", partial(check, model=model, a=-0.1)),
            Broken(f"b = {near:.1f}", partial(check, model=model, b=0.1)),
            Broken("C a tenth larger", partial(check, model=model, constant=1.1)),
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
