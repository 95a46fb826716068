"""Keeping the state of a long run, in memory and now and then in a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from time import perf_counter
from typing import Any, Protocol, runtime_checkable

from grokflow.simulations.runs.checkpoint import Checkpoint

# What the end of a run is counted in, by the key that a state has for it.
_SHOWN = {"step": "step", "s": "λt"}


@runtime_checkable
class Resumable(Protocol):
    """A run that goes on from a state as if it had never stopped."""

    def state(self) -> dict[str, Any]:
        """Return a copy of everything that decides how it goes on; ``step`` is how far it is."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go back to a state."""


class SavedRun:
    """The last good state of a run, and the file in which it is saved now and then.

    Parameters
    ----------
    checkpoint : Checkpoint or None
        Where it is written.
    settings : mapping
        What a state must agree with to be gone on from.
    run : Resumable
        The run.
    """

    def __init__(
        self, checkpoint: Checkpoint | None, settings: Mapping[str, object], run: Resumable
    ) -> None:
        self.checkpoint, self.settings, self.run = checkpoint, settings, run
        self.state: dict[str, Any] = {}
        self.written = perf_counter()

    def resume(self, end: float, unit: str = "step") -> None:
        """Go on from the checkpoint, if there is one; ValueError when its `unit` is past `end`."""
        if self.checkpoint is None:
            return
        if (found := self.checkpoint.load(self.settings)) is not None:
            if found[unit] > end:
                place = f"{_SHOWN[unit]} {found[unit]:g}"
                raise ValueError(
                    f"{self.checkpoint.path} is at {place}, expected at most {end:g}: "
                    "ask for a later end, or choose another file"
                )
            self.run.restore(found)
        self.state = self.run.state()

    def update_for_checkpoint(self) -> None:
        """Take the present state for the last good one, where a checkpoint wants it."""
        if self.checkpoint is not None:
            self.update()

    def update(self) -> None:
        """Take the present state for the last good one; write it when the file is old enough."""
        self.state = self.run.state()
        if self.checkpoint is not None and perf_counter() - self.written >= self.checkpoint.seconds:
            self.write()

    def write(self) -> None:
        """Write the state that was kept."""
        if self.checkpoint is not None:
            self.checkpoint.save(self.settings, self.state)
            self.written = perf_counter()
