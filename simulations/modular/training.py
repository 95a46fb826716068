"""Training two-layer nets on modular arithmetic with corrupted labels (Doshi et al. 2024).

The defaults are the paper's: AdamW on all training pairs, squares averaged over pairs and
classes, weights N(0, (16N)^{-2/3}), single precision.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from enum import Enum
from typing import NamedTuple

import numpy as np
import torch

from grokflow.simulations.modular.data import CorruptedData
from grokflow.simulations.modular.tensor_program import ModularLoss
from grokflow.simulations.modular.trajectory import ModularTrajectory
from grokflow.simulations.runs.checkpoint import Checkpoint
from grokflow.simulations.runs.keeper import Keeper
from grokflow.theory.modular.net import ModularActivation, NormKind
from grokflow.theory.modular.operations import Basis
from grokflow.theory.modular.participation import IprConvention


class ModularOptimizer(Enum):
    """The rule of a step. Weight decay multiplies weights by 1 - lr·wd in both."""

    ADAMW = "adamw"
    GD = "gd"


class ModularStart(Enum):
    """Scale of weights and outputs: Doshi et al. (2024), or ``f / (2pN)`` of Gromov (2023)."""

    DOSHI = "doshi"
    GROMOV = "gromov"


class IprRecord(NamedTuple):
    """In which order the rows of all nets are read, and of which transform the ratio is."""

    basis: Basis
    convention: IprConvention = IprConvention.ONE_SIDED


@dataclass(frozen=True, kw_only=True)
class ModularCell:
    """One net of many that are trained beside each other.

    Parameters
    ----------
    data : CorruptedData
        What it learns.
    weight_decay, dropout : float
        Strength of the regularisers; dropout is the probability that the input of a neuron is 0
        in a step, the others grow by ``1 / (1 - dropout)``.
    scale : float
        Factor on the weights at the start.
    seed : int
        Seed of the start, of batches and of dropout, which have streams of their own.
    """

    data: CorruptedData
    weight_decay: float = 0.0
    dropout: float = 0.0
    scale: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse settings that mean nothing."""
        if not 0 <= self.weight_decay < np.inf:
            raise ValueError(
                f"weight_decay is {self.weight_decay}, expected a finite number of at least 0: "
                "choose another"
            )
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout is {self.dropout}, expected 0 to below 1: lower it")
        if not 0 < self.scale < np.inf:
            raise ValueError(
                f"scale is {self.scale}, expected a finite number above 0: choose another"
            )
        if self.seed < 0:
            raise ValueError(f"seed is {self.seed}, expected at least 0: choose another seed")

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Modulus, number of pairs, number of training pairs."""
        return self.data.p, len(self.data.first), len(self.data.train)

    def settings(self) -> dict[str, object]:
        """Return what reproduces the cell, as JSON holds it."""
        own = {name: getattr(self, name) for name in ("weight_decay", "dropout", "scale", "seed")}
        return own | {"data": dict(self.data.settings)}


@dataclass(frozen=True, kw_only=True)
class ModularTraining:
    """Method settings that all cells of a run share.

    Parameters
    ----------
    width : int
        Neurons N.
    steps : int
        Number of steps.
    lr : float
        Step size.
    activation : ModularActivation
        φ.
    normalisation : NormKind or None
        BatchNorm or LayerNorm after φ.
    loss : ModularLoss
        Squares or cross-entropy.
    batch : int or None
        Pairs a step, drawn without replacement epoch by epoch; None for all of them.
    optimizer : ModularOptimizer
        AdamW with betas (0.9, 0.98), or plain gradient descent.
    start : ModularStart
        Scale of the start.
    every : int
        Steps from one record to the next.
    dtype : torch.dtype
        float32 or float64.
    device : str
        Where torch computes.
    """

    width: int = 500
    steps: int = 2000
    lr: float = 0.01
    activation: ModularActivation = ModularActivation.QUADRATIC
    normalisation: NormKind | None = None
    loss: ModularLoss = ModularLoss.SQUARE
    batch: int | None = None
    optimizer: ModularOptimizer = ModularOptimizer.ADAMW
    start: ModularStart = ModularStart.DOSHI
    every: int = 10
    dtype: torch.dtype = torch.float32
    device: str = "cpu"

    def __post_init__(self) -> None:
        """Refuse settings that mean nothing."""
        for name in ("width", "steps", "every", "batch"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} is {value}, expected at least 1: choose a larger {name}")
        if not 0 < self.lr < np.inf:
            raise ValueError(f"lr is {self.lr}, expected a finite number above 0: choose another")
        if self.dtype not in (torch.float32, torch.float64):
            raise ValueError(f"dtype is {self.dtype}, expected float32 or float64: choose one")
        _check_device(self.device)

    def run(
        self,
        cell: ModularCell,
        *,
        snapshots: Sequence[int] = (),
        ipr: IprRecord | None = None,
        checkpoint: Checkpoint | None = None,
        progress: Callable[[float], None] = lambda fraction: None,
    ) -> ModularTrajectory:
        """Train one net; see `run_cells`."""
        return self.run_cells(
            [cell], snapshots=snapshots, ipr=ipr, checkpoint=checkpoint, progress=progress
        )[0]

    def run_cells(
        self,
        cells: Sequence[ModularCell],
        *,
        snapshots: Sequence[int] = (),
        ipr: IprRecord | None = None,
        checkpoint: Checkpoint | None = None,
        progress: Callable[[float], None] = lambda fraction: None,
    ) -> list[ModularTrajectory]:
        """Train many nets as one tensor program.

        Parameters
        ----------
        cells : sequence of ModularCell
            Of one modulus and one number of pairs and of training pairs; see `groups`.
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
            For cells that do not fit together, and checkpoints of other runs.
        TrainingDiverged
            When weights are NaN or infinite.
        """
        from grokflow.simulations.modular.run import ModularRun

        _check_alike(cells)
        _check_decay(cells, self.lr)
        if outside := [step for step in snapshots if not 0 <= step <= self.steps]:
            raise ValueError(
                f"snapshots after steps {outside} found, expected 0 to {self.steps}: drop them, or "
                "ask for more steps"
            )
        run = ModularRun(self, cells, frozenset(snapshots), ipr)
        recorded = {} if ipr is None else {"ipr": ipr.convention.value}
        keeper = Keeper(checkpoint, self.settings() | _identity(cells) | recorded, run)
        keeper.resume(float(self.steps))
        try:
            while run.step < self.steps:
                run.follow()
                keeper.keep()
                progress(run.step / self.steps)
        finally:
            keeper.write()
        return [run.trajectory(index) for index in range(len(cells))]

    def settings(self) -> dict[str, object]:
        """Return what decides the course of a run, as JSON holds it; not the number of steps."""
        shared = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: _plain(value) for name, value in shared.items() if name != "steps"}


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


def _check_device(device: str) -> None:
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError):
        raise ValueError(
            f"device is {device!r}, expected one that torch finds here: use cpu"
        ) from None


def _plain(value: object) -> object:
    if isinstance(value, torch.dtype):
        return str(value).removeprefix("torch.")
    return value.value if isinstance(value, Enum) else value
