"""The flow of a diagonal net of several outputs under cross-entropy, followed exactly."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from grokflow.simulations.diagonal.stepper import TIGHTENED, DiagonalStepper, Unverified
from grokflow.simulations.runs.checks import check_effort, check_ranges, checked_times
from grokflow.simulations.runs.files import jsonable, versions
from grokflow.simulations.runs.stopping import Interrupted, Stopped
from grokflow.simulations.runs.sundials import SolverFailure
from grokflow.simulations.runs.work import SolverWork
from grokflow.theory.arguments import LAM_RANGE, check_data
from grokflow.theory.diagonal.classes.softmax_flow import SoftmaxEquations
from grokflow.theory.diagonal.scale import check_scale
from grokflow.theory.errors import either
from grokflow.theory.linear.classes.problem import ClassesProblem
from grokflow.theory.linear.classes.softmax import sample_losses
from grokflow.theory.numerics.input_transform import standardising
from grokflow.theory.summary import Summarised, ends
from grokflow.theory.transition.scores import Scores
from grokflow.theory.transition.times import Transition, crossing

if TYPE_CHECKING:
    import xarray

_RTOL_RANGE = (1e-8, 1e-2)
# The run beside it, ten times finer, says what the errors of the steps add up to.
_FINER = 1 / 10


@dataclass(frozen=True, eq=False, repr=False)
class SoftmaxTrajectory(Summarised):
    """States of a net of C outputs at m output times.

    `SoftmaxFlow` returns it.

    Parameters
    ----------
    problem : ClassesProblem
        The data.
    flow : SoftmaxEquations
        Scale, λ and the margins of the data.
    lambda_t : ndarray, shape (m,)
        Slow times λt.
    weights : ndarray, shape (C, d, m)
        The weights ``u² - v²`` of every class.
    error : float
        Largest relative difference to the run with a tenth of the tolerance.
    work : SolverWork
        What the solver took, both runs together.
    settings : mapping
        What reproduces the run.
    measured : mapping
        Nothing: measures are those of one net for each class.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> x, y = np.eye(6), np.array(["ant", "bee", "cat", "ant", "bee", "cat"])
    >>> problem = gf.make_classes_problem("animals", x, y, x, y)
    >>> gf.SoftmaxFlow(lam=1e-3).run(problem, alpha=10.0, times=np.array([0.0, 5.0]))
    SoftmaxTrajectory(problem=animals, times=2, lambda_t=0 → 5, norm=60 → ...
    """

    problem: ClassesProblem
    flow: SoftmaxEquations
    lambda_t: np.ndarray
    weights: np.ndarray
    error: float
    work: SolverWork
    settings: Mapping[str, object] = field(default_factory=dict)
    measured: Mapping[str, np.ndarray] = field(default_factory=dict)

    def _summary(self) -> Mapping[str, object]:
        """Return the values that are shown."""
        return {
            "problem": self.problem.name,
            "times": len(self.lambda_t),
            "lambda_t": ends(self.lambda_t),
            "norm": ends(self.norms),
        }

    @cached_property
    def margins(self) -> np.ndarray:
        """The margins ``q_ic`` over the other classes, shape (m, n, C-1)."""
        return np.array([self.flow.margins(w) for w in self._flat.T])

    @property
    def _flat(self) -> np.ndarray:
        return self.weights.reshape(-1, len(self.lambda_t))

    @property
    def norms(self) -> np.ndarray:
        """``‖(u, v)‖``, shape (m,)."""
        twice_beta = 2 * np.exp(2 * (np.log(self.flow.scale.alpha) - self.lambda_t))
        return np.asarray(np.sqrt(np.hypot(self._flat, twice_beta).sum(axis=0)))

    @property
    def train_loss(self) -> np.ndarray:
        """Mean training loss, shape (m,)."""
        return np.asarray(sample_losses(self.margins).mean(axis=-1))

    @property
    def train_accuracy(self) -> np.ndarray:
        """Share of the training samples whose own output is the largest, shape (m,)."""
        least = self.margins.min(axis=-1)
        equal = 1 + (self.margins == 0).sum(axis=-1)
        return np.asarray(np.where(least < 0, 0.0, 1 / equal).mean(axis=-1))

    def test_scores(self) -> Scores:
        """Return how often the largest output is that of the right class, at every output time."""
        return self._scores

    @cached_property
    def _scores(self) -> Scores:
        return self.problem.score(self.weights)

    def transition(self, early: float, late: float) -> Transition:
        """Return when, in slow time, the test error crosses from `early` to `late`."""
        return crossing(self.lambda_t, self.test_scores().error, early, late)

    def curves(self) -> dict[str, np.ndarray]:
        """Return every curve by its name in JSON and files, each of shape (m,)."""
        return {
            "train_accuracy": self.train_accuracy,
            "test_accuracy": 1 - self.test_scores().error,
            "train_loss": self.train_loss,
            "norms": self.norms,
            "margins": self.margins.min(axis=(1, 2)),
        }

    def to_dataset(self, settings: Mapping[str, object] | None = None) -> xarray.Dataset:
        """Return curves and weights with labels."""
        import xarray

        variables: dict[str, Any] = {
            name: ("lambda_t", values) for name, values in self.curves().items()
        }
        variables["weight"] = (("class", "input", "lambda_t"), self.weights)
        coords = {"lambda_t": self.lambda_t, "class": list(self.problem.classes)}
        shown = self.settings if settings is None else settings
        attributes = {"settings": json.dumps(jsonable(shown)), "versions": json.dumps(versions())}
        return xarray.Dataset(variables, coords, attributes)


@dataclass(frozen=True, kw_only=True)
class SoftmaxFlow:
    """The flow of ``w = u² - v²`` under cross-entropy and weight decay λ, solved up to `rtol`.

    Every run is made twice, the second time with a tenth of the tolerance, and stops where the two
    differ by more than `rtol`.

    Parameters
    ----------
    lam : float
        Weight decay λ.
    rtol : float
        Relative accuracy of the weights at every output time.
    max_steps : int
        Solver steps allowed between two output times.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> x, y = np.eye(6), np.array(["ant", "bee", "cat", "ant", "bee", "cat"])
    >>> problem = gf.make_classes_problem("animals", x, y, x, y)
    >>> found = gf.SoftmaxFlow(lam=1e-3).run(problem, alpha=10.0, times=np.array([0.0, 5.0]))
    >>> print(found.curves()["train_accuracy"].round(2))
    [0.33 1.  ]
    """

    lam: float
    rtol: float = 1e-4
    max_steps: int = 20_000

    def __post_init__(self) -> None:
        """Refuse settings outside the range in which double precision holds the state."""
        check_ranges(self, lam=LAM_RANGE, rtol=_RTOL_RANGE)
        check_effort(self)

    def run(
        self,
        problem: ClassesProblem,
        *,
        alpha: float,
        times: np.ndarray,
        progress: Callable[[float], None] = lambda fraction: None,
    ) -> SoftmaxTrajectory:
        """Follow the flow from scale α and return the weights at the given times.

        Parameters
        ----------
        problem : ClassesProblem
            The data.
        alpha : float
            Value of every coordinate of u and v at time 0.
        times : ndarray, shape (m,)
            Increasing slow times ``λt ≥ 0``.
        progress : callable
            Called with the fraction done.

        Raises
        ------
        Stopped
            When the solver gives up, or two runs differ by more than `rtol`; it carries the part
            in which they agree.
        Interrupted
            On Ctrl-C, with the times that both runs have reached.
        """
        check_data(problem, ClassesProblem)
        check_scale(alpha)
        times = checked_times(times)
        flow, started = SoftmaxEquations.of_classes(problem, alpha, self.lam), perf_counter()
        coarse, fine = (
            _Run(flow, rtol, float(times[-1]), self.max_steps)
            for rtol in (self.rtol, self.rtol * _FINER)
        )
        interrupted = False
        try:
            coarse.follow(times, lambda x: progress(x / 2))
            fine.follow(times, lambda x: progress((1 + x) / 2))
        except KeyboardInterrupt:
            interrupted = True
        errors = _differences(coarse.weights, fine.weights)
        good = int(np.argmax([*(errors > self.rtol), True]))
        work = _work(coarse.stepper, fine.stepper, perf_counter() - started)
        weights = np.array(fine.weights[:good]).reshape(good, len(problem.classes), problem.d)
        found = SoftmaxTrajectory(
            problem,
            flow,
            times[:good],
            weights.transpose(1, 2, 0),
            float(errors[:good].max(initial=0.0)),
            work,
            self.settings(problem, alpha),
        )
        if interrupted:
            raise Interrupted(found)
        if good < len(times):
            care = f"in Python raise rtol (now {self.rtol:g}) or max_steps"
            why = coarse.failure or fine.failure or f"two runs differ by {errors[good]:.1e}"
            raise Stopped(
                f"the flow stopped before λt = {times[good]:g} of {times[-1]:g} ({why}): "
                f"{either(standardising(problem.transform), care)}",
                found,
            )
        return found

    def settings(self, problem: ClassesProblem, alpha: float) -> dict[str, object]:
        """Return what reproduces a run, as JSON holds it."""
        return {
            "problem": {"name": problem.name, **problem.settings},
            "depth": 2,
            "alpha": alpha,
            "lam": self.lam,
            "loss": "cross-entropy",
            "rtol": self.rtol,
        }


class _Run:
    """One run of the solver: the weights that it has reached, and why it ended where it did."""

    def __init__(self, flow: SoftmaxEquations, rtol: float, end: float, max_steps: int) -> None:
        self.flow = flow
        self.stepper = DiagonalStepper(flow, rtol, end, max_steps)
        self.weights: list[np.ndarray] = []
        self.failure = ""

    def follow(self, times: np.ndarray, progress: Callable[[float], None]) -> None:
        """Step from time to time; where the solver is found to err, anew with more care."""
        for tightened in TIGHTENED:
            self.stepper = self.stepper.afresh(tightened)
            self.weights.clear()
            self.failure = ""
            try:
                return self._step(times, progress)
            except SolverFailure as error:
                self.failure = str(error)
                if not isinstance(error, Unverified):
                    return None
        return None

    def _step(self, times: np.ndarray, progress: Callable[[float], None]) -> None:
        states = self.stepper.states(self.flow.clock.of(times))
        for s, state in zip(times.tolist(), states, strict=True):
            self.weights.append(self.flow.weights(s, state.y))
            progress(len(self.weights) / len(times))


def _work(coarse: DiagonalStepper, fine: DiagonalStepper, seconds: float) -> SolverWork:
    """Return what both runs took."""
    first, second = coarse.work(0.0), fine.work(seconds)
    return second._replace(
        rhs_evaluations=first.rhs_evaluations + second.rhs_evaluations,
        jacobian_evaluations=first.jacobian_evaluations + second.jacobian_evaluations,
    )


def _differences(coarse: list[np.ndarray], fine: list[np.ndarray]) -> np.ndarray:
    """Return the relative differences of two runs, at the times that both have reached."""
    pairs = zip(coarse, fine, strict=False)
    return np.array([np.linalg.norm(a - b) / (np.linalg.norm(b) or 1.0) for a, b in pairs])
