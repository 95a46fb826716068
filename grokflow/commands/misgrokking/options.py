"""The options of ``grokflow misgrok``; nothing heavy is imported here."""

from __future__ import annotations

import argparse
from pathlib import Path

from grokflow.arguments import (
    Commands,
    add_command,
    add_json,
    add_plot,
    add_reading,
    count,
    number,
    seed,
    whole,
)

_HELP = """\
families:
  gap             Gaussian classes γ apart along share·d inputs (Figure 1b)
  majority        majority vote of share·d ±1 inputs (Figure 1a at small shares)
  spiked          covariance I + strength² v vᵀ, labels by the factor along v
  signs           equally correlated inputs, a sum with a share of minus signs
  decaying        standard deviations j^-power, a signed sum of all inputs
  quadratic       products of two ±1 bits, majority of a share of them (one: parity)
  redundant       noisy copies of a few hidden inputs
  words           0/1 inputs, each a little more likely in one class
  flipped         majority of a few inputs, some training labels flipped
  deep            majority, at depth 3 to 5
  linear          real targets linear in share·d Gaussian inputs
  noisy           the same with noise on the training targets
  completion      entries of a symmetric matrix: rank, signs and mask
  FILE            subsamples of your own data (.npz or .csv, as for predict)

Every problem is judged by its early and late predictors. Of every family the largest drop of test
results is shrunk to a small problem with half of it, confirmed by simulation, and written to
OUT/FAMILY.npz.

--map draws where a net groks and misgroks instead, predicted beside simulated:
  share           majority of ±1 inputs, over n/d and the number k of inputs that vote
  gamma           Gaussian classes, over n/d and the gap γ between them
"""


def add_parser(commands: Commands) -> None:
    """Add the command."""
    command = add_command(
        commands,
        "misgrok",
        "find problems that a net learns first and unlearns later",
        home="misgrokking.command",
        epilog=_HELP,
    )
    command.add_argument(
        "--family",
        action="extend",
        nargs="+",
        metavar="NAME",
        help="where to search: families or data files (default: all families); --target, --drop "
        "and the other options of data files hold for every file, so that files of different "
        "columns take a run each",
    )
    command.add_argument(
        "--budget", type=count, default=400, metavar="N", help="problems to judge (default 400)"
    )
    command.add_argument(
        "--effort",
        type=count,
        default=100,
        metavar="N",
        help="predictions made to shrink a problem (default 100)",
    )
    command.add_argument("--seed", type=seed, default=0, metavar="N", help="seed (default 0)")
    _add_model(command)
    _add_input_changes(command)
    add_reading(command, "reading")
    who = command.add_mutually_exclusive_group()
    who.add_argument("--jobs", type=count, metavar="N", help="processes (default: one a core)")
    who.add_argument("--dask", metavar="ADDRESS", help="Dask scheduler, such as tcp://host:8786")
    command.add_argument(
        "--out",
        type=Path,
        default=Path("misgrokking"),
        metavar="DIR",
        help="folder of the data files (default misgrokking)",
    )
    _add_map(command)
    add_json(command)
    add_plot(command)


def _add_input_changes(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--intercept",
        type=number,
        nargs="?",
        const=1.0,
        default=0.0,
        metavar="SIZE",
        help="data files: add a column of SIZE (default 1), which kernel and L1 penalty see",
    )
    command.add_argument(
        "--standardise",
        action="store_true",
        help="data files: centre and scale the inputs of every subsample by its training rows",
    )


def _add_model(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--alpha", type=number, default=1e3, metavar="A", help="scale of the start (default 1e3)"
    )
    command.add_argument(
        "--lam", type=number, default=1e-3, metavar="L", help="weight decay λ (default 1e-3)"
    )
    command.add_argument(
        "--depth", type=whole, default=2, metavar="D", help="depth of the diagonal net (default 2)"
    )


def _add_map(command: argparse.ArgumentParser) -> None:
    command.add_argument("--map", choices=("share", "gamma"), help="draw a phase map instead")
    command.add_argument(
        "--seeds", type=count, default=4, metavar="N", help="problems a cell of the map (default 4)"
    )
    command.add_argument(
        "--grid", type=count, default=9, metavar="N", help="cells a side of the map (default 9)"
    )
