"""What a solver spent."""

from __future__ import annotations

from typing import NamedTuple


class SolverWork(NamedTuple):
    """What a solver spent: evaluations of the flow and of its Jacobian, and wall time."""

    name: str
    rhs_evaluations: int
    jacobian_evaluations: int
    seconds: float
