"""The quasi-static path of partly separable classes, at the level of the margins of the rest.

For λ → 0 the weights keep the outputs of the core, ``R w = c*``, while the margins of the rest
follow their level, ``Z w ≥ m``; with w divided by m both are one path of equalities and margins.
How the level changes along the path is known from the path only: a first one, at the level
log(1/λ) throughout, gives the level, and the second one is followed at that. What is left of the
difference is of second order in 1/m, beyond the first order that the theory has.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from grokflow.theory.diagonal.partly.ends import early_of
from grokflow.theory.diagonal.partly.split import Parts
from grokflow.theory.diagonal.path import Holding, Path, no_path, scales, trace, usual_level
from grokflow.theory.linear.prediction import Prediction
from grokflow.theory.losses import Loss


@dataclass(frozen=True, eq=False)
class Descent:
    """The path from the kernel regime to the rich one, and what it begins and ends at.

    Parameters
    ----------
    path : Path
        The path; weights are divided by the level.
    early : Prediction
        Where it begins, at the level there.
    level : float
        The level at its end.
    """

    path: Path
    early: Prediction
    level: float


def descend(
    parts: Parts,
    n: int,
    loss: Loss,
    lam: float,
    progress: Callable[[float], None] = lambda fraction: None,
) -> Descent:
    """Follow the path of partly separable classes.

    Parameters
    ----------
    parts : Parts
        What is held.
    n : int
        Number of all samples, over which the loss is a mean.
    loss : Loss
        Loss of the flow.
    lam : float
        Weight decay λ.
    progress : callable
        Called with the fraction done.
    """
    usual = usual_level(loss, lam)
    begun = early_of(parts, usual)
    log_beta = scales(parts.at_level(usual), float(np.abs(begun.w).max()))
    first = _traced(parts, n, begun, log_beta, np.full(len(log_beta), usual), progress)
    level = np.maximum(first.margin_level(loss, lam), 1.0)
    early = early_of(parts, float(level[0]))
    path = _traced(parts, n, early, log_beta, level, lambda x: progress(0.5 + x / 2))
    return Descent(path, early, float(level[-1]))


def undescended(parts: Parts, loss: Loss, lam: float) -> Descent:
    """Return both ends at the usual level of margins, where the path cannot be computed."""
    level = usual_level(loss, lam)
    return Descent(no_path(parts.problem, 2, margins=True), early_of(parts, level), level)


def _traced(
    parts: Parts,
    n: int,
    early: Prediction,
    log_beta: np.ndarray,
    level: np.ndarray,
    progress: Callable[[float], None],
) -> Path:
    """Return the path at a level of each scale, with the multipliers of the rest."""
    held = np.array([parts.at_level(m).targets for m in level])
    holding = Holding(parts.equal, held, early)
    path = trace(parts.problem, log_beta, locate=False, holding=holding, progress=progress)
    return replace(path, multipliers=path.multipliers[:, ~parts.equal], samples=n)
