"""Gradient flow with weight decay of diagonal nets ``u^L - v^L``, followed exactly.

The reduced flow (`grokflow.theory.diagonal.flow_equations`) is stiff and monotone: implicit
multistep methods take steps of order one in ``log s`` and then in ``s``. SUNDIALS does the stepping
[1]_: CVODE for exponential-tailed losses, whose pull is accurate relative to its own size, and IDA
on the implicit form for the square loss, whose pull is a difference of nearly equal numbers.

For L ≥ 3 the mirror map has a pole, ``|x| → 1``, which the coordinates of nonzero weights approach
like ``1 - |x| ~ α(s)^{L-2}`` while the weights themselves come to rest at a KKT point: all that
still moves them is of that order. The flow is followed until it is a hundredth of the tolerance;
later times get the KKT point, solved for on its own and compared with the weights at the pole.
From a small scale the pole is there before the data are fitted, while zero weights can still grow:
the flow is then given up.

References
----------
.. [1] Hindmarsh et al., SUNDIALS, ACM Trans. Math. Softw. 31 (2005).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from grokflow.simulations.diagonal.trajectory import Trajectory
from grokflow.simulations.runs.checks import (
    ALPHA_RANGE,
    LAM_RANGE,
    check_memory,
    check_ranges,
    checked_times,
)
from grokflow.simulations.runs.stopping import Interrupted, Stopped
from grokflow.simulations.runs.sundials import SolverFailure, advance
from grokflow.simulations.runs.work import SolverWork
from grokflow.theory.diagonal.flow_equations import ReducedFlow
from grokflow.theory.diagonal.quasi_norm import QuasiPenalised
from grokflow.theory.diagonal.scale import DiagonalScale
from grokflow.theory.linear.problem import Problem
from grokflow.theory.losses import Loss, with_tail

if TYPE_CHECKING:
    from sksundae.cvode import CVODE
    from sksundae.ida import IDA

# With the square loss residuals of order λ hold the weights. Rounding moves these by 1e-4 and more
# at λ = 1e-13, and at 1e-16 they are wrong by orders without a word of the solver.
_SQUARE_LAM = 1e-12
# rtol (1 - x_ω) at which an error of rtol in w is a hundred roundings of the state.
_RESOLVED = 3e-13


class FlowStopped(Stopped):
    """The solver could not reach the end; ``trajectory`` holds what it did reach."""

    trajectory: Trajectory


class FlowInterrupted(Interrupted):
    """Interrupted from the keyboard; ``trajectory`` holds what was reached."""

    trajectory: Trajectory


@dataclass(frozen=True, kw_only=True)
class DiagonalFlow:
    """Method settings: follow ``u^L - v^L`` from ``u = v = α`` under weight decay λ.

    Parameters
    ----------
    alpha : float
        Initial value of every coordinate of u and v.
    lam : float
        Weight decay λ.
    loss : Loss
        Exponential or logistic for classification, square for regression.
    rtol : float
        Wanted relative accuracy of the weights, ``‖w - w_exact‖ / ‖w_exact‖``, at every output
        time. The default is far below what any curve shows.
    max_steps : int
        Solver steps allowed between two output times.
    depth : int
        L, from 2 to 8.
    memory : int
        Bytes for the weights of all output times, ``8 d m``. Where they need more they are not
        kept, but computed from the n numbers a time that are: each part of them that fits costs a
        pass over the data, and one over the test set. Beside the data, everything else is of size
        n (n + m); testing takes half as much again, in single precision.
    """

    alpha: float
    lam: float
    loss: Loss
    rtol: float = 1e-4
    max_steps: int = 20_000
    depth: int = 2
    memory: int = 2**29

    def __post_init__(self) -> None:
        """Refuse scales outside the range in which double precision holds the state."""
        check_ranges(
            self,
            alpha=ALPHA_RANGE,
            lam=LAM_RANGE,
            rtol=(1e-10, 1e-2) if self.depth == 2 else (1e-5, 1e-3),
            depth=(2.0, 8.0),
        )
        if not self.loss.acts_on_margins and self.lam < _SQUARE_LAM:
            raise ValueError(
                f"lam is {self.lam:g} with the square loss, expected at least {_SQUARE_LAM:g}: "
                "below, the residuals that hold the weights drown in rounding; raise lam, or "
                "follow grokflow.theory.diagonal.path, the limit λ → 0"
            )

    def run(
        self,
        problem: Problem,
        lambda_t: np.ndarray,
        *,
        progress: Callable[[float], None] = lambda fraction: None,
    ) -> Trajectory:
        """Follow the flow and return the state at the given times.

        Parameters
        ----------
        problem : Problem
            Classification for exponential and logistic loss, regression for the square loss.
        lambda_t : ndarray, shape (m,)
            Increasing slow times ``λt ≥ 0`` at which the state is wanted.
        progress : callable
            Called with the fraction of output times reached.

        Raises
        ------
        FlowStopped
            When the solver gives up, or α is too small for this depth; the exception carries the
            part that was reached.
        FlowInterrupted
            On Ctrl-C, with the part that was reached.
        ValueError
            When the loss does not fit the task or the times do not increase.
        """
        check_loss(problem, self.loss)
        times = checked_times(lambda_t)
        check_memory(self.memory, 8 * problem.d, f"one vector of {problem.d} weights")
        scale = DiagonalScale(self.alpha, problem.scale, self.depth)
        flow = ReducedFlow(problem, self.loss, scale, self.lam)
        pole = scale.pole(max(self.rtol / 100, _RESOLVED / self.rtol))
        moving = times[times < pole] if pole < times[-1] else times
        asked = np.append(moving, max(pole, 0.0)) if len(moving) < len(times) else moving
        stepper = _Stepper(flow, self._state_tolerance(flow, asked[-1]), self.max_steps)
        started = perf_counter()
        states: list[np.ndarray] = []
        failure, interrupted = "", False
        try:
            for state in stepper.states(flow.clock.of(asked)):
                states.append(state)
                progress(len(states) / len(asked))
        except SolverFailure as error:
            failure = str(error)
        except KeyboardInterrupt:
            interrupted = True
        work = stepper.work(perf_counter() - started)
        reached = np.array(states).reshape(-1, problem.n)
        done = asked[: len(states)]
        trajectory = Trajectory.from_states(flow, done, reached, work, self.memory)
        if interrupted:
            early = len(done) <= len(moving)
            raise FlowInterrupted(trajectory if early else trajectory.without_last())
        if not failure and len(asked) > len(moving):
            return self._at_rest(trajectory, times[len(moving) :])
        if failure:
            raise FlowStopped(
                f"{work.name} stopped after λt = {times[len(states) - 1] if states else 0:g} of "
                f"{times[-1]:g} ({failure}): raise rtol (now {self.rtol:g}) or max_steps",
                trajectory,
            )
        return trajectory

    def _at_rest(self, trajectory: Trajectory, later: np.ndarray) -> Trajectory:
        """Replace the last time, at the pole, by those after it."""
        problem = trajectory.flow.problem
        at_pole = trajectory.weights_at(slice(-1, None))[:, 0]
        rest = QuasiPenalised(self.loss, self.lam, self.depth).predict(problem, near=at_pole).w
        moved = float(np.linalg.norm(rest - at_pole) / (np.linalg.norm(at_pole) or 1.0))
        if moved > self.rtol:
            raise FlowStopped(
                f"the weights at λt = {trajectory.lambda_t[-1]:g}, close to the pole, are "
                f"{moved:.1e} from rest, expected {self.rtol:g}: raise rtol, or end before",
                trajectory.without_last(),
            )
        still = np.abs(rest) <= self.rtol * np.linalg.norm(rest)
        s = float(trajectory.lambda_t[-1])
        if (trajectory.flow.reach(s, trajectory.states[-1], rest)[still] >= 1).any():
            raise FlowStopped(
                f"at λt = {s:g} the flow of depth {self.depth} is as close to its pole as double "
                f"precision resolves, and weights still grow: raise alpha (now {self.alpha:g})",
                trajectory.without_last(),
            )
        return trajectory.at_rest(rest, later)

    def _state_tolerance(self, flow: ReducedFlow, end: float) -> float:
        """Relative tolerance in p that keeps w to `rtol`.

        An error δξ changes w by a factor ``1 + (w'/w) δξ``, at most twice the steepness at a
        typical weight for those that matter; errors of many steps add up to at most four local
        ones (measured over α and λ at depth 2).
        """
        steepness = flow.scale.potential(float(end)).steepness
        wanted = self.rtol / (4 * max(10.0, 2 * steepness))
        if self.loss.acts_on_margins:
            return wanted
        # In directions that no weight feels, p moves by (y - q)/ε, and y - q is known to rounding:
        # asking for more than that would only make the solver chase noise. There are no such
        # directions before the scale has come down to the weights, β = ω.
        noise = np.finfo(float).eps * float(np.abs(flow.problem.targets).max())
        rich = np.log(self.alpha) - np.log(flow.scale.omega) / self.depth
        return max(wanted, 10 * noise / float(np.exp(flow.log_stiffness(float(max(end, rich))))))


def check_loss(problem: Problem, loss: Loss) -> None:
    """Refuse a loss of targets on margins, and on real targets all but these."""
    if loss.acts_on_margins != problem.is_classification:
        wanted = "exponential or logistic" if problem.is_classification else "square"
        raise ValueError(
            f"loss is {loss.name} on a {problem.task.value} problem, expected {wanted}: "
            "change the loss or the task"
        )
    if loss.acts_on_margins:
        with_tail(loss, "the flow at large scales")


class _Stepper:
    """Drives CVODE or IDA over the reduced flow and counts its work."""

    def __init__(self, flow: ReducedFlow, tolerance: float, max_steps: int) -> None:
        self.flow = flow
        self.implicit = not flow.loss.acts_on_margins
        self.fences = _fences(flow)
        self.evaluations = 0
        self.jacobians = 0
        self.options = {
            "rtol": tolerance,
            "atol": 0.03 * tolerance / flow.problem.inputs.largest_column,
            "max_num_steps": max_steps,
            "linsolver": "lapackdense",
        }

    def states(self, taus: np.ndarray) -> Iterator[np.ndarray]:
        """Yield the state at every solver time; the first may be 0, the start itself."""
        start = np.zeros(self.flow.problem.n)
        solver = self._implicit(start) if self.implicit else self._explicit(start)
        for tau, is_output in _with_fences(taus, self.fences):
            if tau == 0:
                yield start
                continue
            state = advance(solver, tau, stop=bool(len(self.fences)))
            if is_output:
                yield state

    def work(self, seconds: float) -> SolverWork:
        """Return what was spent."""
        name = "IDA (BDF)" if self.implicit else "CVODE (BDF)"
        return SolverWork(name, self.evaluations, self.jacobians, seconds)

    def _explicit(self, start: np.ndarray) -> CVODE:
        from sksundae.cvode import CVODE

        flow = self.flow

        def rate(tau: float, p: np.ndarray, out: np.ndarray) -> None:
            self.evaluations += 1
            out[:] = flow.rate(flow.clock.at(tau), p)

        def jacobian(tau: float, p: np.ndarray, _: np.ndarray, out: np.ndarray) -> None:
            self.jacobians += 1
            out[:] = flow.rate_jacobian(flow.clock.at(tau), p)

        solver = CVODE(rate, jacfn=jacobian, **self.options)
        solver.init_step(0.0, start)
        return solver

    def _implicit(self, start: np.ndarray) -> IDA:
        from sksundae.ida import IDA

        flow = self.flow

        def defect(tau: float, p: np.ndarray, dp: np.ndarray, out: np.ndarray) -> None:
            self.evaluations += 1
            out[:] = flow.defect(flow.clock.at(tau), p, dp)

        def jacobian(
            tau: float, p: np.ndarray, dp: np.ndarray, _: np.ndarray, cj: float, out: np.ndarray
        ) -> None:
            self.jacobians += 1
            out[:] = flow.defect_jacobian(flow.clock.at(tau), p, cj)

        solver = IDA(defect, jacfn=jacobian, **self.options)
        solver.init_step(0.0, start, flow.start_rate())
        return solver


def _fences(flow: ReducedFlow) -> np.ndarray:
    """Return solver times that no step may cross: for L ≥ 3 from ``x_ω = 1e-3`` to the pole.

    In the kernel regime the state hardly moves and steps grow far beyond the slow time ``1/L`` in
    which the map bends later; a step into the bend would find another branch of its equations.
    """
    scale = flow.scale
    if scale.depth == 2:
        return np.empty(0)
    first = max(scale.pole(1 - 1e-3), 0.0)
    last = max(scale.pole(1e-8), first)
    return flow.clock.of(np.arange(first, last, 1 / (2 * scale.depth)))


def _with_fences(taus: np.ndarray, fences: np.ndarray) -> list[tuple[float, bool]]:
    """Return output times and the fences before the last of them in order, outputs marked."""
    between = np.setdiff1d(fences[(fences > 0) & (fences < taus[-1])], taus)
    marked = [(float(tau), True) for tau in taus] + [(float(tau), False) for tau in between]
    return sorted(marked)
