"""``grokflow modular analyse``: which neurons memorise, and what the others compute."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from grokflow.commands.modular.request import read
from grokflow.commands.shared.output import check_outputs
from grokflow.simulations.modular.neuron_analysis import NeuronAnalysis, analyse_neurons
from grokflow.simulations.runs.files import write_json, write_whole
from grokflow.theory.modular.phases import phase


def run(arguments: argparse.Namespace) -> int:
    """Train, analyse, print, and write what was asked for."""
    check_outputs(arguments, ("json", "plot"))
    request = read(arguments)
    print(request.describe())
    found = request.train()
    rng = np.random.default_rng(request.cell.seed)
    analysis = analyse_neurons(found.weights, request.basis, rng, request.convention)
    at_end = phase(found.train, found.test, found.norms, request.task.corruption)
    print("\n".join([*_lines(analysis), f"phase: {at_end.value}", *request.caveat()]))
    if arguments.json:
        settings = {"settings": request.settings(found), "versions": dict(found.versions)}
        write_json(arguments.json, _record(analysis) | {"phase": at_end.value} | settings)
    if arguments.plot:
        from grokflow.figures.modular.neurons import data, draw
        from grokflow.figures.style import save

        figure = draw(data(found.weights, request.task.operation, request.describe()))
        write_whole(arguments.plot, lambda target: save(figure, target))
    return 0


def _record(analysis: NeuronAnalysis) -> dict[str, Any]:
    """Return what JSON holds of the neurons."""
    split, waves, gamma = analysis.split, analysis.waves, analysis.gamma
    return {
        "ipr": {
            convention.value: {"values": ipr.values, "mean": ipr.mean}
            for convention, ipr in analysis.ratios.items()
        },
        "collapsed": analysis.ipr.collapsed,
        "split": {
            "convention": analysis.convention.value,
            "threshold": split.threshold._asdict(),
            "memorising": split.memorising,
            "periodic": analysis.periodic,
            "means": split.means,
            "preference": split.preference,
        },
        "periodic": {
            "frequency": waves.frequencies,
            "phi": waves.phi,
            "psi": waves.psi,
            "chi": waves.chi,
            "mismatch": waves.mismatch,
        },
        "secondary": {
            "frequency": analysis.harmonics.secondary,
            "share": analysis.harmonics.secondary_share,
            "doubled": analysis.harmonics.doubled,
        },
        "gamma": gamma and {"values": gamma.values, "spearman": gamma.spearman._asdict()},
    }


def _lines(analysis: NeuronAnalysis) -> list[str]:
    """Say in words what the neurons do."""
    split, waves = analysis.split, analysis.waves
    threshold, mismatch = split.threshold, np.abs(waves.mismatch)
    means = ", ".join(f"{kind.value} {ipr.mean:.3f}" for kind, ipr in analysis.ratios.items())
    lines = [
        f"mean IPR: {means}; {analysis.ipr.collapsed} collapsed neurons",
        f"{split.memorising} memorising and {analysis.periodic} periodic neurons, threshold "
        f"{threshold.value:.3f} (95 %: {threshold.low:.3f} to {threshold.high:.3f}), "
        f"two groups preferred by {split.preference:.0f} in BIC",
        f"{len(mismatch)} of the periodic ones have one frequency in U, V and W, "
        f"{len(np.unique(waves.frequencies))} frequencies in all; |φ + ψ - χ| has median "
        f"{np.median(mismatch) if mismatch.size else np.nan:.3f}",
    ]
    if analysis.gamma is not None:
        rank = analysis.gamma.spearman
        lines.append(
            f"Spearman of |γ| and IPR: {rank.value:.3f} (95 %: {rank.low:.3f} to {rank.high:.3f})"
        )
    return lines
