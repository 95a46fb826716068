"""The solvers of SUNDIALS set up for the reduced flow of a diagonal net, and what they evaluate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from grokflow.simulations.diagonal.axes import Axes
from grokflow.simulations.runs.reached import SolverState
from grokflow.theory.diagonal.flow_equations import ReducedFlow

if TYPE_CHECKING:
    from sksundae.cvode import CVODE
    from sksundae.ida import IDA


@dataclass
class Evaluations:
    """What solvers have evaluated so far.

    Parameters
    ----------
    rates, jacobians : int
        How many rates, or defects of the implicit form, and Jacobians.
    largest_pull : float
        The largest pull at the last rate, in units of the rate, among the samples whose pulls are
        not yet known to cancel.
    """

    rates: int = 0
    jacobians: int = 0
    largest_pull: float = 0.0


@dataclass(frozen=True, eq=False)
class Equations:
    """The flow as a solver sees it: along axes, and counted.

    Parameters
    ----------
    flow : ReducedFlow
        The flow in its coordinates.
    axes : Axes
        The axes of the solver.
    evaluations : Evaluations
        Where evaluations are counted.
    watched : ndarray of bool, shape (n,), or None
        The samples among which the largest pull is looked for, if any.
    """

    flow: ReducedFlow
    axes: Axes
    evaluations: Evaluations
    watched: np.ndarray | None = None

    def rate(self, tau: float, y: np.ndarray, out: np.ndarray) -> None:
        """Evaluate the rate of the state."""
        self.evaluations.rates += 1
        at, p = self.flow.clock.at(tau), self.axes.state(y)
        pulls = self.flow.pulls(at, p)
        out[:] = self.axes.along(self.flow.rate_of_pulls(at, p, pulls))
        if self.watched is not None:
            self.evaluations.largest_pull = float(pulls.max(where=self.watched, initial=0.0))

    def rate_jacobian(self, tau: float, y: np.ndarray, _: np.ndarray, out: np.ndarray) -> None:
        """Evaluate the Jacobian of the rate."""
        self.evaluations.jacobians += 1
        at = self.flow.clock.at(tau)
        out[:] = self.axes.jacobian(self.flow.rate_jacobian(at, self.axes.state(y)))

    def defect(self, tau: float, y: np.ndarray, dy: np.ndarray, out: np.ndarray) -> None:
        """Evaluate the implicit form of the flow."""
        self.evaluations.rates += 1
        at, p = self.flow.clock.at(tau), self.axes.state(y)
        descent = self.flow.descent(at, p)
        found = self.flow.defect_of_descent(at, p, self.axes.state(dy), descent)
        out[:] = self.axes.along(found)
        if self.watched is not None:
            largest = float(descent.max(where=self.watched, initial=0.0))
            self.evaluations.largest_pull = largest * np.exp(-self.flow.log_weight(at))

    def defect_jacobian(
        self, tau: float, y: np.ndarray, dy: np.ndarray, _: np.ndarray, cj: float, out: np.ndarray
    ) -> None:
        """Evaluate the Jacobian of the implicit form."""
        self.evaluations.jacobians += 1
        at = self.flow.clock.at(tau)
        out[:] = self.axes.jacobian(self.flow.defect_jacobian(at, self.axes.state(y), cj))


def cvode(equations: Equations, start: SolverState, options: Mapping[str, object]) -> CVODE:
    """Return CVODE at a state, for the rate of the flow."""
    from sksundae.cvode import CVODE

    solver = CVODE(equations.rate, jacfn=equations.rate_jacobian, **options)
    solver.init_step(start.tau, start.y)
    return solver


def ida(equations: Equations, start: SolverState, options: Mapping[str, object]) -> IDA:
    """Return IDA at a state and its rate, for the implicit form of the flow."""
    from sksundae.ida import IDA

    solver = IDA(equations.defect, jacfn=equations.defect_jacobian, **options)
    solver.init_step(start.tau, start.y, start.rate)
    return solver
