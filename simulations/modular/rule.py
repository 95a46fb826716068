"""The rule by which nets on modular arithmetic are trained, and from where.

The defaults are the paper's (Doshi et al. 2024): AdamW on all training pairs, squares averaged
over pairs and classes, weights N(0, (16N)^{-2/3}), single precision.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import Enum
from typing import NamedTuple

import numpy as np
import torch

from grokflow.simulations.modular.data import CorruptedData
from grokflow.simulations.modular.tensor_program import ModularLoss
from grokflow.theory.arguments import (
    check_count,
    check_kind,
    check_number,
    check_positive,
    set_members,
)
from grokflow.theory.modular.net import ModularActivation, NormKind
from grokflow.theory.modular.operations import Basis
from grokflow.theory.modular.participation import IprConvention
from grokflow.theory.summary import Summarised


class ModularOptimizer(Enum):
    """The rule of a step. Weight decay multiplies weights by 1 - lr·wd in both.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> cell, steps = gf.ModularCell(data=gf.CorruptedTask(p=7).draw()), np.array([100])
    >>> for rule in gf.ModularOptimizer:
    ...     print(rule.value, gf.ModularTraining(optimizer=rule).run(cell, steps).train.round(1))
    adamw [1.]
    gd [0.1]
    """

    ADAMW = "adamw"
    GD = "gd"


class ModularStart(Enum):
    """Scale of weights and outputs at the start.

    DOSHI is that of Doshi et al. (2024), weights ``N(0, (16N)^{-2/3})`` for N neurons; GROMOV is
    that of Gromov (2023), whose outputs are ``f / (2pN)``.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> cell, steps = gf.ModularCell(data=gf.CorruptedTask(p=7).draw()), np.array([0, 1])
    >>> for start in gf.ModularStart:
    ...     print(start.value, gf.ModularTraining(start=start).run(cell, steps).norms[0].round())
    doshi 5.0
    gromov 102.0
    """

    DOSHI = "doshi"
    GROMOV = "gromov"


class IprRecord(NamedTuple):
    """In which order the rows of all nets are read, and of which transform the ratio is.

    `ModularTraining.run` takes it as ``ipr``.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> cell = gf.ModularCell(data=gf.CorruptedTask(p=7).draw())
    >>> record, steps = gf.IprRecord(gf.operation("addition").basis(7)), np.array([0, 10])
    >>> gf.ModularTraining(width=16).run(cell, steps, ipr=record).ipr.shape
    (2,)
    """

    basis: Basis
    convention: IprConvention = IprConvention.ONE_SIDED


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ModularCell(Summarised):
    """One net on modular arithmetic, of many that can be trained beside each other.

    Parameters
    ----------
    data : CorruptedData
        What it learns.
    weight_decay, dropout : float
        Strength of the regularisers. Dropout is the probability that the input of a neuron is set
        to 0 in a step; the others grow by ``1 / (1 - dropout)``.
    alpha : float
        Factor α on the weights at the start.
    seed : int
        Seed of the start, of batches and of dropout, each with random numbers of its own.

    Raises
    ------
    ValueError
        For settings out of range.

    Examples
    --------
    >>> import grokflow as gf
    >>> data = gf.CorruptedTask(p=7, fraction=0.6, corruption=0.25).draw()
    >>> cell = gf.ModularCell(data=data, weight_decay=1.0)
    >>> cell.sizes
    (7, 49, 29)
    """

    data: CorruptedData
    weight_decay: float = 0.0
    dropout: float = 0.0
    alpha: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse other data, and settings that mean nothing."""
        remedy = "draw it with gf.CorruptedTask(p=...).draw()"
        check_kind("data", self.data, CorruptedData, remedy)
        for name in ("weight_decay", "dropout", "alpha", "seed"):
            check_number(name, getattr(self, name))
        if not 0 <= self.weight_decay < np.inf:
            raise ValueError(
                f"weight_decay is {self.weight_decay}, expected a finite number of at least 0: "
                "choose another"
            )
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout is {self.dropout}, expected 0 to below 1: lower it")
        if not 0 < self.alpha < np.inf:
            raise ValueError(
                f"alpha is {self.alpha}, expected a finite number above 0: choose another"
            )
        if self.seed < 0:
            raise ValueError(f"seed is {self.seed}, expected at least 0: choose another seed")

    def _summary(self) -> Mapping[str, object]:
        """Return the sizes of the data, and the settings."""
        names = ("weight_decay", "dropout", "alpha", "seed")
        return {
            "p": self.data.p,
            "training pairs": len(self.data.train),
            "wrong labels": len(self.data.corrupted),
        } | {name: getattr(self, name) for name in names}

    @property
    def problem(self) -> CorruptedData:
        """What it learns."""
        return self.data

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Modulus, number of pairs, number of training pairs."""
        return self.data.p, len(self.data.first), len(self.data.train)

    def settings(self) -> dict[str, object]:
        """Return what reproduces the cell, as JSON holds it."""
        own = {name: getattr(self, name) for name in ("weight_decay", "dropout", "seed")}
        return own | {"scale": self.alpha, "data": dict(self.data.settings)}


@dataclass(frozen=True, kw_only=True)
class ModularRule:
    """How a step is taken and of what size the nets are; all cells of a run share it.

    `ModularTraining` is such a rule that runs.

    Parameters
    ----------
    width : int
        Neurons N.
    lr : float
        Step size.
    activation : ModularActivation
        φ.
    normalisation : NormKind or None
        BatchNorm or LayerNorm after φ.
    loss : ModularLoss
        Squares or cross-entropy.
    batch : int or None
        Number of pairs in a step, drawn without replacement epoch by epoch; None for all of them.
    optimizer : ModularOptimizer
        AdamW with betas (0.9, 0.98), or plain gradient descent.
    start : ModularStart
        Scale of the start.
    dtype : torch.dtype
        float32 or float64.
    device : str
        Where torch computes.

    Examples
    --------
    >>> import grokflow as gf
    >>> isinstance(gf.ModularTraining(width=64), gf.ModularRule)
    True
    >>> print(gf.ModularRule(width=64).settings()["optimizer"])
    adamw
    """

    width: int = 500
    lr: float = 0.01
    activation: ModularActivation = ModularActivation.QUADRATIC
    normalisation: NormKind | None = None
    loss: ModularLoss = ModularLoss.SQUARE
    batch: int | None = None
    optimizer: ModularOptimizer = ModularOptimizer.ADAMW
    start: ModularStart = ModularStart.DOSHI
    dtype: torch.dtype = torch.float32
    device: str = "cpu"

    def __post_init__(self) -> None:
        """Refuse settings that mean nothing."""
        kinds = {"activation": ModularActivation, "loss": ModularLoss}
        set_members(self, **kinds, optimizer=ModularOptimizer, start=ModularStart)
        if self.normalisation is not None:
            set_members(self, normalisation=NormKind)
        for name in ("width", "batch"):
            if name == "width" or self.batch is not None:
                check_count(name, getattr(self, name))
        check_positive("lr", self.lr)
        check_kind("dtype", self.dtype, torch.dtype, "take torch.float32 or torch.float64")
        check_kind("device", self.device, str, "name one, as device='cpu'")
        if self.dtype not in (torch.float32, torch.float64):
            raise ValueError(f"dtype is {self.dtype}, expected float32 or float64: choose one")
        _check_device(self.device)

    def settings(self) -> dict[str, object]:
        """Return what decides the course of a run, as JSON holds it."""
        return {field.name: _plain(getattr(self, field.name)) for field in fields(self)}


def _check_device(device: str) -> None:
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError):
        raise ValueError(
            f"device is {device!r}, expected one that torch finds here: use cpu"
        ) from None


def _plain(value: object) -> object:
    if isinstance(value, torch.dtype):
        return str(value).removeprefix("torch.")
    return value.value if isinstance(value, Enum) else value
