"""Command line: ``grokflow predict | check | simulate | scan | misgrok | modular | verify | ...``.

Parsing is here; the modules of `grokflow.commands` do the work and are imported only when there
is some, so that ``--help`` answers at once.
"""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path

from grokflow.arguments import (
    Commands,
    Parser,
    add_command,
    add_input_changes,
    add_json,
    add_plot,
    add_reading,
    check_settings,
    count,
    number,
    seed,
    seeds,
    share,
    whole,
)
from grokflow.commands.misgrokking.options import add_parser as add_misgrok
from grokflow.commands.modular.options import add_parser as add_modular
from grokflow.commands.scan.options import add_parser as add_scan
from grokflow.interruption import ctrl_c_raised, is_interruption

PROBLEM_HELP = """\
PROBLEM is a preset or a data file.
  sparse             ±1 inputs, label = sign of the sum of k of them
                     --set n= d= k= seed= n_test=
  gaussian-margin    Gaussian classes gamma apart along one direction
                     --set n= d= gamma= seed= n_test= sparsity= (0: dense direction)
  sparse-regression  Gaussian inputs, target = sum of k of them
                     --set n= d= k= noise= seed= n_test=
  completion         entries of X_ij = i j / d², for W = UUᵀ - VVᵀ
                     --set d= fraction= seed= (default α = 10, λ = 1e-4)
                     simulate: sigma= for U_ij, V_ij ~ N(α 1{i=j}, σ²)
  modular-addition   a + b mod p by a two-layer net (nets: simulate only)
                     --set p= fraction= width= scale= zero_last= loss= activation= seed=
  xor                Gaussian clusters at ±μ1, ±μ2, labels flipped with probability noise
                     --set n= d= mu= noise= width= scale= n_test= seed=
  digits             scikit-learn's 1 797 images --set model= (mlp, cnn) fraction= width= depth=
                     scale= loss= activation= seed=
  polynomial         ½ <β, x>² by a quadratic net
                     --set n= d= width= alpha= epsilon= n_test= seed=
  teacher-student    a linear student of a linear teacher --set n= d= outputs= n_test= seed=
  FILE               text in columns (.csv, .tsv, .txt; .gz, .zst), Parquet, Arrow: column y, or
                     target, label, class, and optionally split (train, test, val); .npz, .mat:
                     X (n, d), y (n,), optionally X_test, y_test (also x_train, y_train, ...)
                     --set seed= holdout= (used when there is no test set)
                     --target, --drop, --missing, --na, --categories, --positive, --regression,
                     --decimal
                     --intercept [SIZE], --standardise
                     words, two values and few whole numbers are classes: of several, --loss
                     logistic learns each against the rest, cross-entropy all at once
                     with i, j, value (and split; .npz also d, shape, i_test, j_test, value_test
                     or truth) in place of X and y: observed entries of a matrix
                     --set rectangular=1 (rows and columns are different things) or 0 (symmetric);
                     by default 1 for user, item, rating, for entries that mostly differ from
                     their mirrors, and for ids of which rows and columns share less than half
"""

WORDS = """
words of the output:
  early, late        where training stays first, once the data are fitted, and where it ends
  early limit,       what early and late come to as λ → 0; they differ from these by what weight
  late limit         decay of this λ does
  margin             smallest y <w, x> of the training samples, for weights w of norm 1: above 0
                     all of them are classified right, below 0 some are not, as weight decay may
                     have it early
  gap                how far a predictor can at most be from its exact optimum, in proportion
  λt, λt*            time times weight decay, and that at which half of the change is done
"""

