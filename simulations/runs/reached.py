"""The states that an exact flow has reached, kept so that it can be taken up again."""

from __future__ import annotations

from collections.abc import Mapping
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from grokflow.simulations.runs.checkpoint import Checkpoint


class SolverState(NamedTuple):
    """What a SUNDIALS solver goes on from: its time, the state, and the state's rate.

    The rate has no entries where the solver does not need it.
    """

    tau: float
    y: np.ndarray
    rate: np.ndarray


class ReachedStates:
    """States at output times, in order, in memory and now and then in a checkpoint.

    Parameters
    ----------
    times : ndarray, shape (m,)
        Output times.
    checkpoint : Checkpoint or None
        Where the states are written; those that it holds are read.
    settings : mapping
        What a checkpoint must agree with to be gone on from.

    Attributes
    ----------
    more : dict of str to ndarray
        What else goes into the checkpoint, and came out of it.
    """

    def __init__(
        self, times: np.ndarray, checkpoint: Checkpoint | None, settings: Mapping[str, object]
    ) -> None:
        self.times, self.checkpoint, self.settings = times, checkpoint, settings
        self.states: list[np.ndarray] = []
        self.more: dict[str, np.ndarray] = {}
        self.last: SolverState | None = None
        self.written = perf_counter()
        if checkpoint is not None and (saved := checkpoint.load(settings)) is not None:
            self._resume(checkpoint, saved)

    def _resume(self, checkpoint: Checkpoint, saved: Mapping[str, Any]) -> None:
        """Take over the states of an earlier run, whose times must be the first of these."""
        known = np.asarray(saved["times"])
        if len(known) > len(self.times) or (known != self.times[: len(known)]).any():
            raise ValueError(
                f"{checkpoint.path} holds {len(known)} times up to λt = {known[-1]:g}, expected "
                "the first of those asked for: ask for the same times, to which later ones may be "
                "added, or choose another file"
            )
        self.states = list(np.asarray(saved["states"]))
        own = ("times", "states", "tau", "rate")
        self.more = {name: np.asarray(saved[name]) for name in saved if name not in own}
        if len(known):
            self.last = SolverState(saved["tau"], self.states[-1], np.asarray(saved["rate"]))

    def restart(self) -> None:
        """Forget all states."""
        self.states.clear()
        self.more.clear()
        self.last = None

    @property
    def complete(self) -> bool:
        """Whether the states at all times are there."""
        return len(self.states) == len(self.times)

    def add(self, state: SolverState) -> None:
        """Take the state at the next time; write all when the last writing is long ago."""
        self.last = state
        self.states.append(state.y)
        late = self.checkpoint and perf_counter() - self.written >= self.checkpoint.seconds
        if late or self.complete:
            self.write()

    def write(self) -> None:
        """Write the states, if there is somewhere to write them and a state to write."""
        if self.checkpoint is None or self.last is None:
            return
        state = {
            "times": self.times[: len(self.states)],
            "states": np.array(self.states),
            "tau": self.last.tau,
            "rate": self.last.rate,
            **self.more,
        }
        self.checkpoint.save(self.settings, state)
        self.written = perf_counter()
