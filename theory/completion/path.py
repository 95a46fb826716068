"""The quasi-static path of matrix completion: where the flow sits for every effective scale.

For ``W = UUᵀ - VVᵀ`` from ``U = V = α I`` the product ``UᵀV = β I``, ``β = α² e^{-2λt}``, is exact,
so that ``W = β (M - M⁻¹)``, ``UUᵀ + VVᵀ = β (M + M⁻¹) = (W² + 4β² I)^{1/2} =: S`` with a positive
definite M, and ``dM/ds = H M + M H`` in slow time ``s = λt``, where H is a combination of the
measurement matrices A_i. For λ → 0 the flow stays fitted, and that alone fixes the combination:

    dW/ds = -2 W + S H + H S,   H = A*(η),   2 tr(A_i S A_j) η_j = 2 y_i.

W is the only unknown: every symmetric W is ``β (M - M⁻¹)`` of one M > 0. Along the path
``d(A(W) - y)/ds = -2 (A(W) - y)``: a solution that leaves the measurements is drawn back.

Commuting measurements keep the eigenvectors fixed; the eigenvalues are then a depth-2 diagonal net,
``w = 2β sinh(4ν)``, and W minimises the hypentropy of its eigenvalues over all interpolants
(`grokflow.theory.diagonal.path`). In general it does not: the last M is a time-ordered product of
exponentials, not the exponential of one H, so the path depends on its history, and its end need not
be a minimiser of the nuclear norm (conjectured by Gunasekar et al. 2017, refuted by Li, Luo and Lyu
2021). What holds for all measurements is the kernel limit ``β → ∞``, the minimum Frobenius norm,
with a relative error of order ``(‖W‖/β)²``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
from scipy.integrate import DOP853
from scipy.linalg import cho_factor, cho_solve

from grokflow.theory.arguments import check_data, check_range
from grokflow.theory.completion.frobenius import MinFrobeniusNorm
from grokflow.theory.completion.measurements import DIRECT, MetricProduct
from grokflow.theory.completion.problem import CompletionProblem
from grokflow.theory.numerics.newton import NotConverged
from grokflow.theory.summary import Summarised
from grokflow.theory.transition.times import falling_scales

# The path starts where β is at most this many times the largest eigenvalue: in the kernel regime to
# 1e-6, or to the tolerance where that is larger.
_KERNEL_REGIME_SCALE = 1e3
_CONJUGATE_STEPS = 2000
# Below a hundred roundings the integrator would take another tolerance than it is asked for.
_RTOL_RANGE = (1e-13, 1e-1)


@dataclass(frozen=True, eq=False, repr=False)
class CompletionPath(Summarised):
    """Matrices along the quasi-static path, at k decreasing scales β.

    Parameters
    ----------
    log_beta : ndarray, shape (k,)
        Logarithms of the scales β, decreasing.
    matrices : ndarray, shape (k, d, d)
        The symmetric matrices W; A of shape (k, u, i) for rectangular ones.
    evaluations : int
        How often the integrator evaluated the right-hand side.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> problem = gf.completion(d=5, fraction=0.6)
    >>> path = gf.trace_completion(problem, np.array([4.0, 0.0, -10.0]))
    >>> print(path.lambda_t(alpha=100.0).round(2))
    [2.61 4.61 9.61]
    """

    log_beta: np.ndarray
    matrices: np.ndarray
    evaluations: int

    def lambda_t(self, alpha: float) -> np.ndarray:
        """Return when the flow passes every scale: ``λt = log α - ½ log β``, shape (k,)."""
        return np.asarray(np.log(alpha) - self.log_beta / 2)


def trace_completion(
    problem: CompletionProblem,
    log_beta: np.ndarray,
    *,
    rtol: float = 1e-7,
    progress: Callable[[float], None] = lambda fraction: None,
) -> CompletionPath:
    """Follow the quasi-static path of matrix completion: W as λ → 0, at falling scales.

    The scale is ``β = α² e^{-2λt}``. The path runs from the minimum Frobenius norm at large β to
    where the flow ends at small β.

    Parameters
    ----------
    problem : CompletionProblem
        Measurements that some symmetric matrix meets.
    log_beta : ndarray, shape (k,)
        Falling logarithms of the scales β.
    rtol : float
        Local error of the integrator, relative to the largest eigenvalue of the kernel predictor.
    progress : callable
        Called with the fraction of slow time done.

    Raises
    ------
    ValueError
        For scales that do not fall, and an `rtol` that the integrator cannot keep.
    NoPredictor
        When no symmetric matrix has the values.
    NotConverged
        When the integrator stops before the last scale.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> problem = gf.completion(d=5, fraction=0.6)
    >>> path = gf.trace_completion(problem, np.array([4.0, 0.0, -10.0]))
    >>> path.matrices.shape
    (3, 5, 5)
    >>> print(problem.score(path.matrices).error.round(2))
    [0.1 0.1 0. ]
    """
    check_data(problem, CompletionProblem)
    log_beta = falling_scales(log_beta, (-np.inf, np.inf))
    check_range("rtol", rtol, _RTOL_RANGE)
    out = np.empty((len(log_beta), *problem.space.shape))
    evaluations = 0
    for i, at in enumerate(follow_path(problem, log_beta, rtol=rtol, progress=progress)):
        out[i], evaluations = at.matrix, at.evaluations
    return CompletionPath(log_beta, out, evaluations)


class PathPoint(NamedTuple):
    """The matrix at one scale, and how often the right-hand side was evaluated up to it."""

    matrix: np.ndarray
    evaluations: int


def follow_path(
    problem: CompletionProblem,
    log_beta: np.ndarray,
    *,
    rtol: float = 1e-7,
    progress: Callable[[float], None] = lambda fraction: None,
) -> Iterator[PathPoint]:
    """Yield the path's matrices one by one, as `trace_completion` has them."""
    early = MinFrobeniusNorm().predict(problem).matrix
    times = -np.asarray(log_beta, dtype=np.float64) / 2
    size = problem.space.operator_norm(early)
    if size == 0:
        yield from (PathPoint(early, 0) for _ in times)
        return
    scale = min(_KERNEL_REGIME_SCALE, rtol**-0.5)
    start = min(-np.log(scale * size) / 2, float(times[0]))
    slope, pack = partial(_packed_rate, problem, 0.1 * rtol), problem.space.pack
    solver = DOP853(slope, start, pack(early), float(times[-1]), rtol=rtol, atol=rtol * size)
    done = 0
    while done < len(times):
        if solver.status == "running":
            message = solver.step()
        if solver.status == "failed":
            raise NotConverged(f"the path stopped at log β = {-2 * solver.t:.2f} ({message})")
        reached = int(np.searchsorted(times, solver.t, side="right"))
        if reached > done:
            between = solver.dense_output()
            for i in range(done, reached):
                w = _onto_constraints(problem, problem.space.unpack(between(times[i])))
                yield PathPoint(w, solver.nfev)
            done = reached
        progress((float(solver.t) - start) / (float(times[-1]) - start))


