"""``grokflow predict``: both predictors, the kind of the transition and its time."""

from __future__ import annotations

import argparse
import hashlib
import shlex
from collections.abc import Mapping
from functools import partial
from pathlib import Path

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
from grokflow.simulations.models.protocol import Request
from grokflow.simulations.runs.files import write_json
from grokflow.theory.objective import Provable


def run(arguments: argparse.Namespace) -> int:
    """Predict, print, and write JSON when asked to."""
    check_outputs(arguments, ("json", "certificate"))
    request = request_of(arguments)
    if arguments.certificate:
        _check_provable(request)
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
    if arguments.certificate:
        return _certify(arguments, description.words, request.provable())
    return 0


def _check_provable(request: Request) -> None:
    """Refuse data that are too many to be checked exactly, before anything is predicted."""
    # Rational arithmetic takes a while to import.
    from grokflow.theory.certified.predictor import check_provable

    try:
        check_provable(request.provable_problem())
    except ValueError as error:
        raise ValueError(f"{error}, or leave --certificate out") from None


def _certify(arguments: argparse.Namespace, words: str, provable: Mapping[str, Provable]) -> int:
    """Write what is proved of the predictors, say what is not, and return the exit code."""
    # Rational arithmetic takes a while to import.
    from grokflow.certificates import write

    source, file = Path(arguments.problem), arguments.certificate
    if source.is_file():
        digest = hashlib.sha256(source.read_bytes()).hexdigest()
        words = f"{words}; data of {source.name}, SHA-256 {digest}"
    found = write(file, words, provable)
    for role, proved in found.proved.items():
        print(f"     proved: {role.replace('_', ' ')}, {proved}")
    for role, reason in found.refused.items():
        print(f" not proved: {role.replace('_', ' ')}, for {reason}")
    if not found.proved:
        raise ValueError(
            f"{file} is not written, expected a predictor of which something is proved exactly: "
            "take smaller data, or leave --certificate out"
        )
    print(f"certificate: {file}, which `grokflow check {shlex.quote(str(file))}` checks")
    return 0
