"""``grokflow verify``: every claim, as a table, as JSON and as a page."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from grokflow.commands import mutants
from grokflow.commands.shared.output import check_resumed, workers
from grokflow.figures.report import PANEL_EXPERIMENTS, Panel, number, panels, write_page
from grokflow.progress import bar
from grokflow.proofs_check.claim import Claim
from grokflow.proofs_check.laboratory import Laboratory
from grokflow.proofs_check.outcome import ClaimOutcome, row_of, said_of_seeds, summarise
from grokflow.proofs_check.own_claims import look_here
from grokflow.proofs_check.registry import select
from grokflow.proofs_check.seeds.cells import row_of as seed_row_of
from grokflow.proofs_check.seeds.gathering import (
    cells_of,
    kept_outcomes,
    missing_cells,
    verdict_store,
    verify_seeds,
)
from grokflow.proofs_check.verify import verify_all
from grokflow.simulations.runs.executors import one_thread
from grokflow.simulations.runs.files import check_suffix, versions, write_json
from grokflow.simulations.runs.store import Store


def run(arguments: argparse.Namespace) -> int:
    """Check, print and write; an interruption keeps what was finished."""
    if any(":" in label for label in arguments.claim or ()):
        look_here()
    claims = select(arguments.claim)
    if arguments.mutants:
        return mutants.run(claims, arguments)
    seeds = arguments.seeds or [arguments.seed]
    if arguments.report:
        arguments.report.mkdir(parents=True, exist_ok=True)
    _check_options(arguments)  # a file may lie in the folder of the report
    drawn: list[Panel] = []
    interrupted = False
    with verdict_store(arguments.out or ":memory:", resume=arguments.resume) as store:
        try:
            drawn = _check(claims, seeds, arguments, store)
        except KeyboardInterrupt:
            interrupted = True
        outcomes = kept_outcomes(claims, seeds, store, thorough=arguments.thorough)
    Console(width=None if sys.stdout.isatty() else 120).print(_table(outcomes), summarise(outcomes))
    if arguments.json:
        rows = [asdict(row_of(outcome)) for outcome in outcomes]
        content = {"claims": rows, "summary": summarise(outcomes)}
        write_json(arguments.json, content | {"versions": versions(), "seeds": seeds})
    if arguments.report:
        print(f"report: {write_page(arguments.report, outcomes, drawn)}")
    if interrupted:
        print(f"interrupted: {len(outcomes)} of {len(claims)} claims were finished and are kept")
        return 130
    return 0 if all(outcome.as_expected for outcome in outcomes) else 1


def _check_options(arguments: argparse.Namespace) -> None:
    """Refuse options that do not go together, and files that cannot be written."""
    if arguments.json:
        check_suffix(arguments.json, (".json",))
    if arguments.resume:
        check_resumed(arguments.out)


def _check(
    claims: Sequence[Claim], seeds: Sequence[int], arguments: argparse.Namespace, store: Store
) -> list[Panel]:
    """Check what the store does not hold; return the figures of the first seed.

    There are figures in a report on all claims, not on a few that were chosen.
    """
    draws = bool(arguments.report and not arguments.claim)
    with bar() as show, TemporaryDirectory(prefix="grokflow-") as folder:
        laboratory = Laboratory(seeds[0], arguments.thorough, show)
        # One thread here too: the numbers do not depend on how many processes there are.
        with workers(arguments) as pool, one_thread():
            if not arguments.dask:
                laboratory.folder = Path(folder) if pool else None
                _check_first_seed(claims, laboratory, pool, store, draws=draws)
            verify_seeds(
                claims,
                seeds,
                store,
                executor=pool,
                thorough=arguments.thorough,
                cheap=arguments.cheap,
                progress=show,
            )
        return panels(laboratory) if draws else []


def _check_first_seed(
    claims: Sequence[Claim],
    laboratory: Laboratory,
    pool: Executor | None,
    store: Store,
    *,
    draws: bool,
) -> None:
    """Check the first seed with processes that share experiments, also with the figures."""
    cells = cells_of(claims, [laboratory.seed], thorough=laboratory.thorough)
    missing = {cell.label: cell for cell in missing_cells(cells, store)}
    left = [claim for claim in claims if claim.label in missing]
    done = len(claims) - len(left)
    more = PANEL_EXPERIMENTS if draws else ()
    for outcome in verify_all(left, laboratory, pool, more=more):
        store.add([missing[outcome.claim.label]], [seed_row_of(outcome)])
        done += 1
        laboratory.progress(f"claims, {outcome.claim.label}", done / len(claims))


def _table(outcomes: list[ClaimOutcome]) -> Table:
    """Return the claims table of the report for the terminal."""
    table = Table(box=None, padding=(0, 1))
    for name in ("claim", "statement", "verdict"):
        table.add_column(name, overflow="fold")
    for name in ("measured", "allowed", "seeds", "s"):
        table.add_column(name, justify="right", no_wrap=True)
    for outcome in outcomes:
        row = row_of(outcome)
        verdict = row.verdict + ("" if row.verdict == row.expected else " (NOT expected)")
        numbers = (number(row.discrepancy), number(row.allowed), str(len(row.seeds)))
        table.add_row(row.label, row.statement, verdict, *numbers, f"{row.seconds:.1f}")
        for variant in row.broken:
            numbers = (number(variant.discrepancy), number(variant.allowed), "")
            table.add_row("", f"  false variant: {variant.name}", variant.verdict, *numbers, "")
        for line in (said_of_seeds(outcome), row.error):
            if line:
                table.add_row("", line, "", "", "", "", "")
    return table
