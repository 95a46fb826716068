"""``grokflow verify``: every claim, as a table, as JSON and as a page."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from grokflow.figures.report import PANEL_EXPERIMENTS, Panel, number, panels, write_page
from grokflow.progress import bar
from grokflow.proofs_check.claim import Claim
from grokflow.proofs_check.laboratory import Laboratory
from grokflow.proofs_check.outcome import ClaimOutcome, row_of, summarise
from grokflow.proofs_check.registry import select
from grokflow.proofs_check.verify import verify_all
from grokflow.simulations.runs.executors import local_workers, one_thread
from grokflow.simulations.runs.files import check_suffix, versions, write_json


def run(arguments: argparse.Namespace) -> int:
    """Check, print and write; an interruption keeps what was finished."""
    claims = select(arguments.claim)
    if arguments.report:
        arguments.report.mkdir(parents=True, exist_ok=True)
    if arguments.json:
        check_suffix(arguments.json, (".json",))
    outcomes: list[ClaimOutcome] = []
    drawn: list[Panel] = []
    interrupted = False
    try:
        drawn = _check(claims, arguments, outcomes)
    except KeyboardInterrupt:
        interrupted = True
    # Processes answer in any order; the table has that of the registry.
    outcomes.sort(key=lambda outcome: claims.index(outcome.claim))
    Console(width=None if sys.stdout.isatty() else 120).print(_table(outcomes), summarise(outcomes))
    if arguments.json:
        rows = [asdict(row_of(outcome)) for outcome in outcomes]
        content = {"claims": rows, "summary": summarise(outcomes)}
        write_json(arguments.json, content | {"versions": versions(), "seed": arguments.seed})
    if arguments.report:
        print(f"report: {write_page(arguments.report, outcomes, drawn, arguments.seed)}")
    if interrupted:
        print(f"interrupted: {len(outcomes)} of {len(claims)} claims were finished and are kept")
        return 130
    return 0 if all(outcome.as_expected for outcome in outcomes) else 1


def _check(
    claims: Sequence[Claim], arguments: argparse.Namespace, outcomes: list[ClaimOutcome]
) -> list[Panel]:
    """Append to `outcomes` what the claims come to, as soon as it is known; return the figures.

    There are figures in a report on all claims, not on a few that were chosen.
    """
    draws = bool(arguments.report and not arguments.claim)
    jobs = arguments.jobs or min(os.cpu_count() or 1, len(claims))
    with bar() as show, TemporaryDirectory(prefix="grokflow-") as folder:
        laboratory = Laboratory(arguments.seed, arguments.thorough, show)
        # One thread here too: the numbers do not depend on how many processes there are.
        with local_workers(jobs) as pool, one_thread():
            laboratory.folder = Path(folder) if pool else None
            more = PANEL_EXPERIMENTS if draws else ()
            for outcome in verify_all(claims, laboratory, pool, more=more):
                outcomes.append(outcome)
                words = f"{outcome.claim.label} is {outcome.evidence.verdict.value}"
                show("claims", len(outcomes) / len(claims), words)
        return panels(laboratory) if draws else []


def _table(outcomes: list[ClaimOutcome]) -> Table:
    """Return the claims table of the report for the terminal."""
    table = Table(box=None, padding=(0, 1))
    for name in ("claim", "statement", "verdict"):
        table.add_column(name, overflow="fold")
    for name in ("measured", "allowed", "s"):
        table.add_column(name, justify="right", no_wrap=True)
    for outcome in outcomes:
        row = row_of(outcome)
        verdict = row.verdict + ("" if row.verdict == row.expected else " (NOT expected)")
        numbers = (number(row.discrepancy), number(row.allowed))
        table.add_row(row.label, row.statement, verdict, *numbers, f"{row.seconds:.1f}")
        for variant in row.broken:
            numbers = (number(variant.discrepancy), number(variant.allowed))
            table.add_row("", f"  false variant: {variant.name}", variant.verdict, *numbers, "")
        if row.error:
            table.add_row("", row.error, "", "", "", "")
    return table
