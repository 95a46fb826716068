"""The transition law: λt* = log α - (1/L) log m + C(data), with C read off the path.

m is 1 for the square loss; for exponential tails it is the level of the margins,
``log(1/λ) + O(1)`` with the O(1) read off the path; L = 2. C(data) is where the test error path
the path crosses, ``C = -½ log β*``. Nothing is simulated for either.

How it is measured: the simulated ``λt* - log α + ½ log m`` at nine λ, extrapolated to λ = 0,
against C. Corrections: λ and λ² for the square loss; 1/m and 1/m² for exponential tails, because
single margins differ from their level by O(1).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from grokflow.proofs_check.claim import Broken, Claim, Evidence, StatementKind, Verdict, weakest
from grokflow.proofs_check.diagonal.experiments import (
    SLOW_LAMS,
    SLOW_TIMES,
    grokking_classes,
    path_targets,
    slow_scores,
    tailed_flow,
    tailed_lams,
    tailed_scores,
)
from grokflow.proofs_check.evidence.corrections import powers
from grokflow.proofs_check.evidence.error_rates import EXTRAPOLATED
from grokflow.proofs_check.evidence.extrapolation import extrapolate, extrapolated
from grokflow.proofs_check.laboratory import SLOW_ALPHA, Laboratory
from grokflow.proofs_check.ranges.reasons import TEST_ERROR
from grokflow.proofs_check.scope import Scope
from grokflow.theory.diagonal.path import Path, scales, trace
from grokflow.theory.linear.problem import Problem
from grokflow.theory.losses import LOSSES, Loss
from grokflow.theory.transition.scores import Scores
from grokflow.theory.transition.times import crossing, leading_order, level_delay, shifted_time

DERIVATION = (
    extrapolated("in λ")
    + ", plus the changes of both crossings when every second point of the path and of the record "
    "is dropped"
)


def square(laboratory: Laboratory, constant: float = 1.0) -> Evidence:
    """Check the law for the square loss, with a multiple of its `constant` C."""
    problem = path_targets(laboratory)
    curves = [(SLOW_TIMES, slow_scores(laboratory, lam)) for lam in SLOW_LAMS]
    lams = np.array(SLOW_LAMS)
    terms = powers(lams)
    shifts = np.full(len(lams), leading_order(SLOW_ALPHA))
    return _compare(path_of(problem), curves, terms, shifts, constant=constant)


def tailed(laboratory: Laboratory, level: float = 1.0, constant: float = 1.0) -> Evidence:
    """Check the law for exponential and logistic loss, with multiples of the level m and of C."""
    problem, lams = grokking_classes(laboratory), tailed_lams(laboratory)
    found = []
    for name in ("exponential", "logistic"):
        curves = [
            (tailed_flow(laboratory, name, lam).lambda_t, tailed_scores(laboratory, name, lam))
            for lam in lams.tolist()
        ]
        path = path_of(problem)
        levels = np.array([path.level(LOSSES[name], float(lam)) for lam in lams])
        terms = powers(1 / levels)
        shift = leading_order(SLOW_ALPHA) - level_delay(level * levels)
        found.append(_compare(path, curves, terms, shift, constant=constant))
    return weakest(found)


@dataclass(frozen=True, eq=False)
class PathCrossing:
    """The path, the test errors of its two ends, and where it crosses between them."""

    path: Path
    ends: tuple[float, float]
    crossing: float
    roughness: float

    def level(self, loss: Loss, lam: float) -> float:
        """Return the margin level where the path crosses."""
        slow = shifted_time(self.path.log_beta)
        return float(np.interp(self.crossing, slow, self.path.margin_level(loss, lam)))


def path_of(problem: Problem) -> PathCrossing:
    """Return the path of a depth-2 net, fine enough to read the constant off."""
    log_beta = scales(problem, 1.0, step=0.25 / 16)
    rich = log_beta > np.log(problem.scale) - 16
    path = trace(problem, log_beta[rich], tolerance=1e-6, locate=False)
    scores = problem.score(path.weights)
    ends = float(scores.error[0]), float(scores.error[-1])
    return PathCrossing(path, ends, *crossing_of(shifted_time(path.log_beta), scores, ends))


def _compare(
    path: PathCrossing,
    curves: list[tuple[np.ndarray, Scores]],
    terms: np.ndarray,
    shift: np.ndarray,
    *,
    constant: float,
) -> Evidence:
    """Extrapolate ``λt* - shift`` of all test curves and compare it with the path's crossing."""
    times, roughness = [], path.roughness
    for slow_times, scores in curves:
        time, rough = crossing_of(slow_times, scores, path.ends)
        times.append(time)
        roughness = max(roughness, rough)
    limit = extrapolate(np.array(times) - shift, terms)
    allowed = limit.halfwidth + 2 * roughness
    miss = abs(limit.value - constant * path.crossing)
    # What a C that is a tenth larger would be off by.
    return Evidence(miss, allowed, DERIVATION, resolution=abs(path.crossing) / 10)


def crossing_of(
    times: np.ndarray, scores: Scores, ends: tuple[float, float]
) -> tuple[float, float]:
    """Return when the error crosses, and by how much that moves with half of the points."""
    full = crossing(times, scores.error, *ends).lambda_t
    half = crossing(times[::2], scores.error[::2], *ends).lambda_t
    return full, abs(full - half)


SQUARE = Claim(
    label="transition-square",
    statement="λt* - log α tends to C(data) as λ → 0",
    hypotheses=("depth-2 diagonal net, square loss", "targets that can be interpolated"),
    source="grokflow; the leading order is Lyu et al. 2024, Theorems 3.9 and 3.10",
    kind=StatementKind.LIMIT,
    error_rate=EXTRAPOLATED,
    scope=Scope((), "diagonal net", ("square",), (2,)),
    expected=Verdict.SUPPORTED,
    check=square,
    formulas=(shifted_time, leading_order),
    no_range=TEST_ERROR,
    broken=(Broken("C a tenth larger", partial(square, constant=1.1)),),
)

TAILED = Claim(
    label="transition-tails",
    statement="λt* - log α + (1/2) log m tends to C(data) as λ → 0, m = log(1/λ) + O(1)",
    hypotheses=("depth-2 diagonal net, exponential or logistic loss", "separable data"),
    source="grokflow; the leading order is Lyu et al. 2024, Theorems 3.4 and 3.5",
    kind=StatementKind.LIMIT,
    error_rate=EXTRAPOLATED,
    scope=Scope((), "diagonal net", ("exponential", "logistic"), (2,)),
    expected=Verdict.SUPPORTED,
    check=tailed,
    formulas=(shifted_time, leading_order, level_delay),
    no_range=TEST_ERROR,
    broken=(
        Broken("twice the level m", partial(tailed, level=2.0)),
        Broken("C a tenth larger", partial(tailed, constant=1.1)),
    ),
)
