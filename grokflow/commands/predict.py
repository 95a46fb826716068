"""``grokflow predict``: both predictors, the kind of the transition and its time."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from grokflow.commands import completion
from grokflow.commands.request import Request, read
from grokflow.progress import bar
from simulations.records import check_suffix, write_json
from theory.forecast import Forecast, forecast
from theory.predictors import Prediction


def run(arguments: argparse.Namespace) -> int:
    """Predict, print, and write JSON when asked to."""
    if completion.asked_for(arguments):
        return completion.run(arguments)
    if arguments.json:
        check_suffix(arguments.json, (".json",))
    request = read(arguments)
    prediction = forecast_of(request)
    print(request.describe())
    print("\n".join(_lines(prediction)))
    if arguments.json:
        write_json(arguments.json, request.header() | record(prediction))
    return 0


def forecast_of(request: Request) -> Forecast:
    """Predict under a progress bar."""
    with bar() as show:
        return forecast(
            request.problem,
            alpha=request.alpha,
            lam=request.lam,
            loss=request.loss,
            progress=lambda fraction: show("predicting", fraction),
        )


def record(prediction: Forecast) -> dict[str, Any]:
    """Return the JSON keys of a forecast."""
    roles = {"early": prediction.early, "late": prediction.late, "late_limit": prediction.limit}
    predictors = {
        role: _predictor(prediction, i, item) for i, (role, item) in enumerate(roles.items())
    }
    when = prediction.transition
    transition = {
        "leading_order": prediction.leading_order,
        "predicted": when.lambda_t,
        "width": when.width,
    }
    return predictors | {"transition": transition, "kind": prediction.kind.value}


def _predictor(prediction: Forecast, i: int, item: Prediction) -> dict[str, Any]:
    scores, certificate = prediction.scores, item.certificate
    return {
        "name": item.name,
        "test_accuracy": None if scores.accuracy is None else float(scores.accuracy[i]),
        "test_error": float(scores.error[i]),
        "margin": item.margin,
        "certificate": {
            "lower": certificate.lower,
            "upper": certificate.upper,
            "infeasibility": certificate.infeasibility,
            "gap": certificate.gap,
        },
    }


def _lines(prediction: Forecast) -> list[str]:
    """Say the forecast in words."""
    content = record(prediction)
    lines = []
    for role in ("early", "late", "late_limit"):
        row = content[role]
        quality = f"test error {row['test_error']:.4g}"
        if row["test_accuracy"] is not None:
            quality = f"test accuracy {100 * row['test_accuracy']:.2f} %"
        if row["margin"] is not None:
            quality += f", margin {row['margin']:.4g}"
        gap = row["certificate"]["gap"]
        lines.append(f"{role.replace('_', ' '):>11}: {row['name']}, {quality}, gap {gap:.1e}")
    lines.append(f"       kind: {content['kind']}")
    when = content["transition"]
    if np.isfinite(when["predicted"]):
        lines.append(
            f" transition: λt* = {when['predicted']:.3f}, width {when['width']:.3f} "
            f"(leading order log α = {when['leading_order']:.3f})"
        )
    return lines
