"""Gradient descent, SGD, Adam and AdamW as the papers run them, on any torch module.

One step of size η under weight decay λ advances the slow time by λη. What is recorded therefore
lies on the same axis as the gradient flow.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
from torch import nn

from grokflow.simulations.nets.explicit.descent_walk import Training
from grokflow.simulations.nets.explicit.step_rule import Optimizer, StepRule
from grokflow.simulations.nets.identity import identity
from grokflow.simulations.nets.keeper import DescentInterrupted, DescentStopped, NetKeeper
from grokflow.simulations.nets.recorder import recorder_of
from grokflow.simulations.nets.trajectory import NetTrajectory
from grokflow.simulations.runs.checkpoint import Checkpoint
from grokflow.simulations.runs.measure import Measure
from grokflow.theory.nets.flat_module import check_module
from grokflow.theory.nets.problem import NetProblem

__all__ = ["Descent", "DescentInterrupted", "DescentStopped", "Optimizer", "record_steps"]


@dataclass(frozen=True, kw_only=True)
class Descent(StepRule):
    """Method settings: minimise ``L + (λ/2) ‖θ‖²`` step by step, by the rule that is inherited."""

    def run(
        self,
        net: nn.Module,
        problem: NetProblem,
        steps: np.ndarray,
        *,
        measure: frozenset[Measure] = frozenset(),
        checkpoint: Checkpoint | None = None,
        progress: Callable[[float], None] = lambda fraction: None,
    ) -> NetTrajectory:
        """Train a copy of `net` and record it after the given numbers of steps.

        Parameters
        ----------
        net : nn.Module
            The net at its start, θ(0).
        problem : NetProblem
            What it learns.
        steps : ndarray of int
            Increasing numbers of steps, 0 for the start; the last is the end. See
            `record_steps`.
        measure : frozenset of Measure
            What to measure at every record, see `grokflow.simulations.nets.measuring`; for
            homogeneous nets.
        checkpoint : Checkpoint or None
            Where the state is kept. An earlier run with the same settings is continued, bit for
            bit as if it had not been interrupted; the end may be later than it was.
        progress : callable
            Called with the fraction of steps taken.

        Raises
        ------
        DescentStopped
            When parameters or outputs are NaN or infinite.
        DescentInterrupted
            On Ctrl-C. Both carry what was reached, and the checkpoint then holds it.
        ValueError
            For steps that do not increase, checkpoints of other runs, and modules without
            parameters or with dropout or batch norm in training mode.
        """
        due = _checked_steps(steps)
        _check_labels(self.label_noise, problem)
        check_module(net)
        run = Training(self, net, problem, recorder_of(net, problem, measure, self.device))
        settings = self._settings() | identity(net, problem, measure)
        keeper = NetKeeper(checkpoint, settings, run)
        keeper.resume(float(due[-1]))
        recorded = run.recorder.records[-1].steps if run.recorder.records else -1
        pending = [int(step) for step in due if step >= run.step and step > recorded]
        last = int(due[-1])
        return keeper.follow(
            pending,
            lambda: (
                f"training left the finite numbers after step {keeper.state['step']} of {last}: "
                f"lower lr (now {self.lr:g}), or use float64"
            ),
            lambda step: progress(step / max(1, last)),
        )

    def _settings(self) -> dict[str, object]:
        """Return the rule as JSON holds it."""
        own = {field.name: getattr(self, field.name) for field in fields(self)}
        shown = {"optimizer": self.optimizer.value, "dtype": str(self.dtype).removeprefix("torch.")}
        return own | shown


def record_steps(last: int, count: int = 200) -> np.ndarray:
    """Return 0 and about `count` numbers of steps up to `last`, half of them equally spaced.

    The other half is spaced logarithmically.
    """
    if last < 1 or count < 2:
        raise ValueError(
            f"{last} steps and {count} records found, expected at least 1 and 2: ask for more"
        )
    halves = np.geomspace(1, last, count // 2), np.linspace(0, last, count - count // 2)
    return np.unique(np.rint(np.concatenate(halves)).astype(np.int64))


def _checked_steps(steps: np.ndarray) -> np.ndarray:
    due = np.asarray(steps)
    whole = due.size > 0 and due.dtype.kind in "iu"
    if not whole or due[0] < 0 or (np.diff(due) <= 0).any():
        raise ValueError(
            "steps must be whole numbers that increase from 0 or later: use record_steps"
        )
    return due


def _check_labels(noise: float, problem: NetProblem) -> None:
    if problem.y.ndim == 1 and noise >= 1:
        raise ValueError(
            f"label_noise is {noise}, expected a probability below 1 for classes: lower it"
        )
