"""``grokflow predict``: both predictors, the kind of the transition and its time."""

from __future__ import annotations

import argparse
from functools import partial

from grokflow.commands.shared.asking import request_of
from grokflow.commands.shared.output import check_outputs
from grokflow.commands.shared.records import (
    bounds_record,
    consequences_record,
    description_record,
    forecast_record,
)
from grokflow.commands.shared.words import (
    bound_lines,
    consequence_lines,
    description_lines,
    forecast_lines,
    transition_lines,
)
from grokflow.progress import bar
from grokflow.simulations.runs.files import write_json


def run(arguments: argparse.Namespace) -> int:
    """Predict, print, and write JSON when asked to."""
    check_outputs(arguments, ("json",))
    request = request_of(arguments)
    description = request.describe()
    # How the data were read helps most where there is no forecast.
    print("\n".join(description_lines(description)))
    with bar() as show:
        forecast = request.forecast(partial(show, "predicting"))
    assert forecast is not None  # nets that are trained were refused before
    bounds, consequences = request.bounds(), request.consequences(forecast)
    said = forecast_lines(forecast) + transition_lines(forecast) + bound_lines(bounds)
    print("\n".join(said + consequence_lines(consequences)))
    if arguments.json:
        content = description_record(description) | forecast_record(forecast)
        write_json(
            arguments.json, content | bounds_record(bounds) | consequences_record(consequences)
        )
    return 0
