"""Which of several minimisers of an L1-norm or of an L1 penalty the flow heads for.

All minimisers have the same outputs ``X w``, the targets or those of a strictly convex loss, and
the same norm. Their nonzero weights are at inputs on which the multipliers μ pull hardest, where
``|Xᵀμ|`` is largest, with the sign of that pull. Where these inputs are independent there is one
minimiser. Where they are not, as with copies of an input or inputs of ±1, the net of depth 2 ends
at that of most entropy: as its scale β falls to zero, the potential of its mirror map,
``Σ w asinh(w/2β) - √(w² + 4β²)``, tends to ``log(1/β) ‖w‖₁ + Σ |w| (log |w| - 1)``, of which the
first term is the same for all minimisers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grokflow.theory.linear.problem import Problem
from grokflow.theory.numerics.data_matrix import DataMatrix
from grokflow.theory.numerics.newton import Box, Dense, NotConverged, ValueGradient, minimise

# Pulls so near to the largest count as largest: multipliers are known to the root of their gap.
_HARDEST = 1e-5
# Weights below this part of the largest are rounding.
_NEGLIGIBLE = 1e-9
# Weights of equal columns that differ by less, relative to the largest, are called alike.
_ALIKE = 1e-6
# How far the outputs may be off, relative to the products that they are sums of.
_OUTPUT_RTOL = 1e-13
# Where more inputs are pulled hardest, they are not told apart: the work grows like the square.
_MOST_INPUTS = 5_000


@dataclass(frozen=True, eq=False)
class EqualColumns:
    """Which columns are equal up to their sign.

    They start alike and feel the same pull, so the flow keeps their weights equal up to that sign;
    an L1 penalty does not care how they share, as long as no weight is of the wrong sign.

    Parameters
    ----------
    sign, group : ndarray, shape (d,)
        Columns of a group are equal once they are multiplied by their sign.
    """

    sign: np.ndarray
    group: np.ndarray

    @classmethod
    def of(cls, problem: Problem) -> EqualColumns:
        """Return those of the inputs of a problem."""
        return cls(*problem.inputs.alike)

    def spread(self, w: np.ndarray) -> np.ndarray:
        """Return weights of shape (d,) with equal outputs and L1-norm, alike on equal columns."""
        total = np.bincount(self.group, weights=self.sign * w)
        return np.asarray(self.sign * (total / np.bincount(self.group))[self.group])

    def are_alike(self, w: np.ndarray, rtol: float = _ALIKE) -> bool:
        """Whether weights are alike on equal columns, relative to the largest."""
        return bool(np.abs(self.spread(w) - w).max() <= rtol * np.abs(w).max())


def of_most_entropy(problem: Problem, w: np.ndarray, multipliers: np.ndarray) -> np.ndarray:
    """Return the minimiser of most entropy, which is `w` itself where there is no other.

    Parameters
    ----------
    problem : Problem
        The data.
    w : ndarray, shape (d,)
        A minimiser.
    multipliers : ndarray, shape (n,)
        Multipliers μ that show that it is one.

    Returns
    -------
    ndarray, shape (d,)
        Weights with the outputs and the norm of `w`, up to rounding.
    """
    pull = problem.inputs.correlate(multipliers)
    chosen = _pulled_hardest(pull, w)
    if not w.any() or len(chosen) > _MOST_INPUTS:
        return w
    sign = np.sign(pull[chosen])
    columns = problem.inputs.take(chosen) * sign
    # Singular vectors are the coordinates in which the outputs of these inputs are independent.
    left, sizes, right = np.linalg.svd(columns, full_matrices=False)
    rank = int((sizes > max(columns.shape) * np.finfo(float).eps * sizes[0]).sum())
    if rank == len(chosen):
        return w
    unit = float((sign * w[chosen]).mean())
    outputs = left[:, :rank].T @ (columns @ (sign * w[chosen])) / unit
    try:
        found = _most_entropy(sizes[:rank, None] * right[:rank], outputs)
    except NotConverged:
        return w
    settled = w.copy()
    settled[chosen] = unit * sign * found
    return settled


def alike_on_copies(problem: Problem, w: np.ndarray, multipliers: np.ndarray) -> np.ndarray:
    """Return the minimiser that `EqualColumns` makes of `w`, from the inputs that may have weights.

    The parameters are those of `of_most_entropy`.
    """
    chosen = _pulled_hardest(problem.inputs.correlate(multipliers), w)
    shared = w.copy()
    equal = EqualColumns(*DataMatrix.from_array(problem.inputs.take(chosen)).alike)
    shared[chosen] = equal.spread(w[chosen])
    return shared


def _pulled_hardest(pull: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Return the numbers of the inputs with a weight, and of those that are pulled as hard."""
    size, weight = np.abs(pull), np.abs(w)
    hardest = (size >= (1 - _HARDEST) * size.max()) | (weight > _NEGLIGIBLE * weight.max())
    return np.flatnonzero(hardest)


def _most_entropy(x: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """Return ``v ≥ 0`` of most entropy with these outputs ``x v``, for x of independent rows."""
    dual = _EntropyDual(x, outputs)
    a = minimise(dual, np.zeros(len(x)), tolerance=_OUTPUT_RTOL).x
    return np.asarray(np.exp(a @ x))


@dataclass(frozen=True, eq=False)
class _EntropyDual:
    """The dual of ``min Σ v (log v - 1) : x v = q``, of which ``v = exp(xᵀa)`` is the answer."""

    x: np.ndarray
    outputs: np.ndarray

    def value_gradient(self, a: np.ndarray) -> ValueGradient:
        with np.errstate(over="ignore", invalid="ignore"):
            v = np.exp(a @ self.x)
            return ValueGradient(float(v.sum() - a @ self.outputs), self.x @ v - self.outputs)

    def hessian(self, a: np.ndarray) -> Dense:
        return Dense((self.x * np.exp(a @ self.x)) @ self.x.T)

    def box(self, a: np.ndarray) -> Box:
        return Box()

    def residual(self, a: np.ndarray, gradient: np.ndarray, lower: np.ndarray) -> float:
        """Return by how much the outputs are off, relative to the largest sum of sizes."""
        return float(np.abs(gradient).max() / (np.abs(self.x) @ np.exp(a @ self.x)).max())
