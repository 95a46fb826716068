"""Collects what is recorded of a net while it is followed, by the flow or step by step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from grokflow.simulations.nets.measuring import NetMeasuring
from grokflow.simulations.nets.start import NetStart
from grokflow.simulations.nets.trajectory import NetTrajectory
from grokflow.simulations.runs.measure import Measure
from grokflow.simulations.runs.work import NetWork
from grokflow.theory.nets.homogeneity import degree_of_homogeneity
from grokflow.theory.nets.jacobian_blocks import JacobianBlocks
from grokflow.theory.nets.log_losses import log_loss
from grokflow.theory.nets.module_map import ModuleMap
from grokflow.theory.nets.problem import NetProblem
from grokflow.theory.nets.state import departure, normalised_margin
from grokflow.theory.transition.scores import errors_of_most_frequent

# Samples evaluated at once, and inputs on which homogeneity and rounding are measured.
_CHUNK = 8192
_PROBES = 8


class Moment(NamedTuple):
    """When a record is made; pure decay would have led to ``scale θ̄``."""

    step: int
    log_t: float
    lambda_t: float
    scale: float


class Record(NamedTuple):
    """One row of the curves of `grokflow.simulations.nets.trajectory.NetTrajectory`."""

    steps: int
    log_t: float
    lambda_t: float
    train_error: float
    test_error: float
    test_spread: float
    train_loss: float
    test_loss: float
    log_loss: float
    norms: float
    margins: float
    departures: float


class NotFinite(RuntimeError):
    """Parameters or outputs are NaN or infinite."""


class Exhausted(RuntimeError):
    """A run has spent all the gradients that it may."""


class Recorder:
    """Records of a net, in float64 whatever it is trained in.

    Parameters
    ----------
    net : ModuleMap
        The net at θ̄, on the device of the problem.
    problem : NetProblem
        Samples in float64.
    wanted : frozenset of Measure
        What to measure beyond losses, errors, norm, margin and departure.
    degree : float
        Degree of homogeneity, NaN for unknown.
    thin : int
        Keep the parameters of every thin-th record; 0 keeps the last only.
    memory : int
        Bytes that measuring may take.
    """

    def __init__(
        self,
        net: ModuleMap,
        problem: NetProblem,
        wanted: frozenset[Measure],
        *,
        degree: float,
        thin: int,
        memory: int = 2**31,
    ) -> None:
        self.net, self.problem, self.degree, self.thin = net, problem, degree, thin
        self.measuring = NetMeasuring(wanted, net, problem, memory)
        self.records: list[Record] = []
        self.measured: list[dict[str, float]] = []
        self.states: dict[int, Tensor] = {}

    def add(self, moment: Moment, theta: Tensor) -> None:
        """Record the state θ.

        Raises
        ------
        NotFinite
            When it, or an output on the training set, is not finite; nothing is recorded then.
        """
        problem, loss = self.problem, self.problem.loss
        f, tested = self._outputs(theta, problem.x), self._outputs(theta, problem.x_test)
        if not bool(torch.isfinite(theta).all() & torch.isfinite(f).all()):
            raise NotFinite
        errors = loss.errors(tested, problem.y_test)
        record = Record(
            moment.step,
            moment.log_t,
            moment.lambda_t,
            _mean(loss.errors(f, problem.y)),
            _mean(errors),
            _spread(errors),
            _mean(loss.value(f, problem.y)),
            _mean(loss.value(tested, problem.y_test)),
            float(log_loss(loss, f, problem.y)),
            float(theta.norm()),
            normalised_margin(loss, f, problem.y),
            departure(self.net, theta, moment.scale),
        )
        measured = self.measuring.at(theta, moment.scale)
        # In this order, so that an interrupt in between leaves nothing half-recorded.
        count = len(self.records)
        self.states[count] = theta.clone()
        self.measured.append(measured)
        self.records.append(record)
        if count and not (self.thin and (count - 1) % self.thin == 0):
            del self.states[count - 1]

    def _outputs(self, theta: Tensor, x: Tensor) -> Tensor:
        parts = [self.net.outputs(theta, part) for part in torch.split(x, _CHUNK)]
        return torch.cat(parts)

    def state(self) -> dict[str, Any]:
        """Return everything that was recorded, as a checkpoint holds it."""
        return {
            "records": [tuple(record) for record in self.records],
            "measured": list(self.measured),
            "outputs": list(self.measuring.outputs),
            "states": dict(self.states),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go back to what was recorded."""
        self.records = [Record(*record) for record in state["records"]]
        self.measured = list(state["measured"])
        self.measuring.outputs = list(state["outputs"])
        self.states = dict(state["states"])

    def trajectory(
        self,
        net_at: Callable[[Tensor], nn.Module],
        settings: Mapping[str, object],
        work: NetWork,
    ) -> NetTrajectory:
        """Return what was collected; `net_at` makes the net with the last parameters."""
        count = len(self.records)
        table = np.array(self.records, dtype=np.float64).reshape(count, len(Record._fields))
        curves = {name: table[:, i] for i, name in enumerate(Record._fields)}
        curves["steps"] = curves["steps"].astype(np.int64)
        states = {i: state.cpu() for i, state in self.states.items() if i < count}
        theta = torch.stack(list(states.values())) if states else torch.empty(0)
        return NetTrajectory(
            **curves,
            direction_norm=float(self.net.theta.norm()),
            measured=self._measured(count),
            kept=np.array(list(states), dtype=np.int64),
            theta=theta.numpy().reshape(len(states), len(self.net.theta)),
            net=net_at(states[count - 1] if count else self.net.theta),
            degree=self.degree,
            classification=self.problem.loss.counts_errors,
            test_size=len(self.problem.x_test),
            baseline=self._baseline(),
            settings=settings,
            work=work,
        )

    def _baseline(self) -> float:
        """Return the test error of the most frequent class, or of the mean, of the training set."""
        problem = self.problem
        if not problem.loss.counts_errors:
            constant = problem.y.double().mean(dim=0).to(problem.y.dtype).expand_as(problem.y_test)
            return _mean(problem.loss.errors(constant, problem.y_test))
        errors = errors_of_most_frequent(_class_numbers(problem.y), _class_numbers(problem.y_test))
        return _mean(torch.from_numpy(errors))

    def _measured(self, count: int) -> dict[str, np.ndarray]:
        rows = self.measured[:count]
        found = {name: np.array([row[name] for row in rows]) for name in (rows or [{}])[0]}
        if Measure.LATE in self.measuring.wanted:
            found["late_distance"] = self.measuring.late_distances(count)
        return found


