"""A walk along the flow of a net from record to record, and how it ends before its time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from time import perf_counter
from typing import Any

import numpy as np

from grokflow.simulations.nets.implicit.walk import Walk, WalkFailed
from grokflow.simulations.nets.recorder import Moment, NotFinite, Recorder
from grokflow.simulations.nets.trajectory import NetTrajectory
from grokflow.simulations.runs.saved_run import SavedRun
from grokflow.simulations.runs.stopping import Interrupted, Stopped
from grokflow.simulations.runs.work import NetWork


class FlowRun:
    """A walk and what is recorded of it.

    Parameters
    ----------
    walk : Walk
        The walk, at its start.
    recorder : Recorder
        What is recorded of it.
    alpha, lam : float
        Scale of the start, and weight decay.
    settings : mapping
        What reproduces the run.
    """

    def __init__(
        self,
        walk: Walk,
        recorder: Recorder,
        alpha: float,
        lam: float,
        settings: Mapping[str, object],
    ) -> None:
        self.walk, self.recorder = walk, recorder
        self.alpha, self.lam, self.settings = alpha, lam, settings
        self.started = perf_counter()

    def follow(
        self, times: np.ndarray, saved: SavedRun, progress: Callable[[float], None]
    ) -> NetTrajectory:
        """Walk to all times that lie ahead, keeping the state at every record."""
        walk, last = self.walk, float(times[-1])
        try:
            for end in times[times >= walk.s].tolist():
                walk.until(end, lambda s: progress(s / (last or 1.0)))
                self.record()
                saved.update_for_checkpoint()
        except (WalkFailed, NotFinite) as error:
            saved.write()
            failure = str(error) or "the outputs are NaN or infinite: check the module there"
            with suppress(NotFinite):
                self.record()
            raise Stopped(
                f"stopped at λt = {walk.s:.6g} of {last:g}: {failure}", self.trajectory()
            ) from error
        except KeyboardInterrupt:
            saved.write()
            with suppress(NotFinite):
                self.record()
            raise Interrupted(self.trajectory()) from None
        saved.write()
        return self.trajectory()

    def record(self) -> None:
        """Record where the walk is, once."""
        s, records = self.walk.s, self.recorder.records
        if records and records[-1].lambda_t == s:
            return
        log_t = float(np.log(s / self.lam)) if s else float("-inf")
        scale = self.alpha * float(np.exp(-s))
        self.recorder.add(Moment(self.walk.steps, log_t, s, scale), self.walk.theta)

    def trajectory(self) -> NetTrajectory:
        """Return what was recorded and what was spent."""
        walk, work = self.walk, self.walk.work
        spent = NetWork(
            walk.name,
            work.gradients,
            perf_counter() - self.started,
            walk.steps,
            walk.rejected,
            work.jacobians,
            work.factorisations,
            work.products,
        )
        return self.recorder.trajectory(self.recorder.net.at, self.settings, spent)

    def state(self) -> dict[str, Any]:
        """Return a copy of where the walk is and of what was recorded."""
        return self.walk.state() | {
            "recorder": self.recorder.state(),
            "seconds": perf_counter() - self.started,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go back to a state."""
        self.walk.restore(state)
        self.recorder.restore(state["recorder"])
        self.started = perf_counter() - float(state["seconds"])
