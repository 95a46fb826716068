"""``grokflow falsify``: search for the worst instance that a claim ranges over."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Mapping
from pathlib import Path

from grokflow.figures.report import number
from grokflow.progress import bar
from grokflow.proofs_check.claim import Evidence, Verdict
from grokflow.proofs_check.falsification.cases import replay, shown, write_case
from grokflow.proofs_check.falsification.search import Falsification, falsify
from grokflow.proofs_check.own_claims import look_here
from grokflow.proofs_check.registry import select
from grokflow.simulations.runs.executors import one_thread
from grokflow.simulations.runs.files import check_suffix


def run(arguments: argparse.Namespace) -> int:
    """Search or judge again; return 1 where the statement is refuted."""
    look_here()
    if arguments.replay:
        return _replay(arguments.replay)
    if not arguments.label:
        raise ValueError("no claim is named, expected LABEL: for example grokflow falsify cor-3.6")
    name = arguments.label.replace(":", "-").replace("/", "-")
    out = arguments.out or Path(f"falsify-{name}.json")
    check_suffix(out, (".json",))
    (claim,) = select([arguments.label])
    with bar() as show, one_thread():
        found = falsify(claim, arguments.budget, arguments.seed, arguments.broken, show)
    _tell(found)
    if arguments.out or found.evidence.verdict is Verdict.REFUTED:
        write_case(out, found, _command(arguments), arguments.seed)
        print(f"stored: {out}, judged again by `grokflow falsify --replay {shlex.quote(str(out))}`")
    return 1 if found.confirmed else 0


def _replay(file: Path) -> int:
    """Judge the instance of a file again."""
    with one_thread():
        claim, instances, evidence = replay(file)
    print(f"{claim.label}: {claim.statement}")
    print(shown(instances))
    print(_numbers(evidence))
    return 1 if evidence.verdict is Verdict.REFUTED else 0


def _tell(found: Falsification) -> None:
    """Print the worst instance, and what it means."""
    variant = f", false variant {found.variant!r}" if found.variant else ""
    counts = ", ".join(f"{count} {verdict}" for verdict, count in found.verdicts.items())
    print(f"{found.label}{variant}: {found.judged} instances judged, {counts}")
    for line in _refused(found.refused):
        print(line)
    print(f"worst instance\n{shown(found.instances)}")
    print(_numbers(found.evidence))
    if found.confirmed:
        print("the statement is refuted, also by the thorough check")
    elif found.evidence.verdict is Verdict.REFUTED:
        print("not confirmed: the thorough check does not refute it")
    else:
        print("no instance refutes the statement")


def _refused(refused: Mapping[str, int]) -> list[str]:
    """Say how many instances came to no number, and what the check said of most of them."""
    if not refused:
        return []
    most = sorted(refused.items(), key=lambda item: -item[1])[:3]
    lines = [f"  {count} × {said}" for said, count in most]
    return [f"{sum(refused.values())} of them came to no number, for example", *lines]


def _numbers(evidence: Evidence) -> str:
    return (
        f"{evidence.verdict.value}: measured {number(evidence.discrepancy)}, allowed "
        f"{number(evidence.allowed)} ({evidence.ratio:.3g} of it)"
    )


def _command(arguments: argparse.Namespace) -> str:
    """Return the command that searches in the same way."""
    words = ["grokflow", "falsify", arguments.label]
    words += ["--budget", str(arguments.budget), "--seed", str(arguments.seed)]
    words += ["--broken", arguments.broken] if arguments.broken else []
    return shlex.join(words)
