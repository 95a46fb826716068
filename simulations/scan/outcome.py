"""What one cell of a scan comes out as: its transition, simulated or moved by the shift law.

**The shift law.** After the data are fitted, a trajectory depends on α and time only through
``α(s) = α e^{-s}``, ``s = λt``. One trajectory from a reference scale then gives ``λt* - log α``
for every α. Its reference is fixed by the problem and λ, so a cell comes out the same whatever
other cells are in the scan. Two errors are stated with every cell so found:

* *memory*: multipliers of samples that the first fit needed and the transition does not. Those
  from scale α are ``(α*/α)^L`` of what they are at the transition, ``α* = α e^{-λt*}``. Cells
  with more than 1e-4 of it are simulated.
* *integration*: either trajectory has weights to its relative tolerance, which blurs the test
  error. A classification error moves by as many test points as have a margin within the
  tolerance, a mean squared error by twice its root times that of the targets' mean square; the
  blur times the slope of the crossing, ``2 width`` per unit of progress, is a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from grokflow.simulations.models.bound import BoundModel
from grokflow.simulations.models.registry import exact_model_of
from grokflow.simulations.models.results import Outlook
from grokflow.simulations.runs.executors import one_thread
from grokflow.simulations.scan.cells import Cell, make_problem_of
from grokflow.simulations.scan.curves import (
    TestCurve,
    follow_test_results,
    simulated_ends,
    simulated_kind,
    transition_of,
)
from grokflow.theory.predictor import NoPredictor
from grokflow.theory.transition.times import Transition

# Share of the first fit that a cell found by the shift law may remember.
_MEMORY = 1e-4
# Share that the reference trajectory remembers.
_REFERENCE_MEMORY = 1e-8
# Local errors of many steps add up to the tolerance; it is doubled for safety, as in `shift_law`.
_SAFETY = 2.0
# Times of the curve, relative to the predicted transition: fine around it, coarse elsewhere.
_OFFSETS = np.concatenate(
    [
        np.arange(-8.0, -3.0, 0.5),
        np.arange(-3.0, -1.5, 0.1),
        np.arange(-1.5, 2.0, 0.025),
        np.arange(2.0, 4.0, 0.1),
        np.arange(4.0, 10.1, 0.5),
    ]
)


class CellOutcome(NamedTuple):
    """What a cell comes out as; NaN where there is no such number, "" where there is no word.

    Times are slow times λt; errors are test errors (misclassified fraction or mean square).
    """

    lambda_t: float = float("nan")  # transition, simulated where it was
    width: float = float("nan")
    kind: str = ""  # predicted by the early and the late predictor
    simulated_kind: str = ""  # from the simulated curve's two ends
    predicted: float = float("nan")  # transition on the quasi-static path
    predicted_width: float = float("nan")
    constant: float = float("nan")  # C(data) of λt* = log α - (1/L) log m + C
    early: float = float("nan")  # test error of the early predictor
    late: float = float("nan")  # and of the late one
    first: float = float("nan")  # simulated test error when the data are fitted
    last: float = float("nan")  # and at the end
    simulated: bool = False  # from a trajectory of its own
    shifted: float = float("nan")  # transition by the shift law, where that was asked for
    stated: float = float("nan")  # its stated error
    evaluations: int = 0  # of the flow, for this cell alone
    error: str = ""  # why there is no result
    no_forecast: str = ""  # why nothing is predicted; what is simulated stands all the same
    no_time: str = ""  # why both ends are predicted and the time is not


def measure(cells: Sequence[Cell]) -> list[CellOutcome]:
    """Return what the cells come out as, in order; all share everything but α and the method.

    A cell that fails comes out as an error with its message; the others are not affected. Cells
    whose data have no forecast are simulated without one, and say why there is none. One thread is
    used, so that results do not depend on the machine's load.
    """
    with one_thread():
        try:
            group = _without_scale(cells[0])
            model, outlook = _bound(group), _outlook_if_any(group)
        except Exception as error:  # whatever it is, the scan goes on and the row tells
            return [_failed(error)] * len(cells)
        return [_outcome(model, outlook, cell) for cell in cells]


def _outcome(model: BoundModel, outlook: Outlook | str, cell: Cell) -> CellOutcome:
    if isinstance(outlook, str):
        return _without_forecast(model, cell.alpha, outlook)
    try:
        shift = _shift(_without_scale(cell)) if cell.method != "direct" else None
        by_shift = None if shift is None else shift.apply(model, outlook, cell.alpha)
        if by_shift is not None and cell.method == "shift":
            return by_shift
        own = _direct(model, outlook, cell.alpha)
        if by_shift is None:
            return own
        return own._replace(shifted=by_shift.shifted, stated=by_shift.stated)
    except Exception as error:  # see `measure`
        return _failed(error)._replace(kind=outlook.kind_at(cell.alpha).value)


def _failed(error: Exception) -> CellOutcome:
    words = " ".join(str(error).split()) or "no message"
    return CellOutcome(error=f"{type(error).__name__}: {words}")


def _without_forecast(model: BoundModel, alpha: float, reason: str) -> CellOutcome:
    """Simulate; without predictors there is nothing between which the test error could cross."""
    try:
        curve = follow_test_results(model, alpha, _times(model, alpha))
        first, last = (float(error) for error in simulated_ends(curve).error)
        return CellOutcome(
            simulated_kind=simulated_kind(curve).value,
            first=first,
            last=last,
            simulated=True,
            evaluations=curve.evaluations,
            no_forecast=reason,
        )
    except Exception as error:  # see `measure`
        return _failed(error)._replace(no_forecast=reason)


def _direct(model: BoundModel, outlook: Outlook, alpha: float) -> CellOutcome:
    curve = follow_test_results(model, alpha, _times(model, alpha, outlook.offset))
    when = transition_of(curve, outlook, alpha)
    return _summary(outlook, alpha, curve, when, simulated=True)


def _times(model: BoundModel, alpha: float, offset: float = np.nan) -> np.ndarray:
    """Return the times of the curve, around the transition or, without one, the weights' scale."""
    centre = offset if np.isfinite(offset) else -model.log_scale
    times = np.log(alpha) + centre + _OFFSETS
    return np.asarray(times[times > 0])


