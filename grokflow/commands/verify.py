"""``grokflow verify``: every claim, as a table, as JSON and as a page."""

from __future__ import annotations

import argparse
import sys

from rich.console import Console
from rich.table import Table

from grokflow.figures.report import number, panels, summarise, write_page
from grokflow.progress import bar
from grokflow.proofs_check.laboratory import Laboratory
from grokflow.proofs_check.registry import select
from grokflow.proofs_check.verify import Outcome, as_records, verify_all
from grokflow.simulations.runs.files import check_suffix, versions, write_json


def run(arguments: argparse.Namespace) -> int:
    """Check, print and write; an interruption keeps what was finished."""
    claims = select(arguments.claim)
    if arguments.report:
        arguments.report.mkdir(parents=True, exist_ok=True)
    if arguments.json:
        check_suffix(arguments.json, (".json",))
    outcomes: list[Outcome] = []
    interrupted = False
    with bar() as show:
        laboratory = Laboratory(seed=arguments.seed, thorough=arguments.thorough, progress=show)
        try:
            for outcome in verify_all(claims, laboratory, jobs=arguments.jobs):
                outcomes.append(outcome)
                show(f"{len(outcomes)} of {len(claims)} claims", len(outcomes) / len(claims))
            drawn = panels(laboratory) if arguments.report and not arguments.claim else []
        except KeyboardInterrupt:
            interrupted, drawn = True, []
    Console(width=None if sys.stdout.isatty() else 120).print(_table(outcomes), summarise(outcomes))
    if arguments.json:
        content = {"claims": as_records(outcomes), "summary": summarise(outcomes)}
        write_json(arguments.json, content | {"versions": versions(), "seed": arguments.seed})
    if arguments.report:
        print(f"report: {write_page(arguments.report, outcomes, drawn, arguments.seed)}")
    if interrupted:
        print(f"interrupted: {len(outcomes)} of {len(claims)} claims were finished and are kept")
        return 130
    return 0 if all(outcome.as_expected for outcome in outcomes) else 1


def _table(outcomes: list[Outcome]) -> Table:
    """Return the claims table of the report for the terminal."""
    table = Table(box=None, padding=(0, 1))
    for name in ("claim", "statement", "verdict"):
        table.add_column(name, overflow="fold")
    for name in ("measured", "allowed", "s"):
        table.add_column(name, justify="right", no_wrap=True)
    for outcome in outcomes:
        evidence, claim = outcome.evidence, outcome.claim
        as_expected = evidence.verdict is claim.expected
        verdict = evidence.verdict.value + ("" if as_expected else " (NOT expected)")
        numbers = (number(evidence.discrepancy), number(evidence.allowed))
        table.add_row(claim.label, claim.statement, verdict, *numbers, f"{outcome.seconds:.1f}")
        for name, item in outcome.broken:
            numbers = (number(item.discrepancy), number(item.allowed))
            table.add_row("", f"  false variant: {name}", item.verdict.value, *numbers, "")
        if outcome.error:
            table.add_row("", outcome.error, "", "", "", "")
    return table
