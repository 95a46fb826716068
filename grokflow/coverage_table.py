"""The coverage table: every statement of the papers, with the claims that test it or the reason.

``python -m grokflow.coverage_table docs/coverage.md`` writes the table anew. It keeps the verdicts
that stand in the file; those of ``grokflow verify --json FILE`` are put in their place with

    python -m grokflow.coverage_table docs/coverage.md FILE ...
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from grokflow.proofs_check.claim import Claim
from grokflow.proofs_check.registry import CLAIMS
from grokflow.proofs_check.scope import Statement, statements

_HEAD = """# What is covered

Every statement of the papers, and the claims that test it; where none does, why not, and what would
decide it. `grokflow verify --claim LABEL` checks a claim. The table is generated:
`python -m grokflow.coverage_table docs/coverage.md`, with files of `grokflow verify --json` behind
it for new verdicts.

Verdicts are those of the last run that was put in. The slack is the share of the allowance that is
left, (allowed - measured)/allowed: below 0 a statement is refuted, as slips in print are to be, and
above 1 an inequality holds by more than the allowance. With several seeds it is that of the worst.
L is the degree of homogeneity, which for diagonal nets is the depth.
"""
_COLUMNS = ("statement", "claim", "model", "loss", "L", "verdict", "slack", "seeds")
_RULE = "|".join(["", *["---"] * len(_COLUMNS), ""])
_MEASURED_ROW = re.compile(r"^\| .*\| `([^`]+)` \|.* \| ([^|]*) \| ([^|]*) \| ([^|]*) \|$")


class Measured(NamedTuple):
    """What checking a claim came to, as it is written in the table."""

    verdict: str = "not run"
    slack: str = "-"
    seeds: str = "-"


def markdown(measured: Mapping[str, Measured]) -> str:
    """Return the page, with what was measured of the claims by their labels."""
    parts, known = [_HEAD], statements()
    for paper in dict.fromkeys(item.paper for item in known.values()):
        rows = [
            row for item in known.values() if item.paper == paper for row in _rows(item, measured)
        ]
        parts.append(_table(paper, rows))
    beyond = [claim for claim in CLAIMS.values() if not claim.scope.statements]
    rows = [_row(claim.statement, claim, measured) for claim in beyond]
    return "\n".join([*parts, _table("Beyond these papers", rows)])


def measured_in(text: str) -> dict[str, Measured]:
    """Return what a page says was measured."""
    found = (_MEASURED_ROW.match(line) for line in text.splitlines())
    return {match[1]: Measured(match[2], match[3], match[4]) for match in found if match}


def measured_by(claims: Iterable[Mapping[str, Any]]) -> dict[str, Measured]:
    """Return what ``grokflow verify --json`` says was measured."""
    return {
        row["label"]: Measured(
            row["verdict"] + ("" if row["verdict"] == row["expected"] else " (not expected)"),
            _slack(row["discrepancy"], row["allowed"]),
            str(len(row["seeds"])),
        )
        for row in claims
    }


def _slack(discrepancy: float | None, allowed: float | None) -> str:
    if discrepancy is None or not allowed:
        return "-"
    return f"{(allowed - discrepancy) / abs(allowed):.2g}"


def _rows(item: Statement, measured: Mapping[str, Measured]) -> list[str]:
    """Return the rows of a statement: one for each of its claims, or one with the reason."""
    said = f"**{item.label}**: {item.says}"
    claims = [claim for claim in CLAIMS.values() if item.label in claim.scope.statements]
    if not claims:
        return [_cells((said, f"not decided numerically. {item.undecided}", *[""] * 6))]
    # The statement is written once.
    return [_row(said if claim is claims[0] else "", claim, measured) for claim in claims]


def _row(said: str, claim: Claim, measured: Mapping[str, Measured]) -> str:
    scope, found = claim.scope, measured.get(claim.label, Measured())
    losses, depths = ", ".join(scope.losses), ", ".join(map(str, scope.depths))
    return _cells((said, f"`{claim.label}`", scope.model, losses, depths, *found))


def _cells(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _table(title: str, rows: Sequence[str]) -> str:
    return "\n".join([f"\n## {title}\n", _cells(_COLUMNS), _RULE, *rows]) + "\n"


def main(page: Path, files: Sequence[Path]) -> None:
    """Rewrite the page, with the verdicts in these files of ``grokflow verify --json``."""
    measured = measured_in(page.read_text(encoding="utf-8")) if page.exists() else {}
    for file in files:
        measured |= measured_by(json.loads(file.read_text(encoding="utf-8"))["claims"])
    page.write_text(markdown(measured), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]])
