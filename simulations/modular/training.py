"""Training two-layer nets on modular arithmetic with corrupted labels (Doshi et al. 2024)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from grokflow.simulations.modular.rule import IprRecord, ModularCell, ModularRule
from grokflow.simulations.modular.run import ModularRun
from grokflow.simulations.modular.trajectory import ModularTrajectory
from grokflow.simulations.runs.checkpoint import Checkpoint
from grokflow.simulations.runs.checks import checked_steps
from grokflow.simulations.runs.measure import Measures, measures
from grokflow.simulations.runs.saved_run import SavedRun
from grokflow.simulations.runs.stopping import Interrupted, Stopped
from grokflow.theory.arguments import check_kind


@dataclass(frozen=True, kw_only=True)
class ModularTraining(ModularRule):
    """Train nets of one hidden layer on modular arithmetic, one or many beside each other.

    Its settings are those of `gf.ModularRule`: number of neurons
    ``width``, step size ``lr``, ``activation``, ``normalisation``, ``loss``, ``batch``,
    ``optimizer``, ``start``, ``dtype`` and ``device``. Times are numbers of steps.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> cell = gf.ModularCell(data=gf.CorruptedTask(p=7, corruption=0.25).draw())
    >>> trajectory = gf.ModularTraining(width=64).run(cell, np.array([0, 100]))
    >>> print(f"training accuracy {trajectory.train[-1]:.0%}, wrong labels included")
    training accuracy 100%, wrong labels included
    """

    def run(
        self,
        start: ModularCell,
        times: np.ndarray,
        *,
        measure: Measures = frozenset(),
        snapshots: Sequence[int] = (),
        ipr: IprRecord | None = None,
        checkpoint: Checkpoint | None = None,
        progress: Callable[[float], None] = lambda fraction: None,
    ) -> ModularTrajectory:
        """Train one net and record it after the given numbers of steps.

        Parameters
        ----------
        start : ModularCell
            The net, its scale at time 0, and what it learns.
        times : ndarray of int, shape (k,)
            Increasing numbers of steps, 0 for the start; the last is the end. See
            `gf.record_steps` and `gf.every_steps`.
        measure : iterable of Measure or str
            Nothing of it is known for these nets: it must be empty.
        snapshots, ipr, checkpoint, progress
            See `run_cells`.

        Raises
        ------
        Stopped
            When weights are NaN or infinite.
        Interrupted
            On Ctrl-C. Both carry what was recorded, with the net at the last record.
        ValueError
            For measures, and as `run_cells` does.
        """
        check_kind("start", start, ModularCell, "make one with gf.ModularCell(data=...)")
        if wanted := measures(measure):
            names = ", ".join(sorted(item.value for item in wanted))
            raise ValueError(
                f"measure is {names}, expected none for nets on modular arithmetic: leave it out, "
                "or record the participation ratio with ipr"
            )
        try:
            return self.run_cells(
                [start],
                times,
                snapshots=snapshots,
                ipr=ipr,
                checkpoint=checkpoint,
                progress=progress,
            )[0]
        except (Stopped, Interrupted) as stopped:
            stopped.trajectory = stopped.trajectory[0]
            raise

    def run_cells(
        self,
        cells: Sequence[ModularCell],
        times: np.ndarray,
        *,
        snapshots: Sequence[int] = (),
        ipr: IprRecord | None = None,
        checkpoint: Checkpoint | None = None,
        progress: Callable[[float], None] = lambda fraction: None,
    ) -> list[ModularTrajectory]:
        """Train many nets as one tensor program.

        Each draws its own random numbers, whatever else is trained with it. A net differs from the
        same net trained alone by the rounding of matrix products, which depends on their sizes:
        after 60 steps by up to 1e-15 of its largest weight, in float32 by 1e-6, at p = 7 to 23; at
        p = 31 and 47 with widths of 120 and 200, not in a single bit.

        Parameters
        ----------
        cells : sequence of ModularCell
            Of one modulus and one number of pairs and of training pairs; see `groups`.
        times : ndarray of int, shape (k,)
            Increasing numbers of steps after which all nets are recorded.
        snapshots : sequence of int
            Steps after which the nets are kept.
        ipr : IprRecord or None
            How the inverse participation ratio of the nets is recorded, if it is.
        checkpoint : Checkpoint or None
            Where the state is kept. An earlier run of the same cells with the same settings is
            continued, on a CPU bit for bit as if it had not been interrupted; it may have had
            fewer steps.
        progress : callable
            Called with the fraction of steps taken.

        Raises
        ------
        ValueError
            For cells that do not fit together, steps that do not increase, and checkpoints of
            other runs.
        Stopped
            When weights are NaN or infinite.
        Interrupted
            On Ctrl-C. Both carry the list of what was recorded, with the nets at the last record.
        """
        due = checked_steps(times)
        last = int(due[-1])
        _check_alike(cells)
        _check_decay(cells, self.lr)
        if outside := [step for step in snapshots if not 0 <= step <= last]:
            raise ValueError(
                f"snapshots after steps {outside} found, expected 0 to {last}: drop them, or "
                "ask for more steps"
            )
        run = ModularRun(self, cells, frozenset(snapshots), ipr)
        recorded = {} if ipr is None else {"ipr": ipr.convention.value}
        saved = SavedRun(checkpoint, self.settings() | _identity(cells) | recorded, run)
        saved.resume(float(last))
        return run.follow(due, saved, progress)


def groups(cells: Sequence[ModularCell]) -> list[list[int]]:
    """Return which cells can be one tensor program: indices of cells of equal sizes."""
    found: dict[tuple[int, ...], list[int]] = {}
    for index, cell in enumerate(cells):
        found.setdefault(cell.sizes, []).append(index)
    return list(found.values())


def _identity(cells: Sequence[ModularCell]) -> dict[str, object]:
    """Return what a checkpoint knows cells by."""
    return {"cells": [cell.settings() | {"pairs": cell.data.digest()} for cell in cells]}


def _check_alike(cells: Sequence[ModularCell]) -> None:
    sizes = sorted({cell.sizes for cell in cells})
    if len(sizes) != 1:
        raise ValueError(
            f"cells with (p, pairs, training pairs) {sizes} found, expected one size: split them "
            "with groups"
        )


def _check_decay(cells: Sequence[ModularCell], lr: float) -> None:
    largest = max(cell.weight_decay for cell in cells)
    if lr * largest >= 1:
        raise ValueError(
            f"lr·weight_decay is {lr * largest:g}, expected below 1, beyond which weights change "
            "sign every step: lower one of them"
        )
