"""``grokflow simulate`` for nets on real tasks, step by step or by the flow."""

from __future__ import annotations

import argparse
import inspect
import sys
from functools import partial
from typing import Any

import numpy as np

from grokflow.commands.nets.methods import Method, method_of
from grokflow.commands.shared.output import cells, heads
from grokflow.progress import bar
from grokflow.simulations.nets.start import NetStart
from grokflow.simulations.nets.tasks.catalogue import TASKS
from grokflow.simulations.nets.trajectory import NetTrajectory
from grokflow.simulations.runs.files import write, write_json, write_whole
from grokflow.simulations.runs.measure import Measure, measures
from grokflow.simulations.runs.stopping import Interrupted, Stopped
from grokflow.theory.nets.problem import NetProblem
from grokflow.theory.predictor import NoPredictor

# The kernel regime ends where θ has left its decaying start by this part of its size.
_DEPARTED = 0.1


def run(arguments: argparse.Namespace) -> int:
    """Follow the net, print, and write what was asked for, also of a run that was stopped."""
    _refuse_other_models(arguments)
    wanted = measures(arguments.measure)
    task = _task(arguments)
    method = method_of(arguments, task)
    print(_describe(task, method))
    try:
        trajectory = _follow(method, wanted)
    except (Interrupted, Stopped) as stopped:
        _report(arguments, task, method, stopped.trajectory)
        raise
    _report(arguments, task, method, trajectory)
    return 0


def _follow(method: Method, wanted: frozenset[Measure]) -> NetTrajectory:
    """Follow the net; where it has no early predictor, say so and do without."""
    with bar() as show:
        try:
            return method.run(wanted, partial(show, "following"))
        except NoPredictor as error:
            print(f"grokflow: note: {error}; without the early predictor", file=sys.stderr)
            return method.run(wanted - {Measure.EARLY}, partial(show, "following"))


def _refuse_other_models(arguments: argparse.Namespace) -> None:
    for option, default in (("norm", None), ("depth", 2), ("loss", None)):
        value = getattr(arguments, option)
        if value != default:
            raise ValueError(
                f"--{option} {value} found, expected none for {arguments.problem}: use --alpha, "
                "and --set for the net and its loss"
            )


def _task(arguments: argparse.Namespace) -> NetStart:
    """Make the task with the keys of --set, and --alpha as the scale of its start.

    The flow takes --alpha itself, and the task at scale 1.
    """
    name = str(arguments.problem)
    make = TASKS[name]
    known = inspect.signature(make).parameters
    settings: dict[str, Any] = {}
    for pair in arguments.set:
        key, _, text = pair.partition("=")
        if key not in known:
            raise ValueError(f"{name} has no key {key!r}, expected {', '.join(known)}: pick one")
        settings[key] = _value(key, text, str(known[key].annotation))
    key = "alpha" if "alpha" in known else "scale"
    if arguments.optimizer == "flow":
        if key in settings:
            raise ValueError(f"{key} set for the flow, expected --alpha: use --alpha instead")
        if key == "scale" and key in known:
            settings[key] = 1.0
    elif arguments.alpha is not None:
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


def _describe(task: NetStart, method: Method) -> str:
    problem = task.problem
    inputs = "×".join(str(size) for size in problem.x.shape[1:])
    parameters = sum(p.numel() for p in method.net.parameters() if p.requires_grad)
    degree = f" (degree {method.degree:g})" if np.isfinite(method.degree) else ""
    return (
        f"{problem.name} ({problem.m} samples of {inputs} inputs, {len(problem.x_test)} to test), "
        f"{problem.loss.name} loss, {method.model} of {parameters} parameters{degree}, "
        f"{method.name}, "
        f"λ = {method.lam:g}" + ("" if method.alpha is None else f", α = {method.alpha:g}")
    )


def _report(
    arguments: argparse.Namespace, task: NetStart, method: Method, trajectory: NetTrajectory
) -> None:
    """Print the curves and write the files."""
    when = _transition(trajectory, task.problem)
    print("\n".join(_lines(trajectory, when)))
    content = _header(task, method, trajectory)
    if arguments.json:
        write_json(arguments.json, content | _body(trajectory, when))
    if arguments.out:
        write(arguments.out, trajectory.to_dataset(content))
    if arguments.plot and len(trajectory.steps) > 1:
        from grokflow.figures.curves import data_of_net, draw
        from grokflow.figures.style import save

        figure = draw(data_of_net(trajectory, when["lambda_t"], when["steps"], task.problem.name))
        write_whole(arguments.plot, lambda target: save(figure, target))


def _transition(trajectory: NetTrajectory, problem: NetProblem) -> dict[str, float]:
    """Return when the test error leaves its value at the first fit for its last one.

    All are NaN where the training set is not fitted, or the difference is within four standard
    errors of the test set; for real targets, within a hundredth of the error, as for a fit.
    """
    at = trajectory.fitted()
    keys = ("lambda_t", "steps", "width", "early", "late")
    nothing = dict.fromkeys(keys, float("nan"))
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
    return dict(zip(keys, (lambda_t, step, width, early, late), strict=True))


def _header(task: NetStart, method: Method, trajectory: NetTrajectory) -> dict[str, Any]:
    problem = task.problem
    return {
        "problem": {"name": problem.name, **problem.settings},
        "notes": list(problem.notes),
        "model": method.model,
        "degree": trajectory.degree,
        "alpha": method.alpha,
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
    ends = {"kernel_regime_end": trajectory.kernel_regime_end(_DEPARTED)}
    return axes | trajectory.curves() | ends | {"transition": when, "solver": solver}


def _lines(trajectory: NetTrajectory, when: dict[str, float]) -> list[str]:
    """Return a short table of the curves, the transition and the work."""
    kind = "accuracy" if trajectory.classification else "error"
    curves = trajectory.curves()
    lines = [
        f"{'steps':>10} {'λt':>10} {'train ' + kind:>14} {'test ' + kind:>14} "
        f"{'train loss':>12} {'‖θ‖':>10}" + heads(curves)
    ]
    last = len(trajectory.steps) - 1
    for i in np.unique(np.linspace(0, last, 16).astype(int)) if last >= 0 else ():
        lines.append(
            f"{trajectory.steps[i]:10d} {trajectory.lambda_t[i]:10.4g} "
            f"{curves['train_' + kind][i]:14.4g} {curves['test_' + kind][i]:14.4g} "
            f"{trajectory.train_loss[i]:12.3e} {trajectory.norms[i]:10.4g}" + cells(curves, i)
        )
    if np.isfinite(when["steps"]):
        lines.append(
            f"transition at step {when['steps']:.0f} (λt* = {when['lambda_t']:.3g}), width "
            f"{when['width']:.0f} steps, from test error {when['early']:.3g} to {when['late']:.3g}"
        )
    if np.isfinite(end := trajectory.kernel_regime_end(_DEPARTED)):
        lines.append(f"kernel regime until λt = {end:.3g}")
    work = trajectory.work
    lines.append(f"{work.gradient_evaluations} gradients, {work.seconds:.2f} s")
    return lines
