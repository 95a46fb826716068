"""What a run took: evaluations, steps and wall time."""

from __future__ import annotations

from typing import NamedTuple


class SolverWork(NamedTuple):
    """What a SUNDIALS solver took: evaluations of the flow and of its Jacobian, and wall time."""

    name: str
    rhs_evaluations: int
    jacobian_evaluations: int
    seconds: float


class NetWork(NamedTuple):
    """What following a net took.

    Gradients are those of the training loss or of a batch; a Jacobian is the gradients of all
    outputs, a product a pair ``Jᵀw``, ``Jv`` of conjugate gradients. What is measured along the
    way is not counted. Seconds are added up over interruptions.
    """

    name: str
    gradient_evaluations: int
    seconds: float
    steps: int
    rejected: int = 0
    jacobians: int = 0
    factorisations: int = 0
    products: int = 0


class TrainingWork(NamedTuple):
    """What training took: its steps, and wall time that is shared with nets trained beside it."""

    name: str
    steps: int
    seconds: float
