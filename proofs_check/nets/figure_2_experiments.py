"""Modular addition from three scales of the start, and at four weight decays (Lyu, Figure 2).

The net is ``W2 relu(W1 x + b1)`` with ``W2 = 0`` at the start: ``‖W1‖² + ‖b1‖² - ‖W2‖²`` decays
like ``e^{-2λt}`` exactly, and once the data are fitted the state depends on the scale and on t
through ``scale · e^{-λt}`` only, but for what the first moments left behind: ``W1`` has moved by
the part ``‖W2‖² / ‖W1‖²`` of itself, which is of order scale^-2.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from grokflow.proofs_check.laboratory import Experiment, Laboratory, remembered
from grokflow.simulations.nets.explicit.chebyshev_flow import ChebyshevFlow
from grokflow.simulations.nets.tasks.catalogue import modular_addition
from grokflow.simulations.nets.trajectory import NetTrajectory
from grokflow.simulations.runs.checkpoint import Checkpoint

SCALES = (1.0, 10.0, 100.0)
DECAYS = (1e-4, 3e-4, 1e-3, 3e-3)
DECAY_SCALE = 10.0


@dataclass(frozen=True, kw_only=True)
class Addition:
    """How large the experiment is.

    Parameters
    ----------
    p, width, fraction :
        As in `grokflow.simulations.nets.tasks.catalogue.modular_addition`.
    lam, part, longest :
        As in `grokflow.simulations.nets.explicit.chebyshev_flow.ChebyshevFlow`.
    until : float
        Last λt - log scale.
    """

    p: int = 23
    width: int = 128
    fraction: float = 0.7
    lam: float = 1e-4
    part: float = 1.0
    longest: float = 2e-3
    until: float = 6.0


@dataclass(frozen=True, eq=False)
class Scales:
    """The trajectory from every scale."""

    addition: Addition
    runs: dict[float, NetTrajectory]

    def times(self) -> np.ndarray:
        """Return λt*, where test accuracy passes one half for good, scale by scale."""
        return np.array([run.transition(1.0, 0.0).lambda_t for run in self.runs.values()])

    def seconds(self) -> float:
        """Return what all runs took."""
        return sum(run.work.seconds for run in self.runs.values())

    def gradients(self) -> int:
        """Return how many gradients all runs took."""
        return sum(run.work.gradient_evaluations for run in self.runs.values())


def modular_scales(
    laboratory: Laboratory, addition: Addition | None = None, folder: Path | None = None
) -> Scales:
    """Train from every scale, or recall it; `folder` keeps checkpoints of long runs."""
    addition = addition or Addition()
    return Scales(
        addition, {scale: modular_run(laboratory, addition, scale, folder) for scale in SCALES}
    )


def modular_decays(
    laboratory: Laboratory, addition: Addition | None = None, folder: Path | None = None
) -> dict[float, NetTrajectory]:
    """Train with every weight decay of Figure 2c from ten times the He start, or recall it."""
    addition = addition or Addition()
    sizes = {lam: replace(addition, lam=lam) for lam in DECAYS}
    return {lam: modular_run(laboratory, size, DECAY_SCALE, folder) for lam, size in sizes.items()}


@remembered
def modular_run(
    laboratory: Laboratory, addition: Addition, scale: float, folder: Path | None = None
) -> NetTrajectory:
    """Train from one scale of the start with one weight decay."""
    task = modular_addition(
        p=addition.p,
        width=addition.width,
        fraction=addition.fraction,
        loss="cross-entropy",
        activation="relu",
        scale=scale,
        seed=laboratory.seed,
    )
    method = ChebyshevFlow(
        lam=addition.lam, part=addition.part, longest=addition.longest, dtype=torch.float32
    )
    log_scale = float(np.log(scale))
    before = np.linspace(0.0, log_scale, 12)[:-1] if scale > 1 else np.zeros(1)
    after = log_scale + np.arange(0.0 if scale > 1 else 0.1, addition.until + 0.05, 0.1)
    name = f"start-{scale:g}-decay-{addition.lam:g}.pt"
    return method.run(
        task,
        np.concatenate([before, after]),
        checkpoint=Checkpoint(folder / name) if folder else None,
        progress=lambda x: laboratory.progress(f"modular addition, start × {scale:g}", x),
    )


# The trainings that both functions above ask for by default.
ADDITIONS = (
    *(Experiment(modular_run, (Addition(), scale), seconds=6.0) for scale in SCALES),
    *(Experiment(modular_run, (Addition(lam=lam), DECAY_SCALE), seconds=6.0) for lam in DECAYS),
)
