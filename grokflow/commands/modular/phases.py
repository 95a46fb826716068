"""``grokflow modular phases``: which phase training ends in, over fraction and corruption."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from grokflow.commands.modular.request import method_of
from grokflow.commands.shared.output import check_outputs, check_resumed
from grokflow.progress import bar
from grokflow.simulations.modular.phase_diagram import PhaseDiagram, phase_store
from grokflow.simulations.modular.phase_table import PhaseTable
from grokflow.simulations.runs.executors import local_workers
from grokflow.simulations.runs.files import versions, write_json, write_whole
from grokflow.simulations.scan.axes import axis
from grokflow.theory.modular.phases import Phase

LETTERS = {
    Phase.COEXISTENCE: "C",
    Phase.PARTIAL_INVERSION: "P",
    Phase.FULL_INVERSION: "I",
    Phase.MEMORIZATION: "M",
    Phase.FORGETTING: "F",
    Phase.CONFUSION: ".",
    None: "?",
}


def run(arguments: argparse.Namespace) -> int:
    """Train the cells that are missing, print the diagrams, and write what was asked for."""
    check_outputs(arguments, ("json", "plot"))
    if arguments.resume:
        check_resumed(arguments.store, "--store")
    diagram = read(arguments)
    path = str(arguments.store) if arguments.store else ":memory:"
    with (
        bar() as show,
        phase_store(path, resume=arguments.resume) as store,
        local_workers(arguments.jobs) as executor,
    ):
        table = diagram.run(store, executor=executor, progress=lambda done: show("cells", done))
    print("\n".join(_lines(table)))
    if arguments.json:
        write_json(arguments.json, record(diagram, table))
    if arguments.plot:
        from grokflow.figures.modular.phase_diagram import data, draw
        from grokflow.figures.style import save

        strengths = len(table.axes["weight_decay"]) * len(table.axes["dropout"])
        figure = draw(data(table), columns=min(4, strengths if strengths > 1 else len(diagram.p)))
        write_whole(arguments.plot, lambda target: save(figure, target))
    return 1 if table.errors else 0


def read(arguments: argparse.Namespace) -> PhaseDiagram:
    """Return the diagram that was asked for; ValueError for values that mean nothing."""
    names = ("weight_decay", "dropout", "fraction", "corruption")
    values = {name: tuple(map(float, axis(getattr(arguments, name)))) for name in names}
    return PhaseDiagram(
        training=method_of(arguments),
        steps=arguments.steps,
        every=arguments.every,
        p=tuple(_whole(float(value)) for value in axis(arguments.p)),
        seeds=arguments.seeds,
        operation=arguments.operation,
        **values,
    )


def _whole(p: float) -> int:
    if p != int(p):
        raise ValueError(f"p is {p:g}, expected a whole number: choose another modulus")
    return int(p)


def record(diagram: PhaseDiagram, table: PhaseTable) -> dict[str, Any]:
    """Return what JSON holds: axes, phases of every seed, their majority, and the numbers."""
    numbers = ("train", "test", "corrupted", "uncorrupted", "norm", "best_test", "ipr")
    majority = np.vectorize(lambda item: item.value if item else None, otypes=[object])
    return {
        **dict(table.axes.items()),
        "dimensions": list(table.axes),
        "phase": table.values("phase"),
        "majority": majority(table.phases()),
        "agreement": table.agreement(),
        **{name: table.values(name) for name in (*numbers, "grokking", "unlearning")},
        "errors": table.errors,
        "settings": {
            **diagram.training.settings(),
            "steps": diagram.steps,
            "every": diagram.every,
        },
        "versions": versions(),
    }


def _lines(table: PhaseTable) -> list[str]:
    """Draw a map of letters for every modulus and strength."""
    lines = [", ".join(f"{letter} {item.value}" for item, letter in LETTERS.items() if item)]
    phases, agreement, axes = table.phases(), table.agreement(), table.axes
    for i, p in enumerate(axes["p"]):
        for j, decay in enumerate(axes["weight_decay"]):
            for k, dropout in enumerate(axes["dropout"]):
                share = agreement[i, j, k].mean()
                lines.append(
                    f"p = {p}, weight decay {decay:g}, dropout {dropout:g} (seeds agree in "
                    f"{100 * share:.0f} %)"
                )
                rows = list(zip(axes["corruption"], phases[i, j, k].T, strict=True))
                lines += [
                    f"  ξ {noise:4.2f}  " + " ".join(LETTERS[item] for item in row)
                    for noise, row in reversed(rows)
                ]
    first, last = axes["fraction"][0], axes["fraction"][-1]
    return [*lines, f"  fractions from {first:g} to {last:g}"]
