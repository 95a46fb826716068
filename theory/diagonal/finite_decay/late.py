"""Where the flow ends at a given λ, and the limit of that for λ → 0."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from grokflow.theory.diagonal.path import Path
from grokflow.theory.diagonal.quasi_norm import MaxQuasiMargin, MinQuasiNorm, QuasiPenalised
from grokflow.theory.diagonal.regime import Held
from grokflow.theory.linear.l1 import MaxL1Margin, MinL1Norm
from grokflow.theory.linear.penalised import L1Penalised
from grokflow.theory.linear.prediction import Prediction
from grokflow.theory.linear.problem import Problem, Task
from grokflow.theory.losses import Loss


def late_predictors(
    problem: Problem, held: Held, loss: Loss, lam: float, path: Path
) -> tuple[Prediction, Prediction]:
    """Return the late predictor at λ, of the data as they are, and its limit for λ → 0."""
    if not loss.acts_on_margins:
        problem = replace(problem, task=Task.REGRESSION)
    if path.depth == 2:
        late = L1Penalised(loss, lam).end_of_flow(problem)
        if held.determined:
            return late, held.early
        if path.margins:
            return late, MaxL1Margin().end_of_flow(problem, near=late)
        # The multipliers of all samples, in the coordinates of independent rows.
        near = replace(late, multipliers=problem.row_space.gather(late.multipliers))
        return late, MinL1Norm().end_of_flow(held.problem, near=near)
    end = _end(held, path)
    deep = MaxQuasiMargin(path.depth) if path.margins else MinQuasiNorm(path.depth)
    limit = held.early if held.determined else deep.predict(held.problem, near=end)
    start = path.end_level(loss, lam) * limit.w
    late = QuasiPenalised(loss, lam, path.depth).predict(problem, near=start)
    return late, limit


def _end(held: Held, path: Path) -> np.ndarray:
    """Return the weights at the end of a path of a deep net, near which the late predictor is.

    Where no path is known they are those of least L1-norm, at which outputs that are held end at
    every depth. Margins may end elsewhere, which a forecast without a path says.
    """
    if len(path.log_beta):
        return path.weights[:, -1]
    late = MaxL1Margin() if path.margins else MinL1Norm()
    return late.predict(held.problem).w
