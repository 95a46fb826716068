"""The flow of a large smooth net by CVODE: BDF with GMRES and Gauss-Newton products.

Multistep methods take fewer gradients than one-step methods while the path is smooth, and cut
their steps at every kink; they need the outputs and products ``Jᵀ H J v``, no matrix. Without a
preconditioner GMRES fails, and the steps with it, where the kernel is badly conditioned.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import wraps
from typing import Any

import numpy as np
import torch
from torch import Tensor

from grokflow.simulations.nets.implicit.stage_systems import WalkWork
from grokflow.simulations.nets.implicit.walk import WalkFailed
from grokflow.theory.nets.module_map import Linearisation, ModuleMap
from grokflow.theory.nets.problem import NetProblem

_KRYLOV = 20
# Trial states without a finite gradient between steps that lead on; CVODE shortens them.
_TRIALS = 30
# Steps over the slow time, below which nothing moves any more.
_SMALLEST = 1e-9


class CvodeWalk:
    """A walk with CVODE.

    Parameters
    ----------
    net, problem : ModuleMap, NetProblem
        The net and its samples, on one device.
    start : Tensor, shape (P,)
        Parameters at time 0.
    lam : float
        Weight decay.
    rtol : float
        Wanted error of θ over its norm: the local tolerance is a hundredth of it.
    max_steps : int
        Steps allowed.
    """

    name = "CVODE (BDF, GMRES)"
    rejected = 0

    def __init__(
        self,
        net: ModuleMap,
        problem: NetProblem,
        start: Tensor,
        *,
        lam: float,
        rtol: float,
        max_steps: int,
    ) -> None:
        from sksundae.cvode import CVODE, CVODEJacTimes

        self.net, self.problem, self.theta = net, problem, start
        self.weight = 1 / (problem.m * lam)
        self.s, self.steps, self.work = 0.0, 0, WalkWork()
        self._at: Linearisation | None = None
        self._max_steps = max_steps
        self._raised: BaseException | None = None
        self._astray = 0
        typical = float(start.pow(2).mean().sqrt())
        self._solver = CVODE(
            self._guarded(self._rate),
            linsolver="gmres",
            krylov_dim=_KRYLOV,
            rtol=rtol / 100,
            atol=1e-4 * rtol * typical,
            jactimes=CVODEJacTimes(self._guarded(self._setup), self._guarded(self._product)),
        )
        self._solver.init_step(0.0, start.cpu().numpy())

    def until(self, end: float, progress: Callable[[float], None]) -> None:
        """Walk to the slow time `end`."""
        while self.s < end:
            if self.steps >= self._max_steps:
                raise WalkFailed(f"{self.steps} steps taken: raise max_steps or rtol")
            result = self._solver.step(end, method="onestep", tstop=end)
            if self._raised is not None:
                raise self._raised
            state = np.array(result.y).reshape(-1)
            if not result.success or not np.isfinite(state).all():
                raise WalkFailed(
                    f"CVODE gave up ({result.message}): raise rtol or max_steps, check that the "
                    "gradient is finite there, or take another solver"
                )
            self.theta = torch.from_numpy(state).to(self.problem.x.device)
            before, self.s = self.s, float(np.ravel(result.t)[-1])
            self.steps += 1
            if self.s - before > _SMALLEST * self.s:
                self._astray = 0
            progress(self.s)

    def state(self) -> dict[str, Any]:
        """Return a copy of where it is; ``s`` is the slow time."""
        return {
            "theta": self.theta,
            "s": self.s,
            "steps": self.steps,
            "work": asdict(self.work),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a state, where the solver starts anew."""
        self.theta, self.s, self.steps = state["theta"], state["s"], state["steps"]
        self.work = WalkWork(**state["work"])
        self._solver.init_step(self.s, self.theta.cpu().numpy())

    def _guarded(self, function: Callable[..., None]) -> Callable[..., None]:
        """Remember what a callback raises: SUNDIALS would swallow it."""

        # SUNDIALS reads the signature, which `wraps` passes on.
        @wraps(function)
        def call(*arguments: object) -> None:
            try:
                function(*arguments)
            except BaseException as error:
                self._raised = self._raised or error
                raise

        return call

    def _linearise(self, theta: np.ndarray) -> Linearisation:
        moved = torch.from_numpy(np.array(theta)).to(self.problem.x.device)
        return self.net.linearise(moved, self.problem.x)

    def _rate(self, s: float, theta: np.ndarray, out: np.ndarray) -> None:
        self.work.gradients += 1
        at = self._linearise(theta)
        pulled = at.pull(self.problem.loss.gradient(at.f, self.problem.y))
        self._astray += not bool(torch.isfinite(pulled).all())
        if self._astray > _TRIALS:
            # CVODE would look for a way around it for as long as it has steps.
            raise WalkFailed(
                "the gradient is NaN or infinite: check the module there (square roots and "
                "divisions at 0), or lower alpha"
            )
        out[:] = -self.weight * pulled.cpu().numpy() - theta

    def _setup(self, s: float, theta: np.ndarray, slope: np.ndarray) -> None:
        self._at = self._linearise(theta)

    def _product(
        self, s: float, theta: np.ndarray, slope: np.ndarray, v: np.ndarray, out: np.ndarray
    ) -> None:
        self.work.products += 1
        at = self._at
        assert at is not None
        pushed = at.push(torch.from_numpy(np.array(v)).to(at.f.device))
        curved = self.problem.loss.curvature(at.f, self.problem.y, pushed)
        out[:] = -self.weight * at.pull(curved).cpu().numpy() - v
