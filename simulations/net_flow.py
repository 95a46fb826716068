"""Gradient flow with weight decay of any homogeneous torch module, by linearly implicit steps.

In slow time ``s = λt`` the flow is ``dθ/ds = -(1/(mλ)) Jᵀ l'(f) - θ``. With the multipliers
``μ = -l'(f) / (mλ)`` as unknowns of their own it reads, exactly,

    dθ/ds = Jᵀμ - θ,    0 = mλ μ + l'(f(θ)).

One step of a W-method solves a linear system a stage whose matrix is the NTK Gram matrix
(`simulations.saddle_solves`): the derivative of the first equation but for ``Σ μ_i ∇²f_i``, which
is of order one, and that of the second exactly. The step is then limited by how the solution
bends, whatever λ is. Without the multipliers, a stage that misses the data by h² is pulled back
by ``h²/λ`` along gradients that have turned by h, and the error grows like ``h³/λ``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np
import torch
from torch import Tensor, nn

from simulations.net_trajectory import NetTrajectory, NetWork, Recorder, on_device
from simulations.saddle_solves import Accuracy, DenseLinear, KernelModel, KrylovLinear, Linear, Work
from simulations.w_methods import ROS34PW2
from theory.curvature_roots import curvature_root
from theory.flat_module import FlatModule
from theory.homogeneity import degree_of_homogeneity
from theory.net_losses import SquaredError
from theory.net_map import Linearisation, NetMap
from theory.net_problems import NetProblem

# Inputs on which homogeneity is measured.
_PROBES = 8
# What an iteration may miss, in local errors.
_INEXACT = 0.05
# Rejections in a row after which the step has been driven to nothing: 0.2^30 = 1e-21.
_REJECTIONS = 30


class NetFlowStopped(RuntimeError):
    """The flow could not reach the end; ``trajectory`` holds what it did reach."""

    def __init__(self, message: str, trajectory: NetTrajectory) -> None:
        super().__init__(message)
        self.trajectory = trajectory


class NetFlowInterrupted(KeyboardInterrupt):
    """Ctrl-C; ``trajectory`` holds what was reached."""

    def __init__(self, trajectory: NetTrajectory) -> None:
        super().__init__(f"interrupted after {len(trajectory.lambda_t)} records")
        self.trajectory = trajectory


@dataclass(frozen=True, kw_only=True)
class NetFlow:
    """Method settings: follow a module from ``θ = α θ̄`` under weight decay λ.

    Parameters
    ----------
    lam : float
        Weight decay λ of the objective ``L + (λ/2) ‖θ‖²``.
    rtol : float
        Local error of one step, of θ over its norm and of the outputs over their size (1 or the
        targets', if larger).
    memory : int
        Bytes for the Jacobian and its Gram matrix. Where they do not fit, or have more than
        `dense_rows` rows, conjugate gradients take over.
    dense_rows : int
        Largest number mC of outputs for which the Gram matrix is factored.
    thin : int
        Keep the parameters of every thin-th record; 0 keeps the last only.
    max_steps : int
        Steps, accepted and rejected, after which the flow is given up.
    device : str
        Where torch computes: "cpu" or "cuda".
    """

    lam: float
    rtol: float = 1e-3
    memory: int = 2**31
    dense_rows: int = 1000
    thin: int = 1
    max_steps: int = 20_000
    device: str = "cpu"

    def __post_init__(self) -> None:
        """Refuse settings out of range."""
        for name, value, (low, high) in (
            ("lam", self.lam, (1e-14, 1e2)),
            ("rtol", self.rtol, (1e-8, 1e-1)),
        ):
            if not low <= value <= high:
                raise ValueError(
                    f"{name} is {value:g}, expected {low:g} to {high:g}: choose a value in range"
                )
        if self.device.startswith("cuda") and not torch.cuda.is_available():
            raise ValueError(f"device is {self.device}, expected one that is there: use cpu")

    def run(
        self,
        module: nn.Module,
        problem: NetProblem,
        alpha: float,
        lambda_t: np.ndarray,
        *,
        progress: Callable[[float], None] = lambda fraction: None,
    ) -> NetTrajectory:
        """Follow the flow and return its curves at the given times.

        Parameters
        ----------
        module : nn.Module
            Maps m inputs to outputs of shape (m,) or (m, C), each input by itself; homogeneous in
            its parameters θ̄. It is not changed.
        problem : NetProblem
            Samples and loss.
        alpha : float
            Scale of the start.
        lambda_t : ndarray, shape (k,)
            Increasing slow times ``λt ≥ 0`` to record. Steps end on them.
        progress : callable
            Called with the fraction of slow time done after every step.

        Raises
        ------
        ValueError
            For a module that is not homogeneous, random or without parameters; for a scale at
            which outputs are lost in rounding; for times that do not increase.
        NetFlowStopped
            When gradients are NaN, or the step size is driven to nothing, or `max_steps` do not
            suffice; the exception carries what was reached.
        NetFlowInterrupted
            On Ctrl-C, with what was reached.
        """
        times = _checked_times(lambda_t)
        problem = on_device(problem, self.device)
        degree = self._checked_degree(module, problem, alpha)
        net = NetMap.of(module, self.device)
        walk = _Walk(self, net, problem, alpha * net.theta)
        recorder = Recorder(net, problem, degree, self.thin)
        started = perf_counter()
        failure = ""
        try:
            for end in times.tolist():
                walk.until(end, lambda s: progress(s / float(times[-1] or 1.0)))
                recorder.add(end, walk.theta)
        except _Failure as error:
            failure = str(error)
            if walk.steps:
                recorder.add(walk.s, walk.theta)
        except KeyboardInterrupt:
            done = recorder.trajectory(walk.spent(perf_counter() - started))
            raise NetFlowInterrupted(done) from None
        trajectory = recorder.trajectory(walk.spent(perf_counter() - started))
        if failure:
            raise NetFlowStopped(
                f"stopped at λt = {walk.s:.6g} of {times[-1]:g}: {failure}", trajectory
            )
        return trajectory

    def _checked_degree(self, module: nn.Module, problem: NetProblem, alpha: float) -> float:
        """Measure the degree of homogeneity, and refuse outputs that rounding would swamp."""
        if not (np.isfinite(alpha) and alpha > 0):
            raise ValueError(f"alpha is {alpha}, expected a positive number: choose one")
        x = problem.x[:_PROBES].cpu().numpy()
        flat = FlatModule.of(NetMap.of(module).module, x, self.memory)
        degree = degree_of_homogeneity(flat, x)
        _check_targets(problem, flat.outputs)
        reach = float(flat.sensitivity(flat.theta, x)[1].max())
        rounding = float(np.finfo(float).eps) * reach * alpha**degree
        if not rounding <= self.rtol * _output_scale(problem):
            raise ValueError(
                f"alpha is {alpha:g}, at which outputs are differences of numbers so large that "
                f"rounding errors reach {rounding:.0e}, expected at most rtol = {self.rtol:g} of "
                "their size: lower alpha, or use the reduced flows for diagonal nets"
            )
        return degree


class _Failure(RuntimeError):
    """Why the walk cannot go on."""


@dataclass(eq=False)
class _Walk:
    """One walk along the flow: where it is, its multipliers, and the step it takes next."""

    flow: NetFlow
    net: NetMap
    problem: NetProblem
    theta: Tensor
    multipliers: Tensor | None = None
    s: float = 0.0
    length: float = 0.0
    steps: int = 0
    rejected: int = 0
    work: Work = field(default_factory=Work)

    def __post_init__(self) -> None:
        self.kernel = KernelModel(self.flow.memory)
        self.size = _output_scale(self.problem)
        self.weight = self.problem.m * self.flow.lam

    def until(self, end: float, progress: Callable[[float], None]) -> None:
        """Walk to the slow time `end`."""
        while self.s < end:
            self._step(end)
            self.steps += 1
            progress(self.s)

    def _step(self, end: float) -> None:
        """Take one step, of a length at which its error is accepted."""
        at, slope = self._linearise()
        linear = self._linear(at)
        for _ in range(_REJECTIONS):
            if self.steps + self.rejected >= self.flow.max_steps:
                raise _Failure(
                    f"{self.steps} steps taken and {self.rejected} rejected, the next is "
                    f"{self.length:.0e}: raise max_steps or rtol (now {self.flow.rtol:g})"
                )
            left = max(1, int(np.ceil(min((end - self.s) / self.length, 1e6) * (1 - 1e-9))))
            length = (end - self.s) / left if left <= 4 else self.length
            step = self._attempt(at, slope, linear, length)
            factor = float(np.clip(0.9 * max(step.error, 1e-10) ** (-1 / 3), 0.2, 5.0))
            if step.error <= 1:
                self.theta, self.multipliers = step.theta, step.multipliers
                self.s = end if left == 1 else self.s + length
                # A step cut short at a record says nothing against the length it was cut from.
                self.length = max(self.length, factor * length) if left == 1 else factor * length
                return
            self.rejected += 1
            self.length = factor * length
        raise _Failure(
            f"the step size was driven to {self.length:.0e} without an acceptable error: raise "
            f"rtol (now {self.flow.rtol:g}), or smooth the module where it jumps"
        )

    def _linearise(self) -> tuple[Linearisation, Tensor]:
        """Evaluate outputs, multipliers and dθ/ds at θ."""
        at = self.net.linearise(self.theta, self.problem.x)
        if self.multipliers is None:
            self.multipliers = self._pull(at) / -self.weight
        slope = self._slope(at, self.multipliers)
        if not bool(torch.isfinite(slope).all()):
            raise _Failure(
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

    def _linear(self, at: Linearisation) -> Linear:
        """Choose between the Gram matrix and products with J."""
        root = curvature_root(self.problem.loss, at.f, self.problem.y)
        rows = at.f.numel()
        fits = 16 * rows * (len(at.theta) + rows) <= self.flow.memory
        if rows <= self.flow.dense_rows and fits:
            return DenseLinear.of(self.net, at, self.problem.x, root, self.work)
        self.kernel.prepare(self.net, at, self.problem.x, self.work)
        return KrylovLinear(at, root, self.kernel, self.work)

    def _attempt(self, at: Linearisation, slope: Tensor, linear: Linear, h: float) -> _Step:
        """Try a step of length h from `at`, where dθ/ds is `slope`."""
        method, tolerance = ROS34PW2, self.flow.rtol
        size = max(self.size, float(at.f.pow(2).mean().sqrt()))
        norm = float(at.theta.norm())
        accuracy = Accuracy(_INEXACT * tolerance * norm, _INEXACT * tolerance * size)
        mu = self.multipliers
        assert mu is not None
        saddle = linear.saddle(1 / (h * method.diagonal) + 1, self.weight, accuracy)
        us, ws = at.theta.new_zeros((0, len(at.theta))), mu.new_zeros((0, mu.numel()))
        for i in range(method.stages):
            place, coupling = (at.theta.new_tensor(c[i, :i]) for c in (method.places, method.couplings))
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

    def spent(self, seconds: float) -> NetWork:
        """Return the work so far."""
        work = self.work
        return NetWork(
            "ROS34PW2",
            work.gradients,
            work.jacobians,
            work.factorisations,
            work.products,
            self.steps,
            self.rejected,
            seconds,
        )


@dataclass(frozen=True, eq=False)
class _Step:
    """Where a step leads, and its error over the tolerance."""

    theta: Tensor
    multipliers: Tensor
    error: float


def _output_scale(problem: NetProblem) -> float:
    """Return the size of outputs: 1 for margins and logits, the targets' for the square loss."""
    if not isinstance(problem.loss, SquaredError):
        return 1.0
    return float(problem.y.pow(2).mean().sqrt()) or 1.0


def _check_targets(problem: NetProblem, outputs: int) -> None:
    """Refuse targets that do not fit the loss and the outputs of the module."""
    y, name = problem.y, problem.loss.name
    if isinstance(problem.loss, SquaredError):
        fits, wanted = tuple(y.shape[1:]) == (outputs,), f"targets of shape (m, {outputs})"
    elif name == "cross-entropy":
        fits = not y.is_floating_point() and 0 <= int(y.min()) and int(y.max()) < outputs
        wanted = f"integer classes from 0 to {outputs - 1}"
    else:
        fits = outputs == 1 and y.ndim == 1 and bool((y.abs() == 1).all())
        wanted = "labels -1 and +1 of shape (m,) and one output"
    if not fits:
        raise ValueError(
            f"targets of shape {tuple(y.shape)} and type {y.dtype} for {outputs} outputs and the "
            f"{name} loss, expected {wanted}: recode y or change the module"
        )


def _checked_times(lambda_t: np.ndarray) -> np.ndarray:
    times = np.asarray(lambda_t, dtype=np.float64)
    if times.ndim != 1 or not times.size or not np.isfinite(times).all():
        raise ValueError("lambda_t must be a vector of finite times: pass at least one")
    if times[0] < 0 or (np.diff(times) <= 0).any():
        raise ValueError("lambda_t must increase from 0 or later: sort the times")
    return times