class Probed(NamedTuple):
    """A net on the CPU with the few inputs on which homogeneity and rounding are measured."""

    blocks: JacobianBlocks
    x: Tensor

    @classmethod
    def of(cls, net: ModuleMap, x: Tensor, memory: int) -> Probed:
        """Check a net on its first inputs, with gradients in so many bytes."""
        inputs = to_device(x[:_PROBES], "cpu", torch.float64)
        return cls(JacobianBlocks.of(net.on("cpu"), inputs, memory), inputs)


def measured_degree(net: ModuleMap, x: Tensor, memory: int) -> float:
    """Return the degree of homogeneity on a few inputs; refuse nets that have none."""
    return degree_of_homogeneity(*Probed.of(net, x, memory))


def recorder_of(
    start: NetStart,
    measure: frozenset[Measure],
    device: str,
    *,
    thin: int = 0,
) -> Recorder:
    """Return what records training; it measures the degree only of nets it has to measure."""
    net, problem = ModuleMap.of(start.net, device), start.problem
    degree = measured_degree(net, problem.x, 2**31) if measure else float("nan")
    return Recorder(net, on_device(problem, device), measure, degree=degree, thin=thin)


def on_device(problem: NetProblem, device: str) -> NetProblem:
    """Move samples to a device, floats as float64."""
    samples = problem.x, problem.y, problem.x_test, problem.y_test
    x, y, x_test, y_test = (to_device(array, device, torch.float64) for array in samples)
    return replace(problem, x=x, y=y, x_test=x_test, y_test=y_test)


def to_device(array: Tensor, device: str, dtype: torch.dtype) -> Tensor:
    """Move an array to a device, floats to a dtype."""
    return array.to(device, dtype if array.is_floating_point() else None)


def _class_numbers(y: Tensor) -> np.ndarray:
    """Return the classes of labels: one-hot rows by their column, others as they are."""
    one_hot = y.ndim == 2 and y.shape[1] > 1
    return (y.argmax(dim=1) if one_hot else y.reshape(-1)).cpu().numpy()


def _spread(errors: Tensor) -> float:
    """Return the standard error of the mean."""
    count = len(errors)
    return float(errors.std(correction=0)) / count**0.5 if count else float("nan")


def _mean(values: Tensor) -> float:
    return float(values.mean()) if len(values) else float("nan")
