"""What a model says and what comes of a simulation, in one form for all kinds of models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from grokflow.theory.certificate import Certificate
from grokflow.theory.summary import Summarised
from grokflow.theory.transition.diagnosis import Diagnosis
from grokflow.theory.transition.intervals import UNKNOWN, Interval
from grokflow.theory.transition.scores import Kind, Scores
from grokflow.theory.transition.times import Quarters, Transition, quarters

# Relative gap above that which solvers leave.
_OPEN = 1e-5


@dataclass(frozen=True)
class Description:
    """Which problem, which model and how it starts.

    Parameters
    ----------
    words : str
        One sentence that says all of it.
    problem : mapping
        Name and settings of the problem.
    model, loss : str
        Names.
    alpha : float or None
        Scale of the start; None where it has none.
    norm : float
        Norm of the parameters at time 0.
    lam : float
        Weight decay.
    notes : tuple of str
        What was changed when the data were read.
    training : mapping
        What else reproduces the run of a net that is trained, as JSON holds it.

    Examples
    --------
    >>> import grokflow as gf
    >>> sizes, words = {"name": "fading", "n_test": 400}, "two weights, the second one fading"
    >>> said = gf.Description(words, sizes, "fading weight", "logistic", 10.0, 10.0, 1e-3)
    >>> said.model, said.alpha, said.lam
    ('fading weight', 10.0, 0.001)
    """

    words: str
    problem: Mapping[str, object]
    model: str
    loss: str
    alpha: float | None
    norm: float
    lam: float
    notes: tuple[str, ...] = ()
    training: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class PredictorResult:
    """A predictor: its name, how good it is on the test set, and how exactly it is known.

    Parameters
    ----------
    name : str
        Which predictor.
    test_error : float
        Misclassified fraction, or mean squared error.
    certificate : Certificate
        Bounds on its optimum.
    test_accuracy, margin, stationarity : float or None
        Accuracy and margin of a classifier; residual where the predictor is only a KKT point.
    rank : int or None
        Rank of a matrix.

    Examples
    --------
    >>> import grokflow as gf
    >>> result = gf.PredictorResult("faded", 0.1, gf.Certificate(1.0, 1.0, 0.0), test_accuracy=0.9)
    >>> result.name, result.test_accuracy, result.certificate.gap
    ('faded', 0.9, 0.0)
    """

    name: str
    test_error: float
    certificate: Certificate
    test_accuracy: float | None = None
    margin: float | None = None
    stationarity: float | None = None
    rank: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether the least loss is known for weights of ordinary size alone.

        No solver leaves so wide a gap: inputs that combine others up to rounding make it.
        """
        is_least_loss = self.name.startswith("min-") and self.name.endswith("-loss")
        return is_least_loss and self.certificate.gap > _OPEN


@dataclass(frozen=True, eq=False, repr=False)
class ModelForecast(Summarised):
    """What theory says of a model before anything is simulated.

    Parameters
    ----------
    early, late, late_limit : PredictorResult
        Where the flow is first, where it ends, and the limit of that for λ → 0, None where no λ
        comes near the limit.
    scores : Scores
        Their test results, in this order, and others after them; NaN for a limit that is None.
    kind : Kind
        What happens between the early and the late predictor.
    transition : Transition
        Predicted λt* and width; NaN where there is no transition, and not above 0 where the net
        starts beyond it.
    leading_order : float
        ``log α``.
    constant : float
        C(data) of the law of λt*.
    path_times : ndarray, shape (m,)
        λt along the quasi-static path.
    path_scores : Scores
        Test results along it.
    tailed : bool
        Whether margins grow, by the exponential tail of the loss.
    regime : str
        What the data hold the weights to, in words; empty where the model has one case only.
    parts : mapping of str to ModelForecast
        The forecasts of the parts of which the answer is made, by name: the classes one against
        the rest. Most models have none.
    early_limit : PredictorResult or None
        The limit of ``early`` for λ → 0, where that is another one: of separable classes.
    no_time : str
        Why the time of the transition is unknown, so that the path has no points; empty where it
        is known.
    remark : str
        What the reader of the predictors must know of the data; empty where there is nothing.
    interval : Interval
        Within which λt* is; NaN where that is not known.
    quarters : Quarters, optional
        When a quarter, half and three quarters of the change are done, on the curve that λt* is
        read off; by default as the curve ``path_scores`` has them.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> errors, exact = np.array([0.5, 0.0, 0.0]), gf.Certificate(1.0, 1.0, 0.0)
    >>> results = [gf.PredictorResult("mine", error, exact) for error in errors.tolist()]
    >>> scores, when = gf.Scores(None, errors, None, 100, 0 * errors, 1.0), gf.Transition(9.2, 0.5)
    >>> gf.ModelForecast(*results, scores, gf.Kind.GROKKING, when, 9.2, 0.0, np.arange(3.0), scores)
    ModelForecast(kind=grokking, lambda_t=9.2, width=0.5, early=mine, late=mine)
    """

    early: PredictorResult
    late: PredictorResult
    late_limit: PredictorResult | None
    scores: Scores
    kind: Kind
    transition: Transition
    leading_order: float
    constant: float
    path_times: np.ndarray
    path_scores: Scores
    tailed: bool = False
    regime: str = ""
    parts: Mapping[str, ModelForecast] = field(default_factory=dict)
    early_limit: PredictorResult | None = None
    no_time: str = ""
    remark: str = ""
    interval: Interval = UNKNOWN
    quarters: Quarters | None = None

    def _summary(self) -> Mapping[str, object]:
        """Return which transition is expected, when, and between which predictors."""
        return {
            "kind": self.kind,
            **self.transition._asdict(),
            "early": self.early.name,
            "late": self.late.name,
        }

    def roles(self) -> dict[str, PredictorResult]:
        """Return the predictors by what they are, without a limit that is None."""
        limits = {"early_limit": self.early_limit, "late_limit": self.late_limit}
        known = {role: limit for role, limit in limits.items() if limit is not None}
        return {"early": self.early, "late": self.late, **known}

    @property
    def ends(self) -> tuple[float, float]:
        """Test errors of the early and the late predictor."""
        return float(self.scores.error[0]), float(self.scores.error[1])

    @property
    def times(self) -> Quarters:
        """When each quarter of the change is done; that of λt* is as `transition` has it."""
        if self.quarters is not None:
            return self.quarters
        half = self.transition.lambda_t
        found = quarters(self.path_times, self.path_scores.error, *self.ends)
        return Quarters(min(found.quarter, half), half, max(found.three_quarters, half))


