"""The arguments of ``grokflow modular``, without what they need to run."""

from __future__ import annotations

import argparse
from pathlib import Path

from grokflow.arguments import (
    Commands,
    add_command,
    add_json,
    add_plot,
    count,
    number,
    real,
    seed,
    share,
    whole,
)

_HELP = """\
A net f(m, n) = W φ(U e_m + V e_n) learns the residue of an operation mod p from a fraction of all
pairs, of which a share --corruption has random labels (Doshi et al. 2024).

operations:
  addition subtraction multiplication division
  sum-of-squares sum-of-cubes      m² + n², m³ + n³
  first-plus-square                m + n²
  square-of-sum cube-of-sum        (m + n)², (m + n)³
  product-of-squares               m² n²
  or a polynomial                  m^2+mn+n^2, m^3+mn, ...
"""


def add_parser(commands: Commands) -> None:
    """Add the command and its actions."""
    command = add_command(
        commands,
        "modular",
        "memorising and generalising neurons on modular arithmetic with wrong labels",
        description="Memorising and generalising neurons on modular arithmetic.",
        epilog=_HELP,
    )
    actions = command.add_subparsers(dest="action", required=True, metavar="ACTION")
    train = add_action(actions, "train", "train a net and record both stages")
    train.add_argument("--out", type=Path, metavar="FILE", help="results (.npz, .csv, .nc)")
    prune = add_action(actions, "prune", "remove neurons of low or high IPR, or at random")
    prune.add_argument(
        "--draws", type=count, default=50, metavar="N", help="random orders (default 50)"
    )
    prune.add_argument(
        "--points", type=count, default=20, metavar="N", help="steps of random orders (default 20)"
    )
    add_action(actions, "analyse", "which neurons memorise, frequencies and phases, γ and IPR")
    _add_phases(actions)


def add_action(actions: Commands, name: str, help_text: str) -> argparse.ArgumentParser:
    """Add an action that takes data, a net and its training."""
    action = add_command(actions, name, help_text, home=f"modular.{name}", epilog=_HELP)
    _add_data(action.add_argument_group("data"))
    _add_net(action.add_argument_group("net"))
    training = action.add_argument_group("training")
    _add_regularisers(training)
    _add_training(training)
    training.add_argument(
        "--checkpoint", type=Path, metavar="FILE", help="keep the state here, and go on from it"
    )
    action.add_argument(
        "--ipr",
        choices=("one-sided", "full"),
        default="one-sided",
        help="Fourier transform of which the inverse participation ratio is (default one-sided)",
    )
    add_json(action)
    add_plot(action)
    return action


def _add_phases(actions: Commands) -> None:
    """Add the action that takes several values of what others take one of."""
    action = add_command(
        actions,
        "phases",
        "which of six phases training ends in, over fraction and ξ",
        home="modular.phases",
        description="Which of six phases training ends in, over fraction and ξ. "
        "Values are listed: 0,5,15.",
        epilog=_HELP,
    )
    grid = action.add_argument_group("grid")
    grid.add_argument("--p", default="31", metavar="LIST", help="moduli (default 31)")
    grid.add_argument(
        "--fraction",
        default="0.3,0.4,0.5,0.6,0.7,0.8,0.9",
        metavar="LIST",
        help="shares of pairs (default 0.3 to 0.9)",
    )
    grid.add_argument(
        "--corruption",
        default="0,0.1,0.2,0.3,0.4,0.5,0.6",
        metavar="LIST",
        help="shares of wrong labels ξ (default 0 to 0.6)",
    )
    grid.add_argument("--weight-decay", default="0,5,10", metavar="LIST", help="default 0,5,10")
    grid.add_argument("--dropout", default="0", metavar="LIST", help="default 0")
    grid.add_argument("--seeds", type=count, default=3, metavar="N", help="a cell (default 3)")
    grid.add_argument("--operation", default="addition", metavar="NAME", help="see below")
    _add_net(action.add_argument_group("net"))
    _add_training(action.add_argument_group("training"))
    action.set_defaults(width=128, steps=400)
    action.add_argument("--store", type=Path, metavar="FILE", help="keep finished cells here")
    action.add_argument("--resume", action="store_true", help="go on with what the store holds")
    action.add_argument("--jobs", type=count, default=1, metavar="N", help="processes (default 1)")
    add_json(action)
    add_plot(action)


def _add_data(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--p", type=whole, default=97, metavar="P", help="modulus (default 97)")
    group.add_argument(
        "--operation", default="addition", metavar="NAME", help="see below (default addition)"
    )
    group.add_argument(
        "--fraction", type=real, default=0.5, metavar="F", help="share of pairs (default 0.5)"
    )
    group.add_argument(
        "--corruption", type=real, default=0.0, metavar="XI", help="share of wrong labels ξ"
    )
    group.add_argument(
        "--without-truth", action="store_true", help="wrong labels are never the true ones"
    )
    group.add_argument("--seed", type=seed, default=0, metavar="N", help="seed (default 0)")


def _add_net(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--width", type=whole, default=500, metavar="N", help="neurons (default %(default)s)"
    )
    group.add_argument(
        "--activation",
        choices=("quadratic", "relu", "cubic", "quartic"),
        default="quadratic",
        help="φ (default quadratic)",
    )
    group.add_argument("--norm", choices=("batch", "layer"), help="normalisation after φ")
    group.add_argument(
        "--start",
        choices=("doshi", "gromov"),
        default="doshi",
        help="scale of weights and outputs (default doshi)",
    )


def _add_regularisers(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--weight-decay", type=share, default=0.0, metavar="WD", help="decoupled: θ ← (1 - lr·WD) θ"
    )
    group.add_argument(
        "--dropout", type=real, default=0.0, metavar="P", help="probability, before φ"
    )


def _add_training(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--optimizer", choices=("adamw", "gd"), default="adamw")
    group.add_argument("--lr", type=number, default=0.01, metavar="H", help="step (default 0.01)")
    group.add_argument("--steps", type=count, default=2000, metavar="N", help="default %(default)s")
    group.add_argument("--batch", type=count, metavar="B", help="pairs a step (default: all)")
    group.add_argument("--loss", choices=("square", "cross-entropy"), default="square")
    group.add_argument(
        "--every", type=count, default=10, metavar="N", help="steps between records (default 10)"
    )
    group.add_argument("--double", action="store_true", help="float64 (default float32)")
    group.add_argument("--device", default="cpu", help="where torch computes (default cpu)")
