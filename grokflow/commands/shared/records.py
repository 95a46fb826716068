"""Results as JSON holds them: the keys of every result of a model are written here."""

from __future__ import annotations

from typing import Any

from grokflow.commands.shared.advice import advice, findings
from grokflow.simulations.models.results import (
    Description,
    GeneralisationBound,
    ModelForecast,
    PredictedConsequences,
    PredictorResult,
    SimulationResult,
)
from grokflow.theory.certificate import Certificate
from grokflow.theory.transition.change import Change

Record = dict[str, Any]


def description_record(description: Description) -> Record:
    """Return the keys that every result starts with."""
    return {
        "problem": dict(description.problem),
        "notes": list(description.notes),
        "model": description.model,
        "alpha": description.alpha,
        "norm": description.norm,
        "lam": description.lam,
        "loss": description.loss,
        **description.training,
    }


def forecast_record(forecast: ModelForecast) -> Record:
    """Return predictors, predicted transition and predicted curve."""
    scores, when = forecast.path_scores, forecast.transition
    name, values = "test_error", scores.error
    if scores.accuracy is not None:
        name, values = "test_accuracy", scores.accuracy
    return {
        **{role: _predictor_record(item) for role, item in forecast.roles().items()},
        "transition": {
            "leading_order": forecast.leading_order,
            "predicted": when.lambda_t,
            **forecast.interval._asdict(),
            "width": when.width,
            "constant": forecast.constant,
        },
        **({"no_time": forecast.no_time} if forecast.no_time else {}),
        "kind": forecast.kind.value,
        **({"regime": forecast.regime} if forecast.regime else {}),
        **({"remark": forecast.remark} if forecast.remark else {}),
        "path": {"lambda_t": forecast.path_times, name: values},
        **_parts_record(forecast),
    }


def _parts_record(forecast: ModelForecast) -> Record:
    """Return the forecasts of the parts by name, no key without any."""
    if not forecast.parts:
        return {}
    return {"parts": {name: forecast_record(part) for name, part in forecast.parts.items()}}


def bounds_record(bounds: tuple[GeneralisationBound, ...]) -> Record:
    """Return the generalisation bounds, no key without any."""
    if not bounds:
        return {}
    rows = {
        bound.role: {
            "error": bound.error,
            "vacuous": bound.vacuous,
            "smallest_n": bound.smallest_n,
        }
        for bound in bounds
    }
    return {"bounds": {"delta": bounds[0].delta, **rows}}


def consequences_record(found: PredictedConsequences | None) -> Record:
    """Return the diagnosis of a forecast, no key without one."""
    if found is None:
        return {}
    diagnosis = found.diagnosis
    when = diagnosis.transition.lambda_t
    return {
        "diagnosis": {
            **change_record(diagnosis.change),
            "gap": found.gap,
            "lambda_t": when,
            "t": when / diagnosis.lam,
            "time_error": diagnosis.time_error,
            "stop": diagnosis.stop,
            "best": {"lambda_t": diagnosis.best, "quality": diagnosis.best_quality},
            "visible": diagnosis.visible,
            "needed": diagnosis.needed,
            "words": findings(found),
            "advice": advice(found),
        }
    }


def simulation_record(result: SimulationResult) -> Record:
    """Return what came of a simulation."""
    return {
        **description_record(result.description),
        **({"no_forecast": result.no_forecast} if result.no_forecast else {}),
        **({"no_time": result.no_time} if result.no_time else {}),
        **result.axes,
        **result.curves,
        **result.ends,
        "transition": result.transition._asdict(),
        "solver": dict(result.work),
    }


def change_record(change: Change) -> Record:
    """Return a change of quality, as a drop with its interval."""
    return {
        "kind": change.kind.value,
        "early": change.early,
        "late": change.late,
        "drop": change.drop,
        "low": change.low,
        "high": change.high,
        "n_test": change.size,
        "n_distinct": change.distinct,
    }


def _predictor_record(item: PredictorResult) -> Record:
    # A KKT point has a residual to report, a matrix its rank.
    own = {"stationarity": item.stationarity, "rank": item.rank}
    return {
        "name": item.name,
        "test_accuracy": item.test_accuracy,
        "test_error": item.test_error,
        "margin": item.margin,
        **{name: value for name, value in own.items() if value is not None},
        "certificate": certificate_record(item.certificate),
    }


def certificate_record(certificate: Certificate) -> Record:
    """Return the bounds of a certificate and their relative gap."""
    return {
        "lower": certificate.lower,
        "upper": certificate.upper,
        "infeasibility": certificate.infeasibility,
        "missed": certificate.missed,
        "gap": certificate.gap,
    }