@dataclass(frozen=True)
class PredictedConsequences:
    """What a forecast means for the training.

    Parameters
    ----------
    diagnosis : Diagnosis
        How much changes, when, and when to stop.
    gap : float
        Largest relative gap of the predictors that are certified.
    residual : float or None
        KKT residual of a late predictor that is not.
    is_open : bool
        Whether weights far above ordinary size may fit better than the early predictor.
    remedy : str
        What to do about a mean of the targets that the model has no weight for; empty without one.
    """

    diagnosis: Diagnosis
    gap: float
    residual: float | None = None
    is_open: bool = False
    remedy: str = ""


@dataclass(frozen=True)
class GeneralisationBound:
    """An upper bound on the test error of a predictor, from a theorem.

    Parameters
    ----------
    role : str
        Of which predictor.
    theorem : str
        Its number.
    delta : float
        Probability with which the bound may fail.
    error : float
        The bound.
    vacuous : bool
        Whether it says nothing.
    smallest_n : int
        Number of samples from which it says something.
    """

    role: str
    theorem: str
    delta: float
    error: float
    vacuous: bool
    smallest_n: int


class Outlook(NamedTuple):
    """What theory says of a model at one λ, whatever α.

    ``scores`` are of the early and the late predictor first; ``offset`` is ``λt* - log α`` and
    ``width`` the width, NaN without a transition; ``constant`` is C(data) of the law. ``no_time``
    says why the time is unknown.
    """

    scores: Scores
    kind: Kind
    offset: float
    width: float
    constant: float
    no_time: str = ""

    def kind_at(self, alpha: float) -> Kind:
        """Return the kind at a scale of the start, which may lie beyond the transition."""
        if self.kind.is_visible and np.log(alpha) + self.offset <= 0:
            return Kind.STARTS_LATE
        return self.kind


class NetTransition(NamedTuple):
    """When the test error of a net that is trained leaves its value at the first fit.

    In slow time and in steps, with the width in steps and the errors before and after; all are
    NaN where there is no transition.
    """

    lambda_t: float
    steps: float
    width: float
    early: float
    late: float


class Column(NamedTuple):
    """A column of the table of a simulation: its head, width and cells."""

    head: str
    width: int
    cells: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class SimulationResult:
    """What is told of a simulation, in words and as JSON.

    Parameters
    ----------
    description : Description
        What was simulated.
    axes : mapping of str to ndarray, shape (m,)
        The recorded times.
    curves : mapping of str to ndarray
        What was recorded, and what was measured along the way.
    transition : Transition or NetTransition
        When the test results change.
    work : mapping
        What it took.
    ends : mapping
        Numbers beyond curves, transition and work.
    table : tuple of Column
        What the terminal shows.
    remarks : tuple of str
        Lines below it.
    no_forecast : str
        Why these data have no forecast; empty where they have one, and for nets, which have none.
    no_time : str
        Why a forecast has no time; empty where it has one.
    """

    description: Description
    axes: Mapping[str, np.ndarray]
    curves: Mapping[str, np.ndarray]
    transition: Transition | NetTransition
    work: Mapping[str, object]
    table: tuple[Column, ...]
    remarks: tuple[str, ...]
    ends: Mapping[str, object] = field(default_factory=dict)
    no_forecast: str = ""
    no_time: str = ""
