"""A walk along the flow of a net: what all solvers offer the loop that records it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, runtime_checkable

from torch import Tensor

from grokflow.simulations.nets.implicit.stage_systems import WalkWork


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
    def work(self) -> WalkWork:
        """What was spent."""

    def until(self, end: float, progress: Callable[[float], None]) -> None:
        """Walk to the slow time `end`, or raise WalkFailed."""

    def state(self) -> dict[str, Any]:
        """Return a copy of where it is; ``s`` is the slow time."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a state, with a new solver."""
