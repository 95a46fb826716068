"""Nets on real tasks: the task by its name, and what is told of its trajectory."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

import numpy as np

from grokflow.simulations.models.net_methods import NetMethod, method_of
from grokflow.simulations.models.options import Options
from grokflow.simulations.models.picture import Picture
from grokflow.simulations.models.protocol import Progress, Request
from grokflow.simulations.models.results import (
    Column,
    Description,
    GeneralisationBound,
    ModelForecast,
    NetTransition,
    PredictedConsequences,
    SimulationResult,
)
from grokflow.simulations.models.table import column, measured_columns, rows_of
from grokflow.simulations.nets.start import NetStart
from grokflow.simulations.nets.tasks.catalogue import TASKS
from grokflow.simulations.nets.trajectory import NetTrajectory
from grokflow.simulations.runs.measure import Measure
from grokflow.simulations.runs.protocols import Trajectory
from grokflow.theory.nets.problem import NetProblem

# The kernel regime ends where θ has left its decaying start by this part of its size.
_DEPARTED = 0.1
# Rows of the table.
_ROWS = 16


@dataclass(frozen=True, eq=False)
class NetRequest(Request):
    """A task, its net, and the method that follows it."""

    problem: NetProblem
    method: NetMethod

    def describe(self, trajectory: Trajectory | None = None) -> Description:
        """Say what it is; norm, degree and settings are those of the trajectory."""
        problem, method = self.problem, self.method
        norm, degree, settings = float("nan"), method.degree, {}
        if isinstance(trajectory, NetTrajectory):
            norm = float(trajectory.norms[0]) if len(trajectory.norms) else norm
            degree, settings = trajectory.degree, dict(trajectory.settings)
        return Description(
            words=self._sentence(),
            problem={"name": problem.name, **problem.settings},
            model=method.model,
            loss=problem.loss.name,
            alpha=method.alpha,
            norm=norm,
            lam=method.lam,
            notes=problem.notes,
            training={"degree": degree, "method": settings},
        )

    def _sentence(self) -> str:
        problem, method = self.problem, self.method
        inputs = "×".join(str(size) for size in problem.x.shape[1:])
        parameters = sum(p.numel() for p in method.start.net.parameters() if p.requires_grad)
        degree = f" (degree {method.degree:g})" if np.isfinite(method.degree) else ""
        scale = "" if method.alpha is None else f", α = {method.alpha:g}"
        return (
            f"{problem.name} ({problem.m} samples of {inputs} inputs, {len(problem.x_test)} to "
            f"test), {problem.loss.name} loss, {method.model} of {parameters} parameters{degree}, "
            f"{method.name}, λ = {method.lam:g}{scale}"
        )

    def forecast(self, progress: Progress) -> ModelForecast | None:
        """Predict nothing: a net's transition has no forecast."""
        return None

    def bounds(self) -> tuple[GeneralisationBound, ...]:
        """Return none."""
        return ()

    def consequences(self, forecast: ModelForecast) -> PredictedConsequences | None:
        """Return none."""
        return None

    def follow(
        self, forecast: ModelForecast | None, measure: frozenset[Measure], progress: Progress
    ) -> NetTrajectory:
        """Follow the net."""
        return self.method.run(measure, progress)

    def result(self, trajectory: Any, forecast: ModelForecast | None) -> SimulationResult:
        """Return what is told of a trajectory, in steps and in slow time."""
        when = transition_after_fit(trajectory, self.problem)
        kernel_end = trajectory.kernel_regime_end(_DEPARTED)
        return SimulationResult(
            self.describe(trajectory),
            {
                "lambda_t": trajectory.lambda_t,
                "steps": trajectory.steps,
                "log10_t": trajectory.log_t / np.log(10),
            },
            trajectory.curves(),
            when,
            trajectory.work._asdict(),
            _table(trajectory),
            _remarks(trajectory, when, kernel_end),
            {"kernel_regime_end": kernel_end},
        )

    def picture(self, trajectory: Any, forecast: ModelForecast | None) -> Picture | None:
        """Return curves over λt, or over steps without weight decay."""
        if len(trajectory.steps) < 2:
            return None
        when = transition_after_fit(trajectory, self.problem)
        return net_picture(trajectory, when.lambda_t, when.steps, self.problem.name)


def net_request(options: Options) -> NetRequest:
    """Build task and method.

    Raises
    ------
    ValueError
        For settings that the task does not have, and options of another kind of model.
    """
    for name, idle in (("norm", None), ("depth", 2), ("loss", None)):
        if (value := getattr(options, name)) != idle:
            raise ValueError(
                f"--{name} {value} found, expected none for {options.problem}: use --alpha, "
                "and --set for the net and its loss"
            )
    start = _task(options)
    return NetRequest(start.problem, method_of(options, start))


