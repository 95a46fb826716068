"""What every predictor returns, and what it raises when there is nothing to predict."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy.linalg import LinAlgError

from grokflow.theory.certificate import Certificate
from grokflow.theory.linear.certificates import missed_targets
from grokflow.theory.linear.problem import Problem
from grokflow.theory.numerics.newton import NotConverged
from grokflow.theory.numerics.rounding import gamma
from grokflow.theory.objective import Condition, Norm, Objective
from grokflow.theory.predictor import NotInterpolable, NotResolved, NotSeparable
from grokflow.theory.summary import Summarised

# By how much of the largest target the outputs of an interpolant may be off: one digit is right.
MOST_MISSED = 0.1
# How far below that of the targets the means of all inputs are, in units of their sizes, where they
# were subtracted: one of d inputs that were not has so small a mean by chance of about 1e-6 √n.
CENTRED = 1e-6


class PrimalDual(NamedTuple):
    """Weights of shape (d,) and multipliers of shape (n,), not certified yet."""

    w: np.ndarray
    mu: np.ndarray


class Certified(NamedTuple):
    """Weights (d,) and multipliers (n,), and what they are proved to be worth."""

    w: np.ndarray
    mu: np.ndarray
    certificate: Certificate

    @property
    def gap(self) -> float:
        """The certified gap, or how far the answer misses its constraints: the larger."""
        return max(self.certificate.gap, self.certificate.infeasibility)


def best_of(
    solvers: Iterable[Callable[[], PrimalDual]],
    certify: Callable[[np.ndarray, np.ndarray], Certificate],
    gap: float,
) -> Certified | None:
    """Return the first answer that meets the gap, or the best of all; None where all fail.

    Solvers may fail in any way on data that are out of their range: then the next one is asked.
    """
    best: Certified | None = None
    for solve in solvers:
        try:
            with np.errstate(all="ignore"):
                w, mu = solve()
        except (NotSeparable, NotInterpolable):
            raise
        except (NotConverged, LinAlgError, ArithmeticError, ValueError):
            continue
        if np.isfinite(w).all() and np.isfinite(mu).all():
            with np.errstate(all="ignore"):
                found = Certified(w, mu, certify(w, mu))
            if best is None or found.gap < best.gap or best.gap == np.inf:
                best = found
            if best.gap <= gap:
                break
    return best


def of_distinct_samples(
    problem: Problem, predict: Callable[[Problem, np.ndarray], Prediction]
) -> Prediction:
    """Predict without samples that equal an earlier one, target included.

    `predict` is given the rest and which they are; the others get no multiplier.
    """
    kept = first_copies(problem)
    if len(kept) == problem.n:
        return predict(problem, kept)
    inputs = problem.inputs.of_samples(kept)
    found = predict(replace(problem, inputs=inputs, targets=problem.targets[kept]), kept)
    multipliers = np.zeros(problem.n)
    multipliers[kept] = found.multipliers
    return replace(found, multipliers=multipliers)


def first_copies(problem: Problem) -> np.ndarray:
    """Return the samples that differ from all before; a projection says which to compare."""
    projected = problem.inputs.combine(np.cos(np.arange(problem.d)))
    kept = np.ones(problem.n, dtype=bool)
    for i, j in pairwise(np.lexsort((projected, problem.targets))):
        near = abs(projected[i] - projected[j]) <= 1e-9 * abs(projected[i])
        if near and problem.targets[i] == problem.targets[j]:
            difference = np.zeros(problem.n)
            difference[[i, j]] = 1, -1
            kept[max(i, j)] &= bool(problem.inputs.correlate(difference).any())
    return np.flatnonzero(kept)


def interpolant(
    name: str,
    problem: Problem,
    found: Certified,
    norm: Norm,
    better: Callable[[Certified], Certified] = lambda found: found,
) -> Prediction:
    """Return weights whose outputs are the targets, and how far rounding keeps them from it.

    Where that is far, `better` is asked for others.

    Raises
    ------
    NotResolved
        Where that is more than `MOST_MISSED` of the largest target, or where centred inputs fit
        the mean of the targets by what rounding leaves of their own.
    """
    missed = missed_targets(problem, found.w, MOST_MISSED)
    if not missed <= MOST_MISSED:
        found = better(found)
        missed = missed_targets(problem, found.w, MOST_MISSED)
    if not missed <= MOST_MISSED:
        raise NotResolved(
            f"not resolved in double precision: weights up to {np.abs(found.w).max():.1e} fit the "
            f"targets, and rounded to doubles they miss one by {missed:.0%} of the largest, "
            f"expected at most {MOST_MISSED:.0%}: samples depend on one another but for digits of "
            "the size of rounding, as those of centred inputs do: add an intercept, intercept=1.0 "
            "(--intercept), or leave out a sample"
        )
    _check_mean(problem, found.w)
    return Prediction(
        name,
        found.w,
        found.mu,
        None,
        replace(found.certificate, missed=missed),
        objective=Objective(norm, Condition.TARGETS),
    )


def _check_mean(problem: Problem, w: np.ndarray) -> None:
    """Refuse weights that make the mean of the targets from roundings of centred inputs.

    Targets whose sum is 0 but for its own rounding have no mean to make.
    """
    y, squares = problem.targets, problem.inputs.column_squares
    shares = y / np.abs(y).max()
    wanted = abs(float(shares.mean()))
    if wanted <= gamma(problem.n) * np.abs(shares).mean():
        return
    sizes = np.sqrt(squares[squares > 0] / problem.n)
    means = np.abs(problem.inputs.correlate(np.ones(problem.n)) / problem.n)[squares > 0]
    most = float((means / sizes).max())
    if most <= CENTRED * wanted:
        raise NotResolved(
            f"not resolved: the mean of each input is at most {most:.1e} of its size, which "
            f"rounding leaves of centred inputs, and weights up to {np.abs(w).max():.1e} make of "
            f"it the targets' mean {y.mean():.4g}, expected inputs or targets of such a size: add "
            "an intercept, intercept=1.0 (--intercept) or a column of 1, or subtract the mean from "
            "the targets"
        )


def not_resolved(what: str, found: Certified | None, gap: float) -> NotResolved:
    """Say what is known of an optimum that is not known to the wanted gap."""
    bounds = "not bounded"
    if found is not None and found.certificate.upper < np.inf:
        bounds = f"between {found.certificate.lower:.10g} and {found.certificate.upper:.10g}"
    elif found is not None:
        bounds = f"at least {found.certificate.lower:.10g}, which no weights are proved to be near"
    return NotResolved(
        f"not resolved in double precision: {what} is {bounds}, expected a relative gap of "
        f"{gap:.1e}: scale the inputs to similar sizes, drop near-copies of samples, or use fewer"
    )


@dataclass(frozen=True, eq=False, repr=False)
class Prediction(Summarised):
    """A linear predictor that the flow tends to, with the proof of how good it is.

    Parameters
    ----------
    name : str
        Which predictor.
    w : ndarray, shape (d,)
        Weights.
    multipliers : ndarray, shape (n,)
        Dual unknowns, one for each training sample.
    margin : float or None
        ``min_i y_i <w, x_i> / ‖w‖`` in the norm that the predictor minimises; None for regression.
    certificate : Certificate
        Bounds on the optimum, recomputed from the data.
    stationarity : float or None
        Relative KKT residual where the problem is not convex, so that the answer is a KKT point
        and the bounds need not meet; None where the certificate says it all.
    objective : Objective or None
        What it minimises; None where no certificate file can be written of it.

    Examples
    --------
    >>> import grokflow as gf
    >>> problem = gf.sparse(n=60, d=100, k=3, n_test=100)
    >>> found = gf.MaxL1Margin().predict(problem)
    >>> found.name, found.w.shape, found.multipliers.shape
    ('max-L1-margin', (100,), (60,))
    >>> print(f"margin {found.margin:.3f}, test error {problem.score(found.w[:, None]).error[0]}")
    margin 0.333, test error 0.0
    """

    name: str
    w: np.ndarray
    multipliers: np.ndarray
    margin: float | None
    certificate: Certificate
    stationarity: float | None = None
    objective: Objective | None = None

    def _summary(self) -> Mapping[str, object]:
        """Return the values that are shown."""
        shown = {"name": self.name, "w": self.w, "margin": self.margin, "gap": self.certificate.gap}
        return shown | ({} if self.stationarity is None else {"stationarity": self.stationarity})


def normalised_margin(problem: Problem, w: np.ndarray, order: int) -> float | None:
    """Return the margin of `w` divided by its L1 or L2 norm; None for regression."""
    if not problem.is_classification:
        return None
    norm = float(np.linalg.norm(w, order))
    return float(problem.inputs.combine(w).min()) / norm if norm > 0 else None
