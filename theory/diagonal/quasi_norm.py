"""Late predictors of diagonal nets of any depth: KKT points in the quasi-norm L_{2/L}.

For ``w = u^L - v^L`` the smallest ``‖u‖² + ‖v‖²`` is ``Σ|w_j|^{2/L}``, so the problems (R1) and
(R2) of Theorems 3.5 and 3.10, and the finite-λ one, become

    min Σ|w|^{2/L} : y_i <w, x_i> ≥ 1  (or = y_i),    min (1/n) Σ l(q_i) + (λ/2) Σ|w|^{2/L}.

For L ≥ 3 they are not convex: a coordinate at zero is stationary whatever pulls at it, and there
are many KKT points. Each predictor below returns the one it is led to from a given start, by
majorising ``|w|^{2/L}`` with weighted L1 norms (Candès, Wakin and Boyd, J. Fourier Anal. Appl. 14,
2008), which never increases the objective.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import lstsq

from grokflow.theory.arguments import check_positive
from grokflow.theory.diagonal import certificates as kkt
from grokflow.theory.diagonal.scale import check_depth
from grokflow.theory.errors import either
from grokflow.theory.linear.l1 import MaxL1Margin, MinL1Norm
from grokflow.theory.linear.least_loss.predictor import in_row_space, least_coordinates
from grokflow.theory.linear.penalised import L1Penalised
from grokflow.theory.linear.prediction import Prediction, normalised_margin
from grokflow.theory.linear.problem import Problem
from grokflow.theory.linear.ties import EqualColumns
from grokflow.theory.losses import Loss, Square, set_loss
from grokflow.theory.numerics.data_matrix import DataMatrix
from grokflow.theory.numerics.input_transform import standardising
from grokflow.theory.numerics.newton import NotConverged
from grokflow.theory.predictor import NoPredictor, NotInterpolable, NotResolved, NotSeparable

_SWEEPS = 200
_NEWTON_STEPS = 50
# Gradient, in units of that of the penalty alone, at which weights are stationary.
_STATIONARY = 1e-6
# Change of the weights between two sweeps, a little above the accuracy of the L1 predictors, at
# which only polishing is left to do.
_SETTLED_CHANGE = 1e-4
# Weights that add less than this fraction of the largest to the outputs are rounding errors.
_NEGLIGIBLE_WEIGHT = 1e-7


@dataclass(frozen=True)
class MaxQuasiMargin:
    """A KKT point of (R1) for diagonal nets of depth L.

    (R1) is ``min Σ|w|^{2/L}`` with ``y_i <w, x_i> ≥ 1``. Such points are where the flow ends as λ
    → 0 (Lyu et al. 2024, Theorem 3.5). For L ≥ 3 the problem is not convex and has many of them;
    the answer is one that can be reached from given weights.

    Parameters
    ----------
    depth : int
        L ≥ 2; at L = 2 it is the max-L1-margin.

    Examples
    --------
    >>> import grokflow as gf
    >>> problem = gf.sparse(n=60, d=100, k=3, n_test=100)
    >>> near = gf.MaxL2Margin().predict(problem).w
    >>> found = gf.MaxQuasiMargin(depth=3).predict(problem, near=near)
    >>> print(found.w[:5].round(2) + 0.0)
    [1. 1. 1. 0. 0.]
    >>> found.stationarity < 1e-6
    True
    """

    depth: int
    name: str = "max-quasi-norm-margin"

    def __post_init__(self) -> None:
        """Refuse depths that no flow has."""
        check_depth(self.depth)

    def predict(self, problem: Problem, *, near: np.ndarray) -> Prediction:
        """Descend from given weights to a KKT point.

        Parameters
        ----------
        problem : Problem
            Separable classification data.
        near : ndarray, shape (d,)
            Weights to start from, such as those of `MaxL2Margin`.

        Raises
        ------
        NoPredictor
            When the least margin of `near` is not positive.
        """
        margin = float(problem.inputs.combine(near).min())
        if margin <= 0:
            raise NoPredictor(
                f"the start has margin {margin:.2g}, expected a separating one: start from "
                "max-L2-margin weights"
            )
        w = _reweighted(problem, near / margin, self.depth, MaxL1Margin().predict)
        w = _onto_constraints(problem, w)
        w = w / float(problem.inputs.combine(w).min())
        point = kkt.of_constraints(problem, w, self.depth)
        return Prediction(
            self.name,
            w,
            point.multipliers,
            normalised_margin(problem, w, 1),
            kkt.quasi_constrained(problem, w, point.multipliers, self.depth),
            point.total,
        )


@dataclass(frozen=True)
class MinQuasiNorm:
    """A KKT point of (R2) for diagonal nets of depth L.

    (R2) is ``min Σ|w|^{2/L}`` with ``<w, x_i> = y_i``. Such points are where the flow ends as λ →
    0 (Lyu et al. 2024, Theorem 3.10). For L ≥ 3 the problem is not convex; the answer is a point
    that can be reached from given weights.

    Parameters
    ----------
    depth : int
        L ≥ 2; at L = 2 it is the min-L1-norm.

    Examples
    --------
    >>> import grokflow as gf
    >>> problem = gf.sparse_regression(n=20, d=50, k=2, n_test=100)
    >>> near = gf.MinL2Norm().predict(problem).w
    >>> found = gf.MinQuasiNorm(depth=3).predict(problem, near=near)
    >>> print(found.w[:4].round(3) + 0.0)
    [1. 1. 0. 0.]
    >>> found.stationarity < 1e-6
    True
    """

    depth: int
    name: str = "min-quasi-norm"

    def __post_init__(self) -> None:
        """Refuse depths that no flow has."""
        check_depth(self.depth)

    def predict(self, problem: Problem, *, near: np.ndarray) -> Prediction:
        """Descend from given weights to a KKT point.

        Parameters
        ----------
        problem : Problem
            Regression data that some weights interpolate.
        near : ndarray, shape (d,)
            Weights to start from that interpolate the targets, such as those of `MinL2Norm`.
        """
        w = _reweighted(problem, near, self.depth, _least_norm)
        w = _onto_constraints(problem, w)
        point = kkt.of_constraints(problem, w, self.depth)
        certificate = kkt.quasi_constrained(problem, w, point.multipliers, self.depth)
        return Prediction(self.name, w, point.multipliers, None, certificate, point.total)


@dataclass(frozen=True)
class QuasiPenalised:
    """A stationary point of ``(1/n) Σ l(q_i) + (λ/2) Σ|w|^{2/L}``: where the flow at depth L ends.

    For L ≥ 3 the problem is not convex; the answer is a point that can be reached from given
    weights.

    Parameters
    ----------
    loss : Loss
        Loss l of the flow.
    lam : float
        Weight decay λ of the flow.
    depth : int
        L ≥ 2.

    Examples
    --------
    >>> import grokflow as gf
    >>> problem = gf.sparse_regression(n=20, d=50, k=2, n_test=100)
    >>> near = gf.MinL2Norm().predict(problem).w
    >>> predictor = gf.QuasiPenalised(gf.LOSSES["square"], lam=0.1, depth=3)
    >>> found = predictor.predict(problem, near=near)
    >>> print(found.w[:4].round(2) + 0.0)
    [0.99 0.99 0.   0.  ]
    """

    loss: Loss
    lam: float
    depth: int
    name: str = "quasi-norm-penalised"

    def __post_init__(self) -> None:
        """Take a loss by its name, and refuse numbers that are out of range."""
        set_loss(self)
        check_positive(
            "lam",
            self.lam,
            "for λ → 0 take gf.MaxQuasiMargin or gf.MinQuasiNorm",
        )
        check_depth(self.depth)

    def predict(self, problem: Problem, *, near: np.ndarray) -> Prediction:
        """Descend from given weights to a stationary point.

        Parameters
        ----------
        problem : Problem
            Any data.
        near : ndarray, shape (d,)
            Weights to start from, such as those of `L1Penalised`.
        """
        solve = L1Penalised(self.loss, self.lam).predict
        w = self._polished(problem, _reweighted(problem, near, self.depth, solve))
        point = kkt.of_penalty(problem, w, self.depth, self.loss, self.lam)
        return Prediction(
            self.name,
            w,
            point.multipliers,
            normalised_margin(problem, w, 1),
            kkt.quasi_penalised(problem, w, point.multipliers, self.depth, self.loss, self.lam),
            point.residual,
        )

    def minimum_near(self, problem: Problem, near: np.ndarray) -> np.ndarray | None:
        """Return the strict minimum that Newton's method finds on the support of given weights.

        Parameters
        ----------
        problem : Problem
            Any data.
        near : ndarray, shape (d,)
            Weights to start from; those of zero stay so.

        Returns
        -------
        ndarray, shape (d,), or None
            None where Newton's method ends at a saddle, or nowhere.
        """
        w = self._polished(problem, near)
        support = np.flatnonzero(w)
        if support.size == 0:
            return None
        gradient, hessian, slope = self._derivatives(problem, support, w[support])
        # Weights of any size count alike: the second derivative in their logarithms.
        scaled = hessian * w[support] * w[support][:, None]
        least = float(np.linalg.eigvalsh(scaled)[0])
        rounding = len(support) * np.finfo(float).eps * float(np.abs(scaled).max())
        # Outputs and targets of size y leave roundings of that size in the gradient.
        x, eps = np.abs(problem.inputs.take(support)), np.finfo(float).eps
        size = x @ np.abs(w[support]) + np.abs(problem.targets)
        curvature = self.loss.curvature(problem.inputs.combine(w), problem.targets)
        noise = len(support) * eps * float((x.T @ (curvature * size)).max()) / problem.n
        stationary = np.abs(gradient).max() <= _STATIONARY * np.abs(slope).max() + noise
        return w if stationary and least > rounding else None

    def _derivatives(
        self, problem: Problem, support: np.ndarray, part: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return gradient and Hessian on the support, and the slope of the penalty alone."""
        x, n = problem.inputs.take(support), problem.n
        power, tau = 2 / self.depth, self.lam / 2
        size, q = np.abs(part), x @ part
        slope = tau * power * size ** (power - 1) * np.sign(part)
        gradient = slope - x.T @ self.loss.descent(q, problem.targets) / n
        hessian = (x.T * (self.loss.curvature(q, problem.targets) / n)) @ x
        hessian[np.diag_indices_from(hessian)] += tau * power * (power - 1) * size ** (power - 2)
        return gradient, hessian, slope

    def _polished(self, problem: Problem, w: np.ndarray) -> np.ndarray:
        """Take Newton steps on the support, where the objective is smooth."""
        support = np.flatnonzero(w)
        if support.size == 0:
            return w
        part = w[support]
        for _ in range(_NEWTON_STEPS):
            gradient, hessian, slope = self._derivatives(problem, support, part)
            if np.abs(gradient).max() <= 1e-13 * np.abs(slope).max():
                break
            step = lstsq(hessian, -gradient)[0]
            # A weight that would change its sign goes half the way to zero instead.
            far = np.where(part * step < 0, np.abs(part) / np.maximum(np.abs(step), 1e-300), np.inf)
            part = part + min(1.0, 0.5 * float(far.min())) * step
        polished = np.zeros_like(w)
        polished[support] = part
        return polished


