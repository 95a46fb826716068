"""Gradient flow with weight decay of diagonal nets ``u^L - v^L``, followed exactly.

The reduced flow (`grokflow.theory.diagonal.flow_equations`) is stiff and monotone: implicit
multistep methods take steps of order one in ``log s`` and then in ``s``. SUNDIALS does the stepping
[1]_: CVODE for exponential-tailed losses, whose pull is accurate relative to its own size, and IDA
on the implicit form for the square loss, whose pull is a difference of nearly equal numbers.

For L ≥ 3 the mirror map has a pole, ``|x| → 1``, which the coordinates of nonzero weights approach
like ``1 - |x| ~ α(s)^{L-2}``. There they are counted from anchors
(`grokflow.theory.diagonal.anchored`) until the net is at rest at a KKT point, solved for on its own
(`grokflow.theory.diagonal.rest`), which later times get.

What the solver returns is judged by other means (`grokflow.simulations.diagonal.verification`); a
flow that does not stand up to it is followed anew with more care, and given up at last.

References
----------
.. [1] Hindmarsh et al., SUNDIALS, ACM Trans. Math. Softw. 31 (2005).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from grokflow.simulations.diagonal.measuring import of_diagonal
from grokflow.simulations.diagonal.run import DiagonalRun, RunSettings
from grokflow.simulations.diagonal.start import DiagonalStart
from grokflow.simulations.diagonal.trajectory import DiagonalTrajectory
from grokflow.simulations.runs.checks import check_effort, check_memory, check_ranges, checked_times
from grokflow.simulations.runs.fingerprint import fingerprint
from grokflow.simulations.runs.measure import PREDICTED, Measures, measures
from grokflow.simulations.runs.stopping import measured_also_when_stopped
from grokflow.theory.arguments import LAM_RANGE, check_kind, check_range
from grokflow.theory.diagonal.flow_equations import ReducedFlow
from grokflow.theory.diagonal.forecast import Forecast, forecast
from grokflow.theory.linear.problem import Problem
from grokflow.theory.losses import Loss, set_loss, with_tail

if TYPE_CHECKING:
    from grokflow.simulations.runs.checkpoint import Checkpoint

# With the square loss residuals of order λ hold the weights. Rounding moves these by 1e-4 and more
# at λ = 1e-13, and at 1e-16 they are wrong by orders without a word of the solver.
_SQUARE_LAM = 1e-12
# Relative tolerances that the solver reaches; deeper nets are stiffer.
_RTOL_RANGE, _RTOL_RANGE_DEEP = (1e-10, 1e-2), (1e-5, 1e-3)


@dataclass(frozen=True, kw_only=True)
class DiagonalFlow:
    """The flow of a diagonal net ``u^L - v^L`` under weight decay λ, solved up to `rtol`.

    Parameters
    ----------
    lam : float
        Weight decay λ.
    loss : Loss
        Exponential or logistic for classification, square for regression.
    rtol : float
        Wanted relative accuracy of the weights, ``‖w - w_exact‖ / ‖w_exact‖``, at every output
        time. The default is far below what any curve shows. Depths above 2 take 1e-5 to 1e-3.
    max_steps : int
        Solver steps allowed between two output times.
    memory : int
        Bytes for the weights of all m output times, ``8 d m``. Weights that need more are not
        kept, but computed from the reduced states, of as many numbers as the data have rank, when
        they are asked for: each part of them that fits costs a pass over the data, and one over the
        test set. Beside the data, everything else is of size n (n + m); testing takes half as much
        again, in single precision.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> problem = gf.sparse_regression(n=20, d=50, k=2, n_test=100)
    >>> flow = gf.DiagonalFlow(lam=1e-4, loss=gf.LOSSES["square"])
    >>> trajectory = flow.run(gf.DiagonalStart(problem, alpha=1e4), np.array([0.0, 5.0, 20.0]))
    >>> print(trajectory.test_scores().error.round(2))
    [1.76 0.68 0.  ]
    """

    lam: float
    loss: Loss
    rtol: float = 1e-4
    max_steps: int = 20_000
    memory: int = 2**29

    def __post_init__(self) -> None:
        """Refuse settings outside the range in which double precision holds the state."""
        set_loss(self)
        check_ranges(self, lam=LAM_RANGE, rtol=_RTOL_RANGE)
        check_effort(self)
        if not self.loss.acts_on_margins and self.lam < _SQUARE_LAM:
            raise ValueError(
                f"lam is {self.lam:g} with the square loss, expected at least {_SQUARE_LAM:g}: "
                "below, the residuals that hold the weights drown in rounding: raise lam (--lam), "
                "or take the predicted curve, gf.forecast(...).at_lam (grokflow predict)"
            )

    def run(
        self,
        start: DiagonalStart,
        times: np.ndarray,
        *,
        measure: Measures = frozenset(),
        checkpoint: Checkpoint | None = None,
        prediction: Forecast | None = None,
        progress: Callable[[float], None] = lambda fraction: None,
    ) -> DiagonalTrajectory:
        """Follow the flow and return the state at the given times.

        Parameters
        ----------
        start : DiagonalStart
            Classes for exponential and logistic loss, real targets for the square loss, and the
            scale of the net at time 0.
        times : ndarray, shape (m,)
            Increasing slow times ``λt ≥ 0`` at which the state is wanted.
        measure : iterable of Measure or str
            What is measured at every output time, see `grokflow.simulations.diagonal.measuring`.
        checkpoint : Checkpoint or None
            Where the states at the output times are kept. An earlier run with the same settings
            is taken up again after the last time that it reached, where the solver starts anew:
            the states then agree with those of an uninterrupted run to within `rtol`. Its times
            must be the first ones of `times`.
        prediction : Forecast, optional
            Has the predictors from which distances are measured; made when it is needed and not
            given.
        progress : callable
            Called with the fraction of output times reached.

        Raises
        ------
        Stopped
            When the solver gives up, or α is too small for this depth; the exception carries the
            part that was reached.
        Interrupted
            On Ctrl-C, with the part that was reached.
        ValueError
            When the loss does not fit the task or the times do not increase.
        NoPredictor
            When the distance from a predictor is asked for that does not exist.
        """
        times = self._checked(start, times)
        wanted = measures(measure)
        lam, loss = self.lam, self.loss
        if prediction is None and wanted & PREDICTED:
            prediction = forecast(
                start.problem, alpha=start.alpha, lam=lam, loss=loss, depth=start.depth
            )

        def measured(trajectory: DiagonalTrajectory) -> DiagonalTrajectory:
            found = of_diagonal(trajectory, wanted, prediction)
            return replace(trajectory, measured=found)

        run = self._run_from(start, times, checkpoint)
        return measured_also_when_stopped(partial(run.follow, progress), measured)

    def _run_from(
        self, start: DiagonalStart, times: np.ndarray, checkpoint: Checkpoint | None
    ) -> DiagonalRun:
        problem = start.problem
        flow = ReducedFlow.of(problem, self.loss, start.scale, self.lam)
        settings = RunSettings(self.rtol, self.max_steps, self.memory, self.settings(start))
        data = {"data": fingerprint(problem.inputs, problem.targets)} if checkpoint else {}
        return DiagonalRun(flow, times, settings, checkpoint, data)

    def _checked(self, start: DiagonalStart, times: np.ndarray) -> np.ndarray:
        """Refuse a start that this method does not follow, and times that do not increase."""
        check_kind("start", start, DiagonalStart, "make one with gf.DiagonalStart(problem, alpha)")
        if start.depth > 2:
            check_range("rtol", self.rtol, _RTOL_RANGE_DEEP)
        check_loss(start.problem, self.loss)
        d = start.problem.d
        increasing = checked_times(times)
        check_memory(self.memory, 8 * d, f"one vector of {d} weights")
        return increasing

    def settings(self, start: DiagonalStart) -> dict[str, object]:
        """Return what reproduces a run from a start, as JSON holds it."""
        problem = start.problem
        return {
            "problem": {"name": problem.name, **problem.settings},
            "depth": start.depth,
            "alpha": start.alpha,
            "lam": self.lam,
            "loss": self.loss.name,
            "rtol": self.rtol,
        }


def check_loss(problem: Problem, loss: Loss) -> None:
    """Refuse a loss of margins on real targets; one of targets learns classes as their signs."""
    if loss.acts_on_margins and not problem.is_classification:
        raise ValueError(
            f"loss is {loss.name} on a {problem.task.value} problem, expected square: change the "
            "loss or the task"
        )
    if loss.acts_on_margins:
        with_tail(loss, "the flow at large scales")
