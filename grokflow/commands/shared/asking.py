"""From the command line to a model and what it is asked for."""

from __future__ import annotations

import argparse
from dataclasses import fields
from typing import Any

from grokflow.simulations.models.options import Options, TrainingOptions
from grokflow.simulations.models.protocol import Model, Request
from grokflow.simulations.models.registry import model_named, names


def request_of(arguments: argparse.Namespace, *, simulates: bool = False) -> Request:
    """Return what is asked of which model.

    Raises
    ------
    ValueError
        For a problem that no model has, and for options that its model does not heed.
    """
    options = _options(arguments, simulates)
    model = model_named(options.problem, trained=simulates)
    if model is None:
        known = [*names(trained=False), *(names(trained=True) if simulates else ())]
        raise ValueError(
            f"problem is {options.problem!r}, expected {', '.join(known)} or a data file: there is "
            "no such problem or file, so check the name"
        )
    _refuse_training(model, options)
    return model.request(options)


def _options(arguments: argparse.Namespace, simulates: bool) -> Options:
    """Return the arguments as every model reads them."""
    given = vars(arguments) | {"set": tuple(arguments.set), "simulates": simulates}
    training = TrainingOptions(**_known(TrainingOptions, given))
    return Options(**_known(Options, given) | {"training": training})


def _known(kind: type[Options] | type[TrainingOptions], given: dict[str, object]) -> dict[str, Any]:
    return {item.name: given[item.name] for item in fields(kind) if item.name in given}


def _refuse_training(model: Model, options: Options) -> None:
    """Refuse options that an exact flow would not heed."""
    if model.trained:
        return
    for name, value in options.training.asked().items():
        if (name, value) == ("optimizer", "flow"):
            continue
        raise ValueError(
            f"--{name.replace('_', '-')} {value} found, expected none for {options.problem}, whose "
            f"flow is followed exactly: leave it out, or train one of "
            f"{', '.join(names(trained=True))}"
        )
