"""Gradient descent, SGD, Adam and AdamW as the papers run them, on any torch module.

One step of size η under weight decay λ advances the slow time by λη. What is recorded therefore
lies on the same axis as the gradient flow.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np

from grokflow.simulations.nets.explicit.descent_walk import DescentWalk
from grokflow.simulations.nets.explicit.step_rule import StepRule
from grokflow.simulations.nets.identity import identity
from grokflow.simulations.nets.recorder import recorder_of
from grokflow.simulations.nets.saved_run import SavedNetRun
from grokflow.simulations.nets.start import NetStart
from grokflow.simulations.nets.trajectory import NetTrajectory
from grokflow.simulations.runs.checkpoint import Checkpoint
from grokflow.simulations.runs.checks import checked_steps
from grokflow.simulations.runs.measure import Measures, measures
from grokflow.theory.arguments import check_kind
from grokflow.theory.nets.problem import NetProblem


@dataclass(frozen=True, kw_only=True)
class Descent(StepRule):
    """Gradient descent and its relatives: minimise ``L + (λ/2) ‖θ‖²`` step by step.

    Its settings are those of `gf.StepRule`: step size ``lr``, weight decay ``lam``, ``optimizer``,
    ``batch``, ``label_noise``, ``log_loss``, ``dtype``, ``device`` and ``seed``. Times are numbers
    of steps.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> start = gf.teacher_student(n=20, d=10, n_test=50)
    >>> trajectory = gf.Descent(lr=0.1, lam=0.0).run(start, np.array([0, 10, 100]))
    >>> print(trajectory.train_loss.round(3))
    [0.805 0.028 0.   ]
    """

    def run(
        self,
        start: NetStart,
        times: np.ndarray,
        *,
        measure: Measures = frozenset(),
        checkpoint: Checkpoint | None = None,
        progress: Callable[[float], None] = lambda fraction: None,
    ) -> NetTrajectory:
        """Train a copy of the net and record it after the given numbers of steps.

        Parameters
        ----------
        start : NetStart
            The net, its scale at time 0, and what it learns.
        times : ndarray of int
            Increasing numbers of steps, 0 for the start; the last is the end. See
            `gf.record_steps`.
        measure : iterable of Measure or str
            What to measure at every record, see `grokflow.simulations.nets.measuring`; for
            homogeneous nets.
        checkpoint : Checkpoint or None
            Where the state is kept. An earlier run with the same settings is continued, bit for
            bit as if it had not been interrupted; the end may be later than it was.
        progress : callable
            Called with the fraction of steps taken.

        Raises
        ------
        Stopped
            When parameters or outputs are NaN or infinite.
        Interrupted
            On Ctrl-C. Both carry what was reached, and the checkpoint then holds it.
        ValueError
            For steps that do not increase, checkpoints of other runs, and modules without
            parameters or with dropout or batch norm in training mode.
        """
        check_kind("start", start, NetStart, "make one with gf.NetStart(net, problem)")
        due = checked_steps(times)
        wanted = measures(measure)
        _check_labels(self.label_noise, start.problem)
        walk = DescentWalk(self, start, recorder_of(start, wanted, self.device))
        settings = self._settings() | identity(start, wanted)
        saved = SavedNetRun(checkpoint, settings, walk)
        saved.resume(float(due[-1]))
        recorded = walk.recorder.records[-1].steps if walk.recorder.records else -1
        pending = [int(step) for step in due if step >= walk.step and step > recorded]
        last = int(due[-1])
        return saved.follow(
            pending,
            lambda: (
                f"training left the finite numbers after step {saved.state['step']} of {last}: "
                f"lower lr (now {self.lr:g}), or use float64"
            ),
            lambda step: progress(step / max(1, last)),
        )

    def _settings(self) -> dict[str, object]:
        """Return the rule as JSON holds it."""
        own = {field.name: getattr(self, field.name) for field in fields(self)}
        shown = {"optimizer": self.optimizer.value, "dtype": str(self.dtype).removeprefix("torch.")}
        return own | shown


def _check_labels(noise: float, problem: NetProblem) -> None:
    if problem.y.ndim == 1 and noise >= 1:
        raise ValueError(
            f"label_noise is {noise}, expected a probability below 1 for classes: lower it"
        )
