"""The pictures of training on corrupted labels that the report shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grokflow.figures.modular import curves as modular_curves
from grokflow.figures.modular import neurons, pruning
from grokflow.proofs_check.laboratory import Laboratory
from grokflow.proofs_check.modular.experiments import CorruptedRun, corrupted_runs
from grokflow.simulations.modular.neuron_statistics import study_pruning
from grokflow.theory.modular.operations import OPERATIONS

REGIMES = ("plain", "decay", "dropout", "batch norm")


@dataclass(frozen=True, eq=False)
class CorruptedPictures:
    """Both stages with weight decay, pruning without a regulariser, neurons of all regimes."""

    stages: modular_curves.ModularCurves
    pruning: pruning.PruningPicture
    neurons: tuple[neurons.Neurons, ...]


def data(laboratory: Laboratory) -> CorruptedPictures:
    """Collect what the nets of the first seed show."""
    runs = {name: corrupted_runs(laboratory, name)[0] for name in REGIMES}
    plain, decay = runs["plain"], runs["decay"]
    study = study_pruning(
        plain.trajectory.weights,
        plain.data,
        plain.ipr,
        np.random.default_rng((laboratory.seed, 50)),
    )
    rule = OPERATIONS["addition"]
    return CorruptedPictures(
        modular_curves.data(decay.trajectory, decay.data, _title(decay)),
        pruning.data(study, _title(plain)),
        tuple(neurons.data(run.trajectory.weights, rule, _words(run)) for run in runs.values()),
    )


def _title(run: CorruptedRun) -> str:
    regime = run.regime
    return (
        f"p = {regime.p}, N = {regime.width}, {100 * regime.fraction:g} % of the pairs, "
        f"ξ = {regime.corruption:g}, {_words(run)}"
    )


def _words(run: CorruptedRun) -> str:
    regime = run.regime
    if regime.weight_decay:
        return f"weight decay {regime.weight_decay:g}"
    if regime.dropout:
        return f"dropout {regime.dropout:g}"
    return "BatchNorm" if regime.norm else "no regulariser"
