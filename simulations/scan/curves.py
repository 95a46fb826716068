"""The test results along a trajectory, and what they say of its transition."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from grokflow.simulations.models.bound import BoundModel
from grokflow.simulations.models.results import Outlook
from grokflow.simulations.runs.work import SolverWork
from grokflow.theory.transition.scores import Kind, Scores, kind_of
from grokflow.theory.transition.times import Transition, crossing


class TestCurve(NamedTuple):
    """A trajectory's test results, where the training data are fitted, and the work."""

    lambda_t: np.ndarray
    scores: Scores
    fitted: np.ndarray
    evaluations: int


def follow_test_results(model: BoundModel, alpha: float, lambda_t: np.ndarray) -> TestCurve:
    """Follow the flow of a model from scale α."""
    found = model.follow(alpha, lambda_t)
    evaluations = found.work.rhs_evaluations if isinstance(found.work, SolverWork) else 0
    return TestCurve(found.lambda_t, found.test_scores(), model.fitted(found), evaluations)


def transition_of(curve: TestCurve, outlook: Outlook, alpha: float) -> Transition:
    """Return when the test error crosses from the early to the late predictor's, from scale α."""
    if not outlook.kind_at(alpha).is_visible:
        return Transition(np.nan, np.nan)
    early, late = (float(error) for error in outlook.scores.error[:2])
    return crossing(curve.lambda_t, curve.scores.error, early, late)


def simulated_ends(curve: TestCurve) -> Scores:
    """Return the test results when the data are first fitted and at the end of the record."""
    first = int(np.argmax(curve.fitted)) if curve.fitted.any() else 0
    return curve.scores.at([first, len(curve.lambda_t) - 1])


def simulated_kind(curve: TestCurve) -> Kind:
    """Judge the simulated transition as the predicted one is judged."""
    return kind_of(simulated_ends(curve)) if curve.scores.size else Kind.NEITHER
