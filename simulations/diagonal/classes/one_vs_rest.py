"""The flows of several classes, one diagonal net for each, and what they answer together."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from grokflow.simulations.diagonal.flow import DiagonalFlow
from grokflow.simulations.diagonal.start import DiagonalStart
from grokflow.simulations.diagonal.trajectory import DiagonalTrajectory, times_within
from grokflow.simulations.runs.files import jsonable, versions
from grokflow.simulations.runs.measure import Measures
from grokflow.simulations.runs.stopping import Interrupted, Stopped
from grokflow.simulations.runs.work import SolverWork
from grokflow.theory.arguments import check_data, check_kind
from grokflow.theory.diagonal.forecast import Forecast
from grokflow.theory.linear.classes.problem import ClassesProblem, share_right
from grokflow.theory.summary import Summarised, ends
from grokflow.theory.transition.scores import Scores, joined
from grokflow.theory.transition.times import Transition, crossing

if TYPE_CHECKING:
    import xarray


@dataclass(frozen=True, eq=False, repr=False)
class ClassesTrajectory(Summarised):
    """States of the nets of several classes at m output times; the largest output is the answer.

    `follow_classes` makes it.

    Parameters
    ----------
    problem : ClassesProblem
        The data.
    lambda_t : ndarray, shape (m,)
        Slow times λt that all classes have reached.
    parts : tuple of DiagonalTrajectory
        The trajectory of each class; some may hold later times as well.
    memory : int
        Bytes for weights of all classes at some of the times.
    settings : mapping
        What reproduces the run.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> x, y = np.eye(6), np.array(["ant", "bee", "cat", "ant", "bee", "cat"])
    >>> problem = gf.make_classes_problem("animals", x, y, x, y)
    >>> flow = gf.DiagonalFlow(lam=1e-3, loss=gf.LOSSES["logistic"])
    >>> gf.follow_classes(flow, problem, alpha=10.0, times=np.array([0.0, 1.0, 5.0]))
    ClassesTrajectory(problem=animals, classes=3, times=3, lambda_t=0 → 5, norm=60 → 10.22)
    """

    problem: ClassesProblem
    lambda_t: np.ndarray
    parts: tuple[DiagonalTrajectory, ...]
    memory: int
    settings: Mapping[str, object] = field(default_factory=dict)

    def _summary(self) -> Mapping[str, object]:
        """Return the values that are shown."""
        return {
            "problem": self.problem.name,
            "classes": len(self.problem.classes),
            "times": len(self.lambda_t),
            "lambda_t": ends(self.lambda_t),
            "norm": ends(self.norms),
        }

    @property
    def work(self) -> SolverWork:
        """What the solvers of all classes took."""
        spent = [part.work for part in self.parts]
        return SolverWork(
            spent[0].name,
            sum(item.rhs_evaluations for item in spent),
            sum(item.jacobian_evaluations for item in spent),
            sum(item.seconds for item in spent),
        )

    @property
    def measured(self) -> dict[str, np.ndarray]:
        """The measures that were asked for, each at the class where it is largest, shape (m,)."""
        m = len(self.lambda_t)
        return {
            name: np.max([part.measured[name][:m] for part in self.parts], axis=0)
            for name in self.parts[0].measured
        }

    @property
    def norms(self) -> np.ndarray:
        """Norm of the parameters of all nets, shape (m,)."""
        return np.asarray(np.linalg.norm(self._over_classes(lambda part: part.norms), axis=0))

    @property
    def train_loss(self) -> np.ndarray:
        """Mean training loss, summed over the classes, shape (m,)."""
        return np.asarray(self._over_classes(lambda part: part.train_loss).sum(axis=0))

    @property
    def train_error(self) -> np.ndarray:
        """Misclassified fraction of the training samples, shape (m,)."""
        labels = self.problem.labels
        outputs = np.stack([self._outputs(number) for number in range(len(self.parts))], axis=1)
        return np.asarray(1 - share_right(outputs, labels).mean(axis=0))

    def _outputs(self, number: int) -> np.ndarray:
        """Return the training outputs of one net, shape (n, m): margins are turned back."""
        part = self.parts[number]
        outputs = part.outputs[: len(self.lambda_t)].T
        if not part.flow.problem.is_classification:
            return outputs
        return np.asarray(outputs * np.where(self.problem.labels == number, 1.0, -1.0)[:, None])

    def _over_classes(self, of: Callable[[DiagonalTrajectory], np.ndarray]) -> np.ndarray:
        """Return curves of all classes, shape (C, m)."""
        m = len(self.lambda_t)
        return np.array([of(part)[:m] for part in self.parts]).reshape(-1, m)

    def weights_at(self, part: slice) -> np.ndarray:
        """Return the weights at some of the times, shape (C, d, k)."""
        chosen = slice(*part.indices(len(self.lambda_t)))
        return np.stack([item.weights_at(chosen) for item in self.parts])

    def test_scores(self) -> Scores:
        """Return how often the largest output is that of the right class, at every output time."""
        return self._scores

    @cached_property
    def _scores(self) -> Scores:
        size = len(self.problem.classes) * self.problem.d
        cuts = times_within(len(self.lambda_t), size, self.memory)
        return joined([self.problem.score(self.weights_at(cut)) for cut in cuts])

    def transition(self, early: float, late: float) -> Transition:
        """Return when, in slow time, the test error crosses from `early` to `late`."""
        return crossing(self.lambda_t, self.test_scores().error, early, late)

    def curves(self) -> dict[str, np.ndarray]:
        """Return every curve by its name in JSON and files, each of shape (m,)."""
        accuracy = self.test_scores().accuracy
        assert accuracy is not None
        return {
            "train_accuracy": 1 - self.train_error,
            "test_accuracy": accuracy,
            "train_loss": self.train_loss,
            "norms": self.norms,
            **self.measured,
        }

    def to_dataset(self, settings: Mapping[str, object] | None = None) -> xarray.Dataset:
        """Return curves and the reduced states of every class with labels."""
        import xarray

        m, shown = len(self.lambda_t), self.settings if settings is None else settings
        variables: dict[str, Any] = {
            name: ("lambda_t", values) for name, values in self.curves().items()
        }
        states = np.stack([part.states[:m] for part in self.parts], axis=1)
        variables["state"] = (("lambda_t", "class", "sample"), states)
        coords = {"lambda_t": self.lambda_t, "class": list(self.problem.classes)}
        attributes = {"settings": json.dumps(jsonable(shown)), "versions": json.dumps(versions())}
        return xarray.Dataset(variables, coords, attributes)


def follow_classes(
    flow: DiagonalFlow,
    problem: ClassesProblem,
    *,
    alpha: float,
    times: np.ndarray,
    depth: int = 2,
    measure: Measures = frozenset(),
    predictions: Mapping[str, Forecast] | None = None,
    progress: Callable[[float], None] = lambda fraction: None,
) -> ClassesTrajectory:
    """Follow the diagonal nets of all classes, one after the other, through the same times.

    Parameters
    ----------
    flow : DiagonalFlow
        The method; a loss of margins learns each class against the rest, one of targets its 1 and
        0. Its memory is shared by the classes.
    problem : ClassesProblem
        The data.
    alpha : float
        Scale of every net at time 0.
    times : ndarray, shape (m,)
        Increasing slow times λt.
    depth : int
        L, from 2 to 8.
    measure : iterable of Measure or str
        What is measured; the class with the largest value is shown.
    predictions : mapping of str to Forecast, optional
        The forecasts of the classes, from which distances are measured.
    progress : callable
        Called with the fraction done.

    Raises
    ------
    Stopped
        When the flow of a class cannot go on; it carries what all classes have reached.
    Interrupted
        On Ctrl-C; it carries no times unless the last class was reached.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> problem = gf.make_classes_problem("digits", np.eye(3), [1, 2, 3], np.eye(3), [1, 2, 3])
    >>> flow = gf.DiagonalFlow(lam=1e-3, loss=gf.LOSSES["logistic"])
    >>> found = gf.follow_classes(flow, problem, alpha=10.0, times=np.array([0.0, 1.0, 5.0]))
    >>> print(found.curves()["train_accuracy"].round(2))
    [0.33 1.   1.  ]
    """
    check_kind("flow", flow, DiagonalFlow, "make one with gf.DiagonalFlow")
    check_data(problem, ClassesProblem)
    count, parts, reason = len(problem.classes), list[DiagonalTrajectory](), ""
    flow, reached = replace(flow, memory=flow.memory // count), np.asarray(times, dtype=np.float64)

    def together() -> ClassesTrajectory:
        settings = flow.settings(DiagonalStart(problem.part(0, flow.loss), alpha, depth))
        settings["problem"] = {"name": problem.name, **problem.settings}
        return ClassesTrajectory(problem, reached, tuple(parts), flow.memory, settings)

    def show(fraction: float) -> None:
        progress((len(parts) + fraction) / count)

    try:
        for number, name in enumerate(problem.classes):
            start = DiagonalStart(problem.part(number, flow.loss), alpha, depth)
            known = None if predictions is None else predictions[name]
            try:
                found = flow.run(start, reached, measure=measure, prediction=known, progress=show)
            except Stopped as stopped:
                found, reason = stopped.trajectory, reason or f"class {name}: {stopped}"
            parts.append(found)
            reached = found.lambda_t
            if not len(reached):
                break
    except Interrupted as interrupted:
        parts.append(interrupted.trajectory)
        reached = parts[-1].lambda_t if len(parts) == count else reached[:0]
        raise Interrupted(together()) from None
    if reason:
        raise Stopped(reason, together())
    return together()
