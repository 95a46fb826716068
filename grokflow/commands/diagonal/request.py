"""The problem and the model that a command is asked for, checked at the door."""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from grokflow.simulations.diagonal.flow import DiagonalFlow, check_loss
from grokflow.simulations.diagonal.start import DiagonalStart, check_scale
from grokflow.simulations.linear.files import load
from grokflow.simulations.linear.presets import PRESETS
from grokflow.theory.linear.problem import Problem
from grokflow.theory.losses import LOSSES, Loss

# The paper's Figure 1 starts from this norm of (u, v).
DEFAULT_NORM = 128.0
DEFAULT_LAM = 1e-3
_REAL_KEYS = {"gamma", "noise", "holdout"}
_FILE_KEYS = ("seed", "holdout")


@dataclass(frozen=True, eq=False)
class Request:
    """A problem and a model, as asked for on the command line."""

    problem: Problem
    loss: Loss
    alpha: float
    lam: float
    depth: int

    @property
    def norm(self) -> float:
        """Norm of (u, v) at time 0."""
        return self.alpha * float(np.sqrt(2 * self.problem.d))

    @property
    def flow(self) -> DiagonalFlow:
        """The flow that was asked for."""
        return DiagonalFlow(lam=self.lam, loss=self.loss)

    @property
    def start(self) -> DiagonalStart:
        """The net that was asked for, at time 0."""
        return DiagonalStart(self.problem, self.alpha, self.depth)

    def header(self) -> dict[str, object]:
        """Return the keys that every result starts with."""
        return {
            "problem": {"name": self.problem.name, **self.problem.settings},
            "notes": list(self.problem.notes),
            "model": f"diagonal net, depth {self.depth}",
            "alpha": self.alpha,
            "norm": self.norm,
            "lam": self.lam,
            "loss": self.loss.name,
        }

    def describe(self) -> str:
        """Return the same in words, with a line for every note."""
        problem = self.problem
        lines = [
            f"{problem.name} (n = {problem.n}, d = {problem.d}), {self.loss.name} loss, diagonal "
            f"net of depth {self.depth}, α = {self.alpha:.4g}, ‖θ(0)‖ = {self.norm:.4g}, "
            f"λ = {self.lam:g}"
        ]
        return "\n".join(lines + [f"       note: {note}" for note in problem.notes])


def read(arguments: argparse.Namespace) -> Request:
    """Build the problem and check the model, cheapest checks first."""
    _check_depth(arguments)
    lam = arguments.lam or DEFAULT_LAM
    any_loss = LOSSES[arguments.loss or "logistic"]
    depth = arguments.depth
    check_scale(arguments.alpha or 1.0, depth)
    DiagonalFlow(lam=lam, loss=any_loss)
    problem = _problem(arguments.problem, settings_of(arguments.set), arguments.loss)
    loss = LOSSES[arguments.loss or ("logistic" if problem.is_classification else "square")]
    check_loss(problem, loss)
    alpha = arguments.alpha or (arguments.norm or DEFAULT_NORM) / np.sqrt(2 * problem.d)
    return Request(problem, loss, float(alpha), lam, depth)


def _check_depth(arguments: argparse.Namespace) -> None:
    """Refuse depths without two phases."""
    if arguments.depth < 2:
        raise ValueError(
            f"depth is {arguments.depth}, expected at least 2: a linear model has one phase only"
        )


def _problem(name: str, settings: Mapping[str, float], loss: str | None) -> Problem:
    """Make the preset, or read the file; the loss decides what a file's labels are."""
    if name in PRESETS:
        make: Callable[..., Problem] = PRESETS[name]
        known = tuple(inspect.signature(make).parameters)
    elif Path(name).suffix in (".npz", ".csv"):
        make = partial(load, name, regression=None if loss is None else loss == "square")
        known = _FILE_KEYS
    else:
        raise ValueError(
            f"problem is {name!r}, expected {', '.join(PRESETS)}, completion or a .npz or .csv "
            "file: check the name"
        )
    for key, value in settings.items():
        if key not in known:
            raise ValueError(f"{name} has no key {key!r}, expected {', '.join(known)}: pick one")
        if key not in _REAL_KEYS and value != int(value):
            raise ValueError(f"{key} is {value}, expected a whole number: round it")
        if key == "seed" and value < 0:
            raise ValueError(f"seed is {value:g}, expected at least 0: choose another seed")
    return make(**{k: v if k in _REAL_KEYS else int(v) for k, v in settings.items()})


def settings_of(pairs: list[str]) -> dict[str, float]:
    """Parse ``key=value`` pairs; a later one wins."""
    out: dict[str, float] = {}
    for pair in pairs:
        key, _, text = pair.partition("=")
        try:
            out[key] = float(text)
        except ValueError:
            out[key] = np.nan
        if not key or not np.isfinite(out[key]):
            raise ValueError(f"--set got {pair!r}, expected KEY=NUMBER: for example n=256")
    return out
