"""From where a net of torch is followed."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn

from grokflow.theory.arguments import check_data, check_kind, check_number
from grokflow.theory.nets.problem import NetProblem
from grokflow.theory.summary import Summarised


@dataclass(frozen=True, eq=False, repr=False)
class NetStart(Summarised):
    """A net at ``θ(0) = α θ̄``, and what it learns.

    Parameters
    ----------
    net : nn.Module
        The net at θ̄. It maps m inputs to outputs of shape (m,) or (m, C), each input by itself.
        It is not changed.
    problem : NetProblem
        Samples and loss.
    alpha : float
        Scale α of the trained parameters.

    Examples
    --------
    >>> import grokflow as gf
    >>> task = gf.teacher_student(n=20, d=10, n_test=50)
    >>> start = gf.NetStart(task.net, task.problem, alpha=10.0)
    >>> ratio = start.scaled_net().weights[0] / task.net.weights[0]
    >>> print(f"{ratio.mean():.1f}")
    10.0
    """

    net: nn.Module
    problem: NetProblem
    alpha: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what is no net, other problems, and a scale that is none."""
        check_kind("net", self.net, nn.Module, "write it as a module of torch")
        check_data(self.problem, NetProblem)
        check_number("alpha", self.alpha)
        if not 0 < self.alpha < math.inf:
            raise ValueError(f"alpha is {self.alpha}, expected a positive number: choose one")

    def _summary(self) -> Mapping[str, object]:
        """Return what the net is, what it learns, and from where."""
        trained = (item for item in self.net.parameters() if item.requires_grad)
        return {
            "net": type(self.net).__name__,
            "trained parameters": sum(item.numel() for item in trained),
            "problem": self.problem.name,
            "alpha": self.alpha,
        }

    def scaled_net(self) -> nn.Module:
        """Return a copy of the net with its trained parameters times α."""
        net = copy.deepcopy(self.net)
        with torch.no_grad():
            for parameter in net.parameters():
                if parameter.requires_grad:
                    parameter.mul_(self.alpha)
        return net
