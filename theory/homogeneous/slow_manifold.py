"""The slow motion of any model at fixed α, as λ → 0: down the norm, inside the zero-loss set.

After a fast phase that follows the unregularised flow to ``{f(θ) = y}``, the flow with weight
decay λ moves in slow time ``s = λt`` along the Riemannian gradient flow of ``½‖θ‖²`` on that set,

    dθ/ds = -P θ,    P = 1 - Jᵀ (J Jᵀ)⁻¹ J the projection on ker J(θ), J = ∂f/∂θ,

until θ is a KKT point of (R2), ``min ½‖θ‖² : f(θ) = y`` (Boursier, Pesme, Dragomir 2025,
arXiv 2505.20172). The field leaves f unchanged wherever it is evaluated; what a step of the
integrator still drifts, Gauss-Newton steps take back.

An explicit method does: along the set the field has the Jacobian ``-P (1 - Σ μ_i ∇²f_i) P``, from
which λ has gone. Components of θ smaller than the tolerance times ``‖θ‖`` are not resolved. Kinks
(ReLU) break the order of the method: steps turn tiny at them, and a path may be given up there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.integrate import RK45

from grokflow.theory.arguments import check_fraction, check_positive, check_range
from grokflow.theory.homogeneous.zero_loss import ConstraintModel, ManifoldPoint, ZeroLossSet
from grokflow.theory.numerics.newton import NotConverged
from grokflow.theory.summary import Summarised

# Dormand and Prince (1980), order 5 with an estimate of order 4; the last stage is the next first.
_STAGES, _SOLUTION, _ERROR = RK45.A, RK45.B, RK45.E


@dataclass(frozen=True, eq=False, repr=False)
class SlowPath(Summarised):
    """The path on the zero-loss set, at m slow times.

    Parameters
    ----------
    s : ndarray, shape (m,)
        Slow times ``λt`` since the start on the set.
    theta : ndarray, shape (m, P)
        Parameters.
    multipliers : ndarray, shape (m, n)
        ``μ = (J Jᵀ)⁻¹ J θ``, so that ``Pθ = θ - Jᵀμ``.
    misfit : ndarray, shape (m,)
        Largest ``|f - y|``.
    stationarity : ndarray, shape (m,)
        ``‖Pθ‖ / ‖θ‖``, the KKT residual of (R2): zero where the motion ends.
    steps, rejected, jacobians : int
        Accepted and rejected steps of the integrator, and Jacobians computed.
    """

    s: np.ndarray
    theta: np.ndarray
    multipliers: np.ndarray
    misfit: np.ndarray
    stationarity: np.ndarray
    steps: int
    rejected: int
    jacobians: int


@dataclass(frozen=True)
class SlowManifold:
    """The slow motion of any model at fixed α: it sinks in norm, with all samples fitted.

    As λ → 0 the flow moves in slow time ``s = λt`` by ``dθ/ds = -Pθ``, with P the projection onto
    the directions that leave all outputs as they are, until θ is a KKT point of (R2) (Boursier,
    Pesme and Dragomir 2025).

    Parameters
    ----------
    rtol : float
        Local error of one step, relative to the norm of θ.
    misfit : float
        Largest ``|f - y|`` after every step, relative to the largest target; rounding comes on top.
    reach : float
        Largest distance from the start to the fitted parameters, relative to the norm of θ.
    max_steps : int
        Steps, accepted and rejected, after which the path is given up.

    Examples
    --------
    The net ``θ₁ θ₂`` of two weights, fitted to 1, slides along the hyperbola to its vertex:

    >>> from types import SimpleNamespace
    >>> import numpy as np
    >>> import grokflow as gf
    >>> model = SimpleNamespace(outputs=lambda t: t[:1] * t[1:], jacobian=lambda t: t[None, ::-1])
    >>> path = gf.SlowManifold().predict(model, np.ones(1), np.array([4, 0.25]), np.arange(4.0))
    >>> print(path.theta.round(2))
    [[4.   0.25]
     [1.6  0.63]
     [1.08 0.93]
     [1.01 0.99]]
    """

    rtol: float = 1e-6
    misfit: float = 1e-10
    reach: float = 0.1
    max_steps: int = 2000

    def __post_init__(self) -> None:
        """Refuse settings that no walk can heed."""
        for name in ("rtol", "misfit"):
            check_fraction(name, getattr(self, name), "choose another value")
        check_positive("reach", self.reach)
        check_range("max_steps", self.max_steps, (1.0, float("inf")))

    def predict(
        self,
        model: ConstraintModel,
        targets: np.ndarray,
        start: np.ndarray,
        s: np.ndarray,
        *,
        progress: Callable[[float], None] = lambda fraction: None,
    ) -> SlowPath:
        """Follow the slow motion from the end of the fast phase.

        Parameters
        ----------
        model : ConstraintModel
            Outputs and Jacobian on the training set.
        targets : ndarray, shape (n,)
            The values y to which the fast phase fits the outputs.
        start : ndarray, shape (P,)
            Parameters at the end of the fast phase. A start near the set is moved onto it by the
            shortest way; for α large that may be ``αθ̄`` itself, which is ``O(α^{1-L})`` away.
        s : ndarray, shape (m,)
            Slow times at which to record, increasing, from 0 or later.
        progress : callable
            Called with the fraction of slow time done.

        Raises
        ------
        ValueError
            For a start that is not near the set, and targets or times that make no sense.
        NotConverged
            Where J loses full rank, as it does when θ turns sparse with n samples left to fit,
            and when `max_steps` do not suffice.
        """
        _check(targets, start, s)
        manifold = ZeroLossSet(model, targets.astype(np.float64), self.misfit)
        walk = _Walk(self, manifold, manifold.land(start.astype(np.float64), self.reach))
        records = []
        for end in s.tolist():
            for time in walk.until(end):
                progress(time / float(s[-1]))
            records.append(walk.at)
        return walk.path(s, records)


def _check(targets: np.ndarray, start: np.ndarray, s: np.ndarray) -> None:
    for name, array in (("targets", targets), ("start", start), ("s", s)):
        if array.ndim != 1 or not array.size or not np.isfinite(array).all():
            raise ValueError(
                f"{name} of shape {array.shape} found, expected a vector of finite numbers: "
                "reshape it, and drop NaN and infinity"
            )
    if s[0] < 0 or (np.diff(s) <= 0).any():
        raise ValueError(
            f"slow times from {s[0]} to {s[-1]} found, expected increasing ones from 0 on: "
            "sort them"
        )


class _Attempt(NamedTuple):
    """Where a step leads, and its error over the tolerance."""

    at: ManifoldPoint
    error: float


@dataclass(eq=False)
class _Walk:
    """One walk over the zero-loss set: where it is, and the step it takes next."""

    method: SlowManifold
    manifold: ZeroLossSet
    at: ManifoldPoint
    time: float = 0.0
    length: float = 1e-2
    steps: int = 0
    rejected: int = 0

    def until(self, end: float) -> Iterator[float]:
        """Walk to the slow time `end`, yielding the time after every accepted step."""
        while self.time < end:
            if self.steps + self.rejected >= self.method.max_steps:
                raise NotConverged(
                    f"slow time {self.time:.3g} reached in {self.method.max_steps} steps, the next "
                    f"is {self.length:.0e}, expected {end:.3g}: raise max_steps or rtol, or smooth "
                    "the model where it has kinks"
                )
            whole = self.length >= end - self.time
            tried = end - self.time if whole else self.length
            attempt = self.attempt(tried)
            factor = float(np.clip(0.9 * max(attempt.error, 1e-10) ** -0.2, 0.2, 5.0))
            if not attempt.error <= 1:
                self.rejected += 1
                self.length = factor * tried
                continue
            self.steps += 1
            self.at, self.time = attempt.at, end if whole else self.time + tried
            # A step cut short at a record says nothing against the length it was cut from.
            self.length = max(self.length, factor * tried) if whole else factor * tried
            yield self.time

    def attempt(self, length: float) -> _Attempt:
        """Take a Runge-Kutta step along the field, and go back onto the set."""
        theta, rates = self.at.theta, -self.at.tangential[None]
        for row in _STAGES[1:]:
            stage = theta + length * (row[: len(rates)] @ rates)
            rates = np.vstack([rates, -self.manifold.point(stage).tangential])
        ahead = self.manifold.point(theta + length * (_SOLUTION @ rates))
        back = self.manifold.correction(ahead)
        local = length * (_ERROR @ np.vstack([rates, -ahead.tangential]))
        largest = max(float(np.linalg.norm(local)), float(np.linalg.norm(back)))
        error = largest / (self.method.rtol * float(np.linalg.norm(theta)))
        if error <= 1 and back.any():
            ahead = self.manifold.point(ahead.theta + back)
        return _Attempt(ahead, error)

    def path(self, s: np.ndarray, records: list[ManifoldPoint]) -> SlowPath:
        """Return what was recorded at the slow times `s`."""
        return SlowPath(
            s,
            np.array([at.theta for at in records]),
            np.array([at.multipliers for at in records]),
            np.array([np.abs(at.excess).max() for at in records]),
            np.array([np.linalg.norm(at.tangential) / np.linalg.norm(at.theta) for at in records]),
            self.steps,
            self.rejected,
            self.manifold.jacobians,
        )
