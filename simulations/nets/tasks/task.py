"""What the tasks for nets share: the checks of their settings, splits and seeds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from grokflow.simulations.nets.modules import Activation
from grokflow.theory.arguments import check_count, check_kind, check_number, written
from grokflow.theory.nets.losses import NET_LOSSES, NetLoss
from grokflow.theory.nets.problem import NetProblem

# Settings that are numbers of things, and the seed.
_COUNTS = {"n", "d", "n_test", "outputs", "p", "width", "depth", "seed"}
# The least and the largest value of every setting that is a number.
_ALL = float("inf")
# A billion samples or inputs are more than any machine holds of the other.
SIZE = 1e9
LIMITS: dict[str, tuple[float, float]] = {
    "n": (1.0, SIZE),
    "d": (1.0, SIZE),
    "n_test": (1.0, SIZE),
    "outputs": (1.0, SIZE),
    "p": (2.0, SIZE),
    "width": (1.0, SIZE),
    "depth": (2.0, SIZE),
    "seed": (0.0, _ALL),
    "mu": (0.0, 1e6),
    "noise": (0.0, 0.5),
    "alpha": (1e-12, 1e12),
    "epsilon": (0.0, 1e6),
}


def check_settings(settings: Mapping[str, object], **narrower: tuple[float, float]) -> None:
    """Refuse settings outside `LIMITS`, or outside the limits of a task that are narrower."""
    for name, (low, high) in (LIMITS | narrower).items():
        if name not in settings:
            continue
        value: Any = settings[name]
        check_number(name, value)
        if not low <= value <= high:
            wanted = f"at least {low:g}" if value < low and high >= SIZE else f"{low:g} to {high:g}"
            shown = written(value)
            raise ValueError(f"{name} is {shown}, expected {wanted}: choose another {name}")
        if name in _COUNTS:
            check_count(name, value, int(low))


def split_classes(
    name: str,
    loss: str,
    x: Tensor,
    classes: Tensor,
    order: np.ndarray,
    fraction: float,
    settings: Mapping[str, object],
) -> NetProblem:
    """Train on the first `fraction` of `order`, test on the rest."""
    check_number("fraction", fraction)
    if not 0 < fraction < 1:
        raise ValueError(f"fraction is {fraction}, expected 0 to 1, both excluded: change it")
    count = round(fraction * len(order))
    if not 0 < count < len(order):
        raise ValueError(
            f"fraction {fraction} of {len(order)} samples leaves {count} to train on and "
            f"{len(order) - count} to test on, expected some of each: change it"
        )
    judge, y = _judged(loss, classes)
    train, test = torch.from_numpy(order[:count]), torch.from_numpy(order[count:])
    return NetProblem(name, judge, x[train], y[train], x[test], y[test], {**settings, "loss": loss})


def _judged(loss: str, classes: Tensor) -> tuple[NetLoss, Tensor]:
    """Return the loss with its targets: the classes, or their one-hot rows."""
    check_kind("loss", loss, str, "name one")
    if loss == "cross-entropy":
        return NET_LOSSES[loss], classes
    if loss == "square":
        return NET_LOSSES["one-hot square"], nn.functional.one_hot(classes).double()
    raise ValueError(f"loss is {loss!r}, expected cross-entropy or square: choose one")


def activation_of(name: str) -> Activation:
    """Return an activation by its name."""
    check_kind("activation", name, str, "name one")
    names = [unit.value for unit in Activation]
    if name not in names:
        raise ValueError(f"activation is {name!r}, expected one of {', '.join(names)}: pick one")
    return Activation(name)


def seeds(seed: int, count: int) -> list[int]:
    """Return seeds of independent streams."""
    return [int(s) for s in np.random.SeedSequence(seed).generate_state(count)]