def _reweighted(
    problem: Problem,
    start: np.ndarray,
    depth: int,
    solve: Callable[[Problem], Prediction],
) -> np.ndarray:
    """Minimise weighted L1 norms until the weights that they are made of no longer change."""
    lengths, equal = np.sqrt(problem.inputs.column_squares), EqualColumns.of(problem)
    share = equal.spread if equal.are_alike(start) else np.asarray
    w = share(start)
    for _ in range(_SWEEPS):
        size = np.abs(w) * lengths
        support = np.flatnonzero(size > _NEGLIGIBLE_WEIGHT * size.max())
        if support.size == 0:
            return np.zeros_like(w)
        # The slope of |w|^{2/L} is the price of column j: dividing the column by it makes it 1.
        price = 2 / depth * np.abs(w[support]) ** (2 / depth - 1)
        priced = problem.inputs.take(support) / price
        columns = DataMatrix.from_array(priced, problem.inputs.threads)
        new = np.zeros_like(w)
        new[support] = _solved_on_support(solve, replace(problem, inputs=columns)) / price
        new = share(new)
        change, whole = ((np.abs(part) * lengths).max() for part in (new - w, new))
        if change <= _SETTLED_CHANGE * whole:
            return new
        w = new
    raise NotConverged(
        f"reweighting still changes w by {change / whole:.1e} after {_SWEEPS} sweeps, expected "
        f"{_SETTLED_CHANGE:.0e}: start nearer to a KKT point, such as the end of the path"
    )


