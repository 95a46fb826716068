"""The last good state of training a net, and what becomes of it when training is stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol, runtime_checkable

from torch import nn

from grokflow.simulations.nets.recorder import Exhausted, NotFinite, Recorder
from grokflow.simulations.nets.trajectory import NetTrajectory
from grokflow.simulations.runs.checkpoint import Checkpoint
from grokflow.simulations.runs.saved_run import Resumable, SavedRun
from grokflow.simulations.runs.stopping import Interrupted, Stopped
from grokflow.simulations.runs.work import NetWork


@runtime_checkable
class NetRun(Resumable, Protocol):
    """Training of a net that can be taken up again."""

    net: nn.Module
    recorder: Recorder

    def follow(self, target: Any, saved: SavedNetRun, progress: Callable[[float], None]) -> None:
        """Go on to a step or slow time and record there, keeping the state now and then."""

    def work(self) -> NetWork:
        """Return what was spent."""


class SavedNetRun(SavedRun):
    """Keeps the last good state also without a checkpoint: its curves are what is returned."""

    run: NetRun

    def __init__(
        self, checkpoint: Checkpoint | None, settings: Mapping[str, object], run: NetRun
    ) -> None:
        super().__init__(checkpoint, settings, run)
        self.state = run.state()

    def trajectory(self) -> NetTrajectory:
        """Return the curves up to the state that was kept, with the net in it."""
        run = self.run
        run.restore(self.state)
        return run.recorder.trajectory(lambda theta: run.net, self.settings, run.work())

    def follow(
        self,
        targets: Iterable[Any],
        complaint: Callable[[], str],
        progress: Callable[[float], None],
    ) -> NetTrajectory:
        """Follow the run from record to record.

        Parameters
        ----------
        targets : iterable
            Where to record, as the run counts.
        complaint : callable
            Says what happened and what to change, when the run cannot go on.
        progress : callable
            Called with what the run counts.

        Raises
        ------
        Stopped
            When numbers are not finite, or what may be spent is.
        Interrupted
            On Ctrl-C. Both carry what was reached, and the checkpoint then holds it.
        """
        try:
            for target in targets:
                self.run.follow(target, self, progress)
        except KeyboardInterrupt:
            self.write()
            raise Interrupted(self.trajectory()) from None
        except (NotFinite, Exhausted):
            self.write()
            raise Stopped(complaint(), self.trajectory()) from None
        self.update()
        self.write()
        return self.trajectory()
