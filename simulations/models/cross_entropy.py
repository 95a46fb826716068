"""A diagonal net with an output for each class, under cross-entropy."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from grokflow.simulations.diagonal.classes.softmax import SoftmaxFlow, SoftmaxTrajectory
from grokflow.simulations.models.bound import BoundModel, ModelSettings
from grokflow.simulations.models.options import input_options
from grokflow.simulations.models.protocol import Progress, no_progress
from grokflow.simulations.models.results import Description, ModelForecast, PredictorResult
from grokflow.simulations.runs.measure import Measure, Measures, measures
from grokflow.theory.diagonal.classes.softmax import SoftmaxForecast, forecast_softmax
from grokflow.theory.diagonal.scale import check_scale
from grokflow.theory.linear.classes.problem import ClassesProblem
from grokflow.theory.linear.classes.softmax import stacked_problem
from grokflow.theory.linear.prediction import Prediction
from grokflow.theory.linear.problem import Problem
from grokflow.theory.objective import Provable

NAME = "cross-entropy"


def check_settings(settings: ModelSettings) -> None:
    """Refuse settings that the net does not have."""
    if settings.depth != 2:
        raise ValueError(
            f"depth is {settings.depth} with cross-entropy, expected 2, where its path is "
            "known: take the logistic loss (--loss logistic), a net for each class, at others"
        )
    if settings.sigma:
        raise ValueError(f"sigma is {settings.sigma}, expected 0: only completion has it")
    SoftmaxFlow(lam=settings.lam)
    check_scale(1.0)


@dataclass(frozen=True, eq=False)
class BoundCrossEntropy(BoundModel):
    """A diagonal net of C outputs with its data and weight decay."""

    problem: ClassesProblem
    lam: float
    rtol: float = SoftmaxFlow.rtol
    forecasts: dict[float, SoftmaxForecast] = field(default_factory=dict, repr=False)

    @property
    def log_scale(self) -> float:
        """Logarithm of the α of the weights' size, ``½ log ω``."""
        return float(np.log(stacked_problem(self.problem).scale)) / 2

    @property
    def unit_norm(self) -> float:
        """Norm of the parameters at α = 1."""
        return float(np.sqrt(2 * self.problem.d * len(self.problem.classes)))

    @property
    def size(self) -> str:
        """Sizes of the problem."""
        problem = self.problem
        return f"n = {problem.n}, d = {problem.d}, {len(problem.classes)} classes"

    @property
    def command_options(self) -> str:
        """The loss, and how the inputs are changed."""
        return f" --loss {NAME}{input_options(self.problem.transform)}"

    def describe(self, alpha: float) -> Description:
        """Say what starts from scale α."""
        problem, norm = self.problem, alpha * self.unit_norm
        return Description(
            words=(
                f"{problem.name} ({self.size}), {NAME}, diagonal net of depth 2 with an output "
                f"for each class, α = {alpha:.4g}, ‖θ(0)‖ = {norm:.4g}, λ = {self.lam:g}"
            ),
            problem={"name": problem.name, "classes": list(problem.classes), **problem.settings},
            model=f"diagonal net, depth 2, {len(problem.classes)} outputs",
            loss=NAME,
            alpha=alpha,
            norm=norm,
            lam=self.lam,
            notes=problem.notes,
        )

    def check_measures(self, wanted: frozenset[Measure]) -> None:
        """Refuse all measures, which are those of one net for each class."""
        if wanted:
            raise ValueError(
                f"measure is {min(item.value for item in wanted)} with cross-entropy, expected "
                "none: take the logistic loss (--loss logistic), which has them for every class"
            )

    def forecast(self, alpha: float, progress: Progress = no_progress) -> ModelForecast:
        """Predict from scale α, once."""
        if alpha not in self.forecasts:
            self.forecasts[alpha] = forecast_softmax(
                self.problem, alpha=alpha, lam=self.lam, progress=progress
            )
        found = self.forecasts[alpha]
        errors = found.scores.error.tolist()
        return ModelForecast(
            _result(found.early, errors[0]),
            _result(found.late, errors[1]),
            _result(found.limit, errors[2]),
            found.scores,
            found.kind,
            found.transition,
            found.leading_order,
            found.constant,
            found.at_lam.lambda_t,
            found.at_lam.scores,
            tailed=True,
            interval=found.interval,
            quarters=found.quarters,
            no_time=found.no_time,
            remark=found.remark,
        )

    @property
    def provable_problem(self) -> Problem:
        """The margins of all pairs of classes."""
        return stacked_problem(self.problem)

    def provable(self, alpha: float) -> dict[str, Provable]:
        """Return all three predictors, of the margins of all pairs of classes."""
        self.forecast(alpha)
        found, stacked = self.forecasts[alpha], self.provable_problem
        roles = {"early": found.early, "late": found.late, "late_limit": found.limit}
        return {role: Provable(stacked, item) for role, item in roles.items()}

    def follow(
        self,
        alpha: float,
        lambda_t: np.ndarray,
        measure: Measures = frozenset(),
        progress: Progress = no_progress,
    ) -> SoftmaxTrajectory:
        """Follow the flow from scale α."""
        self.check_measures(measures(measure))
        flow = SoftmaxFlow(lam=self.lam, rtol=self.rtol)
        return flow.run(self.problem, alpha=alpha, times=lambda_t, progress=progress)


def _result(item: Prediction, error: float) -> PredictorResult:
    name = f"{item.name} of Crammer and Singer" if "margin" in item.name else item.name
    return PredictorResult(name, error, item.certificate, 1 - error, item.margin)
