"""The solver of SUNDIALS that follows a factorisation, and what it took."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from grokflow.simulations.runs.reached import SolverState
from grokflow.simulations.runs.sundials import advance
from grokflow.simulations.runs.work import SolverWork
from grokflow.theory.completion.flow_equations import CompletionSystem, SimplifiedNewton

if TYPE_CHECKING:
    from sksundae.ida import IDA

# Error allowed in ζ, in units of that of p and q, which it enters times the length of a step. From
# 10 to 10 000 the work is the same within a third; a fixed error of 0.1 made p and q wrong by more
# than their tolerance where that is small.
_PULL_TOLERANCE = 1e3


class CompletionStepper:
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

    def states(
        self, start: np.ndarray, taus: np.ndarray, since: SolverState | None = None
    ) -> Iterator[SolverState]:
        """Yield the state at every solver time; the first may be 0, the start itself.

        With `since`, the solver starts anew from there.
        """
        first = since or SolverState(0.0, start, self.system.rate(0.0, start))
        solver = self._solver(start, first)
        for tau in taus:
            if tau == 0:
                yield first
                continue
            yield advance(solver, float(tau))

    def work(self, seconds: float) -> SolverWork:
        """Return what was spent."""
        return SolverWork("IDA (BDF, GMRES)", self.evaluations, self.factors, seconds)

    def _solver(self, start: np.ndarray, first: SolverState) -> IDA:
        from sksundae.ida import IDA, IDAJacTimes, IDAPrecond

        d2 = 2 * self.system.problem.d**2
        # From a small start the factors grow out of sqrt(β): resolve that.
        smallest = min(1.0, float(np.abs(start[: d2 // 2]).max()))
        atol = np.full(len(start), _PULL_TOLERANCE * self.tolerance)
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
        solver.init_step(first.tau, first.y, first.rate)
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
