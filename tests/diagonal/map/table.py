"""The judged flows of a map: kept as lines of JSON, and counted by kind."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from tests.diagonal.map.draw import Drawn, drawn
from tests.diagonal.map.judge import Verdict, judged

SEED = 2027
KINDS = ("depth", "loss", "alpha", "lam", "targets", "shape", "data")
Record = dict[str, object]


def case_of(number: int) -> Drawn:
    """Return the case of a number."""
    return drawn(np.random.default_rng([SEED, number]))


def record_of(number: int) -> Record:
    """Return the case of a number with its verdict."""
    case = case_of(number)
    verdict, says = judged(case)
    kinds = {name: getattr(case, name) for name in KINDS}
    return {"number": number, "verdict": verdict.value, "says": says, **kinds}


def read(file: Path) -> list[Record]:
    """Return the records of a file, one for each case: the last one."""
    lines = file.read_text().splitlines() if file.exists() else []
    records = {record["number"]: record for record in map(json.loads, lines)}
    return [records[number] for number in sorted(records)]


def is_documented(record: Record) -> bool:
    """Whether a flow is in the range in which the documentation promises an answer."""
    return record["data"] != "wide"


def counts(records: Iterable[Record]) -> Counter[str]:
    """Return how many flows have each verdict."""
    return Counter(str(record["verdict"]) for record in records)


def _said(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def table(records: Sequence[Record]) -> str:
    """Return the counts of verdicts by kind as a table in Markdown.

    Flows outside the documented range count in their own row alone.
    """
    inside = [record for record in records if is_documented(record)]
    rows = [("**all**", "", inside)]
    for kind in KINDS:
        values = sorted({record[kind] for record in inside})
        rows += [(kind, _said(v), [r for r in inside if r[kind] == v]) for v in values]
    rows.append(("data", "wide", [r for r in records if not is_documented(r)]))
    verdicts = [verdict.value for verdict in Verdict]
    lines = [f"| kind | | {' | '.join(verdicts)} |", "|---|---|" + "---:|" * len(verdicts)]
    for kind, value, chosen in rows:
        found = counts(chosen)
        numbers = " | ".join(str(found[verdict]) for verdict in verdicts)
        lines.append(f"| {kind} | {value} | {numbers} |")
    return "\n".join(lines)
