"""``grokflow predict``: both predictors, the kind of the transition and its time."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from typing import Any

from grokflow.commands.completion import predict as completion
from grokflow.commands.diagonal.request import Request, read
from grokflow.commands.shared.diagnosis import diagnosis_lines, diagnosis_row
from grokflow.commands.shared.rows import certificate_row, transition_lines, transition_row
from grokflow.progress import bar
from grokflow.simulations.runs.files import check_suffix, write_json
from grokflow.theory.diagonal.forecast import Curve, Forecast, forecast
from grokflow.theory.linear.bounds import (
    Bound,
    max_l1_margin_error,
    max_l2_margin_error,
    smallest_n,
)
from grokflow.theory.linear.prediction import Prediction
from grokflow.theory.transition.diagnosis import diagnose

# Probability with which the generalisation bounds may fail.
_DELTA = 0.05


def run(arguments: argparse.Namespace) -> int:
    """Predict, print, and write JSON when asked to."""
    if completion.asked_for(arguments):
        return completion.run(arguments)
    if arguments.json:
        check_suffix(arguments.json, (".json",))
    request = read(arguments)
    prediction = forecast_of(request)
    print(request.describe())
    bounds, found = bounds_of(request), _diagnosis(request, prediction)
    print("\n".join(_lines(prediction) + _bound_lines(bounds) + diagnosis_lines(found)))
    if arguments.json:
        content = request.header() | record(prediction) | bounds | {"diagnosis": found}
        write_json(arguments.json, content)
    return 0


def forecast_of(request: Request) -> Forecast:
    """Predict under a progress bar."""
    with bar() as show:
        return forecast(
            request.problem,
            alpha=request.alpha,
            lam=request.lam,
            loss=request.loss,
            depth=request.depth,
            progress=lambda fraction: show("predicting", fraction),
        )


def record(prediction: Forecast) -> dict[str, Any]:
    """Return the JSON keys of a forecast."""
    roles = {"early": prediction.early, "late": prediction.late, "late_limit": prediction.limit}
    predictors = {
        role: _predictor(prediction, i, item) for i, (role, item) in enumerate(roles.items())
    }
    transition = transition_row(
        prediction.transition, prediction.leading_order, prediction.constant
    )
    return predictors | {
        "transition": transition,
        "kind": prediction.kind.value,
        "path": _path(prediction.curve),
    }


def _diagnosis(request: Request, prediction: Forecast) -> dict[str, Any]:
    """Return what the forecast means for the training."""
    curve = prediction.curve
    found = diagnose(
        prediction.scores,
        prediction.transition,
        curve.lambda_t,
        curve.scores,
        alpha=request.alpha,
        lam=request.lam,
        tailed=request.problem.is_classification,
    )
    gap, residual = prediction.early.certificate.gap, prediction.late.stationarity
    if residual is None:
        gap = max(gap, prediction.late.certificate.gap)
    return diagnosis_row(found, request.lam, gap=gap, residual=residual)


def _path(curve: Curve) -> dict[str, Any]:
    """Return the predicted test curve."""
    name, values = "test_error", curve.scores.error
    if curve.scores.accuracy is not None:
        name, values = "test_accuracy", curve.scores.accuracy
    return {"lambda_t": curve.lambda_t, name: values}


def _predictor(prediction: Forecast, i: int, item: Prediction) -> dict[str, Any]:
    scores = prediction.scores
    # Only a KKT point has a residual to report; a convex predictor has its gap.
    kkt = {} if item.stationarity is None else {"stationarity": item.stationarity}
    return kkt | {
        "name": item.name,
        "test_accuracy": None if scores.accuracy is None else float(scores.accuracy[i]),
        "test_error": float(scores.error[i]),
        "margin": item.margin,
        "certificate": certificate_row(item.certificate),
    }


def bounds_of(request: Request) -> dict[str, Any]:
    """Return Theorems E.4 and E.5 for data that satisfy their hypotheses: the preset ``sparse``."""
    problem = request.problem
    if problem.name != "sparse" or request.depth != 2:
        return {}
    sizes: dict[str, Any] = {"d": problem.d, "k": problem.settings["k"], "delta": _DELTA}
    laws = {"early": max_l2_margin_error, "late_limit": max_l1_margin_error}
    rows: dict[str, Any] = {"delta": _DELTA}
    for role, law in laws.items():
        bound = law(n=problem.n, **sizes)
        least = smallest_n(partial(_at, law, sizes))
        rows[role] = {"error": bound.value, "vacuous": bound.vacuous, "smallest_n": least}
    return {"bounds": rows}


def _at(law: Callable[..., Bound], sizes: dict[str, Any], n: int) -> Bound:
    return law(n=n, **sizes)


def _bound_lines(bounds: dict[str, Any]) -> list[str]:
    """Say the bounds in words."""
    lines = []
    for role, theorem in (("early", "E.5"), ("late_limit", "E.4")) if bounds else ():
        row = bounds["bounds"][role]
        verdict = "vacuous" if row["vacuous"] else "says something"
        lines.append(
            f"{'bound':>11}: {role.replace('_', ' ')} errs at most {row['error']:.3g} with "
            f"probability {1 - _DELTA:g} ({theorem}): {verdict}; below 1 from n = "
            f"{row['smallest_n']}"
        )
    return lines


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
        proof = f"gap {row['certificate']['gap']:.1e}"
        if "stationarity" in row:
            proof = f"KKT point, residual {row['stationarity']:.1e}"
        lines.append(f"{role.replace('_', ' '):>11}: {row['name']}, {quality}, {proof}")
    lines.append(f"       kind: {content['kind']}")
    return lines + transition_lines(content["transition"])
