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

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from grokflow.simulations.diagonal.measuring import of_diagonal
from grokflow.simulations.diagonal.start import DiagonalStart
from grokflow.simulations.diagonal.stepper import DiagonalStepper
from grokflow.simulations.diagonal.trajectory import DiagonalTrajectory
from grokflow.simulations.runs.checks import check_memory, check_ranges, checked_times
from grokflow.simulations.runs.fingerprint import fingerprint
from grokflow.simulations.runs.measure import PREDICTED, Measures, measures
from grokflow.simulations.runs.reached import ReachedStates
from grokflow.simulations.runs.stopping import (
    Interrupted,
    Stopped,
    measured_also_when_stopped,
)
from grokflow.simulations.runs.sundials import SolverFailure
from grokflow.theory.arguments import LAM_RANGE, check_kind, check_range
from grokflow.theory.diagonal.flow_equations import ReducedFlow
from grokflow.theory.diagonal.forecast import Forecast, forecast
from grokflow.theory.diagonal.quasi_norm import QuasiPenalised
from grokflow.theory.linear.problem import Problem
from grokflow.theory.losses import Loss, set_loss, with_tail

if TYPE_CHECKING:
    from grokflow.simulations.runs.checkpoint import Checkpoint

# With the square loss residuals of order λ hold the weights. Rounding moves these by 1e-4 and more
# at λ = 1e-13, and at 1e-16 they are wrong by orders without a word of the solver.
_SQUARE_LAM = 1e-12
# rtol (1 - x_ω) at which an error of rtol in w is a hundred roundings of the state.
_RESOLVED = 3e-13


# Relative tolerances that the solver reaches; deeper nets are stiffer.
_RTOL_RANGE, _RTOL_RANGE_DEEP = (1e-10, 1e-2), (1e-5, 1e-3)


