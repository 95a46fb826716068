"""``grokflow modular train``: both stages of one net, its neurons and its phase."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from grokflow.commands.modular.request import ModularRequest, read
from grokflow.commands.shared.output import check_outputs
from grokflow.simulations.modular.trajectory import ModularTrajectory
from grokflow.simulations.runs.files import write, write_json, write_whole
from grokflow.theory.modular.participation import NeuronIpr
from grokflow.theory.modular.phases import Phase, phase
from grokflow.theory.transition.times import Stage, StepTransition

# Names of curves in JSON where they are shorter than in Python.
_KINDS = ("train", "test", "corrupted", "uncorrupted")
_KEYS = {"norms": "norm"} | {f"{kind}_accuracy": kind for kind in _KINDS}


def run(arguments: argparse.Namespace) -> int:
    """Train, print, and write what was asked for."""
    check_outputs(arguments)
    request = read(arguments)
    print(request.describe())
    found = request.train()
    ipr = request.neurons(found.weights)
    at_end = phase(found.train, found.test, found.norms, request.task.corruption)
    print("\n".join([*_lines(found, ipr, at_end), *request.caveat()]))
    if arguments.json:
        write_json(arguments.json, _record(request, found, ipr) | _outcome(request, found, at_end))
    if arguments.out:
        write(arguments.out, found.to_dataset(_outcome(request, found, at_end)))
    if arguments.plot:
        _plot(arguments.plot, found, request)
    return 0


def _record(request: ModularRequest, found: ModularTrajectory, ipr: NeuronIpr) -> dict[str, Any]:
    """Return curves and neurons as JSON holds them."""
    return {
        "step": found.steps,
        **{_KEYS.get(name, name): curve for name, curve in found.curves().items()},
        "ipr": {
            "convention": ipr.convention.value,
            "values": ipr.values,
            "mean": ipr.mean,
            "collapsed": ipr.collapsed,
            "own_basis": not request.caveat(),
        },
        "versions": dict(found.versions),
        "seconds": found.work.seconds,
    }


def _outcome(request: ModularRequest, found: ModularTrajectory, at_end: Phase) -> dict[str, Any]:
    """Return settings, phase, and when each stage is half done, from when to when it lasts."""
    stages: dict[str, Any] = {
        name: {**half._asdict(), **span._asdict()} for name, half, span in _stages(found)
    }
    return {
        "phase": at_end.value,
        "stages": stages | {"overlap": found.overlap()},
        "settings": request.settings(found),
    }


def _stages(found: ModularTrajectory) -> tuple[tuple[str, StepTransition, Stage], ...]:
    """Return both stages by name."""
    grokking, unlearning = found.stages()
    return (
        ("grokking", found.grokking(), grokking),
        ("unlearning", found.unlearning(), unlearning),
    )


def _lines(found: ModularTrajectory, ipr: NeuronIpr, at_end: Phase) -> list[str]:
    """Return a short table of the curves, both stages, neurons, phase and work."""
    heads = " ".join(f"{name + ' %':>13}" for name in _KINDS)
    lines = [f"{'step':>8} {heads}{'‖θ‖':>10}{'IPR':>8}"]
    for i in np.unique(np.linspace(0, len(found.steps) - 1, 16).astype(int)):
        shares = " ".join(f"{100 * getattr(found, name)[i]:13.2f}" for name in _KINDS)
        lines.append(f"{found.steps[i]:8d} {shares}{found.norms[i]:10.3f}{found.ipr[i]:8.3f}")
    for name, half, span in _stages(found):
        if np.isfinite(half.step):
            start, end = (
                f"{step:.0f}" if np.isfinite(step) else "no recorded step" for step in span
            )
            lines.append(f"{name} at step {half.step:.0f} (from 1 % at {start} to 99 % at {end})")
    lines.append(
        f"mean IPR {ipr.mean:.3f} ({ipr.convention.value}), {ipr.collapsed} collapsed neurons"
    )
    lines.append(f"phase: {at_end.value}; {found.work.seconds:.1f} s")
    return lines


def _plot(path: Path, found: ModularTrajectory, request: ModularRequest) -> None:
    from grokflow.figures.modular.curves import data, draw
    from grokflow.figures.style import save

    figure = draw(data(found, request.cell.data, request.describe()))
    write_whole(path, lambda target: save(figure, target))
