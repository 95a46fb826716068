"""The solver of SUNDIALS that follows a diagonal net, and what it took."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from grokflow.simulations.runs.reached import SolverState
from grokflow.simulations.runs.sundials import advance
from grokflow.simulations.runs.work import SolverWork
from grokflow.theory.diagonal.flow_equations import ReducedFlow

if TYPE_CHECKING:
    from sksundae.cvode import CVODE
    from sksundae.ida import IDA


class DiagonalStepper:
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

    def states(self, taus: np.ndarray, since: SolverState | None = None) -> Iterator[SolverState]:
        """Yield the state at every solver time; the first may be 0, the start itself.

        With `since`, the solver starts anew from there.
        """
        start = since or self._start()
        solver = self._implicit(start) if self.implicit else self._explicit(start)
        for tau, is_output in _with_fences(taus, self.fences, start.tau):
            if tau == 0:
                yield start
                continue
            state = advance(solver, tau, stop=bool(len(self.fences)))
            if is_output:
                yield state

    def _start(self) -> SolverState:
        rate = self.flow.start_rate() if self.implicit else np.empty(0)
        return SolverState(0.0, np.zeros(self.flow.problem.n), rate)

    def work(self, seconds: float) -> SolverWork:
        """Return what was spent."""
        name = "IDA (BDF)" if self.implicit else "CVODE (BDF)"
        return SolverWork(name, self.evaluations, self.jacobians, seconds)

    def _explicit(self, start: SolverState) -> CVODE:
        from sksundae.cvode import CVODE

        flow = self.flow

        def rate(tau: float, p: np.ndarray, out: np.ndarray) -> None:
            self.evaluations += 1
            out[:] = flow.rate(flow.clock.at(tau), p)

        def jacobian(tau: float, p: np.ndarray, _: np.ndarray, out: np.ndarray) -> None:
            self.jacobians += 1
            out[:] = flow.rate_jacobian(flow.clock.at(tau), p)

        solver = CVODE(rate, jacfn=jacobian, **self.options)
        solver.init_step(start.tau, start.y)
        return solver

    def _implicit(self, start: SolverState) -> IDA:
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
        solver.init_step(start.tau, start.y, start.rate)
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


def _with_fences(taus: np.ndarray, fences: np.ndarray, since: float) -> list[tuple[float, bool]]:
    """Return output times and the fences between `since` and the last of them, outputs marked."""
    if not len(taus):
        return []
    between = np.setdiff1d(fences[(fences > since) & (fences < taus[-1])], taus)
    marked = [(float(tau), True) for tau in taus] + [(float(tau), False) for tau in between]
    return sorted(marked)
