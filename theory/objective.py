"""What a convex predictor minimises, so that others can check that it does."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from grokflow.theory.losses import Loss


class Norm(Enum):
    """Which norm is small: ``‖w‖₁``, ``½‖w‖²``, the nuclear norm of a matrix, or ``½ <w, K w>``."""

    L1 = "l1"
    L2 = "l2"
    NUCLEAR = "nuclear"
    KERNEL = "kernel"


class Condition(Enum):
    """What outputs must be, where there is no loss of them: margins of 1, or the targets."""

    MARGINS = "at least"
    TARGETS = "equal"


@dataclass(frozen=True)
class Objective:
    """A norm times its strength, plus the mean loss of the outputs or a condition on them.

    Parameters
    ----------
    norm : Norm
        Which norm.
    data : Loss or Condition
        The loss, or the condition.
    strength : float
        Factor of the norm; 0 where the loss alone is minimised.
    """

    norm: Norm
    data: Loss | Condition
    strength: float = 1.0


class Provable(NamedTuple):
    """A problem with a predictor of it, or with multipliers that show that there is none.

    ``unproved`` is the reason where nothing is proved of the predictor, empty otherwise.
    """

    problem: object
    answer: object
    unproved: str = ""
