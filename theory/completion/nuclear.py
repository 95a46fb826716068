"""Late predictors of matrix completion: minimum nuclear norm, exact and at finite λ.

Because ``min ‖U‖² + ‖V‖² = ‖W‖_*`` over ``UUᵀ - VVᵀ = W`` for symmetric W, the flow at weight decay
λ ends at the minimiser of ``(1/N) Σ (<A_i, W> - y_i)² + (λ/2)‖W‖_*``. Both are solved as the L1
predictors are (`grokflow.theory.linear.proximal_points`), by proximal points with a dual in the
measurements.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from grokflow.theory.arguments import check_data, check_positive
from grokflow.theory.certificate import Certificate
from grokflow.theory.completion import certificates
from grokflow.theory.completion.checks import check_size
from grokflow.theory.completion.frobenius import MatrixPrediction, MinFrobeniusNorm
from grokflow.theory.completion.problem import CompletionProblem
from grokflow.theory.completion.proximal_points import Iterate, ProximalWork, proximal_points
from grokflow.theory.completion.spaces.equations import Equations
from grokflow.theory.completion.spaces.units import Units
from grokflow.theory.losses import LOSSES
from grokflow.theory.numerics.newton import NotConverged
from grokflow.theory.objective import Condition, Norm, Objective
from grokflow.theory.predictor import NotResolved


@dataclass(frozen=True)
class MinNuclearNorm:
    """A symmetric matrix of least nuclear norm: ``min ‖W‖_*`` with ``<A_i, W> = y_i``.

    It is where the flow of matrix completion ends as λ → 0. The minimiser need not be unique; its
    norm is.

    Parameters
    ----------
    gap : float
        Certified relative duality gap at which to stop.

    Examples
    --------
    >>> import grokflow as gf
    >>> problem = gf.completion(d=5, fraction=0.6)
    >>> found = gf.MinNuclearNorm().predict(problem)
    >>> found.rank, found.certificate.gap < 1e-6
    (1, True)
    >>> print((25 * found.matrix).round(2) + 0.0)
    [[ 0.  0.  0.  0.  0.]
     [ 0.  1.  2.  3.  4.]
     [ 0.  2.  4.  6.  8.]
     [ 0.  3.  6.  9. 12.]
     [ 0.  4.  8. 12. 16.]]
    """

    gap: float = 1e-7
    name: str = "min-nuclear-norm"

    def __post_init__(self) -> None:
        """Refuse a gap that is out of range."""
        check_positive("gap", self.gap, "try 1e-7")

    def predict(
        self,
        problem: CompletionProblem,
        *,
        near: MatrixPrediction | None = None,
        interrupt: Callable[[], None] = lambda: None,
    ) -> MatrixPrediction:
        """Solve to the certified gap.

        Parameters
        ----------
        problem : CompletionProblem
            Measurements that some symmetric matrix meets.
        near : MatrixPrediction, optional
            A nearby predictor to start from, such as `NuclearPenalised`.
        interrupt : callable
            Called at every step; it may raise an exception to stop.

        Raises
        ------
        NotInterpolable
            When it is proved that no symmetric matrix has the values.
        NotResolved
            When neither that nor the least norm to the wanted gap is proved.
        """
        check_data(problem, CompletionProblem)
        units = Units.of(problem)
        # This proves that there is a matrix with the values, or none.
        MinFrobeniusNorm().predict(units.of_problem(problem))
        start = None
        if near is not None and near.matrix.any():
            reach = problem.space.operator_norm(problem.measurements.adjoint(near.multipliers))
            start = Iterate(near.matrix / units.size, near.multipliers * units.rows / reach)
        solved = _solved(
            problem,
            np.zeros(problem.measurements.size),
            lambda w, mu: certificates.min_nuclear_norm(problem, w, mu),
            near=start,
            gap=self.gap,
            interrupt=interrupt,
        )
        missed = certificates.missed_values(problem, solved.w)
        solved = solved._replace(certificate=replace(solved.certificate, missed=missed))
        objective = Objective(Norm.NUCLEAR, Condition.TARGETS)
        return MatrixPrediction(self.name, *solved, objective=objective)


@dataclass(frozen=True)
class NuclearPenalised:
    """A minimiser of ``(1/N) Σ (<A_i, W> - y_i)² + (λ/2) ‖W‖_*``: where the flow ends at λ.

    The penalty of ``W = UUᵀ - VVᵀ`` is that of ``(λ/2) (‖U‖² + ‖V‖²)``.

    Parameters
    ----------
    lam : float
        Weight decay λ of the flow; the nuclear strength is half of it.
    gap : float
        Certified relative duality gap at which to stop.

    Examples
    --------
    >>> import grokflow as gf
    >>> problem = gf.completion(d=5, fraction=0.6)
    >>> for lam in (0.1, 1e-3):
    ...     found = gf.NuclearPenalised(lam).predict(problem)
    ...     print(f"rank {found.rank}, training loss {problem.loss(found.matrix):.0e}")
    rank 1, training loss 2e-02
    rank 1, training loss 2e-06
    """

    lam: float
    gap: float = 1e-7
    name: str = "nuclear-penalised"

    def __post_init__(self) -> None:
        """Refuse numbers that are out of range."""
        check_positive("lam", self.lam, "for λ → 0 take gf.MinNuclearNorm()")
        check_positive("gap", self.gap, "try 1e-7")

    def predict(
        self,
        problem: CompletionProblem,
        *,
        interrupt: Callable[[], None] = lambda: None,
    ) -> MatrixPrediction:
        """Solve the penalised problem; it has a solution for any data.

        `interrupt` is called at every step and may raise an exception to stop.

        Raises
        ------
        NotResolved
            When the gap is not met.
        """
        check_data(problem, CompletionProblem)
        tau = self.lam / 2

        def certify(w: np.ndarray, mu: np.ndarray) -> Certificate:
            return certificates.nuclear_penalised(problem, w, tau * mu, self.lam)

        solved = self._zero(problem, certify)
        if solved is None or not solved.certificate.gap <= self.gap:
            solved = _solved(
                problem,
                tau / (2 * problem.weights),
                certify,
                near=None,
                gap=self.gap,
                interrupt=interrupt,
                remedy=", or take a λ that is larger beside the values",
            )
        w, mu, certificate, work = solved
        objective = Objective(Norm.NUCLEAR, LOSSES["square"], tau)
        return MatrixPrediction(self.name, w, tau * mu, certificate, work, objective)

    def _zero(
        self, problem: CompletionProblem, certify: Callable[[np.ndarray, np.ndarray], Certificate]
    ) -> _Solved | None:
        """Return the matrix of zeros where λ is so large that it is the minimiser, or None.

        Values may be so small there that the units of the solver leave the doubles.
        """
        check_size(problem.space.shape)
        with np.errstate(over="ignore", invalid="ignore"):
            mu = 2 * problem.weights * (problem.values / (self.lam / 2))
            pull = problem.measurements.adjoint(mu)
        if not np.isfinite(pull).all() or problem.space.operator_norm(pull) > 1:
            return None
        w = np.zeros_like(pull)
        return _Solved(w, mu, certify(w, mu), ProximalWork())


class _Solved(NamedTuple):
    """A matrix, multipliers of shape (m,), what they are proved to be worth, and their cost."""

    w: np.ndarray
    mu: np.ndarray
    certificate: Certificate
    work: ProximalWork


def _solved(
    problem: CompletionProblem,
    compliance: np.ndarray,
    certify: Callable[[np.ndarray, np.ndarray], Certificate],
    *,
    near: Iterate | None,
    gap: float,
    interrupt: Callable[[], None],
    remedy: str = "",
) -> _Solved:
    """Iterate proximal points in units of order one; `near` is in these already.

    Raises
    ------
    NotResolved
        When the gap is not met.
    """
    units = Units.of(problem)
    scaled, compliance = units.of_problem(problem), compliance / units.rows**2 / units.size
    equations = Equations.of(scaled, compliance)
    if near is not None:
        near = Iterate(near.w, equations.of_multipliers(near.mu))

    def multipliers(nu: np.ndarray) -> np.ndarray:
        return np.asarray(equations.multipliers(nu) / units.rows)

    try:
        with np.errstate(over="ignore", invalid="ignore"):
            w, nu, work = proximal_points(
                equations.problem,
                equations.compliance,
                lambda w, nu: certify(units.size * equations.fitted(w, nu), multipliers(nu)),
                near=near,
                gap=gap,
                interrupt=interrupt,
            )
    except NotConverged as error:
        raise NotResolved(f"not resolved in double precision: {error}{remedy}") from error
    w, mu = units.size * equations.fitted(w, nu), multipliers(nu)
    return _Solved(w, mu, certify(w, mu), work)
