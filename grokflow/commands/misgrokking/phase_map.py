"""``grokflow misgrok --map``: where a net groks and where it misgroks."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from grokflow.commands.shared.output import workers
from grokflow.progress import bar
from grokflow.proofs_check.misgrokking.agreement import Agreement, agreement
from grokflow.simulations.misgrokking.comparison import NetSettings
from grokflow.simulations.misgrokking.phase_map import Drops, PhaseMap, phase_map, plane_of
from grokflow.simulations.runs.files import versions, write_json, write_whole
from grokflow.theory.transition.kinds_shown import LETTERS, legend


def run(arguments: argparse.Namespace, net: NetSettings) -> int:
    """Predict and simulate the map, print it, and write what was asked for."""
    plane = plane_of(arguments.map, arguments.grid)
    with bar() as show, workers(arguments) as executor:
        phases = phase_map(
            plane,
            seeds=arguments.seeds,
            seed=arguments.seed,
            net=net,
            executor=executor,
            progress=show,
        )
    shared = agreement(phases)
    print("\n".join(_lines(phases, shared)))
    if arguments.json:
        write_json(arguments.json, record(phases, shared) | {"seed": arguments.seed})
    if arguments.plot:
        _plot(arguments.plot, phases)
    return 130 if phases.interrupted else 0


def record(phases: PhaseMap, shared: Agreement) -> dict[str, Any]:
    """Return the JSON keys of a phase map."""
    plane, net = phases.plane, phases.net
    return {
        "family": plane.family,
        "d": plane.d,
        "seeds": phases.seeds,
        "alpha": net.alpha,
        "lam": net.lam,
        "depth": net.depth,
        "n_over_d": plane.ratios,
        plane.axis: plane.values,
        "predicted": _row(phases.predicted),
        "simulated": _row(phases.simulated),
        "agreement": shared._asdict(),
        "interrupted": phases.interrupted,
        "versions": versions(),
    }


def _row(drops: Drops) -> dict[str, Any]:
    kinds = [[kind.value for kind in row] for row in drops.kinds]
    return {"drop": drops.mean, "error": drops.error, "kind": kinds}


def _lines(phases: PhaseMap, shared: Agreement) -> list[str]:
    """Draw both maps with letters, and say how often they agree."""
    plane, width = phases.plane, 2 * len(phases.plane.ratios)
    lines = [f"{plane.family}, d = {plane.d}: {legend()}"]
    lines.append(f"{plane.axis:>8}  {'predicted':<{width}}  simulated")
    for i in reversed(range(len(plane.values))):
        both = (phases.predicted.kinds[i], phases.simulated.kinds[i])
        rows = [" ".join(LETTERS[kind] for kind in kinds) + " " for kinds in both]
        lines.append(f"{plane.values[i]:8.3g}  {rows[0]}  {rows[1]}")
    first, last = plane.ratios[0], plane.ratios[-1]
    lines.append(f"{'':8}  n/d from {first:.3g} to {last:.3g}")
    return [
        *lines,
        f"kinds agree in {100 * shared.rate:.1f} % of {shared.cells} cells ({100 * shared.low:.1f} "
        f"to {100 * shared.high:.1f} % with confidence 95 %), opposed in {shared.opposed}",
    ]


def _plot(path: Path, phases: PhaseMap) -> None:
    """Draw the maps."""
    from grokflow.figures.misgrokking.phase_map import data, draw
    from grokflow.figures.style import save

    figure = draw(data(phases))
    write_whole(path, lambda target: save(figure, target))
