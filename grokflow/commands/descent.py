"""``grokflow simulate`` for nets on real tasks: gradient descent, SGD, Adam and AdamW."""

from __future__ import annotations

import argparse
import inspect
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from grokflow.progress import bar
from simulations.checkpoint import Checkpoint
from simulations.descent import (
    Descent,
    DescentInterrupted,
    DescentStopped,
    Optimizer,
    record_steps,
)
from simulations.net_trajectory import NetTrajectory
from simulations.records import jsonable, net_dataset, write, write_json, write_whole
from simulations.tasks import TASKS, Task
from theory.net_problems import NetProblem

_BATCH = 32


@dataclass(frozen=True)
class Defaults:
    """Settings with which a task shows its delay within about a minute."""

    optimizer: str
    lr: float
    lam: float
    steps: int


DEFAULTS = {
    "modular-addition": Defaults("adamw", 1e-2, 1.0, 3000),
    "xor": Defaults("gd", 0.1, 0.0, 400),
    "digits": Defaults("adamw", 3e-3, 0.1, 6000),
    "polynomial": Defaults("gd", 40.0, 0.0, 8000),
    "teacher-student": Defaults("gd", 0.02, 0.0, 5000),
}


def run(arguments: argparse.Namespace) -> int:
    """Train, print, and write what was asked for, also of a run that was stopped."""
    name = str(arguments.problem)
    _refuse_flow_options(arguments)
    method, steps = _method(arguments, DEFAULTS[name])
    checkpoint = Checkpoint(arguments.checkpoint) if arguments.checkpoint else None
    task = _task(name, arguments)
    print(_describe(task, method))
    try:
        with bar() as show:
            trajectory = method.run(
                task.net,
                task.problem,
                record_steps(steps, arguments.points),
                checkpoint=checkpoint,
                progress=lambda fraction: show("training", fraction),
            )
    except (DescentInterrupted, DescentStopped) as stopped:
        _report(arguments, task, method, stopped.trajectory)
        raise
    _report(arguments, task, method, trajectory)
    return 0


def _refuse_flow_options(arguments: argparse.Namespace) -> None:
    for option, default in (("norm", None), ("depth", 2), ("loss", None), ("until", None)):
        value = getattr(arguments, option)
        if value != default:
            raise ValueError(
                f"--{option} {value} found, expected none for {arguments.problem}: use --alpha, "
                "--steps, and --set for the net and its loss"
            )


def _method(arguments: argparse.Namespace, defaults: Defaults) -> tuple[Descent, int]:
    """Return the method that was asked for, and its last step."""
    optimizer = Optimizer(arguments.optimizer or defaults.optimizer)
    batch = arguments.batch
    if optimizer is Optimizer.SGD and batch is None:
        batch = _BATCH
    lam = defaults.lam if arguments.lam is None else arguments.lam
    method = Descent(
        lr=arguments.lr or defaults.lr,
        lam=0.0 if arguments.log_loss or arguments.no_decay else lam,
        optimizer=optimizer,
        batch=batch,
        label_noise=arguments.label_noise,
        log_loss=arguments.log_loss,
        dtype=torch.float64 if arguments.double else torch.float32,
    )
    return method, arguments.steps or defaults.steps


def _task(name: str, arguments: argparse.Namespace) -> Task:
    """Make the task with the keys of --set, and --alpha as the scale of its start."""
    make = TASKS[name]
    known = inspect.signature(make).parameters
    settings: dict[str, Any] = {}
    for pair in arguments.set:
        key, _, text = pair.partition("=")
        if key not in known:
            raise ValueError(f"{name} has no key {key!r}, expected {', '.join(known)}: pick one")
        settings[key] = _value(key, text, str(known[key].annotation))
    if arguments.alpha is not None:
        key = "alpha" if "alpha" in known else "scale"
        if key not in known:
            raise ValueError(f"{name} has no scale, expected no --alpha: leave it out")
        settings[key] = arguments.alpha
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


def _describe(task: Task, method: Descent) -> str:
    problem = task.problem
    inputs = "×".join(str(size) for size in problem.x.shape[1:])
    parameters = sum(p.numel() for p in task.net.parameters() if p.requires_grad)
    return (
        f"{problem.name} ({problem.m} samples of {inputs} inputs, {len(problem.x_test)} to test), "
        f"{problem.loss.name} loss, net of {parameters} parameters, {method.optimizer.value}, "
        f"η = {method.lr:g}, λ = {method.lam:g}"
    )


