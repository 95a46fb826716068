"""``grokflow modular analyse``: which neurons memorise, and what the others compute."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from grokflow.commands.modular.request import ModularRequest, read
from grokflow.commands.shared.output import check_outputs
from grokflow.simulations.modular.neuron_statistics import rank_correlation, split_neurons
from grokflow.simulations.modular.trajectory import ModularTrajectory
from grokflow.simulations.runs.files import write_json, write_whole
from grokflow.theory.modular.harmonics import harmonics
from grokflow.theory.modular.participation import IprConvention, neuron_ipr
from grokflow.theory.modular.phases import phase


def run(arguments: argparse.Namespace) -> int:
    """Train, analyse, print, and write what was asked for."""
    check_outputs(arguments, ("json", "plot"))
    request = read(arguments)
    print(request.describe())
    found = request.train()
    content = record(request, found)
    print("\n".join([*_lines(content), *request.caveat()]))
    if arguments.json:
        write_json(arguments.json, content)
    if arguments.plot:
        from grokflow.figures.modular.neurons import data, draw
        from grokflow.figures.style import save

        figure = draw(data(found.weights, request.task.operation, request.describe()))
        write_whole(arguments.plot, lambda target: save(figure, target))
    return 0


def record(request: ModularRequest, found: ModularTrajectory) -> dict[str, Any]:
    """Return what JSON holds."""
    weights, rng = found.weights, np.random.default_rng(request.cell.seed)
    basis = request.task.operation.basis(request.task.p)
    ipr = request.neurons(weights)
    split = split_neurons(ipr, rng)
    periodic = ipr.values >= split.threshold.value
    waves = harmonics(weights, basis)
    neurons = waves.neurons(periodic)
    norm = weights.normalisation
    return {
        "ipr": {
            convention.value: {"values": of_it.values, "mean": of_it.mean}
            for convention in IprConvention
            for of_it in (neuron_ipr(weights, basis, convention),)
        },
        "collapsed": ipr.collapsed,
        "split": {
            "convention": ipr.convention.value,
            "threshold": split.threshold._asdict(),
            "memorising": split.memorising,
            "periodic": int(np.count_nonzero(periodic)),
            "means": split.means,
            "preference": split.preference,
        },
        "periodic": {
            "frequency": neurons.frequencies,
            "phi": neurons.phi,
            "psi": neurons.psi,
            "chi": neurons.chi,
            "mismatch": neurons.mismatch,
        },
        "secondary": {
            "frequency": waves.secondary,
            "share": waves.secondary_share,
            "doubled": waves.doubled,
        },
        "gamma": None
        if norm is None
        else {
            "values": norm.gamma,
            "spearman": rank_correlation(np.abs(norm.gamma), ipr.values, rng)._asdict(),
        },
        "phase": phase(found.train, found.test, found.norms, request.task.corruption).value,
        "settings": request.settings(found),
        "versions": dict(found.versions),
    }


def _lines(content: dict[str, Any]) -> list[str]:
    split, periodic = content["split"], content["periodic"]
    threshold = split["threshold"]
    means = ", ".join(f"{name} {item['mean']:.3f}" for name, item in content["ipr"].items())
    mismatch = np.abs(periodic["mismatch"])
    lines = [
        f"mean IPR: {means}; {content['collapsed']} collapsed neurons",
        f"{split['memorising']} memorising and {split['periodic']} periodic neurons, threshold "
        f"{threshold['value']:.3f} (95 %: {threshold['low']:.3f} to {threshold['high']:.3f}), "
        f"two groups preferred by {split['preference']:.0f} in BIC",
        f"{len(mismatch)} of the periodic ones have one frequency in U, V and W, "
        f"{len(np.unique(periodic['frequency']))} frequencies in all; |φ + ψ - χ| has median "
        f"{np.median(mismatch) if mismatch.size else np.nan:.3f}",
    ]
    if content["gamma"]:
        rank = content["gamma"]["spearman"]
        lines.append(
            f"Spearman of |γ| and IPR: {rank['value']:.3f} (95 %: {rank['low']:.3f} to "
            f"{rank['high']:.3f})"
        )
    return [*lines, f"phase: {content['phase']}"]