def _solved_on_support(solve: Callable[[Problem], Prediction], problem: Problem) -> np.ndarray:
    """Return the weights; what these few inputs cannot do is no statement about the data."""
    try:
        return solve(problem).w
    except (NotSeparable, NotInterpolable):
        found = f"weights below {_NEGLIGIBLE_WEIGHT:g} of the largest matter"
        helps = either(standardising(problem.transform), "take depth=2 (--depth 2)")
        raise NotResolved(f"{found}, expected inputs of alike sizes: {helps}") from None


def _least_norm(problem: Problem) -> Prediction:
    """Return the min-L1-norm of few inputs, whose samples may depend on each other by rounding."""
    return MinL1Norm().predict(in_row_space(problem, least_coordinates(problem, Square())))


def _onto_constraints(problem: Problem, w: np.ndarray) -> np.ndarray:
    """Move the nonzero weights onto the constraints that are active, to rounding."""
    support, x = np.flatnonzero(w), problem.inputs.take(np.flatnonzero(w))
    active = np.full(problem.n, True)
    if problem.is_classification:
        active = x @ w[support] <= 1 + kkt.ACTIVE_EXCESS
    miss = problem.targets[active] - x[active] @ w[support]
    corrected = w.copy()
    corrected[support] += lstsq(x[active], miss)[0]
    return corrected
