"""``grokflow verify --mutants``: how many wrong formulas the claims refute."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, as_completed
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from grokflow.commands.shared.output import workers
from grokflow.figures.report import number
from grokflow.progress import bar
from grokflow.proofs_check.claim import Claim
from grokflow.proofs_check.mutants.judging import Fate, MutantOutcome, judge_mutants
from grokflow.simulations.runs.executors import one_thread
from grokflow.simulations.runs.files import check_suffix, versions, write_json


def run(claims: Sequence[Claim], arguments: argparse.Namespace) -> int:
    """Judge the mutants of the claims, print a table and write JSON."""
    for option in ("seeds", "out", "dask", "report", "thorough"):
        if getattr(arguments, option):
            raise ValueError(
                f"--mutants with --{option}, expected one or the other: mutants are judged at one "
                "--seed"
            )
    if arguments.json:
        check_suffix(arguments.json, (".json",))
    outcomes: list[MutantOutcome] = []
    interrupted = False
    with_formulas = [claim for claim in claims if claim.formulas]
    try:
        with bar() as show, workers(arguments) as pool, one_thread():
            for done, found in enumerate(_judged(with_formulas, arguments.seed, pool), start=1):
                outcomes += found
                show("claims", done / len(with_formulas))
    except KeyboardInterrupt:
        interrupted = True
    Console(width=None if sys.stdout.isatty() else 120).print(_table(outcomes))
    print(summary(outcomes, Counter(claim.unmutated for claim in claims if claim.unmutated)))
    if arguments.json:
        rows = [asdict(outcome) | {"fate": outcome.fate.value} for outcome in outcomes]
        write_json(arguments.json, {"mutants": rows, "versions": versions()})
    if interrupted:
        print(f"interrupted: {len(outcomes)} mutants were judged and are shown")
        return 130
    return 0 if all(outcome.fate.noticed for outcome in outcomes) else 1


def summary(outcomes: Sequence[MutantOutcome], without: Mapping[str, int]) -> str:
    """Return how many mutants have which fate, and how many claims name no formula and why."""
    count = Counter(outcome.fate for outcome in outcomes)
    parts = [f"{count[fate]} {fate.value}" for fate in Fate if count[fate]]
    lines = [f"{len(outcomes)} mutants: {', '.join(parts) or 'none'}"]
    if without:
        lines.append("Claims that name no formula, and why:")
    lines += [f"{claims:4} {reason}" for reason, claims in without.items()]
    return "\n".join(lines)


def _judged(
    claims: Sequence[Claim], seed: int, pool: Executor | None
) -> Iterator[list[MutantOutcome]]:
    """Yield the outcomes claim by claim."""
    if pool is None:
        yield from (_outcomes(claim, seed) for claim in claims)
        return
    for future in as_completed([pool.submit(_outcomes, claim, seed) for claim in claims]):
        yield future.result()


def _outcomes(claim: Claim, seed: int) -> list[MutantOutcome]:
    return list(judge_mutants(claim, seed))


def _table(outcomes: Sequence[MutantOutcome]) -> Table:
    """Return the outcomes as a table, what was not noticed first."""
    table = Table(box=None, padding=(0, 1))
    for name in ("claim", "mutant", "fate"):
        table.add_column(name, overflow="fold")
    for name in ("measured", "allowed"):
        table.add_column(name, justify="right", no_wrap=True)
    for item in sorted(outcomes, key=lambda item: (item.fate.noticed, item.label)):
        said = item.fate.value + (f": {item.reason}" if item.reason else "")
        table.add_row(item.label, item.mutant, said, number(item.discrepancy), number(item.allowed))
    return table
