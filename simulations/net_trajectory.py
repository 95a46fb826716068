"""What training a net returns: its curves on the axes of steps and of slow time, and the net."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from torch import nn

from theory.transition import Transition, crossing


class Record(NamedTuple):
    """The state of training after some steps.

    ``log_t`` is the logarithm of the time, the sum of all step sizes; ``log_loss`` that of the
    training loss, which is finite where the loss itself underflows.
    """

    step: int
    log_t: float
    train_error: float
    test_error: float
    train_loss: float
    test_loss: float
    log_loss: float
    norm: float


@dataclass(frozen=True, eq=False)
class NetTrajectory:
    """Curves at m recorded steps.

    Parameters
    ----------
    steps : ndarray of int, shape (m,)
        Number of steps taken.
    log_t, lambda_t : ndarray, shape (m,)
        Logarithm of the time t, the sum of the step sizes, and the slow time λt.
    train_error, test_error : ndarray, shape (m,)
        Misclassified fractions, or mean squared errors.
    train_loss, test_loss, log_loss : ndarray, shape (m,)
        Mean losses, and the logarithm of the first without underflow.
    norms : ndarray, shape (m,)
        ``‖θ‖`` of the trained parameters.
    classification : bool
        Whether errors are misclassified fractions.
    net : nn.Module
        The net as it is at the last record.
    settings : mapping
        What reproduces the run.
    gradient_evaluations : int
        Gradients of a batch.
    seconds : float
        Wall time, over all interruptions.
    """

    steps: np.ndarray
    log_t: np.ndarray
    lambda_t: np.ndarray
    train_error: np.ndarray
    test_error: np.ndarray
    train_loss: np.ndarray
    test_loss: np.ndarray
    log_loss: np.ndarray
    norms: np.ndarray
    classification: bool
    net: nn.Module
    settings: Mapping[str, object]
    gradient_evaluations: int
    seconds: float

    @classmethod
    def of(
        cls,
        records: Sequence[Record],
        lam: float,
        *,
        classification: bool,
        net: nn.Module,
        settings: Mapping[str, object],
        gradient_evaluations: int,
        seconds: float,
    ) -> NetTrajectory:
        """Turn records into curves."""
        table = np.array(records, dtype=np.float64).reshape(-1, len(Record._fields))
        columns = dict(zip(Record._fields, table.T, strict=True))
        return cls(
            steps=columns["step"].astype(np.int64),
            log_t=columns["log_t"],
            lambda_t=lam * np.exp(columns["log_t"]) if lam else np.zeros(len(table)),
            train_error=columns["train_error"],
            test_error=columns["test_error"],
            train_loss=columns["train_loss"],
            test_loss=columns["test_loss"],
            log_loss=columns["log_loss"],
            norms=columns["norm"],
            classification=classification,
            net=net,
            settings=settings,
            gradient_evaluations=gradient_evaluations,
            seconds=seconds,
        )

    def curves(self) -> dict[str, np.ndarray]:
        """Return every curve by its name in JSON and files, each of shape (m,)."""
        scores = {"train_error": self.train_error, "test_error": self.test_error}
        if self.classification:
            scores = {
                "train_accuracy": 1 - self.train_error,
                "test_accuracy": 1 - self.test_error,
            }
        return scores | {
            "train_loss": self.train_loss,
            "test_loss": self.test_loss,
            "log_loss": self.log_loss,
            "norms": self.norms,
        }

    def fitted(self) -> int:
        """Return the number of the first record at which the training set is fitted, or m.

        Fitted means no error for classes, a hundredth of the first error for real targets.
        """
        if not len(self.steps):
            return 0
        level = 0.0 if self.classification else 0.01 * self.train_error[0]
        done = np.flatnonzero(self.train_error <= level)
        return int(done[0]) if done.size else len(self.steps)

    def transition(self, early: float, late: float) -> Transition:
        """Return the step at which the test error goes from `early` to `late`, and the width.

        See `theory.transition`; both fields are in steps.
        """
        return crossing(self.steps.astype(np.float64), self.test_error, early, late)
