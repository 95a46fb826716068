"""What a user asks of a problem and its model, as data that every model reads."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from grokflow.theory.numerics.input_transform import InputTransform

# Settings of a data file that are words: which column is learned, what becomes of gaps.
WORDS = ("target", "drop", "missing", "na", "decimal", "positive")
# Settings of a data file that are options of their own on the command line.
OPTIONS = (*WORDS, "categories", "intercept", "standardise")


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """How a net is trained; models whose flow is followed exactly take none of these.

    Parameters
    ----------
    optimizer : str or None
        The rule of a step, or ``flow`` or ``chebyshev`` for the gradient flow.
    rtol, lr : float or None
        Tolerance of the flow, size of a step.
    steps, batch : int or None
        Number of steps, and samples in each of them.
    label_noise : float
        Fresh noise on the targets.
    no_decay, log_loss, double : bool
        Train without weight decay, on the logarithm of the loss, in double precision.
    checkpoint : Path or None
        Where the state is kept.
    """

    optimizer: str | None = None
    rtol: float | None = None
    lr: float | None = None
    steps: int | None = None
    batch: int | None = None
    label_noise: float = 0.0
    no_decay: bool = False
    log_loss: bool = False
    double: bool = False
    checkpoint: Path | None = None

    def asked(self) -> dict[str, object]:
        """Return what differs from the defaults, by name."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        return {
            item.name: values[item.name]
            for item in fields(self)
            if values[item.name] != item.default
        }


@dataclass(frozen=True, kw_only=True)
class Options:
    """A problem by name and the settings of its model; the model fills in what is None.

    Parameters
    ----------
    problem : str
        A preset or a data file.
    set : tuple of str
        Settings of the problem as ``KEY=VALUE``.
    alpha, norm : float or None
        Scale of the start, or the norm of the parameters there.
    lam : float or None
        Weight decay.
    depth : int
        Number of layers, for models that have a choice.
    loss : str or None
        Name of the loss.
    until : float or None
        Slow time at which a simulation ends.
    points : int
        Number of times that are recorded.
    simulates : bool
        Whether a simulation is asked for, and not only a prediction.
    training : TrainingOptions
        How a net is trained.
    """

    problem: str
    set: tuple[str, ...] = ()
    alpha: float | None = None
    norm: float | None = None
    lam: float | None = None
    depth: int = 2
    loss: str | None = None
    until: float | None = None
    points: int = 200
    simulates: bool = False
    training: TrainingOptions = field(default_factory=TrainingOptions)

    def settings(self) -> dict[str, float | str]:
        """Return the settings of the problem: numbers, and words for how a file is read."""
        pairs = [pair.partition("=") for pair in self.set]
        words = {key: text for key, _, text in pairs if key in WORDS}
        others = replace(self, set=tuple(pair for pair in self.set if _key(pair) not in WORDS))
        return {**others.numbers(), **words}

    def numbers(self) -> dict[str, float]:
        """Return the settings of the problem as numbers; ValueError for what is none."""
        found: dict[str, float] = {}
        for pair in self.set:
            key, _, text = pair.partition("=")
            try:
                found[key] = float(text)
            except ValueError:
                found[key] = np.nan
            if not key or not np.isfinite(found[key]):
                raise ValueError(f"--set got {pair!r}, expected KEY=NUMBER: for example n=256")
        return found

    def times(self, alpha: float, predicted: float) -> np.ndarray:
        """Return output times: a fifth of them logarithmic while the data are fitted, then linear.

        The default end is ten beyond log α or the predicted transition (NaN where there is none),
        whichever is later.
        """
        until = self.until
        if until is None:
            until = float(np.nanmax([np.log(alpha), predicted, 0.0])) + 10
        early = self.points // 5
        first = until / (self.points - early)
        head = np.geomspace(1e-7 * first, first, early, endpoint=False)
        return np.concatenate([head, np.linspace(first, until, self.points - early)])


def input_options(transform: InputTransform | None) -> str:
    """Return the options of the command line that change the inputs in this way."""
    if transform is None:
        return ""
    words = f" --intercept {transform.intercept:g}" if transform.intercept else ""
    return words + (" --standardise" if transform.scale is not None else "")


def _key(pair: str) -> str:
    return pair.partition("=")[0]


def settings_of(make: Callable[..., Any]) -> dict[str, float | int | str | None]:
    """Return the settings that a function takes to make a problem, with their defaults."""
    return {
        name: None if item.default is inspect.Parameter.empty else item.default
        for name, item in inspect.signature(make).parameters.items()
        if name not in ("path", "regression")
    }


def call_with_numbers(
    name: str,
    make: Callable[..., Any],
    settings: Mapping[str, float | str],
    *,
    counts: bool = False,
) -> Any:
    """Make the problem `name` with settings that are known to it and of the right kind.

    Where the whole numbers are `counts`, none of them may be negative.
    """
    known = settings_of(make)
    exact: dict[str, float | int | str] = {}
    for key, value in settings.items():
        if key not in known:
            if key in OPTIONS:
                raise ValueError(
                    f"--{key} is for files of inputs and labels, and {name} is none: leave it out"
                )
            raise ValueError(f"{name} has no key {key!r}, expected {', '.join(known)}: pick one")
        if isinstance(value, str):
            exact[key] = value
            continue
        real = isinstance(known[key], float)
        if counts and not real and (value != int(value) or value < 0):
            raise ValueError(f"{key} is {value:g}, expected a whole number of at least 0: round it")
        if not real and value != int(value):
            raise ValueError(f"{key} is {value}, expected a whole number: round it")
        if key == "seed" and value < 0:
            raise ValueError(f"seed is {value:g}, expected at least 0: choose another seed")
        if isinstance(known[key], bool):
            if value not in (0, 1):
                raise ValueError(f"{key} is {value:g}, expected 0 or 1: pick one")
            exact[key] = bool(value)
            continue
        exact[key] = value if real else int(value)
    return make(**exact)
