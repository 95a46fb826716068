"""``grokflow misgrok``: problems that a net learns first and unlearns later."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from grokflow.commands.misgrokking import phase_map
from grokflow.commands.shared.output import check_outputs, workers
from grokflow.commands.shared.records import change_record
from grokflow.progress import bar
from grokflow.simulations.misgrokking.cases import Case
from grokflow.simulations.misgrokking.comparison import NetSettings
from grokflow.simulations.misgrokking.data_families import data_family
from grokflow.simulations.misgrokking.families import Family
from grokflow.simulations.misgrokking.finder import Findings, families_of, find_misgrokking
from grokflow.simulations.runs.files import versions, write_json, write_whole
from grokflow.simulations.tables.formats import looks_like_file
from grokflow.simulations.tables.reading import reading_of
from grokflow.theory.transition.scores import Kind


def run(arguments: argparse.Namespace) -> int:
    """Search, print, and write the data files and what was asked for; Ctrl-C keeps all found."""
    check_outputs(arguments, ("json", "plot"))
    net = NetSettings(alpha=arguments.alpha, lam=arguments.lam, depth=arguments.depth)
    if arguments.map:
        return phase_map.run(arguments, net)
    families = _families(arguments)
    _check_folder(arguments.out, arguments.family or [])
    with bar() as show, workers(arguments) as executor:
        findings = find_misgrokking(
            families,
            budget=arguments.budget,
            effort=arguments.effort,
            seed=arguments.seed,
            net=net,
            executor=executor,
            progress=show,
        )
    commands = _save(findings, arguments.out)
    print("\n".join(_lines(findings, commands)))
    if arguments.json:
        write_json(arguments.json, record(findings, commands) | {"seed": arguments.seed})
    if arguments.plot and not (findings.interrupted and not findings.cases):
        _plot(arguments.plot, findings)
    return 130 if findings.interrupted else 0


def _families(arguments: argparse.Namespace) -> list[Family]:
    """Return families by name, and those of data files; all that are shipped by default."""
    names: list[str] = arguments.family or []
    changes = {"intercept": arguments.intercept, "standardise": arguments.standardise}
    asked: dict[str, Any] = dict(pair.split("=", 1) for pair in arguments.reading)
    if (asked or any(changes.values())) and not any(map(looks_like_file, names)):
        option = next(iter(asked), "intercept" if arguments.intercept else "standardise")
        raise ValueError(
            f"--{option} without a data file, expected one: name it with --family FILE"
        )
    reading = reading_of(**asked | {"categories": "categories" in asked})
    files = [name for name in names if looks_like_file(name)]
    try:
        read = {name: data_family(Path(name), reading=reading, **changes) for name in files}
    except ValueError as error:
        if len(files) < 2 or not asked:
            raise
        raise ValueError(
            f"{error}; --{next(iter(asked))} holds for all {len(files)} files of --family, so "
            "search files of other columns in a run each"
        ) from None
    wanted: list[Family | str] = [read.get(name, name) for name in names]
    return families_of(wanted or None)


def _check_folder(folder: Path, names: list[str]) -> None:
    """Refuse a folder that cannot be written, or whose data would be, before the work starts."""
    for path in map(Path, filter(looks_like_file, names)):
        if (folder / f"{path.stem}.npz").resolve() == path.resolve():
            raise ValueError(f"{path} would be overwritten, expected another folder: change --out")
    folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK):
        raise ValueError(f"{folder} cannot be written, expected a folder of yours: choose another")


def _save(findings: Findings, folder: Path) -> dict[str, str]:
    """Write the data files and return the command of every case by its family."""
    return {case.family.name: case.save(folder) for case in findings.cases}


def record(findings: Findings, commands: dict[str, str]) -> dict[str, Any]:
    """Return the JSON keys of a search."""
    return {
        "cases": [_row(case, commands[case.family.name]) for case in findings.cases],
        "families": {
            name: {kind.value: counts.get(kind, 0) for kind in Kind}
            for name, counts in findings.kinds.items()
        },
        "tried": findings.tried,
        "skipped": dict(findings.skipped),
        "unconfirmed": list(findings.unconfirmed),
        "interrupted": findings.interrupted,
        "versions": versions(),
    }


def _row(case: Case, command: str) -> dict[str, Any]:
    found = case.found.change
    assert found is not None
    return {
        "family": case.family.name,
        "settings": dict(case.settings),
        "alpha": case.net.alpha,
        "lam": case.net.lam,
        "depth": case.net.depth,
        "early": case.predicted.early,
        "late": case.predicted.late,
        "predicted": change_record(case.predicted),
        "simulated": change_record(case.simulated.change),
        "found": {"settings": dict(case.found.settings), **change_record(found)},
        "command": command,
    }


def _lines(findings: Findings, commands: dict[str, str]) -> list[str]:
    """Say the findings in words."""
    lines = []
    for case in findings.cases:
        said, done = case.predicted, case.simulated.change
        lines += [
            f"{case.family.name}: {case.family.summary}",
            "   " + ", ".join(f"{key} = {_short(item)}" for key, item in case.settings.items()),
            f"   predicted {said.early:.3f} -> {said.late:.3f}, simulated {done.early:.3f} -> "
            f"{done.late:.3f}: a drop of {done.drop:.3f}, {done.low:.3f} to {done.high:.3f} with "
            f"confidence 95 % ({done.size} test points)",
            f"   {commands[case.family.name]}",
        ]
    distinct = f"{len(findings.cases)} of {len(findings.kinds)} families misgrok"
    lines.append(f"{distinct}, predicted and simulated; {findings.tried} problems judged")
    if findings.unconfirmed:
        lines.append(f"predicted, but not simulated: {', '.join(findings.unconfirmed)}")
    for reason, times in findings.skipped.items():
        lines.append(f"left out {times}: {reason}")
    if findings.interrupted:
        lines.append("interrupted: what was found is kept")
    return lines


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _plot(path: Path, findings: Findings) -> None:
    """Draw the gallery."""
    from grokflow.figures.misgrokking.gallery import data, draw
    from grokflow.figures.style import save

    figure = draw(data(findings))
    write_whole(path, lambda target: save(figure, target))
