"""Nets trained on corrupted labels, once for all claims; when thorough, those of the paper."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from grokflow.proofs_check.laboratory import Experiment, Laboratory, remembered
from grokflow.simulations.modular.data import CorruptedData, CorruptedTask
from grokflow.simulations.modular.neuron_statistics import (
    NeuronSplit,
    rank_correlation,
    split_neurons,
)
from grokflow.simulations.modular.trajectory import ModularTrajectory
from grokflow.theory.modular.net import NormKind
from grokflow.theory.modular.operations import OPERATIONS
from grokflow.theory.modular.participation import NeuronIpr, neuron_ipr

SEEDS = 10


@dataclass(frozen=True, kw_only=True)
class Regime:
    """Where in the plane of the phases nets are trained, and how; see `ModularTraining`."""

    p: int
    width: int
    fraction: float
    corruption: float
    steps: int
    weight_decay: float = 0.0
    dropout: float = 0.0
    lr: float = 0.01
    batch: int | None = None
    norm: NormKind | None = None
    operation: str = "addition"
    # How many times `SEEDS` nets: more where an effect is as small as it differs between them.
    rounds: int = 1


# Addition; found by trial at p = 47, where a net costs about a second; the paper's at 97. With all
# pairs at once nets of the batches' width must have room to memorise, or they invert by themselves.
_SMALL = Regime(p=47, width=200, fraction=0.75, corruption=0.3, steps=400)
_PAPER = Regime(p=97, width=500, fraction=0.5, corruption=0.35, steps=1000)
_SMALL_BATCHES = Regime(p=47, width=140, fraction=0.75, corruption=0.2, steps=800, batch=64)
_PAPER_BATCHES = replace(_SMALL_BATCHES, p=97, width=500, fraction=0.65, steps=2000, lr=0.005)
# On all pairs, where a step costs more, fewer of them: accuracy on corrupted pairs creeps up, and
# fewer steps can only understate it.
_PAPER_PAIRS = replace(_PAPER_BATCHES, batch=None, steps=800)
_SMALL_REGIMES = {
    "plain": replace(_SMALL, rounds=5),
    "decay": replace(_SMALL, weight_decay=12.0),
    "dropout": replace(_SMALL, dropout=0.6, steps=500, rounds=2),
    "batch norm": replace(_SMALL_BATCHES, norm=NormKind.BATCH, rounds=2),
    "small batches": replace(_SMALL_BATCHES, rounds=2),
    "all pairs": replace(_SMALL_BATCHES, batch=None, rounds=2),
    "all pairs, batch norm": replace(
        _SMALL_BATCHES, batch=None, norm=NormKind.BATCH, steps=500, rounds=2
    ),
    "strong decay": replace(_SMALL, weight_decay=19.0, steps=1300),
    "multiplication": replace(_SMALL, weight_decay=12.0, operation="multiplication"),
    "few pairs": replace(_SMALL, fraction=0.3, steps=200),
    "random labels": replace(_SMALL, corruption=1.0, steps=200),
}
_PAPER_REGIMES = {
    "plain": _PAPER,
    "decay": replace(_PAPER, weight_decay=15.0, steps=700),
    "dropout": replace(_PAPER, dropout=0.6, steps=800),
    "batch norm": replace(_PAPER_BATCHES, norm=NormKind.BATCH),
    "small batches": _PAPER_BATCHES,
    "all pairs": _PAPER_PAIRS,
    "all pairs, batch norm": replace(_PAPER_PAIRS, norm=NormKind.BATCH),
    "strong decay": replace(_PAPER, weight_decay=20.0, steps=3000),
    "multiplication": replace(_PAPER, weight_decay=15.0, steps=700, operation="multiplication"),
    "few pairs": replace(_PAPER, fraction=0.2, steps=300),
    "random labels": replace(_PAPER, corruption=1.0, steps=300),
}
# Roughly how long the small nets of a regime take on one core.
_SECONDS = {
    "plain": 50.0,
    "decay": 8.0,
    "dropout": 32.0,
    "batch norm": 4.0,
    "small batches": 3.0,
    "all pairs": 28.0,
    "all pairs, batch norm": 40.0,
    "strong decay": 40.0,
    "multiplication": 10.0,
    "few pairs": 2.0,
    "random labels": 5.0,
}


@dataclass(frozen=True, eq=False)
class CorruptedRun:
    """One net of a regime, and what its neurons do."""

    regime: Regime
    data: CorruptedData
    trajectory: ModularTrajectory

    @cached_property
    def ipr(self) -> NeuronIpr:
        """Ratios of the neurons, one-sided, in the basis of the operation."""
        basis = OPERATIONS[self.regime.operation].basis(self.regime.p)
        return neuron_ipr(self.trajectory.weights, basis)

    @cached_property
    def split(self) -> NeuronSplit:
        """Memorising and periodic neurons of this net."""
        return split_neurons(self.ipr, np.random.default_rng(0))

    def below(self, threshold: float) -> float:
        """Return the share of neurons with a ratio below `threshold`, or without one."""
        return float(np.mean(~(self.ipr.values >= threshold)))

    @property
    def ignored(self) -> float:
        """Training accuracy of a net that gives the true answer to every pair."""
        train = self.data.train
        return float(np.mean(self.data.labels[train] == self.data.truth[train]))


def regimes(laboratory: Laboratory) -> dict[str, Regime]:
    """Return the small regimes, or those of the paper."""
    return _PAPER_REGIMES if laboratory.thorough else _SMALL_REGIMES


@remembered
def all_corrupted_runs(laboratory: Laboratory, name: str) -> list[CorruptedRun]:
    """Train the nets of a regime, one for each seed, those of a round beside each other."""
    rounds = range(regimes(laboratory)[name].rounds)
    return [run for which in rounds for run in _train(laboratory, name, which)]


def corrupted_runs(laboratory: Laboratory, name: str) -> list[CorruptedRun]:
    """Return the nets of the first round of a regime."""
    return all_corrupted_runs(laboratory, name)[:SEEDS]


def trainings(*names: str) -> tuple[Experiment, ...]:
    """Return the trainings of these regimes, which claims and figures share."""
    return tuple(Experiment(all_corrupted_runs, (name,), seconds=_SECONDS[name]) for name in names)


def correlations_with_ipr(
    laboratory: Laboratory,
    name: str,
    quantity: Callable[[CorruptedRun], np.ndarray],
    *,
    stream: int,
    shuffled: float,
) -> list[float]:
    """Return Spearman's correlation of a quantity of the neurons with their ratios, for every net.

    A share `shuffled` of the neurons has the ratios of others, drawn from the random `stream`.
    """
    found = []
    for seed, run in enumerate(corrupted_runs(laboratory, name)):
        rng = np.random.default_rng((laboratory.seed, seed, stream))
        values = run.ipr.values.copy()
        moved = rng.permutation(len(values))[: round(shuffled * len(values))]
        values[moved] = values[rng.permutation(moved)]
        found.append(rank_correlation(quantity(run), values, rng).value)
    return found


def _train(laboratory: Laboratory, name: str, which: int) -> list[CorruptedRun]:
    from grokflow.simulations.modular.rule import ModularCell
    from grokflow.simulations.modular.training import ModularTraining
    from grokflow.simulations.runs.steps import every_steps

    regime = regimes(laboratory)[name]
    task = CorruptedTask(
        p=regime.p,
        fraction=regime.fraction,
        corruption=regime.corruption,
        operation=OPERATIONS[regime.operation],
    )
    # Regimes have their data and starts in common, so that they differ in nothing else.
    seeds = laboratory.draws("corrupted", SEEDS * (which + 1))[SEEDS * which :]
    data = [replace(task, seed=seed).draw() for seed in seeds]
    cells = [
        ModularCell(data=drawn, weight_decay=regime.weight_decay, dropout=regime.dropout, seed=seed)
        for drawn, seed in zip(data, seeds, strict=True)
    ]
    training = ModularTraining(
        width=regime.width,
        lr=regime.lr,
        batch=regime.batch,
        normalisation=regime.norm,
    )
    title = f"corrupted, {name}"
    times = every_steps(regime.steps, 10 if regime.batch is None else 50)
    found = training.run_cells(cells, times, progress=lambda done: laboratory.progress(title, done))
    return [CorruptedRun(regime, *pair) for pair in zip(data, found, strict=True)]
