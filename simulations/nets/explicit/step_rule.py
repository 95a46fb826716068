"""The rules of a step: gradient descent, SGD, Adam and AdamW, as the papers use them."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from enum import Enum

import torch

from grokflow.theory.arguments import (
    check_count,
    check_flag,
    check_kind,
    check_number,
    check_positive,
    check_seed,
    set_members,
    written,
)


class Optimizer(Enum):
    """The rule of a step: gradient descent, on all samples or on batches, Adam, or AdamW.

    Momentum is always off. The gradient of weight decay, λθ, is part of the gradient (coupled),
    except for AdamW, which multiplies θ by 1 - ηλ instead. For plain gradients both are the same.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> start = gf.teacher_student(n=20, d=10, n_test=50)
    >>> flow = gf.Descent(lr=0.01, optimizer=gf.Optimizer.ADAM)
    >>> print(flow.run(start, np.array([0, 100])).train_loss.round(3))
    [0.805 0.002]
    """

    GD = "gd"
    SGD = "sgd"
    ADAM = "adam"
    ADAMW = "adamw"


@dataclass(frozen=True, kw_only=True)
class StepRule:
    """How one step goes from θ to the next, and on which machine; `Descent` is one that runs.

    Parameters
    ----------
    lr : float
        Step size η.
    lam : float
        Weight decay λ.
    optimizer : Optimizer
        The rule of a step.
    batch : int or None
        Number of samples in a step, drawn with replacement; None for all of them.
    label_noise : float
        Noise on the targets of every step, drawn afresh: real targets move by ± this number,
        classes change to another one with this probability.
    log_loss : bool
        Step η/L instead of η: descent on log L, for nets without weight decay (Lyu et al. 2024,
        Figure 4). Goes on when L underflows.
    dtype : torch.dtype
        float32 or float64.
    device : str
        Where torch computes.
    seed : int
        Seed of batches and label noise.

    Examples
    --------
    >>> import grokflow as gf
    >>> isinstance(gf.Descent(lr=0.1), gf.StepRule)
    True
    >>> gf.StepRule(lr=0.1, lam=1e-3, optimizer=gf.Optimizer.SGD, batch=32).batch
    32
    """

    lr: float
    lam: float = 0.0
    optimizer: Optimizer = Optimizer.GD
    batch: int | None = None
    label_noise: float = 0.0
    log_loss: bool = False
    dtype: torch.dtype = torch.float64
    device: str = "cpu"
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse settings that mean nothing."""
        set_members(self, optimizer=Optimizer)
        check_positive("lr", self.lr)
        for name in ("lam", "label_noise"):
            value = getattr(self, name)
            check_number(name, value)
            if not 0 <= value <= sys.float_info.max:
                raise ValueError(f"{name} is {written(value)}, expected 0 or more: choose another")
        if self.batch is not None:
            check_count("batch", self.batch)
        check_seed(self.seed)
        check_flag("log_loss", self.log_loss)
        check_kind("dtype", self.dtype, torch.dtype, "take torch.float32 or torch.float64")
        check_kind("device", self.device, str, "name one, as device='cpu'")
        if (self.optimizer is Optimizer.SGD and self.batch is None) or (
            self.optimizer is Optimizer.GD and self.batch is not None
        ):
            raise ValueError(
                f"batch is {self.batch} for {self.optimizer.value}, expected a size for sgd and "
                "none for gd: change one of them"
            )
        if self.log_loss and (self.lam or self.optimizer not in (Optimizer.GD, Optimizer.SGD)):
            raise ValueError(
                f"log_loss with lam {self.lam:g} and {self.optimizer.value}, expected lam 0 and gd "
                "or sgd: the step η/L is for training without weight decay"
            )
        if self.dtype not in (torch.float32, torch.float64):
            raise ValueError(f"dtype is {self.dtype}, expected float32 or float64: choose one")
