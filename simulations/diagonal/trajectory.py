"""What a flow returns: states at output times, their curves, and the work they took."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from grokflow.simulations.runs.files import jsonable, versions
from grokflow.simulations.runs.work import SolverWork
from grokflow.theory.diagonal.certificates import quasi_norm
from grokflow.theory.diagonal.flow_equations import ReducedFlow
from grokflow.theory.diagonal.rest import Rest
from grokflow.theory.linear.row_space import RowSpace
from grokflow.theory.summary import Summarised, ends
from grokflow.theory.transition.scores import Scores, joined
from grokflow.theory.transition.times import Transition, crossing

if TYPE_CHECKING:
    import xarray


class _Evaluated(NamedTuple):
    """Weights, one time a row; training outputs; norms of (u, v)."""

    rows: np.ndarray
    outputs: np.ndarray
    norms: np.ndarray


def _evaluated(
    space: RowSpace, charts: Sequence[ReducedFlow], lambda_t: np.ndarray, states: np.ndarray
) -> _Evaluated:
    """Compute what follows from states in their coordinates, in two passes over the data."""
    norms = np.empty(len(lambda_t))
    rows = space.rows.correlate(states)  # one time a row, so that writes are contiguous
    for i, (flow, s) in enumerate(zip(charts, lambda_t, strict=True)):
        potential = flow.potential(float(s))
        norms[i] = np.sqrt(potential.norm_squared(rows[i]))
        rows[i] = potential.weights(rows[i])
    return _Evaluated(rows, space.spread(space.rows.combine(rows.T)).T, norms)


def _repeated(row: np.ndarray, count: int) -> np.ndarray:
    return np.tile(row, (count, 1))


def times_within(count: int, d: int, memory: int) -> list[slice]:
    """Cut `count` output times into parts whose weights of d numbers take at most `memory`."""
    length = max(memory // (8 * d), 1)
    return [slice(i, min(i + length, count)) for i in range(0, max(count, 1), length)]


@dataclass(frozen=True, eq=False, repr=False)
class DiagonalTrajectory(Summarised):
    """States of the flow of a diagonal net at m output times.

    Parameters
    ----------
    flow : ReducedFlow
        Problem, loss, scale and λ.
    charts : tuple of ReducedFlow, of length m
        The same, with the coordinates in which the state of each time is given.
    lambda_t : ndarray, shape (m,)
        Slow times λt.
    states : ndarray, shape (m, r)
        The reduced state p, from which the weights follow; r is the rank of the data.
    outputs : ndarray, shape (m, n)
        Training margins, or training outputs for regression.
    norms : ndarray, shape (m,)
        ``‖(u, v)‖``.
    work : SolverWork
        What the solver took.
    memory : int
        Bytes for weights: those of all times are kept where they fit. Otherwise they are computed
        from the states when they are asked for, as many times together as fit.
    kept : ndarray, shape (d, m), or None
        The weights of all times, where they are kept.
    rest : ndarray, shape (d,), or None
        The weights at the times that are not among the `moving` ones, where the net is at rest.
    moving : int
        Number of times whose weights follow from the states.
    settings : mapping
        What reproduces the run.
    measured : mapping of str to ndarray, shape (m,)
        The measures that were asked for, see `grokflow.simulations.diagonal.measuring`.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> start = gf.DiagonalStart(gf.sparse_regression(n=20, d=50, k=2, n_test=100), alpha=1e4)
    >>> flow = gf.DiagonalFlow(lam=1e-4, loss=gf.LOSSES["square"])
    >>> trajectory = flow.run(start, np.array([0.0, 5.0, 20.0]))
    >>> print(trajectory.weights[:3].round(2) + 0.0)
    [[ 0.    0.55  1.  ]
     [ 0.    0.74  1.  ]
     [ 0.   -0.05  0.  ]]
    """

    flow: ReducedFlow
    charts: tuple[ReducedFlow, ...]
    lambda_t: np.ndarray
    states: np.ndarray
    outputs: np.ndarray
    norms: np.ndarray
    work: SolverWork
    memory: int
    kept: np.ndarray | None
    rest: np.ndarray | None
    moving: int
    settings: Mapping[str, object] = field(default_factory=dict)
    measured: Mapping[str, np.ndarray] = field(default_factory=dict)

    def _summary(self) -> Mapping[str, object]:
        """Return the values that are shown."""
        return {
            "problem": self.flow.problem.name,
            "times": len(self.lambda_t),
            "lambda_t": ends(self.lambda_t),
            "norm": ends(self.norms),
        }

    @classmethod
    def from_states(
        cls,
        flow: ReducedFlow,
        charts: Sequence[ReducedFlow],
        lambda_t: np.ndarray,
        states: np.ndarray,
        work: SolverWork,
        memory: int,
        settings: Mapping[str, object],
    ) -> DiagonalTrajectory:
        """Compute weights and outputs of all states, in one pass over the data where they fit."""
        m, (n, d) = len(lambda_t), flow.problem.inputs.shape
        outputs, norms, rows = np.empty((m, n)), np.empty(m), np.empty((0, d))
        for part in times_within(m, d, memory):
            rows, outputs[part], norms[part] = _evaluated(
                flow.space, charts[part], lambda_t[part], states[part]
            )
        kept = rows.T if len(rows) == m else None
        charts = tuple(charts)
        return cls(
            flow, charts, lambda_t, states, outputs, norms, work, memory, kept, None, m, settings
        )

    @property
    def weights(self) -> np.ndarray:
        """The weights ``w = u^L - v^L`` at all times, shape (d, m).

        Raises
        ------
        ValueError
            When they need more bytes than `memory`.
        """
        if self.kept is None:
            m, d = len(self.lambda_t), self.flow.problem.d
            raise ValueError(
                f"memory is {self.memory} bytes, expected {8 * m * d} for {d} weights at {m} "
                "times: raise it, or take weights_at some of the times"
            )
        return self.kept

    def weights_at(self, part: slice) -> np.ndarray:
        """Return the weights at some of the times, shape (d, k)."""
        if self.kept is not None:
            return self.kept[:, part]
        chosen = np.arange(len(self.lambda_t))[part]
        moving = chosen[chosen < self.moving]
        charts = [self.charts[i] for i in moving]
        rows = _evaluated(self.flow.space, charts, self.lambda_t[moving], self.states[moving]).rows
        if self.rest is None:
            return rows.T
        return np.hstack([rows.T, _repeated(self.rest, len(chosen) - len(moving)).T])

    def weight_norms(self) -> np.ndarray:
        """Return ``‖w‖`` at all times, shape (m,)."""
        parts = times_within(len(self.lambda_t), self.flow.problem.d, self.memory)
        norms = [np.linalg.norm(self.weights_at(part), axis=0) for part in parts]
        return np.concatenate(norms)

    def at_rest(self, rest: Rest, lambda_t: np.ndarray) -> DiagonalTrajectory:
        """Return the trajectory with later times, at which the net is at rest.

        Coordinates of (u, v) at zero weight go on falling like ``e^{-s}``; the last state is
        repeated.
        """
        k, depth, w = len(lambda_t), self.flow.scale.depth, rest.w
        falling = rest.idle * np.exp(-2 * (lambda_t - rest.s))
        last = self.states[-1] if len(self.states) else np.zeros(self.flow.space.rank)
        outputs = self.flow.problem.inputs.combine(w)
        fits = self.kept is not None and 8 * len(w) * (self.moving + k) <= self.memory
        return replace(
            self,
            lambda_t=np.append(self.lambda_t, lambda_t),
            states=np.vstack([self.states, _repeated(last, k)]),
            outputs=np.vstack([self.outputs, _repeated(outputs, k)]),
            norms=np.append(self.norms, np.sqrt(falling + quasi_norm(w, depth))),
            kept=np.vstack([self.weights.T, _repeated(w, k)]).T if fits else None,
            rest=w,
        )

    def first(self, count: int) -> DiagonalTrajectory:
        """Return the trajectory up to some of its times."""
        names = ("lambda_t", "states", "outputs", "norms", "charts")
        shorter = {name: getattr(self, name)[:count] for name in names}
        kept = None if self.kept is None else self.kept[:, :count]
        return replace(self, **shorter, kept=kept, moving=min(self.moving, count))

    @property
    def train_loss(self) -> np.ndarray:
        """Mean training loss, shape (m,)."""
        targets = self.flow.problem.targets
        return np.asarray(self.flow.loss.value(self.outputs, targets).mean(axis=1))

    @property
    def train_error(self) -> np.ndarray:
        """Misclassified fraction, or mean squared error, on the training set, shape (m,)."""
        if self.flow.problem.is_classification:
            return np.asarray((self.outputs <= 0).mean(axis=1))
        return np.asarray(((self.outputs - self.flow.problem.targets) ** 2).mean(axis=1))

    @property
    def margins(self) -> np.ndarray:
        """Least margin over the training set, shape (m,); for classification only."""
        return np.asarray(self.outputs.min(axis=1))

    def test_scores(self) -> Scores:
        """Return accuracy, error and loss on the test set at every output time."""
        return self._scores

    @cached_property
    def _scores(self) -> Scores:
        problem, loss = self.flow.problem, self.flow.loss
        parts = times_within(len(self.lambda_t), problem.d, self.memory)
        return joined([problem.score(self.weights_at(part), loss) for part in parts])

    def transition(self, early: float, late: float) -> Transition:
        """Return when, in slow time, the test error crosses from `early` to `late`."""
        return crossing(self.lambda_t, self.test_scores().error, early, late)

    def curves(self) -> dict[str, np.ndarray]:
        """Return every curve by its name in JSON and files, each of shape (m,)."""
        scores = self.test_scores()
        out: dict[str, np.ndarray] = {}
        if scores.accuracy is not None:
            out |= {"train_accuracy": 1 - self.train_error, "test_accuracy": scores.accuracy}
        else:
            out |= {"train_error": self.train_error, "test_error": scores.error}
        loss = scores.loss if scores.loss is not None else scores.error
        out |= {"train_loss": self.train_loss, "test_loss": loss, "norms": self.norms}
        if scores.accuracy is not None:
            # ‖θ‖^L is no double at α = 1e100.
            shrunk = np.exp(-self.flow.scale.depth * np.log(self.norms))
            out |= {"margins": self.margins, "normalised_margins": self.margins * shrunk}
        return out | dict(self.measured)

    def to_dataset(self, settings: Mapping[str, object] | None = None) -> xarray.Dataset:
        """Return curves and reduced states with labels, settings and versions."""
        import xarray

        curves = self.curves()
        variables: dict[str, Any] = {name: ("lambda_t", values) for name, values in curves.items()}
        variables["state"] = (("lambda_t", "unknown"), self.states)
        shown = self.settings if settings is None else settings
        attributes = {"settings": json.dumps(jsonable(shown)), "versions": json.dumps(versions())}
        return xarray.Dataset(variables, {"lambda_t": self.lambda_t}, attributes)
