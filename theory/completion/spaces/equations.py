"""General measurements as orthonormal equations, in which near-copies and units do no harm.

With weights e_i the rows ``e_i A_i`` have the singular values ``U S V``, and ``<A_i, W> = y_i`` is
``<V_k, W> = z_k`` with ``z = S⁻¹ Uᵀ e y``. Multipliers ν of these give ``Σ ν_k V_k = Σ μ_i A_i``
for ``μ = e U S⁻¹ ν``. For a compliance ``D_i = 1/e_i²`` the cost ``½ Σ D_i μ_i²`` is
``½ Σ ν_k²/S_k²``, and a constant for what no matrix fits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg.lapack import dgejsv

from grokflow.theory.completion.measurements import Matrices
from grokflow.theory.completion.problem import CompletionProblem

# Multiplications of a decomposition that takes some seconds.
_WORK = 1e10
# What asks LAPACK for the accuracy of a well-conditioned matrix between two diagonal ones.
_GRADED = 2
# Sweeps in which the size of W settles to a factor, and what it does not fall below.
_SWEEPS, _LEAST = 100, 1e-15


@dataclass(frozen=True, eq=False)
class Equations:
    """A problem with orthonormal equations, and the way back to the multipliers of its own.

    Parameters
    ----------
    whole, problem : CompletionProblem
        The problem, and the equations that are solved.
    compliance : ndarray, shape (r,)
        D of their multipliers.
    back : ndarray, shape (m, r), or None
        What multiplies ν to give μ; None where the equations are those of the problem.
    unfitted : ndarray, shape (m,), or float
        Multipliers of what no matrix fits.
    """

    whole: CompletionProblem
    problem: CompletionProblem
    compliance: np.ndarray
    back: np.ndarray | None = None
    unfitted: np.ndarray | float = 0.0

    @classmethod
    def of(cls, problem: CompletionProblem, compliance: np.ndarray) -> Equations:
        """Return orthonormal equations of general measurements; entries are orthogonal already."""
        measurements = problem.measurements
        if not isinstance(measurements, Matrices):
            return cls(problem, problem, compliance)
        m, shape = measurements.size, measurements.array.shape[1:]
        if m * min(m, shape[0] ** 2) * shape[0] ** 2 > _WORK:
            return cls(problem, problem, compliance)
        soft = bool(compliance.all())
        e = 1 / np.sqrt(compliance) if soft else 1 / measurements.norms
        rows = measurements.array.reshape(m, -1) * e[:, None]
        u, s, v = _singular_values(rows)
        v = v.reshape(-1, *shape)
        values = e * problem.values
        along = u.T @ values
        costs = 1 / s**2 if soft else np.zeros(len(s))
        heeded = _heeded(along / s, costs)
        solved = replace(
            problem,
            measurements=Matrices(heeded[:, None, None] * (v + v.swapaxes(1, 2)) / 2),
            values=heeded * along / s,
        )
        unfitted = e * _outside(u, values) if soft and len(s) < m else 0.0
        return cls(problem, solved, costs * heeded**2, e[:, None] * u / s * heeded, unfitted)

    def of_multipliers(self, mu: np.ndarray) -> np.ndarray:
        """Return multipliers ν that pull like μ: ``ν_k = <V_k, Σ μ_i A_i>``."""
        if self.back is None:
            return mu
        pulled = self.problem.measurements.apply(self.whole.measurements.adjoint(mu))
        return np.asarray(pulled / self.problem.measurements.norms**2)

    def fitted(self, w: np.ndarray, nu: np.ndarray) -> np.ndarray:
        """Return W moved to where it meets the equations as these multipliers say.

        Proximal points meet them to the accuracy of their steps, and a large measurement needs
        more. What weight decay does not let be met stays.
        """
        if self.back is None:
            return w
        measurements = self.problem.measurements
        miss = self.problem.values - self.compliance * nu - measurements.apply(w)
        return np.asarray(w + measurements.adjoint(miss / measurements.norms))

    def multipliers(self, nu: np.ndarray) -> np.ndarray:
        """Return the multipliers μ of the problem, from those of the equations."""
        return nu if self.back is None else np.asarray(self.back @ nu + self.unfitted)


def _singular_values(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Decompose by Jacobi's method, which finds small ones of graded rows to many digits."""
    tall = rows.shape[0] > rows.shape[1]
    sizes, u, v, work, *_ = dgejsv(rows if tall else rows.T, joba=_GRADED)
    s = sizes * (work[0] / work[1])
    kept = s > max(rows.shape) * np.finfo(np.float64).eps * np.linalg.norm(rows, axis=1).min()
    left, right = (u, v) if tall else (v, u)
    return left[:, kept], s[kept], right[:, kept].T


def _outside(u: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return what is orthogonal to the columns of U; once would leave the rounding of `values`."""
    for _ in range(2):
        values = values - u @ (u.T @ values)
    return values


def _heeded(values: np.ndarray, costs: np.ndarray) -> np.ndarray:
    """Return how far weight decay lets each equation be met, from 0 to 1.

    With a shrinkage σ of the size of W it is ``σ / (σ + D_k)``. Equations that are hardly heeded
    have values that no W comes near, and would hide those of the others.
    """
    size = least = float(np.linalg.norm(values)) or 1.0
    for _ in range(_SWEEPS):
        size, last = float(np.linalg.norm(values * size / (size + costs))), size
        if not _LEAST * least < size < 0.9 * last:
            break
    size = max(size, _LEAST * least)
    return np.asarray(size / (size + costs))
