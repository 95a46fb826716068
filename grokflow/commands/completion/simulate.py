"""``grokflow simulate`` for matrix completion."""

from __future__ import annotations

import argparse
from functools import partial

import numpy as np

from grokflow.commands.completion.predict import CompletionRequest, forecast_of, read
from grokflow.commands.shared.output import cells, heads, output_times
from grokflow.progress import bar
from grokflow.simulations.completion.flow import CompletionInterrupted, CompletionStopped
from grokflow.simulations.completion.measuring import of_completion
from grokflow.simulations.completion.trajectory import CompletionTrajectory
from grokflow.simulations.runs.files import write, write_json, write_whole
from grokflow.simulations.runs.measure import Measure, measures
from grokflow.theory.completion.forecast import CompletionForecast
from grokflow.theory.transition.times import Transition


def run(arguments: argparse.Namespace) -> int:
    """Simulate, print, and write what was asked for; when stopped, what was reached."""
    wanted = measures(arguments.measure)
    request = read(arguments)
    prediction = forecast_of(request)
    times = output_times(request.alpha, prediction.transition.lambda_t, arguments)
    seed = int(str(request.problem.settings["seed"]))
    try:
        with bar() as show:
            trajectory = request.flow.run(
                request.problem,
                times,
                rng=np.random.default_rng([seed, 1]),
                progress=partial(show, "simulating"),
            )
    except (CompletionStopped, CompletionInterrupted) as error:
        if len(error.trajectory.lambda_t):
            _report(arguments, request, prediction, error.trajectory, wanted)
        raise
    _report(arguments, request, prediction, trajectory, wanted)
    return 0


def _report(
    arguments: argparse.Namespace,
    request: CompletionRequest,
    prediction: CompletionForecast,
    trajectory: CompletionTrajectory,
    wanted: frozenset[Measure],
) -> None:
    early, late = (float(error) for error in prediction.scores.error[:2])
    when = trajectory.transition(trajectory.test_scores().error, early, late)
    measured = of_completion(trajectory, wanted, prediction)
    print("\n".join(request.describe() + _lines(trajectory, measured, when)))
    if arguments.json:
        content = request.header() | {"lambda_t": trajectory.lambda_t} | trajectory.curves()
        content |= measured
        content |= {
            "spectrum": trajectory.spectrum(),
            "transition": when._asdict(),
            "solver": trajectory.work._asdict(),
        }
        write_json(arguments.json, content)
    if arguments.out:
        write(arguments.out, trajectory.to_dataset(request.header(), measured))
    if arguments.plot:
        from grokflow.figures.completion.curves import data, draw
        from grokflow.figures.style import save

        problem = request.problem
        title = f"{problem.name}: d = {problem.d}, {problem.n} entries observed"
        figure = draw(data(trajectory, prediction, when.lambda_t, title, measured))
        write_whole(arguments.plot, partial(save, figure))


def _lines(
    trajectory: CompletionTrajectory, measured: dict[str, np.ndarray], when: Transition
) -> list[str]:
    """Return a short table of the curves, the transition and the work."""
    recorded, top = trajectory.curves(), trajectory.spectrum(3)
    head = f"{'λt':>12} {'test error':>12} {'train error':>12} {'‖θ‖':>10}"
    lines = [head + heads(measured) + "  largest eigenvalues"]
    for i in np.unique(np.linspace(0, len(trajectory.lambda_t) - 1, 12).astype(int)):
        lines.append(
            f"{trajectory.lambda_t[i]:12.4g} {recorded['test_error'][i]:12.4g} "
            f"{recorded['train_error'][i]:12.3e} {recorded['norms'][i]:10.4g}"
            + f"{cells(measured, i)}  "
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
