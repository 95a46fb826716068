"""``grokflow simulate``: the flow through the whole transition."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from functools import partial

from grokflow.commands.shared.asking import request_of
from grokflow.commands.shared.output import check_outputs
from grokflow.commands.shared.records import description_record, simulation_record
from grokflow.commands.shared.words import description_lines, simulation_lines
from grokflow.progress import bar
from grokflow.simulations.models.protocol import Request
from grokflow.simulations.models.results import ModelForecast
from grokflow.simulations.runs.files import write, write_json, write_whole
from grokflow.simulations.runs.measure import PREDICTED, Measure, measures
from grokflow.simulations.runs.protocols import Trajectory
from grokflow.simulations.runs.stopping import Interrupted, Stopped
from grokflow.theory.predictor import NoPredictor


def run(arguments: argparse.Namespace) -> int:
    """Simulate, print, and write what was asked for; when stopped, what was reached."""
    check_outputs(arguments)
    wanted = measures(arguments.measure)
    request = request_of(arguments, simulates=True)
    request.check_measures(wanted)
    print("\n".join(description_lines(request.describe())))
    forecast, reason = _forecast_if_any(request)
    if reason:
        print(_without(reason, wanted & PREDICTED), file=sys.stderr)
        wanted -= PREDICTED
    if forecast and forecast.remark:
        print(f"grokflow: note: {forecast.remark}", file=sys.stderr)
    if forecast and forecast.no_time:
        print(_untimed(forecast.no_time), file=sys.stderr)
    try:
        trajectory = _follow(request, forecast, wanted)
    except (Stopped, Interrupted) as stopped:
        if len(stopped.trajectory.lambda_t):
            _report(arguments, request, forecast, reason, stopped.trajectory)
        raise
    _report(arguments, request, forecast, reason, trajectory)
    return 0


def _forecast_if_any(request: Request) -> tuple[ModelForecast | None, str]:
    """Predict, or return why there is no predictor; the flow exists all the same."""
    try:
        with bar() as show:
            return request.forecast(partial(show, "predicting")), ""
    except NoPredictor as error:
        return None, error.in_short


def _without(reason: str, left_out: frozenset[Measure]) -> str:
    """Say that there are no predictors, and which measures are left out with them."""
    names = " and ".join(sorted(item.value for item in left_out))
    more = f" and without the measures {names}" if names else ""
    return f"grokflow: note: {reason}; simulating without predictors{more}"


def _untimed(reason: str) -> str:
    """Say that both predictors are known, and the time between them is not."""
    return f"grokflow: note: {reason}; simulating without a predicted time"


def _follow(
    request: Request, forecast: ModelForecast | None, wanted: frozenset[Measure]
) -> Trajectory:
    """Simulate; where a net has no early predictor, say so and do without."""
    with bar() as show:
        progress = partial(show, "simulating")
        try:
            return request.follow(forecast, wanted, progress)
        except NoPredictor as error:
            if Measure.EARLY not in wanted:
                raise
            print(f"grokflow: note: {error}; without the early predictor", file=sys.stderr)
            return request.follow(forecast, wanted - {Measure.EARLY}, progress)


def _report(
    arguments: argparse.Namespace,
    request: Request,
    forecast: ModelForecast | None,
    reason: str,
    trajectory: Trajectory,
) -> None:
    """Print the curves and write the files, also of a run that was stopped."""
    no_time = forecast.no_time if forecast else ""
    found = request.result(trajectory, forecast)
    result = replace(found, no_forecast=reason, no_time=no_time)
    print("\n".join(simulation_lines(result)))
    if arguments.json:
        write_json(arguments.json, simulation_record(result))
    if arguments.out:
        settings = description_record(request.describe(trajectory))
        settings |= {"no_forecast": reason} if reason else {}
        settings |= {"no_time": no_time} if no_time else {}
        write(arguments.out, trajectory.to_dataset(settings))
    if arguments.plot and (picture := request.picture(trajectory, forecast)):
        from grokflow.figures.curves import draw
        from grokflow.figures.style import save

        write_whole(arguments.plot, partial(save, draw(picture)))
