"""``grokflow predict`` for matrix completion: the preset, or a file of observed entries."""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from grokflow.commands.request import settings_of
from grokflow.commands.rows import certificate_row, transition_lines, transition_row
from grokflow.progress import bar
from simulations.completion_data import completion, holds_entries, load_entries
from simulations.records import check_suffix, write_json
from theory.completion import CompletionProblem
from theory.completion_forecast import CompletionForecast, forecast_completion

# Lyu et al., Figure 3.
_ALPHA, _LAM = 10.0, 1e-4
_REAL_KEYS = {"fraction", "holdout"}


def asked_for(arguments: argparse.Namespace) -> bool:
    """Whether the problem is one of matrix completion."""
    path = Path(arguments.problem)
    is_file = path.suffix in (".npz", ".csv")
    return str(path) == "completion" or (is_file and holds_entries(path))


def refuse_simulation(arguments: argparse.Namespace) -> None:
    """Say that the flow of matrix completion cannot be simulated yet, where it is asked for."""
    if asked_for(arguments):
        raise ValueError(
            f"problem is {arguments.problem!r}, expected data for a diagonal net: matrix "
            "completion is not simulated yet, use grokflow predict"
        )


def run(arguments: argparse.Namespace) -> int:
    """Predict, print, and write JSON when asked to."""
    if arguments.json:
        check_suffix(arguments.json, (".json",))
    if arguments.depth != 2:
        raise ValueError(f"depth is {arguments.depth}, expected 2: W = UUᵀ - VVᵀ has two factors")
    if arguments.loss not in (None, "square"):
        raise ValueError(f"loss is {arguments.loss}, expected square: completion is a regression")
    problem = _problem(arguments)
    alpha = float(arguments.alpha or _ALPHA)
    if arguments.norm:
        alpha = arguments.norm / float(np.sqrt(2 * problem.d))
    lam = float(arguments.lam or _LAM)
    with bar() as show:
        prediction = forecast_completion(
            problem, alpha=alpha, lam=lam, progress=partial(show, "predicting")
        )
    content = _header(problem, alpha, lam) | record(prediction)
    print("\n".join(_lines(problem, content)))
    if arguments.json:
        write_json(arguments.json, content)
    return 0


def _problem(arguments: argparse.Namespace) -> CompletionProblem:
    name = str(arguments.problem)
    make: Callable[..., CompletionProblem] = partial(load_entries, name)
    if name == "completion":
        make = completion
    known = [key for key in inspect.signature(make).parameters if key != "path"]
    settings = settings_of(arguments.set)
    for key, value in settings.items():
        if key not in known:
            raise ValueError(f"{name} has no key {key!r}, expected {', '.join(known)}: pick one")
        if key not in _REAL_KEYS and (value != int(value) or value < 0):
            raise ValueError(f"{key} is {value:g}, expected a whole number of at least 0: round it")
    exact: dict[str, Any] = {k: v if k in _REAL_KEYS else int(v) for k, v in settings.items()}
    return make(**exact)


def _header(problem: CompletionProblem, alpha: float, lam: float) -> dict[str, Any]:
    return {
        "problem": {"name": problem.name, **problem.settings},
        "notes": list(problem.notes),
        "model": "matrix completion, W = UUᵀ - VVᵀ",
        "alpha": alpha,
        "norm": alpha * float(np.sqrt(2 * problem.d)),
        "lam": lam,
        "loss": "square",
    }


def record(prediction: CompletionForecast) -> dict[str, Any]:
    """Return the JSON keys of a forecast: those of a diagonal net, and ``rank`` and ``path``."""
    scores = prediction.scores
    roles = {"early": prediction.early, "late": prediction.late, "late_limit": prediction.limit}
    content: dict[str, Any] = {}
    for i, (role, item) in enumerate(roles.items()):
        content[role] = {
            "name": item.name,
            "test_accuracy": None,
            "test_error": float(scores.error[i]),
            "margin": None,
            "rank": item.rank,
            "certificate": certificate_row(item.certificate),
        }
    content["transition"] = transition_row(
        prediction.transition, prediction.leading_order, prediction.constant
    )
    content["kind"] = prediction.kind.value
    content["path"] = {
        "lambda_t": prediction.path_times,
        "test_error": prediction.path_scores.error,
    }
    return content


def _lines(problem: CompletionProblem, content: dict[str, Any]) -> list[str]:
    """Say the forecast in words."""
    lines = [
        f"{problem.name} (d = {problem.d}, {problem.n} observed, {len(problem.test.values)} to "
        f"predict), square loss, W = UUᵀ - VVᵀ, α = {content['alpha']:.4g}, λ = {content['lam']:g}"
    ]
    lines += [f"       note: {note}" for note in problem.notes]
    for role in ("early", "late", "late_limit"):
        row = content[role]
        lines.append(
            f"{role.replace('_', ' '):>11}: {row['name']}, test error {row['test_error']:.4g}, "
            f"rank {row['rank']}, gap {row['certificate']['gap']:.1e}"
        )
    lines.append(f"       kind: {content['kind']}")
    return lines + transition_lines(content["transition"])