def _report(
    arguments: argparse.Namespace, task: Task, method: Descent, trajectory: NetTrajectory
) -> None:
    """Print the curves and write the files."""
    when = _transition(trajectory, task.problem)
    print("\n".join(_lines(trajectory, when)))
    content = _header(task, method, trajectory)
    if arguments.json:
        write_json(arguments.json, content | _body(trajectory, when))
    if arguments.out:
        settings = jsonable(content)
        write(arguments.out, net_dataset(trajectory, dict(settings)))  # type: ignore[call-overload]
    if arguments.plot and len(trajectory.steps) > 1:
        from figures.curves import data_of_net, draw
        from figures.style import save

        figure = draw(data_of_net(trajectory, when["lambda_t"], when["steps"], task.problem.name))
        write_whole(arguments.plot, lambda target: save(figure, target))


def _transition(trajectory: NetTrajectory, problem: NetProblem) -> dict[str, float]:
    """Return when the test error leaves its value at the first fit for its last one.

    All are NaN where the training set is not fitted, or the difference is within four standard
    errors of the test set.
    """
    at = trajectory.fitted()
    keys = ("lambda_t", "steps", "width", "early", "late")
    nothing = dict.fromkeys(keys, float("nan"))
    if at >= len(trajectory.steps):
        return nothing
    early, late = float(trajectory.test_error[at]), float(trajectory.test_error[-1])
    spread = max(p * (1 - p) for p in (early, late)) if trajectory.classification else 0.0
    if abs(early - late) <= 4 * np.sqrt(spread / max(1, len(problem.x_test))):
        return nothing
    step, width = trajectory.transition_step(early, late)
    if np.isnan(step):
        return nothing
    slow = float(np.interp(step, trajectory.steps, trajectory.lambda_t))
    lambda_t = slow if trajectory.lambda_t[-1] else float("nan")
    return dict(zip(keys, (lambda_t, step, width, early, late), strict=True))


def _header(task: Task, method: Descent, trajectory: NetTrajectory) -> dict[str, Any]:
    problem = task.problem
    return {
        "problem": {"name": problem.name, **problem.settings},
        "notes": list(problem.notes),
        "model": type(task.net).__name__,
        "alpha": problem.settings.get("scale", problem.settings.get("alpha")),
        "norm": float(trajectory.norms[0]) if len(trajectory.norms) else float("nan"),
        "lam": method.lam,
        "loss": problem.loss.name,
        "method": {**trajectory.settings},
    }


def _body(trajectory: NetTrajectory, when: dict[str, float]) -> dict[str, Any]:
    axes = {
        "lambda_t": trajectory.lambda_t,
        "steps": trajectory.steps,
        "log10_t": trajectory.log_t / np.log(10),
    }
    solver = trajectory.work._asdict()
    return axes | trajectory.curves() | {"transition": when, "solver": solver}


def _lines(trajectory: NetTrajectory, when: dict[str, float]) -> list[str]:
    """Return a short table of the curves, the transition and the work."""
    kind = "accuracy" if trajectory.classification else "error"
    curves = trajectory.curves()
    lines = [
        f"{'steps':>10} {'λt':>10} {'train ' + kind:>14} {'test ' + kind:>14} "
        f"{'train loss':>12} {'‖θ‖':>10}"
    ]
    last = len(trajectory.steps) - 1
    for i in np.unique(np.linspace(0, last, 16).astype(int)) if last >= 0 else ():
        lines.append(
            f"{trajectory.steps[i]:10d} {trajectory.lambda_t[i]:10.4g} "
            f"{curves['train_' + kind][i]:14.4g} {curves['test_' + kind][i]:14.4g} "
            f"{trajectory.train_loss[i]:12.3e} {trajectory.norms[i]:10.4g}"
        )
    if np.isfinite(when["steps"]):
        lines.append(
            f"transition at step {when['steps']:.0f} (λt* = {when['lambda_t']:.3g}), width "
            f"{when['width']:.0f} steps, from test error {when['early']:.3g} to {when['late']:.3g}"
        )
    work = trajectory.work
    lines.append(f"{work.gradient_evaluations} gradients, {work.seconds:.2f} s")
    return lines
