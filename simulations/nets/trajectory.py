"""What following a net returns, by its flow or step by step: curves, parameters and the work."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import nn

from grokflow.simulations.runs.files import jsonable, versions
from grokflow.simulations.runs.work import NetWork
from grokflow.theory.nets.state import end_of_kernel_regime
from grokflow.theory.summary import Summarised, ends
from grokflow.theory.transition.scores import Scores
from grokflow.theory.transition.times import StepTransition, Transition, crossing

if TYPE_CHECKING:
    import xarray


@dataclass(frozen=True, eq=False, repr=False)
class NetTrajectory(Summarised):
    """The state of a net at k recorded times.

    Parameters
    ----------
    steps : ndarray of int, shape (k,)
        Steps taken: those of gradient descent, or those that the flow's solver accepted.
    log_t, lambda_t : ndarray, shape (k,)
        Logarithm of the time t, and the slow time λt. For descent, t is the sum of step sizes.
    train_error, test_error : ndarray, shape (k,)
        Misclassified fractions, or mean squared errors.
    test_spread : ndarray, shape (k,)
        Standard error of the test error over the draw of the test set.
    train_loss, test_loss, log_loss : ndarray, shape (k,)
        Mean losses, and the logarithm of the training loss without underflow.
    norms : ndarray, shape (k,)
        ``‖θ‖`` of the trained parameters.
    margins : ndarray, shape (k,)
        Least margin over the training set, of a class over all others; NaN for the square loss.
    departures : ndarray, shape (k,)
        ``‖θ / (α e^{-λt}) - θ̄‖``, small in the kernel regime (Lyu et al. 2024, Lemma C.5).
    direction_norm : float
        ``‖θ̄‖``.
    measured : mapping of str to ndarray, shape (k,)
        The measures that were asked for, see `grokflow.simulations.runs.measure`.
    kept : ndarray of int, shape (j,)
        At which of the k records the parameters were kept; the last is always among them.
    theta : ndarray, shape (j, P)
        Parameters there.
    net : nn.Module
        The net as it is at the last record.
    degree : float
        Measured degree of homogeneity L; NaN where it was not measured.
    classification : bool
        Whether errors are misclassified fractions.
    test_size : int
        Number of test samples.
    baseline : float
        Test error of the best constant: of the most frequent class, or of the mean, of the
        training set.
    settings : mapping
        What reproduces the run.
    work : NetWork
        What the run took.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> start = gf.teacher_student(n=20, d=10, n_test=50)
    >>> trajectory = gf.Descent(lr=0.1, lam=0.0).run(start, np.array([0, 10, 100]))
    >>> for name in ("train_loss", "test_loss"):
    ...     print(name, trajectory.curves()[name].round(3))
    train_loss [0.805 0.028 0.   ]
    test_loss [1.159 0.142 0.   ]
    """

    steps: np.ndarray
    log_t: np.ndarray
    lambda_t: np.ndarray
    train_error: np.ndarray
    test_error: np.ndarray
    test_spread: np.ndarray
    train_loss: np.ndarray
    test_loss: np.ndarray
    log_loss: np.ndarray
    norms: np.ndarray
    margins: np.ndarray
    departures: np.ndarray
    direction_norm: float
    measured: Mapping[str, np.ndarray]
    kept: np.ndarray
    theta: np.ndarray
    net: nn.Module
    degree: float
    classification: bool
    test_size: int
    baseline: float
    settings: Mapping[str, object]
    work: NetWork

    def _summary(self) -> Mapping[str, object]:
        """Return the values that are shown."""
        return {
            "records": len(self.steps),
            "steps": ends(self.steps),
            "lambda_t": ends(self.lambda_t),
            "train error": ends(self.train_error),
            "test error": ends(self.test_error),
        }

    @property
    def normalised_margins(self) -> np.ndarray:
        """Least margins over ``‖θ‖^L``, shape (k,)."""
        return np.asarray(self.margins / self.norms**self.degree)

    def curves(self) -> dict[str, np.ndarray]:
        """Return every curve by its name in JSON and files, each of shape (k,)."""
        scores = {"train_error": self.train_error, "test_error": self.test_error}
        if self.classification:
            scores = {
                "train_accuracy": 1 - self.train_error,
                "test_accuracy": 1 - self.test_error,
            }
        always = {
            "train_loss": self.train_loss,
            "test_loss": self.test_loss,
            "log_loss": self.log_loss,
            "norms": self.norms,
            "departures": self.departures,
        }
        if not np.isnan(self.margins).all():
            always["margins"] = self.margins
            if np.isfinite(self.degree):
                always["normalised_margins"] = self.normalised_margins
        return scores | always | dict(self.measured)

    def fitted(self) -> int:
        """Return the number of the first record at which the training set is fitted, or k.

        Fitted means no error for classes, a hundredth of the first error for real targets.
        """
        if not len(self.steps):
            return 0
        level = 0.0 if self.classification else 0.01 * self.train_error[0]
        done = np.flatnonzero(self.train_error <= level)
        return int(done[0]) if done.size else len(self.steps)

    def kernel_regime_end(self, part: float) -> float:
        """Return the λt at which the departure exceeds `part` of ``‖θ̄‖`` (Lemma C.5), or NaN.

        NaN also without weight decay, and where it has done so before the first record.
        """
        gone = self.departures > part * self.direction_norm
        if not (self.lambda_t > 0).any() or gone[0]:
            return float("nan")
        return end_of_kernel_regime(self.lambda_t, self.departures, part * self.direction_norm)

    def test_scores(self) -> Scores:
        """Return accuracy, error and loss on the test set at every record."""
        return Scores(
            1 - self.test_error if self.classification else None,
            self.test_error,
            self.test_loss,
            self.test_size,
            self.test_spread,
            self.baseline,
        )

    def transition(self, early: float, late: float) -> Transition:
        """Return when, in slow time, the test error crosses from `early` to `late`."""
        return crossing(self.lambda_t, self.test_error, early, late)

    def transition_step(self, early: float, late: float) -> StepTransition:
        """Return after how many steps the test error crosses from `early` to `late`."""
        steps = self.steps.astype(np.float64)
        return StepTransition(*crossing(steps, self.test_error, early, late))

    def to_dataset(self, settings: Mapping[str, object] | None = None) -> xarray.Dataset:
        """Return the curves with labels, settings and versions."""
        import xarray

        columns = self.curves() | {"lambda_t": self.lambda_t, "log_t": self.log_t}
        variables: dict[str, Any] = {name: ("steps", values) for name, values in columns.items()}
        shown = self.settings if settings is None else settings
        attributes = {
            "settings": json.dumps(jsonable(shown)),
            "versions": json.dumps(versions() | {"torch": version("torch")}),
        }
        return xarray.Dataset(variables, {"steps": self.steps}, attributes)
