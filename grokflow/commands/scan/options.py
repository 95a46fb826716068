"""The options of ``grokflow scan``; nothing heavy is imported here."""

from __future__ import annotations

import argparse
from pathlib import Path

from grokflow.arguments import (
    Commands,
    add_command,
    add_input_changes,
    add_json,
    add_plot,
    add_reading,
    real,
    whole,
)

DESCRIPTION = """\
When does a problem grok, and how does that move with α, λ and everything else? All combinations of
the values are simulated (or moved along α by the shift law, where that is exact enough, and one in
every group simulated to check), kept in a file as they come, and fitted by the transition law
λt* = a log α + b log log(1/λ) + C.

VALUES is LOW:HIGH:COUNT, spaced evenly in the logarithm, or a list: 1e-2,1e-3.
"""

EXAMPLES = """\
examples:
  grokflow scan sparse --set n=64 d=400 --alpha 1e1:1e8:15 --lam 1e-2:1e-6:9 --seeds 8 \\
      --out scan.db --plot scan.png
  grokflow scan sparse --set n=64 d=400 --alpha 1e4 --lam 1e-3 --depth 2,3,4 --axis k=1,3,5
  grokflow scan completion --set d=20 fraction=0.3 --alpha 1e1:1e4:4 --axis p=0.5,1 --seeds 4
"""


def add_parser(commands: Commands) -> None:
    """Add the command ``scan`` to the parser of all commands."""
    scan = add_command(
        commands,
        "scan",
        "transitions over α, λ and any other setting, and the law they follow",
        home="scan.command",
        description=DESCRIPTION,
        epilog=EXAMPLES,
    )
    scan.add_argument("problem", metavar="PROBLEM", help="preset or data file, as for predict")
    for name, words in (
        ("alpha", "initial scales (default 1e1:1e8:8)"),
        ("lam", "weight decays (default 1e-2:1e-6:5; leave out with --axis p=...)"),
        ("depth", "depths of the diagonal net (default 2)"),
        ("loss", "exponential, logistic, square, one-hot, cross-entropy (default: by the problem)"),
    ):
        scan.add_argument(f"--{name}", metavar="VALUES", help=words)
    scan.add_argument(
        "--seeds", type=whole, default=1, metavar="N", help="seeds 0 to N-1 (default 1)"
    )
    for name, words in (
        ("set", "problem settings"),
        ("axis", "values of any setting of problem or model; p sets λ = α^-p"),
    ):
        scan.add_argument(
            f"--{name}", action="extend", nargs="+", default=[], metavar="KEY=VALUES", help=words
        )
    add_input_changes(scan)
    add_reading(scan)
    scan.add_argument("--direct", action="store_true", help="simulate every cell")
    scan.add_argument(
        "--refine", type=real, metavar="X", help="add values where λt* bends by more than X"
    )
    _add_running(scan)
    add_json(scan, "write cells, fit and theory")
    add_plot(scan)
    scan.add_argument(
        "--table", type=Path, action="append", default=[], metavar="FILE",
        help="write the table (.csv, .parquet, .nc); may be repeated",
    )  # fmt: skip


def _add_running(scan: argparse.ArgumentParser) -> None:
    who = scan.add_mutually_exclusive_group()
    who.add_argument("--jobs", type=whole, metavar="N", help="processes (default: one a core)")
    who.add_argument("--dask", metavar="ADDRESS", help="Dask scheduler, such as tcp://host:8786")
    scan.add_argument("--out", type=Path, metavar="FILE", help="keep every cell in this file (.db)")
    scan.add_argument("--resume", action="store_true", help="go on with the file of --out")
    scan.add_argument("--retry", action="store_true", help="compute cells with errors again")
