"""The claims table of the README, generated from the registry.

``python -m grokflow.claims_table README.md`` rewrites what stands between the two marks.
"""

from __future__ import annotations

import sys
from pathlib import Path

from grokflow.proofs_check.registry import CLAIMS

_BEGIN, _END = "<!-- claims: begin -->\n", "<!-- claims: end -->"


def markdown() -> str:
    """Return the table as Markdown."""
    lines = ["| claim | statement | source | expected |", "|---|---|---|---|"]
    for claim in CLAIMS.values():
        cells = (f"`{claim.label}`", claim.statement, claim.source, claim.expected.value)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def between_marks(text: str) -> str:
    """Return what stands between the marks."""
    return text.split(_BEGIN)[1].split(_END)[0]


def main(path: Path) -> None:
    """Rewrite the table in the file at `path`."""
    head, rest = path.read_text(encoding="utf-8").split(_BEGIN)
    tail = rest.split(_END)[1]
    path.write_text(head + _BEGIN + markdown() + _END + tail, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
