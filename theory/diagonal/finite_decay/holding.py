"""Whether weight decay lets the net stay at its early predictor while the kernel regime lasts."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
from scipy.linalg import LinAlgError, LinAlgWarning, solve, solve_triangular

from grokflow.theory.diagonal.regime import Held, Regime, kernel_decay
from grokflow.theory.diagonal.scale import kernel_end
from grokflow.theory.linear.problem import Problem
from grokflow.theory.linear.row_space import graded_rows
from grokflow.theory.losses import Loss
from grokflow.theory.numerics.penalised.orthogonal import gram_triangle, row_triangle
from grokflow.theory.transition.scores import Scores, kind_of

# The part of a change of the test error by which the early weights may be off at this λ. It is
# chosen: where they are off by .034 a flow crosses half of the change when it is predicted to, to a
# thousandth, and where they are off by .087 it is 6 % late. Random inputs are off by 1e-4.
_OFF = 0.05
# Sweeps to the end of a kernel regime whose weights shrink with its scale.
_KERNEL_SWEEPS, _KERNEL_CLOSE = 40, 0.05


def is_held(
    problem: Problem, held: Held, loss: Loss, scores: Scores, *, lam: float, depth: int
) -> bool:
    """Return whether the net stays at the early predictor until the kernel regime ends.

    A combination of inputs of size σ is fitted in the kernel regime but for one part in
    ``1 + 2 σ² / (n ε)``, ε that of `kernel_predictor`. Where the data hang on combinations that
    weight decay outweighs before that regime ends, the net leaves it elsewhere, and not where
    `kernel_predictor` is either: what is hardly pulled follows slowly.

    Parameters
    ----------
    problem, held, loss, lam, depth
        As of `early_at`.
    scores : Scores
        Test results of the early and the late predictor first.
    """
    if held.regime in (Regime.SEPARABLE, Regime.PARTLY):
        return True
    w, scale = held.early.w, float("inf")
    with_decay = near_minimum(problem, held, loss)
    for _ in range(_KERNEL_SWEEPS):
        largest = float(np.abs(w).max())
        if not largest or scale - kernel_end(largest) / depth < _KERNEL_CLOSE:
            break
        scale = kernel_end(largest) / depth
        try:
            w = with_decay(kernel_decay(depth, lam, scale))
        except LinAlgError:
            break  # so small an ε is lost to rounding
    there = problem.score(np.column_stack([w, held.early.w]))
    off, change = (abs(float(np.diff(found.error[:2])[0])) for found in (there, scores))
    is_seen = kind_of(scores).is_visible or kind_of(there).is_visible or off > scores.baseline
    # Nothing is timed where the data determine the weights.
    return not is_seen or off <= (0.5 if held.determined else _OFF) * change


def near_minimum(problem: Problem, held: Held, loss: Loss) -> Callable[[float], np.ndarray]:
    """Return the weights by ε that minimise the mean loss plus ``(ε/2) ‖w‖²``, near ε = 0.

    With ``X = Q R``, outputs c of least loss in the coordinates of R and the loss's curvature D
    there they are ``Rᵀ (R Rᵀ + n ε (Qᵀ D Q)⁻¹)⁻¹ c``, exactly for the square loss.
    """
    inside, basis = held.problem, problem.row_space.basis
    turn, rows = graded_rows(inside.inputs)
    outputs = problem.row_space.spread(inside.targets)
    curvature = loss.curvature(outputs, problem.targets)
    with np.errstate(divide="ignore"):
        soft = np.diag(1 / curvature) if basis is None else _inverse_hessian(basis, curvature)

    targets = inside.targets
    if turn is not None:
        soft, targets = turn.T @ soft @ turn, turn.T @ targets

    def weights(strength: float) -> np.ndarray:
        return rows.correlate(_solved(rows.gram + problem.n * strength * soft, targets))

    return weights


def _solved(system: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Solve positive equations, whose unknowns may be of very different sizes.

    Raises
    ------
    LinAlgError
        Where rounding leaves no digit of the answer.
    """
    size = np.sqrt(np.diagonal(system))
    scaled = system / size / size[:, None]
    with warnings.catch_warnings():
        warnings.simplefilter("error", LinAlgWarning)
        try:
            found = solve(scaled, targets / size, assume_a="pos", check_finite=False)
        except LinAlgWarning as lost:
            raise LinAlgError(str(lost)) from None
    return np.asarray(found / size)


def _inverse_hessian(basis: np.ndarray, curvature: np.ndarray) -> np.ndarray:
    """Return ``(Qᵀ D Q)⁻¹``, from the triangle of ``√D Q``, of which no sizes are squared."""
    weighted = np.sqrt(curvature)[:, None] * basis
    triangle, order = gram_triangle(weighted), np.arange(basis.shape[1])
    if triangle is None:
        triangle, order = row_triangle(weighted)
    half = np.empty_like(triangle)
    half[order] = solve_triangular(triangle, np.eye(len(triangle)), check_finite=False)
    return np.asarray(half @ half.T)