@dataclass(frozen=True, kw_only=True)
class DiagonalFlow:
    """The flow of a diagonal net ``u^L - v^L`` under weight decay λ, solved up to `rtol`.

    Parameters
    ----------
    lam : float
        Weight decay λ.
    loss : Loss
        Exponential or logistic for classification, square for regression.
    rtol : float
        Wanted relative accuracy of the weights, ``‖w - w_exact‖ / ‖w_exact‖``, at every output
        time. The default is far below what any curve shows. Depths above 2 take 1e-5 to 1e-3.
    max_steps : int
        Solver steps allowed between two output times.
    memory : int
        Bytes for the weights of all m output times, ``8 d m``. Weights that need more are not
        kept, but computed from the reduced states of n numbers per time when they are asked for:
        each part of them that fits costs a pass over the data, and one over the test set. Beside
        the data, everything else is of size n (n + m); testing takes half as much again, in single
        precision.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> problem = gf.sparse_regression(n=20, d=50, k=2, n_test=100)
    >>> flow = gf.DiagonalFlow(lam=1e-4, loss=gf.LOSSES["square"])
    >>> trajectory = flow.run(gf.DiagonalStart(problem, alpha=1e4), np.array([0.0, 5.0, 20.0]))
    >>> print(trajectory.test_scores().error.round(2))
    [1.76 0.68 0.  ]
    """

    lam: float
    loss: Loss
    rtol: float = 1e-4
    max_steps: int = 20_000
    memory: int = 2**29

    def __post_init__(self) -> None:
        """Refuse settings outside the range in which double precision holds the state."""
        set_loss(self)
        check_ranges(self, lam=LAM_RANGE, rtol=_RTOL_RANGE)
        if not self.loss.acts_on_margins and self.lam < _SQUARE_LAM:
            raise ValueError(
                f"lam is {self.lam:g} with the square loss, expected at least {_SQUARE_LAM:g}: "
                "below, the residuals that hold the weights drown in rounding; raise lam, or "
                "follow grokflow.theory.diagonal.path, the limit λ → 0"
            )

    def run(
        self,
        start: DiagonalStart,
        times: np.ndarray,
        *,
        measure: Measures = frozenset(),
        checkpoint: Checkpoint | None = None,
        prediction: Forecast | None = None,
        progress: Callable[[float], None] = lambda fraction: None,
    ) -> DiagonalTrajectory:
        """Follow the flow and return the state at the given times.

        Parameters
        ----------
        start : DiagonalStart
            Classes for exponential and logistic loss, real targets for the square loss, and the
            scale of the net at time 0.
        times : ndarray, shape (m,)
            Increasing slow times ``λt ≥ 0`` at which the state is wanted.
        measure : iterable of Measure or str
            What is measured at every output time, see `grokflow.simulations.diagonal.measuring`.
        checkpoint : Checkpoint or None
            Where the states at the output times are kept. An earlier run with the same settings
            is taken up again after the last time that it reached, where the solver starts anew:
            the states then agree with those of an uninterrupted run to within `rtol`. Its times
            must be the first ones of `times`.
        prediction : Forecast, optional
            Has the predictors from which distances are measured; made when it is needed and not
            given.
        progress : callable
            Called with the fraction of output times reached.

        Raises
        ------
        Stopped
            When the solver gives up, or α is too small for this depth; the exception carries the
            part that was reached.
        Interrupted
            On Ctrl-C, with the part that was reached.
        ValueError
            When the loss does not fit the task or the times do not increase.
        NoPredictor
            When the distance from a predictor is asked for that does not exist.
        """
        times = self._checked(start, times)
        wanted = measures(measure)
        lam, loss = self.lam, self.loss
        if prediction is None and wanted & PREDICTED:
            prediction = forecast(
                start.problem, alpha=start.alpha, lam=lam, loss=loss, depth=start.depth
            )

        def measured(trajectory: DiagonalTrajectory) -> DiagonalTrajectory:
            found = of_diagonal(trajectory, wanted, prediction)
            return replace(trajectory, measured=found)

        return measured_also_when_stopped(
            partial(_Run(self, start, times, checkpoint).follow, progress), measured
        )

    def _checked(self, start: DiagonalStart, times: np.ndarray) -> np.ndarray:
        """Refuse a start that this method does not follow, and times that do not increase."""
        check_kind("start", start, DiagonalStart, "make one with gf.DiagonalStart(problem, alpha)")
        if start.depth > 2:
            check_range("rtol", self.rtol, _RTOL_RANGE_DEEP)
        check_loss(start.problem, self.loss)
        d = start.problem.d
        increasing = checked_times(times)
        check_memory(self.memory, 8 * d, f"one vector of {d} weights")
        return increasing

    def settings(self, start: DiagonalStart) -> dict[str, object]:
        """Return what reproduces a run from a start, as JSON holds it."""
        problem = start.problem
        return {
            "problem": {"name": problem.name, **problem.settings},
            "depth": start.depth,
            "alpha": start.alpha,
            "lam": self.lam,
            "loss": self.loss.name,
            "rtol": self.rtol,
        }


