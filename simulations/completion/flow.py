"""Gradient flow with weight decay of matrix completion, ``W = UUᵀ - VVᵀ``.

SUNDIALS' IDA [1]_ steps the implicit system of `grokflow.theory.completion.flow_equations` with
GMRES; the exact products with Newton's matrix cost eight d×d products, and its preconditioner one
m×m Cholesky factor, renewed every ten steps or so.

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

from grokflow.simulations.completion.measuring import of_completion
from grokflow.simulations.completion.start import CompletionStart
from grokflow.simulations.completion.stepper import CompletionStepper
from grokflow.simulations.completion.trajectory import CompletionRecorder, CompletionTrajectory
from grokflow.simulations.runs.checks import check_effort, check_memory, check_ranges, checked_times
from grokflow.simulations.runs.fingerprint import fingerprint
from grokflow.simulations.runs.measure import PREDICTED, Measures, measures
from grokflow.simulations.runs.reached import ReachedStates
from grokflow.simulations.runs.stopping import (
    Interrupted,
    Stopped,
    measured_also_when_stopped,
)
from grokflow.simulations.runs.sundials import SolverFailure
from grokflow.theory.arguments import LAM_RANGE, check_kind
from grokflow.theory.completion.flow_equations import CompletionSystem
from grokflow.theory.completion.forecast import CompletionForecast, forecast_completion
from grokflow.theory.completion.problem import CompletionProblem

if TYPE_CHECKING:
    from grokflow.simulations.runs.checkpoint import Checkpoint


# Bytes for the kernel of all distinct measurements, and its factor.
_KERNEL_BYTES = 2**33


@dataclass(frozen=True, kw_only=True)
class CompletionFlow:
    """The flow of the factors of ``W = UUᵀ - VVᵀ`` under weight decay λ, solved up to `rtol`.

    Parameters
    ----------
    lam : float
        Weight decay λ.
    rtol : float
        Wanted accuracy of W in the Frobenius norm at every output time, relative to the larger of W
        and the early predictor.
    max_steps : int
        Solver steps allowed between two output times.
    memory : int
        Bytes for the matrices of all output times, ``16 d²`` for each; more are refused. Everything
        else is of size d², and m² for m distinct measurements.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> start = gf.CompletionStart(gf.completion(d=5, fraction=0.6), alpha=10.0)
    >>> trajectory = gf.CompletionFlow(lam=1e-3).run(start, np.array([0.0, 2.0, 8.0]))
    >>> print(trajectory.test_scores().error.round(3))
    [0.097 0.097 0.001]
    """

    lam: float
    rtol: float = 1e-4
    max_steps: int = 20_000
    memory: int = 2**30

    def __post_init__(self) -> None:
        """Refuse settings outside the range in which double precision holds the state."""
        check_ranges(self, lam=LAM_RANGE, rtol=(1e-9, 1e-1))
        check_effort(self)

    def run(
        self,
        start: CompletionStart,
        times: np.ndarray,
        *,
        measure: Measures = frozenset(),
        checkpoint: Checkpoint | None = None,
        prediction: CompletionForecast | None = None,
        progress: Callable[[float], None] = lambda fraction: None,
    ) -> CompletionTrajectory:
        """Follow the flow and return the state at the given times.

        Parameters
        ----------
        start : CompletionStart
            Measurements that some symmetric matrix meets, and the factors at time 0.
        times : ndarray, shape (m,)
            Increasing slow times ``λt ≥ 0`` at which the state is wanted.
        measure : iterable of Measure or str
            What is measured at every output time, see `grokflow.simulations.completion.measuring`.
        checkpoint : Checkpoint or None
            Where the states at the output times are kept. An earlier run with the same settings
            is taken up again after the last time that it reached, where the solver starts anew:
            the states then agree with those of an uninterrupted run to within `rtol`. Its times
            must be the first ones of `times`.
        prediction : CompletionForecast, optional
            Has the predictors from which distances are measured; made when it is needed and not
            given.
        progress : callable
            Called with the fraction of output times reached.

        Raises
        ------
        Stopped
            When the solver gives up; the exception carries the part that was reached.
        Interrupted
            On Ctrl-C, with the part that was reached.
        NoPredictor
            When no symmetric matrix has the values.
        ValueError
            When the times do not increase, or the measurements are too many.
        """
        check_kind(
            "start", start, CompletionStart, "make one with gf.CompletionStart(problem, alpha)"
        )
        times = checked_times(times)
        wanted = measures(measure)
        check_kernel(start.problem)
        needed = 16 * start.problem.d**2 * len(times)
        check_memory(self.memory, needed, f"matrices at {len(times)} times (or ask for fewer)")
        if prediction is None and wanted & PREDICTED:
            prediction = forecast_completion(start.problem, alpha=start.alpha, lam=self.lam)

        def measured(trajectory: CompletionTrajectory) -> CompletionTrajectory:
            found = of_completion(trajectory, wanted, prediction)
            return replace(trajectory, measured=found)

        return measured_also_when_stopped(
            partial(_Run(self, start, times, checkpoint).follow, progress), measured
        )

    def settings(self, start: CompletionStart) -> dict[str, object]:
        """Return what reproduces a run from a start, as JSON holds it."""
        problem = start.problem
        return {
            "problem": {"name": problem.name, **problem.settings},
            "alpha": start.alpha,
            "sigma": start.sigma,
            "lam": self.lam,
            "loss": "square",
            "rtol": self.rtol,
        }


def check_kernel(problem: CompletionProblem) -> None:
    """Refuse measurements whose kernel, of which the flow factors one, would not fit."""
    m = problem.measurements.size
    if 16 * m**2 > _KERNEL_BYTES:
        raise ValueError(
            f"the flow of {m} distinct measurements of a {problem.space.words} matrix takes "
            f"{16 * m**2 / 2**30:.3g} GiB, expected at most {_KERNEL_BYTES / 2**30:.3g} GiB: take "
            "fewer entries, or predict (which takes no such kernel)"
        )


class _Run:
    """One run: the system, its solver, and what is recorded of the states it reaches."""

    def __init__(
        self,
        method: CompletionFlow,
        start: CompletionStart,
        times: np.ndarray,
        checkpoint: Checkpoint | None,
    ) -> None:
        problem = start.problem
        self.method, self.times = method, times
        self.system = CompletionSystem(problem, start.alpha, method.lam)
        self.first = start.state(self.system)
        self.stepper = CompletionStepper(
            self.system, method.rtol / (24 * problem.d), method.max_steps
        )
        self.settings = method.settings(start)
        data = {}
        if checkpoint is not None:
            measurements = problem.measurements
            data["data"] = fingerprint(measurements, problem.values, problem.counts, self.first)
        self.reached = ReachedStates(times, checkpoint, self.settings | data)
        self.started = perf_counter()
        self.recorder = CompletionRecorder(self.system, times, self.first)
        for state in self.reached.states:
            self.recorder.add(state)

    def follow(self, progress: Callable[[float], None]) -> CompletionTrajectory:
        """Follow the flow to its end, or raise with what was reached."""
        taus = self.system.clock.of(self.times)[len(self.reached.states) :]
        try:
            for state in self.stepper.states(self.first, taus, self.reached.last):
                self.recorder.add(state.y)
                self.reached.add(state)
                progress(self.recorder.count / len(self.times))
        except SolverFailure as error:
            self.reached.write()
            done = self._trajectory()
            raise Stopped(
                f"IDA stopped after λt = {done.lambda_t[-1] if self.recorder.count else 0:g} of "
                f"{self.times[-1]:g} ({error}): rescale the values to sizes near 1, or in Python "
                f"raise rtol (now {self.method.rtol:g}) or max_steps",
                done,
            ) from error
        except KeyboardInterrupt as error:
            self.reached.write()
            raise Interrupted(self._trajectory()) from error
        return self._trajectory()

    def _trajectory(self) -> CompletionTrajectory:
        work = self.stepper.work(perf_counter() - self.started)
        return self.recorder.trajectory(work, self.settings)
