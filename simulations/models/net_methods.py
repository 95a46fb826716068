"""The ways to follow a net: step by step as the papers train, or by the flow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, Protocol, TypeVar, runtime_checkable

import numpy as np

from grokflow.simulations.models.options import Options
from grokflow.simulations.nets.explicit.chebyshev_flow import ChebyshevFlow
from grokflow.simulations.nets.explicit.descent import Descent
from grokflow.simulations.nets.explicit.step_rule import Optimizer
from grokflow.simulations.nets.implicit.flow import NetFlow
from grokflow.simulations.nets.modules import precision, starting_at_zero
from grokflow.simulations.nets.recorder import measured_degree
from grokflow.simulations.nets.start import NetStart
from grokflow.simulations.nets.trajectory import NetTrajectory
from grokflow.simulations.runs.checkpoint import Checkpoint
from grokflow.simulations.runs.measure import Measure
from grokflow.simulations.runs.steps import record_steps
from grokflow.theory.nets.module_map import ModuleMap

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
class NetMethod(Protocol):
    """A way to follow the net of a task."""

    @property
    def name(self) -> str:
        """What it is, for the head of the results."""

    @property
    def start(self) -> NetStart:
        """The net that is followed, at its start over α, and its task."""

    @property
    def model(self) -> str:
        """What kind of net it is."""

    @property
    def degree(self) -> float:
        """Degree of homogeneity, measured before the run; NaN where it does not matter."""

    @property
    def alpha(self) -> float | None:
        """The scale of the start."""

    @property
    def lam(self) -> float:
        """Weight decay."""

    def run(self, measure: frozenset[Measure], progress: Callable[[float], None]) -> NetTrajectory:
        """Follow the net."""


@dataclass(frozen=True, eq=False)
class RuleMethod(Generic[Rule]):
    """The net of a task as it is, by a rule that keeps checkpoints, recorded at some places."""

    start: NetStart
    rule: Rule
    places: np.ndarray
    checkpoint: Checkpoint | None

    @property
    def model(self) -> str:
        """Its class."""
        return type(self.start.net).__name__

    @property
    def degree(self) -> float:
        """Not measured: nets need not be homogeneous."""
        return float("nan")

    @property
    def alpha(self) -> float | None:
        """The scale that the task was made with."""
        return scale_of(self.start)

    @property
    def lam(self) -> float:
        """Weight decay."""
        return self.rule.lam

    def run(self, measure: frozenset[Measure], progress: Callable[[float], None]) -> NetTrajectory:
        """Follow the net."""
        return self.rule.run(
            self.start,
            self.places,
            measure=measure,
            checkpoint=self.checkpoint,
            progress=progress,
        )


class StepByStep(RuleMethod[Descent]):
    """Gradient descent, SGD, Adam or AdamW; recorded after some steps."""

    @classmethod
    def of(cls, options: Options, task: NetStart, defaults: Defaults) -> StepByStep:
        """Return the method that was asked for."""
        _refuse(options, "until", "rtol")
        training = options.training
        optimizer = Optimizer(training.optimizer or defaults.optimizer)
        batch = training.batch
        if optimizer is Optimizer.SGD and batch is None:
            batch = _BATCH
        lam = defaults.lam if options.lam is None else options.lam
        decays = not (training.log_loss or training.no_decay)
        if not decays and options.lam is not None:
            raise ValueError(
                f"--lam {options.lam:g} found with --no-decay or --log-loss, which set it to 0, "
                "expected one of them: leave the other out"
            )
        descent = Descent(
            lr=training.lr or defaults.lr,
            lam=lam if decays else 0.0,
            optimizer=optimizer,
            batch=batch,
            label_noise=training.label_noise,
            log_loss=training.log_loss,
            dtype=precision(training.double),
        )
        steps = record_steps(training.steps or defaults.steps, options.points)
        return cls(task, descent, steps, _checkpoint(options))

    @property
    def name(self) -> str:
        """The optimiser and its step."""
        return f"{self.rule.optimizer.value}, η = {self.rule.lr:g}"


@dataclass(frozen=True, eq=False)
class ImplicitFlow:
    """The gradient flow from α times the net of the task, made to start with output 0."""

    task: NetStart
    flow: NetFlow
    alpha: float
    times: np.ndarray

    @classmethod
    def of(cls, options: Options, task: NetStart, defaults: Defaults) -> ImplicitFlow:
        """Return the method that was asked for; the task is made at scale 1."""
        _refuse(
            options, "lr", "steps", "batch", "label_noise", "no_decay", "log_loss", "double",
            "checkpoint",
        )  # fmt: skip
        lam = defaults.flow_lam if options.lam is None else options.lam
        alpha = options.alpha or defaults.alpha
        flow = NetFlow(lam=lam, rtol=options.training.rtol or 1e-2, thin=0)
        return cls(task, flow, alpha, options.times(alpha, float("nan")))

    @property
    def name(self) -> str:
        """The flow and its tolerance."""
        return f"gradient flow, tolerance {self.flow.rtol:g}"

    @cached_property
    def start(self) -> NetStart:
        """The net of the task if its outputs are 0 at the start, else the difference of two."""
        net = starting_at_zero(self.task.net, self.task.problem.x)
        return NetStart(net, self.task.problem, self.alpha)

    @property
    def model(self) -> str:
        """The net, and whether it is symmetrised."""
        plain = type(self.task.net).__name__
        return plain if self.start.net is self.task.net else f"symmetrised {plain}"

    @cached_property
    def degree(self) -> float:
        """Degree of homogeneity; ValueError for nets that have none."""
        return measured_degree(ModuleMap.of(self.start.net), self.task.problem.x, self.flow.memory)

    @property
    def lam(self) -> float:
        """Weight decay."""
        return self.flow.lam

    def run(self, measure: frozenset[Measure], progress: Callable[[float], None]) -> NetTrajectory:
        """Follow the flow."""
        return self.flow.run(self.start, self.times, measure=measure, progress=progress)


class ChebyshevSteps(RuleMethod[ChebyshevFlow]):
    """The flow by explicit steps, for nets with kinks; recorded at some slow times."""

    @classmethod
    def of(cls, options: Options, task: NetStart, defaults: Defaults) -> ChebyshevSteps:
        """Return the method that was asked for."""
        _refuse(options, "lr", "rtol", "batch", "label_noise", "no_decay", "log_loss")
        flow = ChebyshevFlow(
            lam=defaults.flow_lam if options.lam is None else options.lam,
            dtype=precision(options.training.double),
            max_steps=options.training.steps or ChebyshevFlow.max_steps,
        )
        times = options.times(scale_of(task) or 1.0, float("nan"))
        return cls(task, flow, times, _checkpoint(options))

    @property
    def name(self) -> str:
        """The flow and its longest step."""
        return f"gradient flow by Chebyshev steps of at most λη = {self.rule.longest:g}"


def scale_of(task: NetStart) -> float | None:
    """Return the scale of the start that a task was made with, None where it has none."""
    settings = task.problem.settings
    found = settings.get("scale", settings.get("alpha"))
    return None if found is None else float(str(found))


def method_of(options: Options, task: NetStart) -> NetMethod:
    """Return the method that was asked for."""
    ways: dict[str, type[ImplicitFlow | ChebyshevSteps]] = {
        "flow": ImplicitFlow,
        "chebyshev": ChebyshevSteps,
    }
    way = ways.get(options.training.optimizer or "", StepByStep)
    return way.of(options, task, DEFAULTS[options.problem])


def _checkpoint(options: Options) -> Checkpoint | None:
    path = options.training.checkpoint
    return Checkpoint(path) if path else None


def _refuse(options: Options, *unused: str) -> None:
    """Refuse options of the other ways."""
    asked = options.training.asked()
    if options.until is not None:
        asked["until"] = options.until
    for name in unused:
        if name in asked:
            kind = {"flow": "the flow", "chebyshev": "Chebyshev steps"}.get(
                options.training.optimizer or "", "training step by step"
            )
            raise ValueError(
                f"--{name.replace('_', '-')} {asked[name]} found, expected none for {kind}: leave "
                "it out, or choose another --optimizer"
            )
