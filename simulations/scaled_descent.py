"""Gradient descent with weight decay whose step follows the sharpness of the loss.

At a large start a fixed step must be small enough for the first moments, when the sharpness of
the loss is proportional to α², and then takes 1e8 steps. Once the data are fitted, the sharpness
of cross-entropy is of the order of λ whatever α is, and a step of one over it is a part of a unit
of slow time. Kinks of ReLU units do not stop it: descent chatters along them, where an error
estimate or a line search would drive the step to nothing.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np
import torch
from torch import Tensor, nn

from simulations.descent import DescentStopped
from simulations.net_recorder import Moment, NotFinite, Recorder, measured_degree, on_device
from simulations.net_trajectory import NetTrajectory, NetWork
from simulations.settings import check_ranges, checked_times
from theory.log_losses import log_loss
from theory.net_losses import SquaredError
from theory.net_map import NetMap
from theory.net_problems import NetProblem

# Steps between two estimates of the sharpness, by one power iteration each; and the first ones.
_STRETCH, _FIRST = 10, 20
# The first step over one of `part`, and the largest over the time so far: the sharpness may rise.
_CAREFUL, _GROWTH = 0.1, 0.05


@dataclass(frozen=True, kw_only=True)
class ScaledDescent:
    """Method settings: minimise ``L + (λ/2) ‖θ‖²`` by steps of `part` over the sharpness.

    The sharpness is the largest eigenvalue of ``Jᵀ l'' J / m + λ``.

    Parameters
    ----------
    lam : float
        Weight decay λ.
    part : float
        Step times sharpness; descent is stable below 2, and above 1 only while the sharpness
        does not rise quickly.
    longest : float
        Largest step in slow time, λη: the error of the slow motion is proportional to it.
    dtype : torch.dtype
        float32 or float64.
    max_steps : int
        Steps after which the run is given up.
    """

    lam: float
    part: float = 1.0
    longest: float = 2e-3
    dtype: torch.dtype = torch.float64
    max_steps: int = 1_000_000

    def __post_init__(self) -> None:
        """Refuse settings out of range."""
        check_ranges(self, lam=(1e-14, 1e2), part=(1e-3, 1.9), longest=(1e-8, 1e-1))

    def run(
        self,
        net: nn.Module,
        problem: NetProblem,
        lambda_t: np.ndarray,
        *,
        progress: Callable[[float], None] = lambda fraction: None,
    ) -> NetTrajectory:
        """Train a copy of `net` and record it at the given slow times.

        Parameters
        ----------
        net : nn.Module
            The net at its start.
        problem : NetProblem
            What it learns.
        lambda_t : ndarray, shape (k,)
            Increasing slow times; steps end on them.
        progress : callable
            Called with the fraction of slow time done.

        Raises
        ------
        DescentStopped
            When `max_steps` do not suffice, or numbers are not finite; carries what was reached.
        """
        times = checked_times(lambda_t)
        problem, mapped = on_device(problem, "cpu"), NetMap.of(net)
        degree = measured_degree(mapped, problem.x, 2**31)
        recorder = Recorder(mapped, problem, frozenset(), degree=degree, thin=0)
        walk = _Walk(self, net, problem)
        try:
            for end in times.tolist():
                walk.until(end, lambda s: progress(s / float(times[-1])))
                walk.record(recorder)
        except NotFinite as stop:
            raise DescentStopped(
                f"stopped at λt = {walk.s:.4g} of {times[-1]:g} after {walk.steps} steps: allow "
                f"more (now {self.max_steps}), or lower part (now {self.part:g})",
                walk.trajectory(recorder),
            ) from stop
        return walk.trajectory(recorder)


class _Walk:
    """Where descent is, and the direction in which the loss is sharpest."""

    def __init__(self, method: ScaledDescent, net: nn.Module, problem: NetProblem) -> None:
        self.method, self.problem = method, problem
        self.net = copy.deepcopy(net).to(method.dtype)
        self.x = problem.x.to(method.dtype)
        self.trained = [p for p in self.net.parameters() if p.requires_grad]
        self.s, self.steps, self.products = 0.0, 0, 0
        rng = np.random.default_rng(0)
        self.sharpest = [
            torch.from_numpy(rng.standard_normal(tuple(p.shape))).to(p) for p in self.trained
        ]
        self.started = perf_counter()
        for _ in range(_FIRST):
            self.sharpness = self._estimate()
        self.first = _CAREFUL * method.part / self.sharpness

    def until(self, end: float, progress: Callable[[float], None]) -> None:
        """Go on to the slow time `end`."""
        method = self.method
        while self.s < end:
            if self.steps % _STRETCH == 0:
                self.sharpness = self._estimate()
                progress(self.s)
            size, left = self._size(), (end - self.s) / method.lam
            self._advance(min(size, left))
            self.s = end if size >= left else self.s + method.lam * size
            self.steps += 1
            if self.steps >= method.max_steps or not np.isfinite(self.sharpness):
                raise NotFinite

    def _size(self) -> float:
        """Return the step size that is allowed now."""
        method = self.method
        early = self.first + _GROWTH * self.s / method.lam
        return min(early, method.longest / method.lam, method.part / self.sharpness)

    def _advance(self, size: float) -> None:
        """Take one step; the gradient of a tiny loss is exact through its logarithm."""
        f = self.net(self.x).reshape(len(self.x), -1)
        if isinstance(self.problem.loss, SquaredError):
            loss = self.problem.loss.value(f, self.problem.y).mean()
        else:
            loss = torch.exp(log_loss(self.problem.loss, f, self.problem.y))
        slopes = torch.autograd.grad(loss, self.trained)
        with torch.no_grad():
            for p, slope in zip(self.trained, slopes, strict=True):
                p.mul_(1 - size * self.method.lam).sub_(slope, alpha=size)

    def _estimate(self) -> float:
        """Take one power iteration, and return its estimate of the sharpness."""
        f = self.net(self.x).reshape(len(self.x), -1)
        # Jᵀw is linear in w, and its derivative in w is J.
        w = torch.zeros_like(f, requires_grad=True)
        rows = torch.autograd.grad(f, self.trained, w, create_graph=True)
        (moved,) = torch.autograd.grad(rows, w, self.sharpest, retain_graph=True)
        bent = self.problem.loss.curvature(f.detach(), self.problem.y, moved) / len(f)
        image = torch.autograd.grad(f, self.trained, bent)
        before, after = _norm(self.sharpest), _norm(image)
        if after > 0:
            self.sharpest = [v / after for v in image]
        self.products += 1
        return after / before + self.method.lam

    def record(self, recorder: Recorder) -> None:
        """Record the net as it is."""
        theta = torch.cat([p.detach().double().reshape(-1) for p in self.trained])
        log_t = float(np.log(self.s / self.method.lam)) if self.s else float("-inf")
        recorder.add(Moment(self.steps, log_t, self.s, float(np.exp(-self.s))), theta)

    def trajectory(self, recorder: Recorder) -> NetTrajectory:
        """Return what was recorded and what was spent."""
        problem, method = recorder.problem, self.method
        settings: dict[str, object] = {
            "optimizer": "scaled gd",
            "lam": method.lam,
            "part": method.part,
            "longest": method.longest,
            "dtype": str(method.dtype).removeprefix("torch."),
            "problem": {"name": problem.name, **problem.settings},
            "loss": problem.loss.name,
        }
        seconds = perf_counter() - self.started
        work = NetWork("scaled gd", self.steps, seconds, self.steps, products=self.products)
        return recorder.trajectory(lambda theta: self.net, settings, work)


def _norm(vector: Sequence[Tensor]) -> float:
    return float(np.sqrt(sum(float(v.double().square().sum()) for v in vector)))
