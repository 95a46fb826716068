"""Learning problems for nets: training and test samples with the loss that judges them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from grokflow.theory.nets.losses import NetLoss
from grokflow.theory.summary import Summarised


@dataclass(frozen=True, eq=False, repr=False)
class NetProblem(Summarised):
    """Samples for a net with C outputs, and the loss that judges it.

    Parameters
    ----------
    name : str
        What the problem is called in results.
    loss : NetLoss
        The loss, which fixes the form of the targets.
    x, x_test : Tensor, shapes (m, ...), (k, ...)
        Training and test inputs: float64, or int64 for embeddings.
    y, y_test : Tensor
        Training and test targets, of the form that `grokflow.theory.nets.losses` gives each loss.
    settings : mapping
        What reproduces the problem.
    notes : tuple of str
        What was changed when the data were read.

    Raises
    ------
    ValueError
        For inputs and targets of different numbers, NaN or infinity, and no samples.

    Examples
    --------
    >>> import torch
    >>> import grokflow as gf
    >>> x = torch.eye(4, dtype=torch.float64)
    >>> gf.NetProblem("mine", gf.NET_LOSSES["square"], x, x[:, :1], x, x[:, :1]).m
    4
    """

    name: str
    loss: NetLoss
    x: Tensor
    y: Tensor
    x_test: Tensor
    y_test: Tensor
    settings: Mapping[str, object] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse samples without targets, and numbers that are not finite."""
        for inputs, targets, what in ((self.x, self.y, "x"), (self.x_test, self.y_test, "x_test")):
            if len(inputs) != len(targets):
                raise ValueError(
                    f"{what} has {len(inputs)} samples and {len(targets)} targets, expected one "
                    "target for each: drop the others"
                )
            for array in (inputs, targets):
                if array.is_floating_point() and not bool(torch.isfinite(array).all()):
                    raise ValueError(
                        f"{what} or its targets hold NaN or infinity, expected finite numbers: "
                        "drop those samples"
                    )
        if not len(self.x):
            raise ValueError("x has no samples, expected at least one: add some")

    @property
    def m(self) -> int:
        """Number of training samples."""
        return len(self.x)