def _summary(
    outlook: Outlook, alpha: float, curve: TestCurve, when: Transition, *, simulated: bool
) -> CellOutcome:
    early, late = (float(error) for error in outlook.scores.error[:2])
    first, last = (float(error) for error in simulated_ends(curve).error)
    return CellOutcome(
        lambda_t=when.lambda_t,
        width=when.width,
        kind=outlook.kind_at(alpha).value,
        simulated_kind=simulated_kind(curve).value,
        predicted=float(np.log(alpha)) + outlook.offset,
        predicted_width=outlook.width,
        constant=outlook.constant,
        early=early,
        late=late,
        first=first,
        last=last,
        simulated=simulated,
        evaluations=curve.evaluations if simulated else 0,
        no_time=outlook.no_time,
    )


class _Shift(NamedTuple):
    """The reference trajectory of a model: its curve, and ``λt* - log α`` on it."""

    alpha: float
    curve: TestCurve
    offset: float
    width: float

    def apply(self, model: BoundModel, outlook: Outlook, alpha: float) -> CellOutcome | None:
        """Return the cell at `alpha`, or None where the law is not exact enough."""
        log_alpha = float(np.log(alpha))
        memory = np.exp(-model.degree * (log_alpha + self.offset))
        if not memory <= _MEMORY:  # or NaN
            return None
        moved = Transition(log_alpha + self.offset, self.width)
        found = _summary(outlook, alpha, self.curve, moved, simulated=False)
        stated = memory + 2 * _blur(model, outlook) * 2 * self.width
        return found._replace(shifted=moved.lambda_t, stated=float(stated))


@lru_cache(maxsize=2)
def _shift(group: Cell) -> _Shift | None:
    """Return the reference of a group, or None where the law does not hold or nothing crosses."""
    model, outlook = _bound(group), _outlook(group)
    if not model.shifts or not np.isfinite(outlook.offset):
        return None
    alpha = float(np.exp(-outlook.offset - np.log(_REFERENCE_MEMORY) / model.degree))
    curve = follow_test_results(model, alpha, _times(model, alpha, outlook.offset))
    when = transition_of(curve, outlook, alpha)
    if not np.isfinite(when).all():
        return None
    return _Shift(alpha, curve, when.lambda_t - float(np.log(alpha)), when.width)


def _blur(model: BoundModel, outlook: Outlook) -> float:
    """Return by how much a trajectory's tolerance can move the progress of its test error."""
    scores, tolerance = outlook.scores, _SAFETY * model.rtol
    early, late = (float(error) for error in scores.error[:2])
    if scores.accuracy is not None:
        return (tolerance + 1 / scores.size) / abs(early - late)
    square = scores.baseline if scores.zero is None else scores.zero
    return 2 * tolerance * float(np.sqrt((early + late) / 2 * square)) / abs(early - late)


@lru_cache(maxsize=2)
def _bound(group: Cell) -> BoundModel:
    """Return the model of cells that differ in α and the method alone."""
    problem = make_problem_of(group.problem, group.data, group.seed, group.loss)
    return exact_model_of(problem).bind(problem, group.model_settings())


@lru_cache(maxsize=2)
def _outlook(group: Cell) -> Outlook:
    """Return the forecast of these cells, without their scale."""
    return _bound(group).outlook()


def _outlook_if_any(group: Cell) -> Outlook | str:
    """Return the forecast of these cells, or why they have none."""
    try:
        return _outlook(group)
    except NoPredictor as error:
        return error.in_short


def _without_scale(cell: Cell) -> Cell:
    settings = {name: getattr(cell, name) for name in cell.__dataclass_fields__}
    return Cell(**settings | {"alpha": 1.0, "method": "shift"})
