"""Matrix completion on the command line: the preset or a file of entries, and ``predict``."""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from grokflow.commands.diagonal.request import settings_of
from grokflow.commands.shared.diagnosis import diagnosis_lines, diagnosis_row
from grokflow.commands.shared.rows import certificate_row, transition_lines, transition_row
from grokflow.progress import bar
from grokflow.simulations.completion.data import completion, holds_entries, load_entries
from grokflow.simulations.completion.flow import CompletionFlow
from grokflow.simulations.completion.start import CompletionStart, check_scale
from grokflow.simulations.runs.files import check_suffix, write_json
from grokflow.theory.completion.forecast import CompletionForecast, forecast_completion
from grokflow.theory.completion.problem import CompletionProblem
from grokflow.theory.transition.diagnosis import diagnose

# Lyu et al., Figure 3.
_ALPHA, _LAM = 10.0, 1e-4
_REAL_KEYS = {"fraction", "holdout"}


def asked_for(arguments: argparse.Namespace) -> bool:
    """Whether the problem is one of matrix completion."""
    path = Path(arguments.problem)
    is_file = path.suffix in (".npz", ".csv")
    return str(path) == "completion" or (is_file and holds_entries(path))


@dataclass(frozen=True, eq=False)
class CompletionRequest:
    """A completion problem and a model, as asked for on the command line."""

    problem: CompletionProblem
    alpha: float
    lam: float
    sigma: float

    @property
    def flow(self) -> CompletionFlow:
        """The flow that was asked for."""
        return CompletionFlow(lam=self.lam)

    @property
    def start(self) -> CompletionStart:
        """The factors that were asked for, at time 0; perturbations are drawn from the seed."""
        seed = int(str(self.problem.settings["seed"]))
        rng = np.random.default_rng([seed, 1])
        return CompletionStart(self.problem, self.alpha, self.sigma, rng)

    @property
    def norm(self) -> float:
        """Expected norm of (U, V) at time 0."""
        return float(np.sqrt(2 * self.problem.d * (self.alpha**2 + self.problem.d * self.sigma**2)))

    def header(self) -> dict[str, Any]:
        """Return the keys that every result starts with."""
        noise = {"sigma": self.sigma} if self.sigma else {}
        return {
            "problem": {"name": self.problem.name, **self.problem.settings, **noise},
            "notes": list(self.problem.notes),
            "model": "matrix completion, W = UUᵀ - VVᵀ",
            "alpha": self.alpha,
            "norm": self.norm,
            "lam": self.lam,
            "loss": "square",
        }

    def describe(self) -> list[str]:
        """Return the same in words, with a line for every note."""
        problem = self.problem
        noise = f", σ = {self.sigma:g}" if self.sigma else ""
        lines = [
            f"{problem.name} (d = {problem.d}, {problem.n} observed, {len(problem.test.values)} to "
            f"predict), square loss, W = UUᵀ - VVᵀ, α = {self.alpha:.4g}{noise}, λ = {self.lam:g}"
        ]
        return lines + [f"       note: {note}" for note in problem.notes]


def read(arguments: argparse.Namespace) -> CompletionRequest:
    """Build the problem and check the model, cheapest checks first."""
    if arguments.depth != 2:
        raise ValueError(f"depth is {arguments.depth}, expected 2: W = UUᵀ - VVᵀ has two factors")
    if arguments.loss not in (None, "square"):
        raise ValueError(f"loss is {arguments.loss}, expected square: completion is a regression")
    lam = float(arguments.lam or _LAM)
    settings = settings_of(arguments.set)
    # The forecast is for σ = 0; the key exists where the start is drawn.
    sigma = settings.pop("sigma", 0.0) if arguments.command == "simulate" else 0.0
    alpha = float(arguments.alpha or _ALPHA)
    check_scale(alpha, sigma)
    CompletionFlow(lam=lam)
    problem = _problem(str(arguments.problem), settings)
    if arguments.norm:
        alpha = arguments.norm / float(np.sqrt(2 * problem.d))
        check_scale(alpha, sigma)
    return CompletionRequest(problem, alpha, lam, sigma)


def forecast_of(request: CompletionRequest) -> CompletionForecast:
    """Predict with a progress bar."""
    with bar() as show:
        return forecast_completion(
            request.problem,
            alpha=request.alpha,
            lam=request.lam,
            progress=partial(show, "predicting"),
        )


def run(arguments: argparse.Namespace) -> int:
    """Predict, print, and write JSON when asked to."""
    if arguments.json:
        check_suffix(arguments.json, (".json",))
    request = read(arguments)
    prediction = forecast_of(request)
    content = request.header() | record(prediction) | _diagnosis(request, prediction)
    print("\n".join(request.describe() + _lines(content)))
    if arguments.json:
        write_json(arguments.json, content)
    return 0


def _problem(name: str, settings: dict[str, float]) -> CompletionProblem:
    make: Callable[..., CompletionProblem] = partial(load_entries, name)
    if name == "completion":
        make = completion
    known = [key for key in inspect.signature(make).parameters if key != "path"]
    for key, value in settings.items():
        if key not in known:
            raise ValueError(f"{name} has no key {key!r}, expected {', '.join(known)}: pick one")
        if key not in _REAL_KEYS and (value != int(value) or value < 0):
            raise ValueError(f"{key} is {value:g}, expected a whole number of at least 0: round it")
    exact: dict[str, Any] = {k: v if k in _REAL_KEYS else int(v) for k, v in settings.items()}
    return make(**exact)


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


def _diagnosis(request: CompletionRequest, prediction: CompletionForecast) -> dict[str, Any]:
    """Return what the forecast means for the training, where there are entries to test on."""
    scores = prediction.scores
    if not scores.size or not scores.baseline > 0:
        return {}
    found = diagnose(
        scores,
        prediction.transition,
        prediction.path_times,
        prediction.path_scores,
        alpha=request.alpha,
        lam=request.lam,
        tailed=False,
    )
    gap = max(item.certificate.gap for item in (prediction.early, prediction.late))
    return {"diagnosis": diagnosis_row(found, request.lam, gap=gap)}


def _lines(content: dict[str, Any]) -> list[str]:
    """Say the forecast in words."""
    lines = []
    for role in ("early", "late", "late_limit"):
        row = content[role]
        lines.append(
            f"{role.replace('_', ' '):>11}: {row['name']}, test error {row['test_error']:.4g}, "
            f"rank {row['rank']}, gap {row['certificate']['gap']:.1e}"
        )
    lines.append(f"       kind: {content['kind']}")
    said = diagnosis_lines(content["diagnosis"]) if "diagnosis" in content else []
    return lines + transition_lines(content["transition"]) + said
