"""The early predictor of matrix completion: minimum Frobenius norm (Lyu et al., Corollary 3.11).

Observed entries and their mirrors are fitted, all others are zero; for general measurements the
m×m Gram matrix decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from grokflow.theory.arguments import check_data
from grokflow.theory.certificate import Certificate
from grokflow.theory.completion import certificates
from grokflow.theory.completion.checks import check_size
from grokflow.theory.completion.measurements import Matrices
from grokflow.theory.completion.problem import CompletionProblem
from grokflow.theory.completion.proximal_points import ProximalWork
from grokflow.theory.completion.spaces.units import Units
from grokflow.theory.objective import Condition, Norm, Objective
from grokflow.theory.predictor import NotInterpolable, NotResolved
from grokflow.theory.summary import Summarised

if TYPE_CHECKING:
    from grokflow.theory.numerics.exact_answers import Rounded

# Relative gap that the early predictor is returned with at most.
_WANTED_GAP = 1e-7


@dataclass(frozen=True, eq=False, repr=False)
class MatrixPrediction(Summarised):
    """A symmetric matrix that the flow tends to, with the proof of how good it is.

    A rectangular A of shape (u, i) is learned as the block form ``W = [[0, A], [Aᵀ, 0]]``. Only A
    is kept as `matrix`, while `certificate` bounds a norm or an objective of W: its nuclear norm is
    ``2 ‖A‖_*``, and its squared Frobenius norm ``2 ‖A‖_F²``.

    Parameters
    ----------
    name : str
        Which predictor.
    matrix : ndarray, shape (d, d)
        The matrix W; the matrix A of shape (u, i) for rectangular ones.
    multipliers : ndarray, shape (m,)
        Dual unknowns, one for each distinct measurement.
    certificate : Certificate
        Bounds on the optimum, recomputed from the data: those of the block form W, not of A, for
        rectangular matrices.
    work : ProximalWork or None
        What proximal points cost, where they were needed.
    objective : Objective or None
        What it minimises.

    Examples
    --------
    >>> import grokflow as gf
    >>> problem = gf.completion(d=5, fraction=0.6)
    >>> found = gf.MinNuclearNorm().predict(problem)
    >>> found.name, found.matrix.shape, found.rank
    ('min-nuclear-norm', (5, 5), 1)
    >>> print(f"largest misfit {abs(problem.residuals(found.matrix)).max():.6f}")
    largest misfit 0.000000
    """

    name: str
    matrix: np.ndarray
    multipliers: np.ndarray
    certificate: Certificate
    work: ProximalWork | None = None
    objective: Objective | None = None

    def _summary(self) -> Mapping[str, object]:
        """Return the values that are shown."""
        return {
            "name": self.name,
            "matrix": self.matrix,
            "rank": self.rank,
            "gap": self.certificate.gap,
        }

    @property
    def rank(self) -> int:
        """Number of singular values above a millionth of the largest."""
        singular = np.linalg.svd(self.matrix, compute_uv=False)
        return int((singular > 1e-6 * singular.max()).sum())


@dataclass(frozen=True)
class MinFrobeniusNorm:
    """The symmetric matrix of least Frobenius norm: ``min ½‖W‖_F²`` with ``<A_i, W> = y_i``.

    It is the early predictor of matrix completion: the observed entries and their mirror images,
    and zeros elsewhere (Lyu et al. 2024, Corollary 3.11).

    Examples
    --------
    >>> import grokflow as gf
    >>> problem = gf.completion(d=4, fraction=0.5)
    >>> found = gf.MinFrobeniusNorm().predict(problem)
    >>> print(found.matrix.round(2) + 0.0)
    [[0.   0.   0.   0.  ]
     [0.   0.06 0.12 0.19]
     [0.   0.12 0.   0.  ]
     [0.   0.19 0.   0.56]]
    """

    name: str = "min-Frobenius-norm"

    def predict(self, problem: CompletionProblem) -> MatrixPrediction:
        """Solve with the Gram matrix, and refine; in rational numbers where that does not do.

        Raises
        ------
        NotInterpolable
            When it is proved that no symmetric matrix has the measured values.
        NotResolved
            When neither that nor a matrix of least norm to a relative gap of 1e-7 is proved.
        """
        check_data(problem, CompletionProblem)
        check_size(problem.space.shape)
        units = Units.of(problem)
        scaled = units.of_problem(problem)
        measurements, shift = scaled.measurements, np.zeros(problem.measurements.size)
        mu = measurements.solve_gram(scaled.values, shift)
        for _ in range(2):
            miss = scaled.values - measurements.apply(measurements.adjoint(mu))
            mu = mu + measurements.solve_gram(miss, shift)
        w = measurements.adjoint(mu)
        found = certificates.min_frobenius_norm(scaled, w, mu)
        if not max(found.gap, found.infeasibility) <= _WANTED_GAP:
            w, mu, found = _exact(scaled, found)
        found = units.restored(found, 2)
        if not found.gap <= _WANTED_GAP:
            raise NotResolved(
                f"not resolved in double precision: ½‖W‖² is {found.lower:.1e} or more: divide the "
                "values by a number"
            )
        w, mu = units.size * w, mu * (units.size / units.rows)
        found = replace(found, missed=certificates.missed_values(problem, w))
        objective = Objective(Norm.L2, Condition.TARGETS)
        return MatrixPrediction(self.name, w, mu, found, objective=objective)


def _exact(problem: CompletionProblem, found: Certificate) -> Rounded:
    """Find the matrix in rational numbers, or the proof that there is none."""
    # Rational arithmetic takes a while to import, and most data do without.
    from grokflow.theory.numerics.exact_answers import Refuted, least_square

    exact = None
    if isinstance(problem.measurements, Matrices):
        rows = problem.measurements.array.reshape(problem.measurements.size, -1)
        exact = least_square(rows, problem.values, problem.values, equal=True)
    if isinstance(exact, Refuted):
        raise NotInterpolable(
            f"no symmetric matrix has the values (residual {found.infeasibility:.1e}), expected "
            "independent measurements: drop those that depend on others"
        )
    if exact is None or not exact.certificate.gap <= _WANTED_GAP:
        raise NotResolved(
            f"not resolved in double precision: the values are met to {found.infeasibility:.1e} of "
            "their size, which neither proves nor excludes a matrix that has them: scale the "
            "measurements to similar sizes, or drop near-copies"
        )
    return exact._replace(w=exact.w.reshape(problem.space.shape))
