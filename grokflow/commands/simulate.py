"""``grokflow simulate``: the flow through the whole transition."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from grokflow.commands.completion import predict as completion
from grokflow.commands.completion import simulate as completion_simulation
from grokflow.commands.diagonal.request import Request, read
from grokflow.commands.predict import forecast_of
from grokflow.commands.shared.output import cells, check_outputs, heads, output_times
from grokflow.progress import bar
from grokflow.simulations.diagonal.trajectory import DiagonalTrajectory
from grokflow.simulations.runs.files import write, write_json, write_whole
from grokflow.simulations.runs.measure import Measure, measures
from grokflow.simulations.runs.stopping import Interrupted, Stopped
from grokflow.theory.diagonal.forecast import Forecast
from grokflow.theory.predictor import NoPredictor
from grokflow.theory.transition.times import Transition

# Tasks of torch nets; torch is imported only for them.
NET_TASKS = ("modular-addition", "xor", "digits", "polynomial", "teacher-student")
# What only nets are asked for; the other models have exact flows.
_FOR_NETS = {
    "optimizer": (None, "flow"), "rtol": (None,), "lr": (None,), "steps": (None,),
    "batch": (None,), "label_noise": (0.0,), "no_decay": (False,), "log_loss": (False,),
    "double": (False,), "checkpoint": (None,),
}  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    """Simulate, print, and write what was asked for."""
    check_outputs(arguments)
    if arguments.problem in NET_TASKS:
        from grokflow.commands.nets import simulate as nets

        return nets.run(arguments)
    _refuse_training(arguments)
    if completion.asked_for(arguments):
        return completion_simulation.run(arguments)
    wanted = measures(arguments.measure)
    request = read(arguments)
    prediction = _forecast_if_any(request)
    predicted = np.nan if prediction is None else prediction.transition.lambda_t
    times = output_times(request.alpha, predicted, arguments)
    try:
        with bar() as show:
            trajectory = request.flow.run(
                request.start,
                times,
                measure=wanted if prediction else wanted - {Measure.EARLY, Measure.LATE},
                prediction=prediction,
                progress=partial(show, "simulating"),
            )
    except (Stopped, Interrupted) as stopped:
        if len(stopped.trajectory.lambda_t):
            _report(arguments, request, prediction, stopped.trajectory)
        raise
    _report(arguments, request, prediction, trajectory)
    return 0


def _refuse_training(arguments: argparse.Namespace) -> None:
    """Refuse options that the exact flows would not heed."""
    for option, idle in _FOR_NETS.items():
        value = getattr(arguments, option)
        if value not in idle:
            raise ValueError(
                f"--{option.replace('_', '-')} {value} found, expected none for "
                f"{arguments.problem}, whose flow is followed exactly: leave it out, or train one "
                f"of {', '.join(NET_TASKS)}"
            )


def _report(
    arguments: argparse.Namespace,
    request: Request,
    prediction: Forecast | None,
    trajectory: DiagonalTrajectory,
) -> None:
    """Print the curves and write the files, also of a flow that was stopped."""
    when = Transition(np.nan, np.nan)
    if prediction is not None:
        when = trajectory.transition(*prediction.scores.error[:2])
    curves = trajectory.curves()
    print(request.describe())
    print("\n".join(_lines(trajectory, curves, when)))
    _write(arguments, request, trajectory, when)
    if arguments.plot:
        _plot(arguments.plot, request, trajectory, prediction, when)


def _forecast_if_any(request: Request) -> Forecast | None:
    """Predict, or say why there is nothing to predict; the flow exists all the same."""
    try:
        return forecast_of(request)
    except NoPredictor as error:
        print(f"grokflow: note: {error}; simulating without predictors", file=sys.stderr)
        return None


def _lines(
    trajectory: DiagonalTrajectory, curves: dict[str, np.ndarray], when: Transition
) -> list[str]:
    """Return a short table of the curves, the transition and the work."""
    name = "test_accuracy" if "test_accuracy" in curves else "test_error"
    lines = [
        f"{'λt':>12} {name.replace('_', ' '):>14} {'train loss':>12} {'‖θ‖':>10}" + heads(curves)
    ]
    for i in np.unique(np.linspace(0, len(trajectory.lambda_t) - 1, 12).astype(int)):
        lines.append(
            f"{trajectory.lambda_t[i]:12.4g} {curves[name][i]:14.4g} "
            f"{curves['train_loss'][i]:12.3e} {curves['norms'][i]:10.4g}" + cells(curves, i)
        )
    if np.isfinite(when.lambda_t):
        lines.append(f"transition at λt* = {when.lambda_t:.3f}, width {when.width:.3f}")
    work = trajectory.work
    lines.append(
        f"{work.name}: {work.rhs_evaluations} evaluations, {work.jacobian_evaluations} Jacobians, "
        f"{work.seconds:.2f} s"
    )
    return lines


def _write(
    arguments: argparse.Namespace,
    request: Request,
    trajectory: DiagonalTrajectory,
    when: Transition,
) -> None:
    """Write JSON and data files."""
    if arguments.json:
        content: dict[str, Any] = request.header() | {"lambda_t": trajectory.lambda_t}
        content |= trajectory.curves()
        content |= {"transition": when._asdict(), "solver": trajectory.work._asdict()}
        write_json(arguments.json, content)
    if arguments.out:
        write(arguments.out, trajectory.to_dataset(request.header()))


def _plot(
    path: Path,
    request: Request,
    trajectory: DiagonalTrajectory,
    prediction: Forecast | None,
    when: Transition,
) -> None:
    """Draw the curves."""
    from grokflow.figures.curves import data, draw
    from grokflow.figures.style import save

    title = f"{request.problem.name}: n = {request.problem.n}, d = {request.problem.d}"
    shown = data(trajectory, trajectory.test_scores(), prediction, when.lambda_t, title)
    figure = draw(replace(shown, measured=trajectory.measured))
    write_whole(path, lambda target: save(figure, target))
