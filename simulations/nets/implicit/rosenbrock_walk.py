"""One walk along the flow of a net with the W-method: where it is, and the step it takes next."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from grokflow.simulations.nets.implicit.preconditioner import PROBED, BlockModel
from grokflow.simulations.nets.implicit.rosenbrock import ROS34PW2
from grokflow.simulations.nets.implicit.stage_systems import (
    Accuracy,
    DenseSystem,
    KrylovSystem,
    LinearisedSystem,
    NotSolved,
    WalkWork,
)
from grokflow.simulations.nets.implicit.walk import WalkFailed
from grokflow.theory.nets.curvature_roots import curvature_root
from grokflow.theory.nets.module_map import Linearisation, ModuleMap
from grokflow.theory.nets.problem import NetProblem
from grokflow.theory.nets.sample_gradients import FactoredJacobian, is_factored

# What an iteration may miss, in local errors.
_INEXACT = 0.05
# Rejections in a row after which the step has been driven to nothing: 0.2^30 = 1e-21.
_REJECTIONS = 30
# Steps over the slow time, below which nothing moves any more.
_SMALLEST = 1e-12

# What a walk goes on from.
_KEPT = ("theta", "multipliers", "s", "length", "steps", "rejected")


class WalkSettings(NamedTuple):
    """How a walk is taken.

    Parameters
    ----------
    lam, rtol : float
        Weight decay, and local error over the size of θ and of the outputs.
    size : float
        Size of the outputs, unless they are larger.
    dense : bool
        Factor the Gram matrix instead of iterating.
    blocks : int
        Largest number of blocks of a preconditioner.
    max_steps : int
        Steps, accepted and rejected.
    """

    lam: float
    rtol: float
    size: float
    dense: bool
    blocks: int
    max_steps: int


class _Step(NamedTuple):
    """Where a step leads, and its error over the tolerance."""

    theta: Tensor
    multipliers: Tensor
    error: float


@dataclass(eq=False)
class WMethodWalk:
    """A walk from θ at time 0, with the multipliers μ that start at ``-l'(f) / (mλ)``."""

    settings: WalkSettings
    net: ModuleMap
    problem: NetProblem
    theta: Tensor
    multipliers: Tensor | None = None
    s: float = 0.0
    length: float = 0.0
    steps: int = 0
    rejected: int = 0
    obstacle: str = ""
    work: WalkWork = field(default_factory=WalkWork)

    def __post_init__(self) -> None:
        """Start without a preconditioner."""
        self.model = BlockModel(self.settings.blocks)
        self.factored = is_factored(self.net, self.theta, self.problem.x)
        self.weight = self.problem.m * self.settings.lam

    @property
    def name(self) -> str:
        """The method, for results."""
        return f"ROS34PW2 ({'NTK Gram matrix' if self.settings.dense else 'conjugate gradients'})"

    def until(self, end: float, progress: Callable[[float], None]) -> None:
        """Walk to the slow time `end`."""
        while self.s < end:
            self._step(end)
            self.steps += 1
            progress(self.s)

    def state(self) -> dict[str, Any]:
        """Return a copy of where it is; ``s`` is the slow time."""
        numbers = {name: getattr(self, name) for name in _KEPT}
        return numbers | {"work": asdict(self.work)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a state, with a new preconditioner."""
        for name in _KEPT:
            setattr(self, name, state[name])
        self.work = WalkWork(**state["work"])

    def _step(self, end: float) -> None:
        """Take one step, of a length at which its error is accepted."""
        at, slope = self._linearise()
        linear = self._linear(at)
        for _ in range(_REJECTIONS):
            if self.steps + self.rejected >= self.settings.max_steps:
                raise WalkFailed(
                    f"{self.steps} steps taken and {self.rejected} rejected, the next is "
                    f"{self.length:.0e}: raise max_steps or rtol (now {self.settings.rtol:g})"
                )
            left = max(1, int(np.ceil(min((end - self.s) / self.length, 1e6) * (1 - 1e-9))))
            length = (end - self.s) / left if left <= 4 else self.length
            step = self._attempted(at, slope, linear, length)
            factor = float(np.clip(0.9 * max(step.error, 1e-10) ** (-1 / 3), 0.2, 5.0))
            if step.error <= 1:
                self.theta, self.multipliers = step.theta, step.multipliers
                self.s = end if left == 1 else self.s + length
                # A step cut short at a record says nothing against the length it was cut from.
                self.length = max(self.length, factor * length) if left == 1 else factor * length
                return
            self.rejected += 1
            self.length = factor * length
            if self.length <= _SMALLEST * self.s:
                break
        raise WalkFailed(
            f"the step size was driven to {self.length:.0e} without an acceptable error"
            f"{self.obstacle}: raise rtol (now {self.settings.rtol:g}), or mend the module where "
            "it jumps or turns NaN"
        )

    def _linearise(self) -> tuple[Linearisation, Tensor]:
        """Evaluate outputs, multipliers and dθ/ds at θ."""
        at = self.net.linearise(self.theta, self.problem.x)
        if self.multipliers is None:
            self.multipliers = self._pull(at) / -self.weight
        slope = self._slope(at, self.multipliers)
        if not bool(torch.isfinite(slope).all()):
            raise WalkFailed(
                "the gradient is NaN or infinite: check the module there (square roots and "
                "divisions at 0), or lower alpha"
            )
        if not self.length:
            along = slope / slope.norm()
            pushed = at.push(along)
            curved = self.problem.loss.curvature(at.f, self.problem.y, pushed)
            self.length = 0.1 / (1 + float((pushed * curved).sum()) / self.weight)
        return at, slope

    def _pull(self, at: Linearisation) -> Tensor:
        return self.problem.loss.gradient(at.f, self.problem.y)

    def _slope(self, at: Linearisation, multipliers: Tensor) -> Tensor:
        self.work.gradients += 1
        return at.pull(multipliers) - at.theta

    def _linear(self, at: Linearisation) -> LinearisedSystem:
        """Prepare the Gram matrix, or products with J."""
        root = curvature_root(self.problem.loss, at.f, self.problem.y)
        if self.settings.dense:
            return DenseSystem.of(self._jacobian(self.problem.x), at, root, self.work)
        if self.model.due():
            x = self.problem.x
            self.model.prepare(self._jacobian(x), self._jacobian(x[:PROBED]), root)
            self.work.jacobians += 1
        return KrylovSystem(at, root, self.model, self.work)

    def _jacobian(self, x: Tensor) -> FactoredJacobian:
        return FactoredJacobian.of(self.net, self.theta, x, self.factored)

    def _attempted(
        self, at: Linearisation, slope: Tensor, linear: LinearisedSystem, h: float
    ) -> _Step:
        """Try a step; where its systems cannot be solved, its error is infinite."""
        try:
            return self._attempt(at, slope, linear, h)
        except (NotSolved, torch.linalg.LinAlgError) as error:  # type: ignore[attr-defined]
            # A shorter step has a better conditioned system.
            self.obstacle = f" ({str(error).splitlines()[0]})"
            assert self.multipliers is not None
            return _Step(at.theta, self.multipliers, np.inf)

    def _attempt(
        self, at: Linearisation, slope: Tensor, linear: LinearisedSystem, h: float
    ) -> _Step:
        """Try a step of length h from `at`, where dθ/ds is `slope`."""
        method, tolerance = ROS34PW2, self.settings.rtol
        size = max(self.settings.size, float(at.f.pow(2).mean().sqrt()))
        norm = float(at.theta.norm())
        accuracy = Accuracy(_INEXACT * tolerance * norm, _INEXACT * tolerance * size)
        mu = self.multipliers
        assert mu is not None
        saddle = linear.saddle(1 / (h * method.diagonal) + 1, self.weight, accuracy)
        us, ws = at.theta.new_zeros((0, len(at.theta))), mu.new_zeros((0, mu.numel()))
        for i in range(method.stages):
            place = at.theta.new_tensor(method.places[i, :i])
            coupling = at.theta.new_tensor(method.couplings[i, :i])
            here, force, multiplier = at, slope, mu
            if i:
                here = self.net.linearise(at.theta + place @ us, self.problem.x)
                multiplier = mu + (place @ ws).view_as(mu)
                force = self._slope(here, multiplier)
            defect = self.weight * multiplier + self._pull(here)
            if not bool(torch.isfinite(force).all()):
                return _Step(at.theta, mu, np.inf)
            found = saddle.solve(force + coupling @ us / h, -defect)
            us, ws = torch.vstack([us, found.u]), torch.vstack([ws, found.w.reshape(1, -1)])
        weights, errors = (at.theta.new_tensor(c) for c in (method.weights, method.error_weights))
        missed = errors @ us
        outputs = float(linear.push(missed).pow(2).mean().sqrt())
        error = max(float(missed.norm()) / norm, outputs / size) / tolerance
        moved = mu + (weights @ ws).view_as(mu)
        return _Step(at.theta + weights @ us, moved, error if np.isfinite(error) else np.inf)