class _Run:
    """One run: the flow, the times it is followed to, and the states it has reached.

    With depth L ≥ 3 the times from the pole on are those of a net at rest.
    """

    def __init__(
        self,
        method: DiagonalFlow,
        start: DiagonalStart,
        times: np.ndarray,
        checkpoint: Checkpoint | None,
    ) -> None:
        self.method, self.start = method, start
        scale = start.scale
        self.flow = ReducedFlow(start.problem, method.loss, scale, method.lam)
        pole = scale.pole(max(method.rtol / 100, _RESOLVED / method.rtol))
        self.moving, self.resting = times[times < pole], times[times >= pole]
        self.end = float(times[-1])
        self.asked = self.moving
        if len(self.resting):
            self.asked = np.append(self.moving, max(pole, 0.0))
        tolerance = self._state_tolerance(self.asked[-1])
        self.stepper = DiagonalStepper(self.flow, tolerance, method.max_steps)
        self.settings = method.settings(start)
        problem = start.problem
        data = {"data": fingerprint(problem.inputs, problem.targets)} if checkpoint else {}
        self.reached = ReachedStates(self.moving, checkpoint, self.settings | data)
        self.at_pole: list[np.ndarray] = []
        self.started = perf_counter()

    def follow(self, progress: Callable[[float], None]) -> DiagonalTrajectory:
        """Follow the flow to its end, or raise with what was reached."""
        try:
            self._step(progress)
        except SolverFailure as error:
            self.reached.write()
            done = self._trajectory(self.reached.states)
            after = done.lambda_t[-1] if len(done.lambda_t) else 0.0
            raise Stopped(
                f"{done.work.name} stopped after λt = {after:g} of {self.end:g} ({error}): "
                f"raise rtol (now {self.method.rtol:g}) or max_steps",
                done,
            ) from None
        except KeyboardInterrupt:
            self.reached.write()
            raise Interrupted(self._trajectory(self.reached.states)) from None
        if len(self.resting):
            return self._at_rest(self._trajectory([*self.reached.states, *self.at_pole]))
        return self._trajectory(self.reached.states)

    def _step(self, progress: Callable[[float], None]) -> None:
        """Step from time to time, and to the pole after the last of them."""
        taus = self.flow.clock.of(self.asked)[len(self.reached.states) :]
        for state in self.stepper.states(taus, self.reached.last):
            if self.reached.complete:
                self.at_pole = [state.y]
            else:
                self.reached.add(state)
            progress((len(self.reached.states) + len(self.at_pole)) / len(self.asked))

    def _trajectory(self, states: list[np.ndarray]) -> DiagonalTrajectory:
        """Return the states with what follows from them."""
        array = np.array(states).reshape(-1, self.start.problem.n)
        work = self.stepper.work(perf_counter() - self.started)
        times, memory = self.asked[: len(states)], self.method.memory
        return DiagonalTrajectory.from_states(self.flow, times, array, work, memory, self.settings)

    def _at_rest(self, trajectory: DiagonalTrajectory) -> DiagonalTrajectory:
        """Replace the last time, at the pole, by those after it."""
        method, depth = self.method, self.start.depth
        at_pole = trajectory.weights_at(slice(-1, None))[:, 0]
        resting = QuasiPenalised(method.loss, method.lam, depth)
        rest = resting.predict(self.start.problem, near=at_pole).w
        moved = float(np.linalg.norm(rest - at_pole) / (np.linalg.norm(at_pole) or 1.0))
        if moved > method.rtol:
            raise Stopped(
                f"the weights at λt = {trajectory.lambda_t[-1]:g}, close to the pole, are "
                f"{moved:.1e} from rest, expected {method.rtol:g}: raise rtol, or end before",
                trajectory.without_last(),
            )
        still = np.abs(rest) <= method.rtol * np.linalg.norm(rest)
        s = float(trajectory.lambda_t[-1])
        if (trajectory.flow.reach(s, trajectory.states[-1], rest)[still] >= 1).any():
            raise Stopped(
                f"at λt = {s:g} the flow of depth {depth} is as close to its pole as double "
                f"precision resolves, and weights still grow: raise alpha (now "
                f"{self.start.alpha:g})",
                trajectory.without_last(),
            )
        return trajectory.at_rest(rest, self.resting)

    def _state_tolerance(self, end: float) -> float:
        """Relative tolerance in p that keeps w to `rtol`.

        An error δξ changes w by a factor ``1 + (w'/w) δξ``, at most twice the steepness at a
        typical weight for those that matter; errors of many steps add up to at most four local
        ones (measured over α and λ at depth 2).
        """
        flow, loss = self.flow, self.method.loss
        steepness = flow.scale.potential(float(end)).steepness
        wanted = self.method.rtol / (4 * max(10.0, 2 * steepness))
        if loss.acts_on_margins:
            return wanted
        # In directions that no weight feels, p moves by (y - q)/ε, and y - q is known to rounding:
        # asking for more than that would only make the solver chase noise. There are no such
        # directions before the scale has come down to the weights, β = ω.
        noise = np.finfo(float).eps * float(np.abs(flow.problem.targets).max())
        rich = np.log(flow.scale.alpha) - np.log(flow.scale.omega) / flow.scale.depth
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
