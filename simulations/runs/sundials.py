"""One step of a SUNDIALS solver."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from grokflow.simulations.runs.reached import SolverState

if TYPE_CHECKING:
    from sksundae.cvode import CVODE
    from sksundae.ida import IDA


class SolverFailure(RuntimeError):
    """SUNDIALS returned a negative flag, or a state that is not finite."""


def advance(solver: CVODE | IDA, tau: float, *, stop: bool = False) -> SolverState:
    """Step to the solver time `tau` and return the state; with `stop` no step goes beyond it.

    Raises
    ------
    SolverFailure
        When the solver gives up.
    """
    result = solver.step(tau, tstop=tau if stop else None)
    state = np.array(result.y).reshape(-1)
    if not result.success or not np.isfinite(state).all():
        raise SolverFailure(result.message)
    return SolverState(tau, state, np.array(getattr(result, "yp", ())).reshape(-1))