def _task(options: Options) -> NetStart:
    """Make the task with its settings, and α as the scale of its start.

    The flow takes α itself, and the task at scale 1.
    """
    name = options.problem
    make = TASKS[name]
    known = inspect.signature(make).parameters
    settings: dict[str, Any] = {}
    for pair in options.set:
        key, _, text = pair.partition("=")
        if key not in known:
            raise ValueError(f"{name} has no key {key!r}, expected {', '.join(known)}: pick one")
        settings[key] = _value(key, text, str(known[key].annotation))
    key = "alpha" if "alpha" in known else "scale"
    if options.training.optimizer == "flow":
        if key in settings:
            raise ValueError(f"{key} set for the flow, expected --alpha: use --alpha instead")
        if key == "scale" and key in known:
            settings[key] = 1.0
    elif options.alpha is not None:
        if key not in known:
            raise ValueError(f"{name} has no scale, expected no --alpha: leave it out")
        settings[key] = options.alpha
    return make(**settings)


def _value(key: str, text: str, kind: str) -> object:
    """Return the text of a key as what the task takes."""
    if kind == "str":
        return text
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if not np.isfinite(value) or (kind == "int" and value != int(value)):
        wanted = "a whole number" if kind == "int" else "a number"
        raise ValueError(f"{key} is {text!r}, expected {wanted}: for example {key}=1")
    return int(value) if kind == "int" else value


def transition_after_fit(trajectory: NetTrajectory, problem: NetProblem) -> NetTransition:
    """Return when the test error leaves its value at the first fit for its last one.

    All are NaN where the training set is not fitted, or the difference is within four standard
    errors of the test set; for real targets, within a hundredth of the error, as for a fit.
    """
    at = trajectory.fitted()
    nothing = NetTransition(*[float("nan")] * len(NetTransition._fields))
    if at >= len(trajectory.steps):
        return nothing
    early, late = float(trajectory.test_error[at]), float(trajectory.test_error[-1])
    spread = max(p * (1 - p) for p in (early, late)) / max(1, len(problem.x_test))
    noise = 4 * np.sqrt(spread) if trajectory.classification else 0.01 * max(early, late)
    if abs(early - late) <= noise:
        return nothing
    step, width = trajectory.transition_step(early, late)
    if np.isnan(step):
        return nothing
    slow = float(np.interp(step, trajectory.steps, trajectory.lambda_t))
    lambda_t = slow if trajectory.lambda_t[-1] else float("nan")
    return NetTransition(lambda_t, step, width, early, late)


def net_picture(trajectory: NetTrajectory, lambda_t: float, step: float, title: str) -> Picture:
    """Return the curves of a net, over λt, or over steps where λ is 0.

    `lambda_t` and `step` are the time of the transition, NaN for none.
    """
    curves = trajectory.curves()
    kind = "accuracy" if trajectory.classification else "error"
    slow = bool(trajectory.lambda_t[-1] > 0)
    return Picture(
        trajectory.lambda_t if slow else trajectory.steps.astype(np.float64),
        curves[f"train_{kind}"],
        curves[f"test_{kind}"],
        kind if trajectory.classification else "mean squared error",
        title,
        simulated=lambda_t if slow else step,
        clock=("λt", "slow time λt") if slow else ("step", "steps"),
        measured=trajectory.measured,
    )


def _table(trajectory: NetTrajectory) -> tuple[Column, ...]:
    """Return steps, times, results, loss, norm, and what was measured."""
    kind = "accuracy" if trajectory.classification else "error"
    curves, rows = trajectory.curves(), rows_of(len(trajectory.steps), _ROWS)
    return (
        column("steps", 10, "d", trajectory.steps[rows]),
        column("λt", 10, ".4g", trajectory.lambda_t[rows]),
        column(f"train {kind}", 14, ".4g", curves[f"train_{kind}"][rows]),
        column(f"test {kind}", 14, ".4g", curves[f"test_{kind}"][rows]),
        column("train loss", 12, ".3e", trajectory.train_loss[rows]),
        column("‖θ‖", 10, ".4g", trajectory.norms[rows]),
        *measured_columns(curves, rows),
    )


def _remarks(trajectory: NetTrajectory, when: NetTransition, kernel_end: float) -> tuple[str, ...]:
    """Say the transition, the end of the kernel regime, and the work."""
    lines = []
    if np.isfinite(when.steps):
        lines.append(
            f"transition at step {when.steps:.0f} (λt* = {when.lambda_t:.3g}), width "
            f"{when.width:.0f} steps, from test error {when.early:.3g} to {when.late:.3g}"
        )
    if np.isfinite(kernel_end):
        lines.append(f"kernel regime until λt = {kernel_end:.3g}")
    work = trajectory.work
    return (*lines, f"{work.gradient_evaluations} gradients, {work.seconds:.2f} s")
