"""``grokflow scan``: transitions over α, λ and any other setting, and the law they follow."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from grokflow.commands.shared.output import check_resumed, workers
from grokflow.progress import bar
from grokflow.simulations.models.options import WORDS
from grokflow.simulations.runs.files import check_suffix, write_json, write_whole
from grokflow.simulations.runs.store import Store
from grokflow.simulations.scan.law import LawFit, fit_laws
from grokflow.simulations.scan.refine import refined
from grokflow.simulations.scan.runner import Progress, Scan
from grokflow.simulations.scan.store import scan_store
from grokflow.simulations.scan.table import ScanTable, check_table
from grokflow.theory.transition.intervals import Estimate
from grokflow.theory.transition.kinds_shown import MEANINGS
from grokflow.theory.transition.scores import Kind

_ALPHA, _LAM = "1e1:1e8:8", "1e-2:1e-6:5"
# Rounds of refinement; each halves gaps, so that sixteen new values fit into one.
_ROUNDS = 4
# Kinds that promise a transition.
_PROMISING = [kind.value for kind in Kind if kind.is_visible]


def run(arguments: argparse.Namespace) -> int:
    """Scan, print, and write what was asked for; 1 without any result or a true shift law."""
    for path, allowed in _outputs(arguments):
        check_suffix(path, allowed)
    for path in arguments.table:
        check_table(path)
    if arguments.resume or (arguments.retry and not arguments.out):
        check_resumed(arguments.out)
    if arguments.jobs is not None and arguments.jobs < 1:
        raise ValueError(f"jobs is {arguments.jobs}, expected at least 1: try --jobs 1")
    if arguments.refine is not None and not arguments.refine > 0:
        raise ValueError(f"refine is {arguments.refine}, expected above 0: try --refine 0.05")
    scan = _read(arguments)
    with scan_store(arguments.out or ":memory:", resume=arguments.resume) as store:
        scan, table = _compute(arguments, scan, store)
    fits = fit_laws(table)
    print("\n".join(_lines(scan, table, fits)))
    _write(arguments, scan, table, fits)
    wrong = _what_is_wrong(table)
    if wrong:
        print(f"grokflow: {wrong}", file=sys.stderr)
    return 1 if wrong else 0


def _what_is_wrong(table: ScanTable) -> str:
    """Return why a scan has not done what was asked for; empty where it has."""
    if table.failed and (table["error"] != "").all():
        return f"no cell has a result: {table.failed[0]}"
    audit = table.audit()
    if audit.cells and not audit.holds:
        return "the shift law is off by more than it states: use --direct"
    return ""


def _outputs(arguments: argparse.Namespace) -> Iterator[tuple[Any, tuple[str, ...]]]:
    if arguments.json:
        yield arguments.json, (".json",)
    if arguments.plot:
        yield arguments.plot, (".png", ".svg", ".pdf")


def _read(arguments: argparse.Namespace) -> Scan:
    """Return the scan that was asked for, after checking it."""
    settings: dict[str, Any] = {}
    for pair in [*arguments.set, *arguments.axis]:
        name, _, values = pair.partition("=")
        if not name or not values:
            raise ValueError(f"axis is {pair!r}, expected KEY=VALUES: for example n=64 or k=1,3,5")
        # The name of a column may hold a comma; it is one value.
        settings[name] = [values] if name in WORDS else values
    for name in ("alpha", "lam", "depth", "loss"):
        if given := getattr(arguments, name):
            settings[name] = given
    # α and λ are the first dimensions of the table, whoever names them first.
    scales = {"alpha": _ALPHA} if "p" in settings else {"alpha": _ALPHA, "lam": _LAM}
    settings = scales | settings
    if "seed" in settings:
        raise ValueError(f"seed is {settings['seed']}, expected --seeds N: the seeds are 0 to N-1")
    return Scan.over(arguments.problem, seeds=arguments.seeds, direct=arguments.direct, **settings)


def _compute(arguments: argparse.Namespace, scan: Scan, store: Store) -> tuple[Scan, ScanTable]:
    """Run the scan, and its refinements, under a progress bar."""
    with workers(arguments) as executor, bar() as show:
        work = partial(
            Scan.run,
            store=store,
            executor=executor,
            retry=arguments.retry,
            progress=partial(_show, show),
        )
        table = work(scan)
        for _ in range(_ROUNDS if arguments.refine else 0):
            finer = refined(scan, table, arguments.refine)
            if finer is scan:
                break
            scan, table = finer, work(finer)
    return scan, table


def _show(show: Callable[[str, float], None], state: Progress) -> None:
    show("scanning", state.done / state.total)


def _lines(scan: Scan, table: ScanTable, fits: list[LawFit]) -> list[str]:
    """Say in words what came out."""
    simulated = int(table["simulated"].sum())
    failed = int((table["error"] != "").sum())
    lines = [
        f"{scan.problem}: {len(table)} cells, {simulated} simulated, "
        f"{len(table) - simulated - failed} by the shift law, {failed} failed"
    ]
    lines += [f"  note: {note}" for note in scan.notes()]
    lines += [f"  failed: {message}" for message in table.failed[:5]]
    unpredicted = table["no_forecast"] != ""
    if unpredicted.any():
        lines.append(f"  simulated without predictors: {int(unpredicted.sum())}")
        lines += [f"  no forecast: {reason}" for reason in table.no_forecast[:5]]
    lines += [f"  no predicted time: {reason}" for reason in table.no_time[:5]]
    kinds, counts = np.unique(table["kind"][table["kind"] != ""].astype(str), return_counts=True)
    lines += [f"  {MEANINGS[Kind(kind)]}: {n}" for kind, n in zip(kinds, counts, strict=True)]
    lines += _timing_lines(table)
    audit = table.audit()
    if audit.cells:
        lines.append(
            f"  shift law: {audit.cells} of its cells simulated too, the farthest off by "
            f"{audit.largest:.1e} in λt* (stated error up to {audit.stated:.1e})"
        )
    for fit in fits:
        lines += _fit_lines(fit)
    if reason := _no_fit(table, fits):
        lines.append(f"  no law fitted: {reason}")
    return lines


def _timing_lines(table: ScanTable) -> list[str]:
    """Say how many cells have no transition to time, and why."""
    promised = np.isin(table["kind"].astype(str), _PROMISING) & (table["error"] == "")
    lacking = ~table.good & promised
    return [f"  no transition in the record: {int(lacking.sum())}"] if lacking.any() else []


def _no_fit(table: ScanTable, fits: list[LawFit]) -> str:
    """Return why the law is fitted to nothing; empty where it is fitted."""
    if fits:
        return ""
    if ((table["no_forecast"] != "") | (table["error"] != "")).all():
        return "no cell has predictors between which a transition could be timed"
    return (
        "the law is for λ < 1 and times at which less than a thousandth of the start is left, and "
        "no simulated cell has such a transition: a larger α has"
    )


def _fit_lines(fit: LawFit) -> list[str]:
    shared = ", ".join(f"{name} = {value}" for name, value in fit.settings.items())
    seeds = len(np.unique(fit.table["seed"]))
    lines = [
        f"λt* = a log α + b log log(1/λ) + C{', ' + shared if shared else ''} "
        f"({_cells(len(fit.table))} fitted, {seeds} {'seed' if seeds == 1 else 'seeds'})",
        f"  {'':5} {'fitted':>9} {'95 % interval':>21} {'theory λ→0':>11} {'path, these λ':>14}",
    ]
    for name, axis in (("a", "α"), ("b", "λ"), ("C", "")):
        found: Estimate = getattr(fit, name)
        if np.isfinite(found.value):
            lines.append(
                f"  {name:5} {_estimate(found)} {getattr(fit.theory, name):11.4f} "
                f"{getattr(fit.path, name):14.4f}"
            )
        else:
            held = f"{getattr(fit.theory, name):g}"
            lines.append(f"  {name:5} held at {held}: the fitted cells have one value of {axis}")
    if np.isfinite(fit.width.value):
        lines.append(f"  width {_estimate(fit.width)}")
    if seeds < 2:
        lines.append("  one seed tells no interval: add --seeds 8")
    return lines


def _cells(count: int) -> str:
    return "1 simulated cell" if count == 1 else f"{count} simulated cells"


def _estimate(found: Estimate) -> str:
    """Return a value and its interval, or blanks where there is none."""
    if not np.isfinite([found.low, found.high]).all():
        return f"{found.value:9.4f} {'none':>21}"
    return f"{found.value:9.4f} [{found.low:9.4f},{found.high:9.4f}]"


def record(scan: Scan, table: ScanTable, fits: list[LawFit]) -> dict[str, Any]:
    """Return the JSON keys of a scan; `fit` and `theory` are of the first of several fits."""
    own = [name for name in table.axes if name not in ("alpha", "lam", "seed", "depth")]
    cells = [
        {name: table[name][i] for name in ("alpha", "lam", "seed", "depth", *own)}
        | {
            "transition": {"lambda_t": table["lambda_t"][i], "width": table["width"][i]},
            "kind": table["kind"][i] or None,
            "error": table["error"][i] or None,
            "no_forecast": table["no_forecast"][i] or None,
            "no_time": table["no_time"][i] or None,
            "predicted": table["predicted"][i],
            "simulated": table["simulated"][i],
            "simulated_kind": table["simulated_kind"][i] or None,
            "ends": {"first": table["first"][i], "last": table["last"][i]},
        }
        for i in range(len(table))
    ]
    several = [
        {"settings": fit.settings, "fit": _fit_record(fit)}
        | {"theory": fit.theory._asdict(), "path": fit.path._asdict()}
        for fit in fits
    ]
    first: dict[str, Any] = several[0] if several else {"fit": None, "theory": None, "path": None}
    return {
        "problem": scan.problem,
        "notes": list(scan.notes()),
        "axes": {name: list(values) for name, values in scan.axes.items()},
        "cells": cells,
        "shift_law": table.audit()._asdict(),
        "fit": first["fit"],
        "theory": first["theory"],
        "path": first["path"],
        "fits": several,
        "no_fit": _no_fit(table, fits) or None,
    }


def _fit_record(fit: LawFit) -> dict[str, Any]:
    names = ("a", "b", "C", "width")
    return {name: getattr(fit, name)._asdict() for name in names} | {
        "cells": len(fit.table),
        "residual": float(np.abs(fit.residuals).max()),
    }


def _write(arguments: argparse.Namespace, scan: Scan, table: ScanTable, fits: list[LawFit]) -> None:
    if arguments.json:
        write_json(arguments.json, record(scan, table, fits))
    for path in arguments.table:
        table.write(path)
    if arguments.plot:
        from grokflow.figures.scan.law import draw
        from grokflow.figures.style import save

        write_whole(arguments.plot, partial(save, draw(table, fits, scan.problem)))
