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
from grokflow.theory.modular.phases import phase


def run(arguments: argparse.Namespace) -> int:
    """Train, print, and write what was asked for."""
    check_outputs(arguments)
    request = read(arguments)
    print(request.describe())
    found = request.train()
    ipr = request.neurons(found.weights)
    content = record(request, found, ipr)
    print("\n".join([*_lines(found, ipr, content), *request.caveat()]))
    if arguments.json:
        write_json(arguments.json, content)
    if arguments.out:
        settings = {key: content[key] for key in ("settings", "phase", "stages")}
        write(arguments.out, found.to_dataset(settings))
    if arguments.plot:
        _plot(arguments.plot, found, request)
    return 0


def record(request: ModularRequest, found: ModularTrajectory, ipr: NeuronIpr) -> dict[str, Any]:
    """Return what JSON holds."""
    at_end = phase(found.train, found.test, found.norms, request.task.corruption)
    return {
        "step": found.steps,
        **found.curves(),
        "ipr": {
            "convention": ipr.convention.value,
            "values": ipr.values,
            "mean": ipr.mean,
            "collapsed": ipr.collapsed,
            "own_basis": not request.caveat(),
        },
        "phase": at_end.value,
        "stages": _stages(found),
        "settings": request.settings(found),
        "versions": dict(found.versions),
        "seconds": found.work.seconds,
    }


def _stages(found: ModularTrajectory) -> dict[str, Any]:
    """Return when each stage is half done, from when to when it lasts, and their overlap."""
    halves = (found.grokking(), found.unlearning())
    stages: dict[str, Any] = {
        name: {"step": half.lambda_t, "width": half.width, **span._asdict()}
        for name, half, span in zip(("grokking", "unlearning"), halves, found.stages(), strict=True)
    }
    return stages | {"overlap": found.overlap()}


def _lines(found: ModularTrajectory, ipr: NeuronIpr, content: dict[str, Any]) -> list[str]:
    """Return a short table of the curves, both stages, neurons, phase and work."""
    names = ("train", "test", "corrupted", "uncorrupted")
    heads = " ".join(f"{name + ' %':>13}" for name in names)
    lines = [f"{'step':>8} {heads}{'‖θ‖':>10}{'IPR':>8}"]
    for i in np.unique(np.linspace(0, len(found.steps) - 1, 16).astype(int)):
        shares = " ".join(f"{100 * getattr(found, name)[i]:13.2f}" for name in names)
        lines.append(f"{found.steps[i]:8d} {shares}{found.norms[i]:10.3f}{found.ipr[i]:8.3f}")
    for name in ("grokking", "unlearning"):
        stage = content["stages"][name]
        if np.isfinite(stage["step"]):
            start, end = (
                f"{stage[edge]:.0f}" if np.isfinite(stage[edge]) else "no recorded step"
                for edge in ("start", "end")
            )
            lines.append(
                f"{name} at step {stage['step']:.0f} (from 1 % at {start} to 99 % at {end})"
            )
    lines.append(
        f"mean IPR {ipr.mean:.3f} ({ipr.convention.value}), {ipr.collapsed} collapsed neurons"
    )
    lines.append(f"phase: {content['phase']}; {found.work.seconds:.1f} s")
    return lines


def _plot(path: Path, found: ModularTrajectory, request: ModularRequest) -> None:
    from grokflow.figures.modular.curves import data, draw
    from grokflow.figures.style import save

    figure = draw(data(found, request.cell.data, request.describe()))
    write_whole(path, lambda target: save(figure, target))