def path_scales(
    problem: CompletionProblem, alpha: float = np.inf, step: float = 0.05, reach: float = 16.0
) -> np.ndarray:
    """Return ``log β`` from the kernel regime to the rich one, `step` apart in slow time.

    At the first scale the largest eigenvalue of the kernel predictor is a tenth of β, also where
    the flow starts beyond it, so that the time of the transition is known then too. The last is
    ``e^-reach`` times the smaller of that eigenvalue and α².
    """
    early = MinFrobeniusNorm().predict(problem).matrix
    size = np.log(problem.space.operator_norm(early) or 1.0)
    return np.arange(size + np.log(10), min(size, 2 * np.log(alpha)) - reach, -2 * step)


def least_move(
    problem: CompletionProblem, s: np.ndarray, change: np.ndarray, accuracy: float = 1e-8
) -> np.ndarray:
    """Return ``S H + H S``, ``H = A*(η)``, that changes the measurements by `change`.

    Among all changes of W that do, it is the one that moves (U, V) least. From some thousand
    measurements on, η is found by conjugate gradients up to a relative `accuracy`.
    """
    eta = _multipliers(problem, s, change, accuracy)
    return problem.space.spread(s, problem.measurements.adjoint(eta))


def matrices_at(problem: CompletionProblem, path: CompletionPath, lam: float) -> np.ndarray:
    """Return the matrices along a path at weight decay λ, up to the first order, (k, d, d).

    The pull of the loss is ``H = -2 ∇L / λ``, so that the flow misses the measurements by
    ``δ_i = y_i - <A_i, W> = λ η_i / (4 c_i)``, with c_i their shares of all samples and η that of
    the path. To first order W moves by the least move that does so. That the path depends on its
    history makes this differ from the first order of the flow in part.
    """
    moved = np.empty_like(path.matrices)
    for i, (w, log_beta) in enumerate(zip(path.matrices, path.log_beta.tolist(), strict=True)):
        s = problem.space.metric(w, float(np.exp(log_beta)))
        miss = lam * _multipliers(problem, s, 2 * problem.values) / (4 * problem.weights)
        moved[i] = w - least_move(problem, s, miss)
    return moved


