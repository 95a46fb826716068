"""One run of the flow of a diagonal net: from time to time, to its end or as far as it goes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from grokflow.simulations.diagonal.stepper import TIGHTENED, DiagonalStepper, Unverified
from grokflow.simulations.diagonal.trajectory import DiagonalTrajectory
from grokflow.simulations.diagonal.verification import first_rise
from grokflow.simulations.runs.reached import ReachedStates
from grokflow.simulations.runs.stopping import Interrupted, Stopped
from grokflow.simulations.runs.sundials import SolverFailure
from grokflow.theory.diagonal.flow_equations import ReducedFlow
from grokflow.theory.errors import either
from grokflow.theory.linear.checks import rescaling
from grokflow.theory.numerics.input_transform import standardising

if TYPE_CHECKING:
    from grokflow.simulations.runs.checkpoint import Checkpoint

# Decades that sizes of inputs span in the flows of deep nets that are followed. Of 64 random tables
# of 2 × 2 to 4 × 3 with the square loss at depths 3 to 8 (`tests/diagonal/map/test_work.py`) all 37
# that span less are, and 14 of the 27 that span more.
_DECADES = 6


@dataclass(frozen=True)
class RunSettings:
    """What a run is given beside its flow.

    Parameters
    ----------
    rtol : float
        Wanted relative accuracy of the weights.
    max_steps : int
        Steps allowed between two output times.
    memory : int
        Bytes for weights.
    shown : mapping
        What reproduces the run, as its trajectory holds it.
    """

    rtol: float
    max_steps: int
    memory: int
    shown: Mapping[str, object]


class DiagonalRun:
    """One run: the flow, the times it is followed to, and the states it has reached.

    Parameters
    ----------
    flow : ReducedFlow
        The flow from its start on.
    times : ndarray, shape (m,)
        Output times.
    settings : RunSettings
        Tolerance and bounds.
    checkpoint : Checkpoint or None
        Where the states are kept.
    data : mapping
        What a checkpoint must agree with beside the settings.
    """

    def __init__(
        self,
        flow: ReducedFlow,
        times: np.ndarray,
        settings: RunSettings,
        checkpoint: Checkpoint | None = None,
        data: Mapping[str, object] | None = None,
    ) -> None:
        self.flow, self.times, self.settings = flow, times, settings
        self.reached = ReachedStates(times, checkpoint, {**settings.shown, **(data or {})})
        end = float(times[-1])
        self.stepper = DiagonalStepper(flow, settings.rtol, end, settings.max_steps)
        self.charts: list[int] = self.reached.more.get("charts", np.empty(0, int)).tolist()
        self.started = perf_counter()

    def follow(self, progress: Callable[[float], None]) -> DiagonalTrajectory:
        """Follow the flow to its end, or raise with what was reached."""
        try:
            self._step_verified(progress)
        except SolverFailure as error:
            self.reached.write()
            done = self.trajectory()
            after = done.lambda_t[-1] if len(done.lambda_t) else 0.0
            raise Stopped(
                f"{done.work.name} stopped after λt = {after:g} of {self.times[-1]:g} ({error}): "
                + self._remedy(),
                done,
            ) from None
        except KeyboardInterrupt:
            self.reached.write()
            raise Interrupted(self.trajectory()) from None
        return self._judged(self.trajectory())

    def _remedy(self) -> str:
        """Say what may help: for columns of different units, to give them one."""
        squares = self.flow.problem.inputs.column_squares
        squares = squares[squares > 0]
        decades = float(np.log10(squares.max() / squares.min())) / 2
        inputs = standardising(self.flow.problem.transform)
        if self.flow.scale.depth > 2 and decades > _DECADES:
            return (
                f"the sizes of the inputs span {decades:.0f} decades, of which a deep net follows "
                f"{_DECADES:g}: {either(inputs, 'take depth=2 (--depth 2)')}"
            )
        care = f"in Python raise rtol (now {self.settings.rtol:g}) or max_steps"
        targets = rescaling(is_classification=self.flow.problem.is_classification)
        return either(inputs, targets, care)

    def _judged(self, found: DiagonalTrajectory) -> DiagonalTrajectory:
        """Return the trajectory unless its objective rises somewhere."""
        rise = first_rise(found, self.settings.rtol)
        if rise is None:
            return found
        raise Stopped(
            f"the objective rises before λt = {found.lambda_t[rise]:g}, expected to fall along "
            f"the flow: lower rtol (now {self.settings.rtol:g})",
            found.first(rise),
        )

    def _step_verified(self, progress: Callable[[float], None]) -> None:
        """Step to the end; where the solver is found to err, anew with more care."""
        for tightened in TIGHTENED[1:]:
            try:
                return self._step(progress)
            except Unverified:
                self.stepper = self.stepper.afresh(tightened)
                self.reached.restart()
                self.charts.clear()
        return self._step(progress)

    def _step(self, progress: Callable[[float], None]) -> None:
        """Step from time to time, until the end or until the net is at rest."""
        reached, stepper = self.reached, self.stepper
        taus = self.flow.clock.of(self.times)[len(reached.states) :]
        if reached.last is not None:
            more = reached.more
            stepper.resume(reached.last, zip(more["anchor_s"], more["anchor_p"], strict=True))
        for state in stepper.states(taus):
            self.charts.append(len(stepper.anchors))
            reached.more = self._anchors()
            reached.add(state)
            progress(len(reached.states) / len(self.times))
        reached.write()
        progress(1.0)

    def _anchors(self) -> dict[str, np.ndarray]:
        """Return what makes the coordinates of all states, as a checkpoint holds it."""
        anchors, r = self.stepper.anchors, self.flow.space.rank
        return {
            "charts": np.array(self.charts),
            "anchor_s": np.array([s for s, _ in anchors]),
            "anchor_p": np.array([p for _, p in anchors]).reshape(-1, r),
        }

    def trajectory(self) -> DiagonalTrajectory:
        """Return the states reached with what follows from them."""
        states, stepper = self.reached.states, self.stepper
        found = DiagonalTrajectory.from_states(
            self.flow,
            [stepper.flows[i] for i in self.charts],
            self.times[: len(states)],
            np.array(states).reshape(-1, self.flow.space.rank),
            stepper.work(perf_counter() - self.started),
            self.settings.memory,
            self.settings.shown,
        )
        if stepper.rest is None:
            return found
        return found.at_rest(stepper.rest, self.times[len(states) :])
