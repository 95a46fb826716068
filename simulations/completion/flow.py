"""Gradient flow with weight decay of matrix completion, ``W = UUᵀ - VVᵀ``.

SUNDIALS' IDA [1]_ steps the implicit system of `grokflow.theory.completion.flow_equations` with
GMRES; the exact products with Newton's matrix cost eight d×d products, and its preconditioner one
m×m Cholesky factor, renewed every ten steps or so.

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

from grokflow.simulations.completion.trajectory import CompletionRecorder, CompletionTrajectory
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
from grokflow.theory.completion.flow_equations import CompletionSystem, SimplifiedNewton
from grokflow.theory.completion.problem import CompletionProblem

if TYPE_CHECKING:
    from sksundae.ida import IDA

# Error allowed in ζ, of order one: it enters the state only through steps that control their own.
_PULL_TOLERANCE = 0.1


class CompletionStopped(Stopped):
    """The solver could not reach the end; ``trajectory`` holds what it did reach."""

    trajectory: CompletionTrajectory


class CompletionInterrupted(Interrupted):
    """Interrupted from the keyboard; ``trajectory`` holds what was reached."""

    trajectory: CompletionTrajectory


@dataclass(frozen=True, kw_only=True)
class CompletionFlow:
    """Method settings: follow the flow from ``U = V = α I``, or from a perturbation of it.

    Parameters
    ----------
    alpha : float
        Scale α of the start.
    lam : float
        Weight decay λ.
    sigma : float
        Standard deviation σ of ``U_ij, V_ij ~ N(α 1{i=j}, σ²)`` (Theorem 3.12); 0 for the exact
        start.
    rtol : float
        Wanted accuracy of W in the Frobenius norm at every output time, relative to the larger of
        W and the early predictor.
    max_steps : int
        Solver steps allowed between two output times.
    memory : int
        Bytes for the matrices of all output times, ``16 d² m``; more are refused. Everything else
        is of size d² + m².
    """

    alpha: float
    lam: float
    sigma: float = 0.0
    rtol: float = 1e-4
    max_steps: int = 20_000
    memory: int = 2**30

    def __post_init__(self) -> None:
        """Refuse scales outside the range in which double precision holds the state."""
        check_ranges(self, alpha=ALPHA_RANGE, lam=LAM_RANGE, rtol=(1e-9, 1e-1), sigma=(0.0, 1e6))

    def run(
        self,
        problem: CompletionProblem,
        lambda_t: np.ndarray,
        *,
        rng: np.random.Generator | None = None,
        progress: Callable[[float], None] = lambda fraction: None,
    ) -> CompletionTrajectory:
        """Follow the flow and return the state at the given times.

        Parameters
        ----------
        problem : CompletionProblem
            Measurements that some symmetric matrix meets.
        lambda_t : ndarray, shape (m,)
            Increasing slow times ``λt ≥ 0`` at which the state is wanted.
        rng : Generator, optional
            Draws the start where σ > 0.
        progress : callable
            Called with the fraction of output times reached.

        Raises
        ------
        CompletionStopped
            When the solver gives up; the exception carries the part that was reached.
        CompletionInterrupted
            On Ctrl-C, with the part that was reached.
        NoPredictor
            When no symmetric matrix has the values.
        ValueError
            When the times do not increase, or a generator is missing.
        """
        times = checked_times(lambda_t)
        needed = 16 * problem.d**2 * len(times)
        check_memory(self.memory, needed, f"matrices at {len(times)} times (or ask for fewer)")
        system = CompletionSystem(problem, self.alpha, self.lam)
        start = self._start(system, rng)
        stepper = _Stepper(system, self.rtol / (24 * problem.d), self.max_steps)
        started = perf_counter()
        recorder = CompletionRecorder(system, times, start)

        def reached() -> CompletionTrajectory:
            return recorder.trajectory(stepper.work(perf_counter() - started))

        try:
            for state in stepper.states(start, system.clock.of(times)):
                recorder.add(state)
                progress(recorder.count / len(times))
        except SolverFailure as error:
            done = reached()
            raise CompletionStopped(
                f"IDA stopped after λt = {done.lambda_t[-1] if recorder.count else 0:g} of "
                f"{times[-1]:g} ({error}): raise rtol (now {self.rtol:g}) or max_steps",
                done,
            ) from error
        except KeyboardInterrupt as error:
            raise CompletionInterrupted(reached()) from error
        return reached()

    def _start(self, system: CompletionSystem, rng: np.random.Generator | None) -> np.ndarray:
        """Return the state at time 0; sums and differences are drawn without cancellation."""
        d = system.problem.d
        total, difference = 2 * self.alpha * np.eye(d), np.zeros((d, d))
        if self.sigma > 0:
            if rng is None:
                raise ValueError(
                    f"sigma is {self.sigma:g} and rng is None, expected a generator for the "
                    "start: pass rng=np.random.default_rng(seed)"
                )
            noise_u, noise_v = self.sigma * rng.standard_normal((2, d, d))
            total, difference = total + noise_u + noise_v, noise_u - noise_v
        return system.start(total, difference)


class _Stepper:
    """Drives IDA over the system and counts its work.

    The tolerance is that of one step, in the root mean square over p and q. An error of that size
    changes W by ``2 ω d`` times it in the Frobenius norm; errors of many steps add up to at most
    twelve of them (measured over α, λ and d).
    """

    def __init__(self, system: CompletionSystem, tolerance: float, max_steps: int) -> None:
        self.system = system
        self.tolerance = tolerance
        self.max_steps = max_steps
        self.evaluations = 0
        self.factors = 0
        self._newton: SimplifiedNewton | None = None

    def states(self, start: np.ndarray, taus: np.ndarray) -> Iterator[np.ndarray]:
        """Yield the state at every solver time; the first may be 0, the start itself."""
        solver = self._solver(start)
        for tau in taus:
            if tau == 0:
                yield start
                continue
            yield advance(solver, float(tau))

    def work(self, seconds: float) -> SolverWork:
        """Return what was spent."""
        return SolverWork("IDA (BDF, GMRES)", self.evaluations, self.factors, seconds)

    def _solver(self, start: np.ndarray) -> IDA:
        from sksundae.ida import IDA, IDAJacTimes, IDAPrecond

        d2 = 2 * self.system.problem.d**2
        # From a small start the factors grow out of sqrt(β): resolve that.
        smallest = min(1.0, float(np.abs(start[: d2 // 2]).max()))
        atol = np.full(len(start), _PULL_TOLERANCE)
        atol[:d2] = self.tolerance * smallest
        solver = IDA(
            self._defect,
            jactimes=IDAJacTimes(self._prepare, self._product),
            precond=IDAPrecond(self._factor, self._solve),
            linsolver="gmres",
            krylov_dim=10,
            rtol=self.tolerance,
            atol=atol,
            max_num_steps=self.max_steps,
        )
        solver.init_step(0.0, start, self.system.rate(0.0, start))
        return solver

    def _defect(self, tau: float, y: np.ndarray, rate: np.ndarray, out: np.ndarray) -> None:
        self.evaluations += 1
        out[:] = self.system.defect(tau, y, rate)

    def _prepare(
        self, tau: float, y: np.ndarray, rate: np.ndarray, defect: np.ndarray, c: float
    ) -> None:
        """Do nothing: products need no preparation."""

    def _product(
        self,
        tau: float,
        y: np.ndarray,
        rate: np.ndarray,
        defect: np.ndarray,
        x: np.ndarray,
        out: np.ndarray,
        c: float,
    ) -> None:
        out[:] = self.system.defect_product(tau, y, x, c)

    def _factor(
        self, tau: float, y: np.ndarray, rate: np.ndarray, defect: np.ndarray, c: float
    ) -> None:
        self.factors += 1
        self._newton = self.system.simplified(tau, y, c)

    def _solve(
        self,
        tau: float,
        y: np.ndarray,
        rate: np.ndarray,
        defect: np.ndarray,
        rhs: np.ndarray,
        out: np.ndarray,
        c: float,
        _: float,
    ) -> None:
        assert self._newton is not None
        out[:] = self._newton.solve(rhs)
