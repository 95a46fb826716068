"""Which neurons regularisers leave, and what the periodic ones compute.

How it is measured: as in `grokflow.proofs_check.modular.corrupted_labels`. Memorising are the
neurons whose inverse participation ratio lies below the threshold of a mixture of two groups.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

import numpy as np

from grokflow.proofs_check.claim import Broken, Evidence, StatementKind
from grokflow.proofs_check.evidence.judging import judge_samples
from grokflow.proofs_check.evidence.replicates import mean_at_least
from grokflow.proofs_check.laboratory import Laboratory
from grokflow.proofs_check.modular.corrupted_labels import BATCHES, DECAY, DROPOUT, claim
from grokflow.proofs_check.modular.experiments import (
    CorruptedRun,
    correlations_with_ipr,
    corrupted_runs,
)
from grokflow.theory.modular.harmonics import harmonics
from grokflow.theory.modular.operations import OPERATIONS

# Share of the memorising neurons that a regulariser leaves at most.
_CLEANED = {"decay": 1 / 5, "dropout": 1 / 3}


def check_neurons(
    laboratory: Laboratory,
    cleaned: Mapping[str, float] = _CLEANED,
    kept: tuple[str, str] = ("small batches", "batch norm"),
    damping: float = 0.75,
) -> Evidence:
    """Compare the shares of neurons below the threshold of nets without a regulariser.

    Weight decay leaves at most a fifth of them and dropout at most a third; BatchNorm leaves at
    least half of what there is without it, and gives them at most the share `damping` of the
    periodic neurons' factor γ. These levels are ours.
    """
    plain = _memorising(corrupted_runs(laboratory, "plain"))
    parts = []
    for name, level in cleaned.items():
        left = _memorising(corrupted_runs(laboratory, name), plain.thresholds)
        parts.append(mean_at_least(level - left.shares / plain.shares, 0.0))
    before, after = (corrupted_runs(laboratory, name) for name in kept)
    without = _memorising(before)
    left = _memorising(after, without.thresholds)
    parts.append(mean_at_least(left.shares / without.shares, 0.5))
    parts.append(mean_at_least([damping - _damping(run) for run in after], 0.0))
    return judge_samples(*parts)


class _Shares(NamedTuple):
    """Shares of memorising neurons, and the thresholds below which they lie, for every seed."""

    shares: np.ndarray
    thresholds: np.ndarray


def _memorising(runs: list[CorruptedRun], thresholds: np.ndarray | None = None) -> _Shares:
    """Count below the given thresholds, or below those of the nets themselves."""
    if thresholds is None:
        thresholds = np.array([run.split.threshold.value for run in runs])
    pairs = zip(runs, thresholds, strict=True)
    return _Shares(np.array([run.below(float(level)) for run, level in pairs]), thresholds)


def _damping(run: CorruptedRun) -> float:
    """Return the mean ``|γ|`` of memorising neurons over that of periodic ones."""
    low = run.ipr.values < run.split.threshold.value
    factors = np.abs(_gamma(run))
    return float(factors[low].mean() / factors[~low].mean())


def _gamma(run: CorruptedRun) -> np.ndarray:
    """Return the factors of the normalisation, one for every neuron where there is none."""
    weights = run.trajectory.weights
    if weights.normalisation is None:
        return np.ones(weights.width)
    return weights.normalisation.gamma


def check_gamma(laboratory: Laboratory, *, shuffled: float = 0.0, level: float = 0.75) -> Evidence:
    """Correlate the factors of BatchNorm with the ratios of the neurons; the level is ours."""
    found = correlations_with_ipr(
        laboratory, "batch norm", lambda run: np.abs(_gamma(run)), stream=1, shuffled=shuffled
    )
    return judge_samples(mean_at_least(found, level))


def check_phases(laboratory: Laboratory, *, sign: int = 1, shuffled: bool = False) -> Evidence:
    """Measure in the periodic neurons what the closed form has: one frequency, ``χ = φ + ψ``.

    Phases are compared where U, V and W have one dominant frequency, by the mean of
    ``cos(φ + sign ψ - χ)``.
    """
    one, aligned = [], []
    for seed, run in enumerate(corrupted_runs(laboratory, "decay")):
        periodic = run.ipr.values >= run.split.threshold.value
        found = harmonics(run.trajectory.weights, OPERATIONS["addition"].basis(run.regime.p))
        neurons = found.neurons(periodic)
        rng = np.random.default_rng((laboratory.seed, seed, 2))
        chi = rng.permutation(neurons.chi) if shuffled else neurons.chi
        one.append(float(np.mean(found.frequencies_agree[periodic])))
        aligned.append(float(np.mean(np.cos(neurons.phi + sign * neurons.psi - chi))))
    return judge_samples(mean_at_least(one, 0.95), mean_at_least(aligned, 0.95))


NEURONS = claim(
    "corrupted-neurons",
    "weight decay leaves at most a fifth of the memorising neurons, dropout a third; BatchNorm "
    "leaves half of them at least, with a factor γ of at most three quarters of that of the others",
    StatementKind.INEQUALITY,
    check_neurons,
    Broken("no regulariser", partial(check_neurons, cleaned={"plain": 1 / 3})),
    Broken("γ without BatchNorm", partial(check_neurons, kept=("small batches",) * 2)),
    Broken("γ at most half as large", partial(check_neurons, damping=0.5)),
    regimes=("plain", "decay", "dropout", "small batches", "batch norm"),
    covers=("Neurons under regularisers", "Inversion by BatchNorm"),
    more=(DECAY, DROPOUT, BATCHES),
)
GAMMA = claim(
    "corrupted-gamma",
    "Spearman's correlation of BatchNorm's factor |γ| with the IPR of its neuron is at least 0.75",
    StatementKind.INEQUALITY,
    check_gamma,
    Broken("IPR shuffled among two thirds of the neurons", partial(check_gamma, shuffled=2 / 3)),
    regimes=("batch norm",),
    covers=("Factor of BatchNorm",),
    more=(BATCHES,),
)
PHASES = claim(
    "corrupted-phases",
    "with weight decay 95 % of the periodic neurons have one dominant frequency in U, V and W, and "
    "phases χ = φ + ψ as in the closed form: the mean cosine of the difference is at least 0.95",
    StatementKind.INEQUALITY,
    check_phases,
    Broken("χ = φ - ψ", partial(check_phases, sign=-1)),
    Broken("χ of another neuron", partial(check_phases, shuffled=True)),
    regimes=("decay",),
    covers=("Periodic weights",),
    more=(DECAY,),
)
CLAIMS = (NEURONS, PHASES, GAMMA)
