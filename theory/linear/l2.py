"""Early predictors of the depth-2 diagonal net: what the kernel regime converges to.

Theorem 3.4 and Corollary 3.6 of Lyu et al. (2024): the direction of w at ``T_c^-`` tends to the
max-L2-margin direction; Theorem 3.9 gives the min-L2-norm interpolant for regression. Both live
in the span of the n training inputs, so the n×n Gram matrix decides them, where it is well enough
conditioned; a certificate says whether it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from scipy.linalg import lstsq

from grokflow.theory.certificate import Certificate
from grokflow.theory.linear import certificates
from grokflow.theory.linear.prediction import (
    Certified,
    Prediction,
    PrimalDual,
    best_of,
    interpolant,
    normalised_margin,
    not_resolved,
    of_distinct_samples,
)
from grokflow.theory.linear.problem import Problem, check_problem
from grokflow.theory.numerics.design_matrix import with_column
from grokflow.theory.numerics.hard_margin import (
    balanced_multipliers,
    hard_margin,
    interpolate,
    least_distance,
    least_norm,
    margin_root,
    row_lengths,
)
from grokflow.theory.numerics.newton import NotConverged
from grokflow.theory.numerics.rounding import divided
from grokflow.theory.objective import Condition, Norm, Objective
from grokflow.theory.predictor import (
    NoPredictor,
    NotInterpolable,
    NotResolved,
    NotSeparable,
    Remedy,
)

# Relative gap that a predictor is returned with at most.
WANTED_GAP = 1e-7
# Entries of X up to which it is factored where the Gram matrix does not do.
MOST_ENTRIES = 4_000_000
# Samples up to which a second hard margin is worth a hint.
HINTED = 2000


@dataclass(frozen=True)
class MaxL2Margin:
    """The classifier of largest L2-margin: ``min ½‖w‖²`` with ``y_i <w, x_i> ≥ 1``.

    This is the hard-margin support vector machine without bias, the early predictor of diagonal
    nets (Lyu et al. 2024, Corollary 3.6).

    Examples
    --------
    >>> import grokflow as gf
    >>> problem = gf.sparse(n=20, d=50, k=3, n_test=100)
    >>> found = gf.MaxL2Margin().predict(problem)
    >>> print(f"least distance of a sample from the plane {found.margin:.2f}")
    least distance of a sample from the plane 1.72
    """

    name: str = "max-L2-margin"

    def predict(self, problem: Problem) -> Prediction:
        """Solve the quadratic program in its dual, which has n unknowns.

        Raises
        ------
        NotSeparable
            With the certificate, when it is proved that no w has a positive margin.
        NotResolved
            When neither that nor a margin to a relative gap of 1e-7 is proved.
        """
        check_problem(problem, margins=self.name)
        solvers = [lambda: _gram_margin(problem), lambda: _factored_margin(problem)]
        if problem.n > problem.d:  # a factor of X is smaller than the Gram matrix, and singular not
            solvers.reverse()
        found = best_of(
            solvers,
            lambda w, mu: certificates.max_l2_margin(problem, w, mu),
            WANTED_GAP,
        )
        if found is None or found.gap > WANTED_GAP:
            found = _stubborn_margin(problem, found)
        margin = normalised_margin(problem, found.w, 2)
        return Prediction(
            self.name,
            found.w,
            found.mu,
            margin,
            found.certificate,
            objective=Objective(Norm.L2, Condition.MARGINS),
        )


@dataclass(frozen=True)
class MinL2Norm:
    """The interpolant of least L2-norm: ``min ½‖w‖²`` with ``<w, x_i> = y_i``.

    It is the early predictor of diagonal nets in regression (Lyu et al. 2024, Theorem 3.9).

    Examples
    --------
    >>> import grokflow as gf
    >>> problem = gf.sparse_regression(n=20, d=50, k=2, n_test=100)
    >>> found = gf.MinL2Norm().predict(problem)
    >>> found.certificate.gap < 1e-6
    True
    >>> print(problem.score(found.w[:, None]).error.round(2))
    [0.68]
    """

    name: str = "min-L2-norm"

    def predict(self, problem: Problem) -> Prediction:
        """Solve ``K μ = y`` with the Gram matrix ``K = XXᵀ`` of the samples; then ``w = Xᵀμ``.

        Where K does not do, for it squares the condition of X, X itself is factored.

        Raises
        ------
        NotInterpolable
            When it is proved that no w interpolates the targets.
        NotResolved
            When neither that nor an interpolant of least norm to a relative gap of 1e-7 is proved.
        """
        check_problem(problem)
        if not problem.targets.any():
            zero = np.zeros(problem.d), np.zeros(problem.n)
            exact = Certificate(0.0, 0.0, 0.0)
            return Prediction(
                self.name, *zero, None, exact, objective=Objective(Norm.L2, Condition.TARGETS)
            )
        return of_distinct_samples(problem, lambda distinct, _: self._of_distinct(distinct))

    def _of_distinct(self, problem: Problem) -> Prediction:
        found = best_of(
            (lambda: _gram_interpolant(problem), lambda: _factored_interpolant(problem)),
            lambda w, mu: certificates.min_l2_norm(problem, w, mu),
            WANTED_GAP,
        )
        if found is None or found.gap > WANTED_GAP:
            return interpolant(self.name, problem, _stubborn_interpolant(problem, found), Norm.L2)
        return interpolant(self.name, problem, found, Norm.L2, partial(_rounded_once, problem))


def _gram_margin(problem: Problem) -> PrimalDual:
    mu = hard_margin(problem.inputs.gram)
    return PrimalDual(problem.inputs.correlate(mu), mu)


def _factored_margin(problem: Problem) -> PrimalDual:
    """Solve on a factor of X, then once more for margins 1 on the support."""
    x = small_array(problem)
    root, lengths = margin_root(x)
    active = least_distance(root, lengths.min() / lengths) > 0
    w, part = least_norm(x[active], problem.targets[active])
    mu = np.zeros(problem.n)
    mu[active] = part
    return PrimalDual(w, mu)


def _gram_interpolant(problem: Problem) -> PrimalDual:
    """Solve with the Gram matrix, and refine with the residual."""
    mu, w = np.zeros(problem.n), np.zeros(problem.d)
    for _ in range(2):
        mu = mu + interpolate(problem.inputs.gram, problem.targets - problem.inputs.combine(w))
        w = problem.inputs.correlate(mu)
    return PrimalDual(w, mu)


def _factored_interpolant(problem: Problem) -> PrimalDual:
    return PrimalDual(*least_norm(small_array(problem), problem.targets))


def small_array(problem: Problem) -> np.ndarray:
    """Return X where it is small enough to be factored.

    Raises
    ------
    NotConverged
        Where it is not.
    """
    if problem.n * problem.d > MOST_ENTRIES:
        raise NotConverged(
            f"X has {problem.n * problem.d} entries, expected at most {MOST_ENTRIES} to factor "
            "it: scale the inputs to similar sizes"
        )
    return problem.inputs.to_array()


def _stubborn_margin(problem: Problem, found: Certified | None) -> Certified:
    """Prove that there is no margin, or find it in exact arithmetic, or say what is known."""
    # Rational arithmetic takes a while to import, and most data do without.
    from grokflow.theory.numerics.exact_answers import Refuted, least_square

    guess = np.ones(problem.n) if found is None else found.mu
    if problem.n * problem.d <= MOST_ENTRIES:
        x = problem.inputs.to_array()
        if (found is None or found.gap == np.inf) and problem.n > problem.d:
            balanced = balanced_multipliers(x)
            if certificates.refuted_margin(x, balanced):
                raise NotSeparable(certificates.farkas(problem, balanced), remedy=_remedy(problem))
        exact = least_square(x, problem.targets, guess, equal=False)
        if isinstance(exact, Refuted):
            raise NotSeparable(
                certificates.farkas(problem, exact.multipliers), remedy=_remedy(problem)
            )
        if exact is not None:
            found = Certified(exact.w, exact.mu, exact.certificate)
            if found.gap <= WANTED_GAP:
                return found
            raise not_resolved("½‖w‖² of the largest margin", found, WANTED_GAP)
    if found is not None and found.certificate.upper < np.inf:
        raise not_resolved("½‖w‖² of the largest margin", found, WANTED_GAP)
    bound = certificates.farkas(problem, guess).residual
    raise NotResolved(
        f"not resolved in double precision: every unit vector w has margin at most {bound:.1e}, "
        "expected a margin that is told from 0: scale the inputs to similar sizes, use the square "
        "loss, or fewer samples"
    )


def _stubborn_interpolant(problem: Problem, found: Certified | None) -> Certified:
    """Prove that there is no interpolant, or find it in exact arithmetic, or say what is known."""
    small = problem.n * problem.d <= MOST_ENTRIES
    if small and problem.n > problem.d and _residual_refutes(problem):
        raise _not_interpolable(problem, found)
    exact = _exact_interpolant(problem, found)
    if exact is not None and exact.gap <= WANTED_GAP:
        return exact
    raise not_resolved("½‖w‖² of the least interpolant", exact or found, WANTED_GAP)


def _rounded_once(problem: Problem, found: Certified) -> Certified:
    """Return the weights of exact arithmetic instead, where it gives any."""
    exact = _exact_interpolant(problem, found)
    return exact if exact is not None and exact.gap <= WANTED_GAP else found


def _exact_interpolant(problem: Problem, found: Certified | None) -> Certified | None:
    """Return weights that are rounded but once, from exact arithmetic; None where it takes long.

    Raises
    ------
    NotInterpolable
        Where there are none.
    """
    # Rational arithmetic takes a while to import, and most data do without.
    from grokflow.theory.numerics.exact_answers import Refuted, least_square

    if problem.n * problem.d > MOST_ENTRIES:
        return None
    exact = least_square(problem.inputs.to_array(), problem.targets, problem.targets, equal=True)
    if isinstance(exact, Refuted):
        raise _not_interpolable(problem, found)
    return None if exact is None else Certified(exact.w, exact.mu, exact.certificate)


def _residual_refutes(problem: Problem) -> bool:
    """Prove by the residual of the least squares that no w interpolates; False if it fails."""
    x, targets = problem.inputs.to_array(), problem.targets
    lengths = row_lengths(x)
    with np.errstate(all="ignore"):  # what overflows refutes nothing
        scaled, wanted = divided(x, lengths[:, None]), divided(targets, lengths)
        if not (np.isfinite(scaled).all() and np.isfinite(wanted).all()):
            return False
        residual = wanted - scaled @ lstsq(scaled, wanted)[0]
    if not np.isfinite(residual).all():
        return False
    return certificates.refuted_interpolation(scaled, wanted, residual)


def _not_interpolable(problem: Problem, found: Certified | None) -> NotInterpolable:
    miss = "" if found is None else f" (residual {found.certificate.infeasibility:.1e})"
    return NotInterpolable(
        f"no w interpolates the targets{miss}, expected linearly independent rows: use "
        "fewer samples or more inputs"
    )


def intercept_separates(problem: Problem) -> bool:
    """Say whether a column of ones makes classes separable, by finding weights that do it.

    False where these are not looked for: the labels are not known beside the rows, there is a
    column already, or the samples are many.
    """
    has_one = problem.transform is not None and problem.transform.intercept
    if problem.signs is None or has_one or problem.n > HINTED:
        return False
    size = float(np.sqrt(problem.inputs.mean_square * problem.d)) or 1.0
    inputs = with_column(problem.inputs, size * problem.signs)
    try:
        MaxL2Margin().predict(replace(problem, inputs=inputs, signs=None))
    except NoPredictor:
        return False
    return True


def _remedy(problem: Problem) -> Remedy:
    return Remedy.INTERCEPT if intercept_separates(problem) else Remedy.PENALTY
