"""What a flow of a net returns: curves, parameters at chosen times, and the work they took."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from theory.net_map import NetMap
from theory.net_problems import NetProblem
from theory.net_quantities import normalised_margin
from theory.transition import Transition, crossing


class NetWork(NamedTuple):
    """What a run spent.

    Gradients are those of the training loss; a Jacobian is the gradients of all outputs (C backward
    passes where parameters act as matrices), a product a pair ``Jᵀw``, ``Jv``.
    """

    name: str
    gradient_evaluations: int
    jacobians: int
    factorisations: int
    products: int
    steps: int
    rejected: int
    seconds: float


@dataclass(frozen=True, eq=False)
class NetFlowTrajectory:
    """The state of a net at k recorded times.

    Parameters
    ----------
    lambda_t : ndarray, shape (k,)
        Slow times λt.
    train_error, test_error : ndarray, shape (k,)
        Fraction of wrong predictions, or mean squared error.
    train_loss, test_loss : ndarray, shape (k,)
        Mean losses.
    norms : ndarray, shape (k,)
        ``‖θ‖``.
    margins : ndarray, shape (k,)
        Least normalised margin ``/ ‖θ‖^L``; NaN for the square loss.
    kept : ndarray of int, shape (j,)
        At which of the k records the parameters were kept; the last is always among them.
    theta : ndarray, shape (j, P)
        Parameters there.
    degree : float
        Measured degree of homogeneity L.
    work : NetWork
        What it took.
    """

    lambda_t: np.ndarray
    train_error: np.ndarray
    test_error: np.ndarray
    train_loss: np.ndarray
    test_loss: np.ndarray
    norms: np.ndarray
    margins: np.ndarray
    kept: np.ndarray
    theta: np.ndarray
    degree: float
    work: NetWork

    def transition(self, early: float, late: float) -> Transition:
        """Return when the test error crosses from `early` to `late`."""
        return crossing(self.lambda_t, self.test_error, early, late)


class Record(NamedTuple):
    """One row of the curves."""

    lambda_t: float
    train_error: float
    test_error: float
    train_loss: float
    test_loss: float
    norms: float
    margins: float


@dataclass(eq=False)
class Recorder:
    """Collects records of a net while it is followed.

    Parameters
    ----------
    thin : int
        Keep the parameters of every thin-th record; 0 keeps the last only.
    """

    net: NetMap
    problem: NetProblem
    degree: float
    thin: int
    records: list[Record] = field(default_factory=list)
    states: dict[int, np.ndarray] = field(default_factory=dict)

    def add(self, lambda_t: float, theta: Tensor) -> None:
        """Record the state at `lambda_t`."""
        problem, loss = self.problem, self.problem.loss
        f, tested = (self.net.outputs(theta, x) for x in (problem.x, problem.x_test))
        norm = float(theta.norm())
        margin = normalised_margin(loss, f, problem.y) / norm**self.degree
        last = len(self.records) - 1
        if last in self.states and not (self.thin and last % self.thin == 0):
            del self.states[last]
        self.states[last + 1] = theta.cpu().numpy().copy()
        self.records.append(
            Record(
                lambda_t,
                _mean(loss.errors(f, problem.y)),
                _mean(loss.errors(tested, problem.y_test)),
                _mean(loss.value(f, problem.y)),
                _mean(loss.value(tested, problem.y_test)),
                norm,
                margin,
            )
        )

    def keep(self, lambda_t: float, theta: Tensor) -> None:
        """Record a state that was reached after the last record, if it was."""
        if lambda_t > (self.records[-1].lambda_t if self.records else 0.0):
            self.add(lambda_t, theta)

    def trajectory(self, work: NetWork) -> NetFlowTrajectory:
        """Return what was collected."""
        shape = (len(self.records), len(Record._fields))
        table = np.array(self.records, dtype=np.float64).reshape(shape)
        curves = {name: table[:, i] for i, name in enumerate(Record._fields)}
        states = list(self.states.values()) or [np.empty(0)]
        kept = np.array(list(self.states), dtype=np.int64)
        theta = np.array(states)[: len(kept)]
        return NetFlowTrajectory(**curves, kept=kept, theta=theta, degree=self.degree, work=work)


def _mean(values: Tensor) -> float:
    return float(values.mean()) if len(values) else float("nan")


def on_device(problem: NetProblem, device: str) -> NetProblem:
    """Move samples to a device, floats as float64."""

    def move(array: Tensor) -> Tensor:
        return array.to(device, torch.float64 if array.is_floating_point() else None)

    return NetProblem(
        problem.name,
        problem.loss,
        move(problem.x),
        move(problem.y),
        move(problem.x_test),
        move(problem.y_test),
        problem.settings,
        problem.notes,
    )
