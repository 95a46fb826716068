"""``grokflow modular prune``: accuracies while neurons are removed in three orders."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from grokflow.commands.modular.request import read
from grokflow.commands.shared.output import check_outputs
from grokflow.simulations.modular.neuron_statistics import KINDS, PruningStudy, study_pruning
from grokflow.simulations.runs.files import write_json, write_whole
from grokflow.theory.modular.pruning import PruningCurve


def run(arguments: argparse.Namespace) -> int:
    """Train, prune, print, and write what was asked for."""
    check_outputs(arguments, ("json", "plot"))
    request = read(arguments)
    print(request.describe())
    found = request.train()
    ipr = request.neurons(found.weights)
    rng = np.random.default_rng((arguments.seed, arguments.draws))
    study = study_pruning(
        found.weights,
        request.cell.data,
        ipr,
        rng,
        draws=arguments.draws,
        points=arguments.points,
    )
    print("\n".join([*_lines(study), *request.caveat()]))
    if arguments.json:
        settings = {"settings": request.settings(found), "versions": dict(found.versions)}
        write_json(arguments.json, record(study) | {"draws": arguments.draws} | settings)
    if arguments.plot:
        from grokflow.figures.modular.pruning import data, draw
        from grokflow.figures.style import save

        figure = draw(data(study, request.describe()))
        write_whole(arguments.plot, lambda target: save(figure, target))
    return 0


def record(study: PruningStudy) -> dict[str, Any]:
    """Return what JSON holds: three curves, the random one with its band."""
    band = {name: _columns(getattr(study, name)) for name in ("low", "high")}
    return {
        "low_first": _columns(study.low_first),
        "high_first": _columns(study.high_first),
        "random": _columns(study.random) | {"band": band},
    }


def _columns(curve: PruningCurve) -> dict[str, np.ndarray]:
    return {name: getattr(curve, name) for name in ("fraction", *KINDS)}


def _lines(study: PruningStudy) -> list[str]:
    """Return a table in steps of a tenth of the neurons."""
    lines = []
    for name in ("low_first", "high_first", "random"):
        curve = getattr(study, name)
        lines.append(
            f"{name.replace('_', ' '):>12}" + "".join(f"{kind + ' %':>14}" for kind in KINDS)
        )
        for share in np.linspace(0, 1, 11):
            i = int(np.argmin(np.abs(curve.fraction - share)))
            values = "".join(f"{100 * getattr(curve, kind)[i]:14.2f}" for kind in KINDS)
            lines.append(f"{100 * curve.fraction[i]:11.0f}%{values}")
    return lines
