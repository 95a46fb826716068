"""The weights on their way at finite λ: the quasi-static path with the loss's own pull.

In the limit λ → 0 outputs are held exactly, and margins at one common level
(`grokflow.theory.diagonal.path`). At finite λ each sample is held by its own pull. In the invariant
coordinates of `grokflow.theory.diagonal.scale` these are the slow equations themselves,

    r(q_i) = (nλ/c) dν_i/ds,    q = X w(Xᵀν, s),

which do not contain the start: α enters through ``α e^{-s}`` alone. The fit of the data at the
beginning, which takes a time of order λ in s, is left out.

They are solved by the implicit Euler method, which is what catching-up is for the limit: one step
is a convex minimisation, the dual of a penalised predictor with the pull ``(nλ/c) Δν/Δs``. Time is
measured by ``unit(s)``, to which ν is proportional in the kernel regime, and to which it is linear
in the rich one: there a step of any length is exact.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy.linalg import qr

from grokflow.theory.diagonal.anchored import Bound, Standing, standing_of
from grokflow.theory.diagonal.deep_mirror import MirrorMap, mirror_map
from grokflow.theory.diagonal.path_points import counted_from
from grokflow.theory.diagonal.regime import Held, Regime
from grokflow.theory.linear.dual import Dual, OfLoss
from grokflow.theory.linear.problem import Problem
from grokflow.theory.linear.row_space import RowSpace
from grokflow.theory.losses import Loss
from grokflow.theory.numerics.data_matrix import DataMatrix, Potential
from grokflow.theory.numerics.input_transform import standardising
from grokflow.theory.numerics.newton import Hessian, Minimum, minimise
from grokflow.theory.predictor import NotResolved

# What Newton's method solves one step to, and the most that rounding may leave.
_TOLERANCE, _MOST = 1e-7, 1e-4
# Halvings of a guess that is outside of the domain of the loss, and the first guess of all.
_HALVINGS, _GUESS = 60, 1e-3


class Followed(NamedTuple):
    """Weights of shape (d, m) at m scales, and what multipliers changed by before, (m, n)."""

    weights: np.ndarray
    changes: np.ndarray


@dataclass(frozen=True, eq=False)
class SlowMotion:
    """The slow equations of a diagonal net.

    Parameters
    ----------
    problem : Problem
        The data.
    loss : Loss
        Loss of their outputs.
    lam : float
        Weight decay λ.
    depth : int
        L.
    omega : float
        The size of the largest weights.
    samples : int
        Over how many samples the loss is a mean.
    """

    problem: Problem
    loss: Loss
    lam: float
    depth: int
    omega: float
    samples: int

    @classmethod
    def of(
        cls, problem: Problem, held: Held, early: np.ndarray, loss: Loss, *, lam: float, depth: int
    ) -> SlowMotion:
        """Return the motion of a net with these early weights.

        Its coordinates are such in which it is determined: where real targets are held, those of
        the row space, at distances like those of the outputs.
        """
        outputs = held.regime in (Regime.INTERPOLATED, Regime.INCONSISTENT)
        omega = float(np.abs(early).max()) or problem.scale
        inside = _at_distances(held.problem, problem.row_space) if outputs else problem
        return cls(inside, loss, lam, depth, omega, problem.n)

    def dual(self, strength: float, potential: Potential) -> Dual:
        """Return what a step minimises at this strength of the potential beside the mean loss."""
        data = OfLoss(self.loss, self.problem.targets, strength)
        return Dual(self.problem, data, potential)

    def follow(self, log_beta: np.ndarray, near: np.ndarray | None = None) -> Followed:
        """Follow the motion through falling scales, one step from each to the next.

        The first scale is reached from ``ν = 0`` at infinite scale in one step: in the kernel
        regime that is the kernel predictor at this λ.

        Parameters
        ----------
        log_beta : ndarray, shape (m,)
            Decreasing logarithms of the scales β.
        near : ndarray, shape (m, n), optional
            Guess of what multipliers change by before each scale.

        Raises
        ------
        NotResolved
            When rounding keeps a step from its end.
        """
        n, d = self.problem.inputs.shape
        zero, x = np.zeros(n), np.zeros(d)
        free = Bound(Standing(zero, x), np.full(n, True))
        at = standing_of(self.problem, zero, x, self.depth, free)
        found = Followed(np.empty((d, len(log_beta))), np.empty((len(log_beta), n)))
        before, rate = 0.0, np.full(n, _GUESS)
        hessian: Hessian | None = None
        for i, scale in enumerate(log_beta.tolist()):
            potential = mirror_map(self.depth, self.omega, scale)
            passed = potential.unit - before
            # In this time multipliers grow at a rate that changes slowly.
            guess = rate * passed if near is None else near[i]
            step = _Step(self, potential, at, passed, scale)
            minimum = step.minimum(guess / potential.unit, hessian)
            change, move = minimum.x, self.problem.inputs.correlate(minimum.x)
            at = at.moved(potential.unit * change, potential.unit * move)
            found.weights[:, i] = step.function.potential.weights(move)
            found.changes[i] = potential.unit * change
            before, rate = potential.unit, found.changes[i] / passed
            hessian = minimum.hessian
        return found


def _at_distances(inside: Problem, space: RowSpace) -> Problem:
    """Return the regression ``T R w = T c`` for ``R w = c``, with ``Q = U T`` and U orthonormal.

    The square loss of the outputs ``Q c`` is that of ``T c``. Q itself is orthonormal but for the
    units of the samples.
    """
    if space.basis is None:
        return inside
    turn = qr(space.basis, mode="r", check_finite=False)[0][: space.rank]
    rows = DataMatrix.from_array(turn @ inside.inputs.to_array(), inside.inputs.threads)
    return replace(inside, inputs=rows, targets=turn @ inside.targets)


@dataclass(frozen=True, eq=False)
class _Step:
    """One implicit step, to a potential, in which `passed` of its unit has passed."""

    motion: SlowMotion
    potential: MirrorMap
    start: Standing
    passed: float
    log_beta: float

    @cached_property
    def function(self) -> Dual:
        """What the step minimises, of changes in units of the potential."""
        motion, potential, depth = self.motion, self.potential, self.motion.depth
        # c of the slow equations, and how fast the unit grows.
        log_speed = 0.0 if depth == 2 else np.log(depth * (depth - 2))
        log_speed += (depth - 2) / depth * self.log_beta
        growth = potential.unit * potential.drift
        # A change of μ units has the pull nλ μ unit / c for each Δs, and `passed` is growth Δs.
        strength = motion.lam * potential.unit * growth / self.passed * np.exp(-log_speed)
        share = motion.samples / motion.problem.n
        potential_left = counted_from(self.start.coordinates, potential)
        return motion.dual(float(share * strength), potential_left)

    def minimum(self, guess: np.ndarray, hessian: Hessian | None) -> Minimum:
        """Return the change of the multipliers, from a guess and the Hessian of the last step."""
        # A wild trial step may overflow, and is not taken.
        with np.errstate(all="ignore"):
            for _ in range(_HALVINGS):
                if np.isfinite(self.function.value_gradient(guess).value):
                    break
                guess = guess / 2
            found = minimise(
                self.function, guess, tolerance=_TOLERANCE, hessian=hessian, strict=False
            )
        if not found.residual <= _MOST:
            raise NotResolved.but_followed(
                f"the motion at λ = {self.motion.lam:g} is known to {found.residual:.1e} in double "
                f"precision at log β = {self.log_beta:.1f}, expected {_MOST:.0e}",
                standardising(self.motion.problem.transform),
            )
        return found
