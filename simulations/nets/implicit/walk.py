"""A walk along the flow of a net: what all solvers offer the loop that records it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from torch import Tensor

from grokflow.simulations.nets.implicit.stage_systems import Work


class WalkFailed(RuntimeError):
    """Why a walk along the flow cannot go on."""


@runtime_checkable
class Walk(Protocol):
    """A walk along the flow, for the loop that records it."""

    @property
    def name(self) -> str:
        """The method, for results."""

    @property
    def theta(self) -> Tensor:
        """Where it is."""

    @property
    def s(self) -> float:
        """The slow time there."""

    @property
    def steps(self) -> int:
        """Steps accepted so far."""

    @property
    def rejected(self) -> int:
        """Steps rejected so far."""

    @property
    def work(self) -> Work:
        """What was spent."""

    def until(self, end: float, progress: Callable[[float], None]) -> None:
        """Walk to the slow time `end`, or raise WalkFailed."""
