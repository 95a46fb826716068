"""``grokflow simulate`` for matrix completion."""

from __future__ import annotations

import argparse
from functools import partial

import numpy as np

from grokflow.commands.completion.predict import CompletionRequest, forecast_of, read
from grokflow.commands.shared.output import cells, heads, output_times
from grokflow.progress import bar
from grokflow.simulations.completion.trajectory import CompletionTrajectory
from grokflow.simulations.runs.files import write, write_json, write_whole
from grokflow.simulations.runs.measure import measures
from grokflow.simulations.runs.stopping import Interrupted, Stopped
from grokflow.theory.completion.forecast import CompletionForecast
from grokflow.theory.transition.times import Transition


def run(arguments: argparse.Namespace) -> int:
    """Simulate, print, and write what was asked for; when stopped, what was reached."""
    wanted = measures(arguments.measure)
    request = read(arguments)
    prediction = forecast_of(request)
    times = output_times(request.alpha, prediction.transition.lambda_t, arguments)
    try:
        with bar() as show:
            trajectory = request.flow.run(
                request.start,
                times,
                measure=wanted,
                prediction=prediction,
                progress=partial(show, "simulating"),
            )
    except (Stopped, Interrupted) as error:
        if len(error.trajectory.lambda_t):
            _report(arguments, request, prediction, error.trajectory)
        raise
    _report(arguments, request, prediction, trajectory)
    return 0


def _report(
    arguments: argparse.Namespace,
    request: CompletionRequest,
    prediction: CompletionForecast,
    trajectory: CompletionTrajectory,
) -> None:
    early, late = (float(error) for error in prediction.scores.error[:2])
    when = trajectory.transition(early, late)
    print("\n".join(request.describe() + _lines(trajectory, when)))
    if arguments.json:
        content = request.header() | {"lambda_t": trajectory.lambda_t} | trajectory.curves()
        content |= {
            "spectrum": trajectory.spectrum(),
            "transition": when._asdict(),
            "solver": trajectory.work._asdict(),
        }
        write_json(arguments.json, content)
    if arguments.out:
        write(arguments.out, trajectory.to_dataset(request.header()))
    if arguments.plot:
        from grokflow.figures.completion.curves import data, draw
        from grokflow.figures.style import save

        problem = request.problem
        title = f"{problem.name}: d = {problem.d}, {problem.n} entries observed"
        figure = draw(data(trajectory, prediction, when.lambda_t, title, dict(trajectory.measured)))
        write_whole(arguments.plot, partial(save, figure))


def _lines(trajectory: CompletionTrajectory, when: Transition) -> list[str]:
    """Return a short table of the curves, the transition and the work."""
    curves, top = trajectory.curves(), trajectory.spectrum(3)
    head = f"{'λt':>12} {'test error':>12} {'train error':>12} {'‖θ‖':>10}"
    lines = [head + heads(curves) + "  largest eigenvalues"]
    for i in np.unique(np.linspace(0, len(trajectory.lambda_t) - 1, 12).astype(int)):
        lines.append(
            f"{trajectory.lambda_t[i]:12.4g} {curves['test_error'][i]:12.4g} "
            f"{curves['train_error'][i]:12.3e} {curves['norms'][i]:10.4g}"
            + f"{cells(curves, i)}  "
            + " ".join(f"{value:9.3g}" for value in top[i])
        )
    if np.isfinite(when.lambda_t):
        lines.append(f"transition at λt* = {when.lambda_t:.3f}, width {when.width:.3f}")
    work = trajectory.work
    lines.append(
        f"{work.name}: {work.rhs_evaluations} evaluations, {work.jacobian_evaluations} factors, "
        f"{work.seconds:.2f} s, drift of the invariant UᵀV {trajectory.drift.max():.1e}"
    )
    return lines
