"""The ways to follow a net: step by step as the papers train, or by the flow."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, Protocol, TypeVar, runtime_checkable

import numpy as np
import torch
from torch import nn

from grokflow.commands.shared.output import output_times
from grokflow.simulations.nets.explicit.chebyshev_flow import ChebyshevFlow
from grokflow.simulations.nets.explicit.descent import Descent
from grokflow.simulations.nets.explicit.step_rule import Optimizer
from grokflow.simulations.nets.implicit.flow import NetFlow
from grokflow.simulations.nets.recorder import measured_degree
from grokflow.simulations.nets.start import NetStart
from grokflow.simulations.nets.trajectory import NetTrajectory
from grokflow.simulations.runs.checkpoint import Checkpoint
from grokflow.simulations.runs.measure import Measure
from grokflow.simulations.runs.steps import record_steps
from grokflow.theory.nets.module_map import NetMap
from grokflow.theory.nets.symmetrised import Symmetrised

_BATCH = 32
Rule = TypeVar("Rule", Descent, ChebyshevFlow)


@dataclass(frozen=True)
class Defaults:
    """Settings with which a task shows its delay within about a minute.

    The scale of the start and λ of the flow are `alpha` and `flow_lam`.
    """

    optimizer: str
    lr: float
    lam: float
    steps: int
    alpha: float = 1.0
    flow_lam: float = 1e-4


DEFAULTS = {
    "modular-addition": Defaults("adamw", 1e-2, 1.0, 3000, alpha=4.0),
    "xor": Defaults("gd", 0.1, 0.0, 400),
    "digits": Defaults("adamw", 3e-3, 0.1, 6000, alpha=4.0),
    "polynomial": Defaults("gd", 40.0, 0.0, 8000),
    "teacher-student": Defaults("gd", 0.02, 0.0, 5000),
}


@runtime_checkable
class Method(Protocol):
    """A way to follow the net of a task."""

    @property
    def name(self) -> str:
        """What it is, for the head of the results."""

    @property
    def net(self) -> nn.Module:
        """The net that is followed, at its start over α."""

    @property
    def model(self) -> str:
        """What kind of net it is."""

    @property
    def degree(self) -> float:
        """Degree of homogeneity, measured at the door; NaN where it does not matter."""

    @property
    def alpha(self) -> float | None:
        """The scale of the start."""

    @property
    def lam(self) -> float:
        """Weight decay."""

    def run(self, measure: frozenset[Measure], progress: Callable[[float], None]) -> NetTrajectory:
        """Follow the net."""


@dataclass(frozen=True, eq=False)
class Trained(Generic[Rule]):
    """The net of a task as it is, by a rule that keeps checkpoints, recorded at some places."""

    task: NetStart
    rule: Rule
    places: np.ndarray
    checkpoint: Checkpoint | None

    @property
    def net(self) -> nn.Module:
        """The net of the task."""
        return self.task.net

    @property
    def model(self) -> str:
        """Its class."""
        return type(self.net).__name__

    @property
    def degree(self) -> float:
        """Not measured: nets need not be homogeneous."""
        return float("nan")

    @property
    def alpha(self) -> float | None:
        """The scale that the task was made with."""
        return scale_of(self.task)

    @property
    def lam(self) -> float:
        """Weight decay."""
        return self.rule.lam

    def run(self, measure: frozenset[Measure], progress: Callable[[float], None]) -> NetTrajectory:
        """Follow the net."""
        return self.rule.run(
            self.task,
            self.places,
            measure=measure,
            checkpoint=self.checkpoint,
            progress=progress,
        )


class StepByStep(Trained[Descent]):
    """Gradient descent, SGD, Adam or AdamW; recorded after some steps."""

    @classmethod
    def of(cls, arguments: argparse.Namespace, task: NetStart, defaults: Defaults) -> StepByStep:
        """Return the method that was asked for."""
        _refuse(arguments, until=None, rtol=None)
        optimizer = Optimizer(arguments.optimizer or defaults.optimizer)
        batch = arguments.batch
        if optimizer is Optimizer.SGD and batch is None:
            batch = _BATCH
        lam = defaults.lam if arguments.lam is None else arguments.lam
        decays = not (arguments.log_loss or arguments.no_decay)
        if not decays and arguments.lam is not None:
            raise ValueError(
                f"--lam {arguments.lam:g} found with --no-decay or --log-loss, which set it to 0, "
                "expected one of them: leave the other out"
            )
        descent = Descent(
            lr=arguments.lr or defaults.lr,
            lam=lam if decays else 0.0,
            optimizer=optimizer,
            batch=batch,
            label_noise=arguments.label_noise,
            log_loss=arguments.log_loss,
            dtype=torch.float64 if arguments.double else torch.float32,
        )
        steps = record_steps(arguments.steps or defaults.steps, arguments.points)
        return cls(task, descent, steps, _checkpoint(arguments))

    @property
    def name(self) -> str:
        """The optimiser and its step."""
        return f"{self.rule.optimizer.value}, η = {self.rule.lr:g}"


@dataclass(frozen=True, eq=False)
class Flow:
    """The gradient flow from α times the net of the task, made to start with output 0."""

    task: NetStart
    flow: NetFlow
    alpha: float
    times: np.ndarray

    @classmethod
    def of(cls, arguments: argparse.Namespace, task: NetStart, defaults: Defaults) -> Flow:
        """Return the method that was asked for; the task is made at scale 1."""
        _refuse(
            arguments, lr=None, steps=None, batch=None, label_noise=0.0, no_decay=False,
            log_loss=False, double=False, checkpoint=None,
        )  # fmt: skip
        lam = defaults.flow_lam if arguments.lam is None else arguments.lam
        alpha = arguments.alpha or defaults.alpha
        flow = NetFlow(lam=lam, rtol=arguments.rtol or 1e-2, thin=0)
        return cls(task, flow, alpha, output_times(alpha, float("nan"), arguments))

    @property
    def name(self) -> str:
        """The flow and its tolerance."""
        return f"gradient flow, tolerance {self.flow.rtol:g}"

    @cached_property
    def net(self) -> nn.Module:
        """The net of the task if its outputs are 0 at the start, else the difference of two."""
        net = self.task.net
        with torch.no_grad():
            outputs = net(self.task.problem.x)
        return Symmetrised(net) if bool(outputs.any()) else net

    @property
    def model(self) -> str:
        """The net, and whether it is symmetrised."""
        plain = type(self.task.net).__name__
        return plain if self.net is self.task.net else f"symmetrised {plain}"

    @cached_property
    def degree(self) -> float:
        """Degree of homogeneity; ValueError for nets that have none."""
        return measured_degree(NetMap.of(self.net), self.task.problem.x, self.flow.memory)

    @property
    def lam(self) -> float:
        """Weight decay."""
        return self.flow.lam

    def run(self, measure: frozenset[Measure], progress: Callable[[float], None]) -> NetTrajectory:
        """Follow the flow."""
        return self.flow.run(
            NetStart(self.net, self.task.problem, self.alpha),
            self.times,
            measure=measure,
            progress=progress,
        )


class Stabilised(Trained[ChebyshevFlow]):
    """The flow by explicit steps, for nets with kinks; recorded at some slow times."""

    @classmethod
    def of(cls, arguments: argparse.Namespace, task: NetStart, defaults: Defaults) -> Stabilised:
        """Return the method that was asked for."""
        _refuse(
            arguments, lr=None, rtol=None, batch=None, label_noise=0.0, no_decay=False,
            log_loss=False,
        )  # fmt: skip
        flow = ChebyshevFlow(
            lam=defaults.flow_lam if arguments.lam is None else arguments.lam,
            dtype=torch.float64 if arguments.double else torch.float32,
            max_steps=arguments.steps or ChebyshevFlow.max_steps,
        )
        times = output_times(scale_of(task) or 1.0, float("nan"), arguments)
        return cls(task, flow, times, _checkpoint(arguments))

    @property
    def name(self) -> str:
        """The flow and its longest step."""
        return f"gradient flow by Chebyshev steps of at most λη = {self.rule.longest:g}"


def scale_of(task: NetStart) -> float | None:
    """Return the scale of the start that a task was made with, None where it has none."""
    settings = task.problem.settings
    found = settings.get("scale", settings.get("alpha"))
    return None if found is None else float(str(found))


def _checkpoint(arguments: argparse.Namespace) -> Checkpoint | None:
    return Checkpoint(arguments.checkpoint) if arguments.checkpoint else None


def method_of(arguments: argparse.Namespace, task: NetStart) -> Method:
    """Return the method that was asked for on the command line."""
    ways: dict[str, type[Flow | Stabilised]] = {"flow": Flow, "chebyshev": Stabilised}
    kind = ways.get(arguments.optimizer, StepByStep)
    return kind.of(arguments, task, DEFAULTS[arguments.problem])


def _refuse(arguments: argparse.Namespace, **unused: object) -> None:
    """Refuse options of the other way."""
    for option, default in unused.items():
        value = getattr(arguments, option)
        if value != default:
            kind = {"flow": "the flow", "chebyshev": "Chebyshev steps"}.get(
                arguments.optimizer, "training step by step"
            )
            raise ValueError(
                f"--{option.replace('_', '-')} {value} found, expected none for {kind}: leave it "
                "out, or choose another --optimizer"
            )