EXAMPLES = """\
examples:
  grokflow predict sparse                                  Figure 1a of Lyu et al. (2024)
  grokflow simulate gaussian-margin --plot 1b.png          Figure 1b
  grokflow simulate completion --plot 3.png                Figure 3
  grokflow simulate sparse --set n=64 d=400 --alpha 1e100 --lam 1e-12
  grokflow predict data.csv                                will my data grok?
  grokflow simulate modular-addition --plot grok.png       a net that groks in seconds
  grokflow predict data.csv --certificate proof.json       exact bounds, with points that show them
  grokflow check proof.json                                check them, by a program of its own
  grokflow misgrok --family words gap                      problems that a net unlearns
  grokflow simulate modular-addition --optimizer flow --set p=23 --measure drift
  grokflow modular train --corruption 0.35 --weight-decay 15 --steps 300
  grokflow scan sparse --set n=64 d=400 --seeds 4 --plot scan.png   the law of λt*
  grokflow verify --report report                          check every claim
  grokflow verify --seeds 0:20 --out verdicts.db           at twenty seeds, to be resumed
  grokflow verify --mutants --claim path-late              which wrong formulas are refuted
  grokflow falsify path-late --budget 100                  the worst of a hundred problems
"""


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return its exit code: 0 done, 1 not as expected, 2 bad usage."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")  # of letters that the encoding lacks
    parser = build_parser()
    arguments = parser.parse_args(argv)
    try:
        check_settings(arguments)
        with ctrl_c_raised():
            command = import_module(f"grokflow.commands.{arguments.home}")
            return int(command.run(arguments))
    except BaseException as error:
        if is_interruption(error):
            print("grokflow: interrupted", file=sys.stderr)
            return 130
        if isinstance(error, BrokenPipeError):  # the reader, such as head, has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 141
        if isinstance(error, MemoryError):
            print(f"grokflow: out of memory: choose smaller sizes ({error})", file=sys.stderr)
            return 1
        if not isinstance(error, ValueError | OSError | RuntimeError):
            raise
        print(f"grokflow: {' '.join(str(error).split())}", file=sys.stderr)
        return 2 if isinstance(error, ValueError | OSError) else 1


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser: argparse.ArgumentParser = Parser(
        prog="grokflow",
        description="Predict and simulate grokking, and check the theory of it.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_predict(commands)
    _add_simulate(commands)
    add_scan(commands)
    add_misgrok(commands)
    add_modular(commands)
    _add_verify(commands)
    _add_falsify(commands)
    _add_new_claim(commands)
    _add_check(commands)
    return parser


def _add_predict(commands: Commands) -> None:
    """Add the command that predicts."""
    predict = _add_problem_command(
        commands, "predict", "early and late predictors, kind and time of the transition"
    )
    predict.add_argument(
        "--certificate",
        type=Path,
        metavar="FILE",
        help="write exact proofs of the predictors (.json), for grokflow check",
    )


def _add_simulate(commands: Commands) -> None:
    """Add the command that follows the flow."""
    simulate = _add_problem_command(
        commands, "simulate", "follow the flow through the whole transition"
    )
    simulate.add_argument(
        "--until",
        type=number,
        metavar="LAMBDA_T",
        help="last slow time λt (default: past the predicted transition)",
    )
    simulate.add_argument(
        "--points", type=count, default=200, metavar="N", help="output times (default 200)"
    )
    simulate.add_argument(
        "--measure",
        nargs="+",
        default=[],
        metavar="NAME",
        help="kkt, kkt-bound, early, late (nets: their last state), drift, rank, or all",
    )
    add_plot(simulate)
    _add_net_options(simulate)
    simulate.add_argument("--out", type=Path, metavar="FILE", help="results (.npz, .csv, .nc)")


def _add_verify(commands: Commands) -> None:
    """Add the command that checks the claims."""
    verify = add_command(commands, "verify", "check every claim of the theory", home="verify")
    verify.add_argument(
        "--claim",
        action="append",
        metavar="LABEL",
        help="only this claim, or module:NAME of your own; may be repeated",
    )
    which = verify.add_mutually_exclusive_group()
    which.add_argument("--seed", type=seed, default=0, metavar="N", help="seed (default 0)")
    which.add_argument(
        "--seeds",
        type=seeds,
        metavar="FIRST:END",
        help="the seeds from FIRST to END - 1, or A,B,C",
    )
    verify.add_argument(
        "--cheap",
        type=number,
        default=float("inf"),
        metavar="SECONDS",
        help="other seeds only for claims that take at most this long at the first",
    )
    who = verify.add_mutually_exclusive_group()
    who.add_argument("--jobs", type=count, metavar="N", help="processes (default: one a core)")
    who.add_argument("--dask", metavar="ADDRESS", help="Dask scheduler, such as tcp://host:8786")
    verify.add_argument("--thorough", action="store_true", help="more points in every limit")
    verify.add_argument(
        "--mutants",
        action="store_true",
        help="change the formulas of the claims, one thing at a time, and see who notices",
    )
    verify.add_argument("--out", type=Path, metavar="FILE", help="keep finished verdicts here")
    verify.add_argument("--resume", action="store_true", help="go on with the file of --out")
    add_json(verify)
    verify.add_argument("--report", type=Path, metavar="DIR", help="write DIR/index.html")


def _add_falsify(commands: Commands) -> None:
    """Add the command that searches for a counterexample."""
    falsify = add_command(
        commands, "falsify", "search for the worst problem that a claim is about", home="falsify"
    )
    falsify.add_argument(
        "label", metavar="LABEL", nargs="?", help="the claim, or module:NAME of your own"
    )
    falsify.add_argument(
        "--budget", type=count, default=100, metavar="N", help="problems to try (default 100)"
    )
    falsify.add_argument("--seed", type=seed, default=0, metavar="N", help="seed (default 0)")
    falsify.add_argument(
        "--broken", default="", metavar="NAME", help="search this false variant of the claim"
    )
    falsify.add_argument(
        "--out", type=Path, metavar="FILE", help="keep the worst problem here (.json)"
    )
    falsify.add_argument(
        "--replay", type=Path, metavar="FILE", help="judge the problem in this file again"
    )


def _add_new_claim(commands: Commands) -> None:
    """Add the command that writes a claim to start from."""
    new = add_command(
        commands, "new-claim", "write a claim of your own to start from", home="new_claim"
    )
    new.add_argument("name", metavar="NAME", help="its label; the file is NAME.py")


def _add_check(commands: Commands) -> None:
    """Add the command that checks certificate files."""
    check = add_command(commands, "check", "check a certificate file exactly", home="check")
    check.add_argument("file", metavar="FILE", help="what predict --certificate wrote")


def _add_problem_command(commands: Commands, name: str, help_text: str) -> argparse.ArgumentParser:
    """Add a command that takes a problem and a model."""
    command = add_command(commands, name, help_text, home=name, epilog=PROBLEM_HELP + WORDS)
    command.add_argument("problem", metavar="PROBLEM", help="preset or data file, see below")
    command.add_argument(
        "--set",
        action="extend",
        nargs="+",
        default=[],
        metavar="KEY=VALUE",
        help="problem settings",
    )
    scale = command.add_mutually_exclusive_group()
    scale.add_argument(
        "--alpha", type=number, metavar="A", help="value of every coordinate of (u, v) at t = 0"
    )
    scale.add_argument(
        "--norm", type=number, metavar="R", help="norm of (u, v) at t = 0 (default 128)"
    )
    command.add_argument(
        "--lam",
        type=number,
        metavar="L",
        help="weight decay λ (default 1e-3; completion 1e-4)",
    )
    command.add_argument(
        "--depth", type=whole, default=2, metavar="D", help="depth of the diagonal net (default 2)"
    )
    command.add_argument(
        "--loss",
        choices=("exponential", "logistic", "square", "one-hot", "cross-entropy"),
        help="default: logistic for classes, square for real targets; of several classes logistic "
        "learns each against the rest, one-hot its 1 and 0 by least squares, and cross-entropy all "
        "at once",
    )
    add_input_changes(command)
    add_reading(command)
    add_json(command)
    return command


def _add_net_options(simulate: argparse.ArgumentParser) -> None:
    """Add what only the training of nets takes."""
    nets = simulate.add_argument_group("nets (modular-addition, xor, digits, polynomial, ...)")
    nets.add_argument(
        "--optimizer",
        choices=("flow", "chebyshev", "gd", "sgd", "adam", "adamw"),
        help="gradient flow (chebyshev: by explicit steps, for ReLU), or the rule of a step",
    )
    nets.add_argument("--rtol", type=number, metavar="R", help="tolerance of the flow (1e-2)")
    nets.add_argument("--lr", type=number, metavar="H", help="step size η")
    nets.add_argument("--steps", type=count, metavar="N", help="number of steps")
    nets.add_argument("--batch", type=count, metavar="B", help="samples a step (sgd: 32)")
    nets.add_argument(
        "--label-noise", type=share, default=0.0, metavar="S", help="fresh noise on the targets"
    )
    nets.add_argument("--no-decay", action="store_true", help="weight decay λ = 0")
    nets.add_argument("--log-loss", action="store_true", help="step η/L, without weight decay")
    nets.add_argument("--double", action="store_true", help="float64 (default float32)")
    nets.add_argument(
        "--checkpoint",
        type=Path,
        metavar="FILE",
        help="training by steps or chebyshev: keep the state here, and go on from it",
    )


class _Version(argparse.Action):
    """Print the version without importing it on every start."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from grokflow import __version__

        print(f"grokflow {__version__}")
        parser.exit()


if __name__ == "__main__":
    sys.exit(main())
