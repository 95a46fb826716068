"""Measures a net along its training, on demand."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from grokflow.simulations.runs.measure import Measure
from grokflow.theory.nets.early_predictor import early_direction
from grokflow.theory.nets.losses import TargetForm
from grokflow.theory.nets.module_map import ModuleMap
from grokflow.theory.nets.problem import NetProblem
from grokflow.theory.nets.state import (
    distance_to,
    kernel_drift,
    kkt_bound,
    parameter_ranks,
    stationarity,
)

# Training inputs on which the kernel is watched, and test inputs on which outputs are compared.
_KERNEL_PROBES = 32
_OUTPUT_PROBES = 256


@dataclass(eq=False)
class NetMeasuring:
    """Computes the quantities that were asked for, and keeps outputs for those known at the end.

    The kernel is that of the first 32 training inputs, distances are between outputs at the first
    256 test inputs, of the directions for classification. Theory knows the late predictor of a net
    as a KKT point only: LATE is the distance to the last state, whose KKT residual says how near
    to one it is.

    Parameters
    ----------
    wanted : frozenset of Measure
        What to compute.
    net : ModuleMap
        The net, at θ̄.
    problem : NetProblem
        Its samples, on its device.
    memory : int
        Bytes for the gradients of all outputs and their Gram matrix.
    """

    wanted: frozenset[Measure]
    net: ModuleMap
    problem: NetProblem
    memory: int = 2**31
    outputs: list[Tensor] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Refuse what does not fit in memory, and find the early predictor."""
        self.probes = self.problem.x_test[:_OUTPUT_PROBES]
        if self.wanted & {Measure.EARLY, Measure.LATE} and not len(self.probes):
            raise ValueError(
                "distances are between outputs on the test set, expected a test set: add one, or "
                "do not ask for early and late"
            )
        if self.wanted & {Measure.EARLY, Measure.KKT}:
            self._check_memory()
        if Measure.EARLY in self.wanted:
            h = early_direction(self.net, self.problem, self.memory)
            at = self.net.linearise(self.net.theta, self.probes)
            self.early = at.push(h).cpu().numpy()

    def at(self, theta: Tensor, scale: float) -> dict[str, float]:
        """Return what was asked for at θ, where pure decay would have led to ``scale θ̄``."""
        net, problem, wanted = self.net, self.problem, self.wanted
        found: dict[str, float] = {}
        if Measure.KKT in wanted:
            kkt = stationarity(net, problem, theta)
            found |= {"kkt_residual": kkt.residual, "kkt_slackness": kkt.slackness}
        if Measure.KKT_BOUND in wanted:
            at = net.linearise(theta, problem.x)
            pull = at.pull(-problem.loss.gradient(at.f, problem.y))
            found["kkt_bound"] = kkt_bound(problem.loss, pull, theta)
        if Measure.DRIFT in wanted:
            found["kernel_drift"] = kernel_drift(net, theta, problem.x[:_KERNEL_PROBES], scale)
        if Measure.RANK in wanted:
            ranks = parameter_ranks(net, theta)
            found |= {f"effective_rank_{name}": rank for name, rank in ranks.items()}
        if self.wanted & {Measure.EARLY, Measure.LATE}:
            f = net.outputs(theta, self.probes).cpu()
            if Measure.EARLY in wanted:
                found["early_distance"] = distance_to(f, self.early, self._normalised)
            if Measure.LATE in wanted:
                self.outputs.append(f)
        return found

    def late_distances(self, count: int) -> np.ndarray:
        """Return the distances of the first `count` states from the last of them, (count,)."""
        states = self.outputs[:count]
        return np.array([distance_to(f, states[-1].numpy(), self._normalised) for f in states])

    @property
    def _normalised(self) -> bool:
        return self.problem.loss.target_form is not TargetForm.VALUES

    def _check_memory(self) -> None:
        """Refuse to hold the gradients of more outputs than there is room for."""
        with torch.no_grad():
            c = self.net.outputs(self.net.theta, self.problem.x[:1]).shape[1]
        classes = self.problem.loss.target_form is TargetForm.CLASSES
        rows = self.problem.m * (c - 1 if classes else c)
        needed = 16 * rows * (len(self.net.theta) + rows)
        if needed > self.memory:
            raise ValueError(
                f"{rows} gradients of {len(self.net.theta)} parameters and their kernel take "
                f"{needed:.1e} bytes, expected at most {self.memory:.1e}: measure kkt-bound "
                "instead of kkt, leave out early, or raise the memory"
            )