def _multipliers(
    problem: CompletionProblem, s: np.ndarray, change: np.ndarray, accuracy: float = 1e-8
) -> np.ndarray:
    """Return η for which ``S H + H S``, ``H = A*(η)``, changes the measurements by `change`."""
    if problem.measurements.size > DIRECT:
        return _iterated(problem.measurements.metric_product(s), change, accuracy)
    gram = problem.measurements.metric_gram(s)
    scale = 1 / np.sqrt(np.diagonal(gram))
    gram *= np.outer(scale, scale)
    # Measurements that depend on each other, exactly or as β → 0, leave rounding: lift it.
    gram[np.diag_indices_from(gram)] += 1e-15 * len(gram)
    factor = cho_factor(gram, lower=True, overwrite_a=True, check_finite=False)
    return np.asarray(scale * cho_solve(factor, scale * change))


def _iterated(kernel: MetricProduct, rhs: np.ndarray, accuracy: float) -> np.ndarray:
    """Solve by conjugate gradients, preconditioned by the diagonal."""
    inverse = 1 / kernel.diagonal
    x, r = np.zeros_like(rhs), rhs.copy()
    p = z = inverse * r
    rz = float(r @ z)
    goal = accuracy**2 * rz
    for _ in range(_CONJUGATE_STEPS):
        if rz <= goal:
            return x
        kp = kernel.of(p)
        length = rz / float(p @ kp)
        x, r = x + length * p, r - length * kp
        z = inverse * r
        rz, last = float(r @ z), rz
        p = z + rz / last * p
    raise NotConverged(
        f"the path of {len(rhs)} measurements is not resolved after {_CONJUGATE_STEPS} conjugate "
        f"gradients (relative residual {np.sqrt(rz / goal) * accuracy:.1e}, expected "
        f"{accuracy:.0e}): end it earlier, at a larger β"
    )


def rate(
    problem: CompletionProblem, slow: float, w: np.ndarray, accuracy: float = 1e-8
) -> np.ndarray:
    """Return dW/ds at slow time ``slow = -½ log β``."""
    s = problem.space.metric(w, float(np.exp(-2 * slow)))
    return np.asarray(least_move(problem, s, 2 * problem.values, accuracy) - 2 * w)


def _onto_constraints(problem: CompletionProblem, w: np.ndarray) -> np.ndarray:
    """Correct what the integrator left of ``A(W) - y``, of the size of its tolerance."""
    measurements = problem.measurements
    shift = np.zeros(measurements.size)
    miss = measurements.solve_gram(problem.residuals(w), shift)
    return np.asarray(w - measurements.adjoint(miss))


def _packed_rate(
    problem: CompletionProblem, accuracy: float, slow: float, packed: np.ndarray
) -> np.ndarray:
    space = problem.space
    return space.pack(rate(problem, float(slow), space.unpack(packed), accuracy))
