"""The state of training on corrupted labels: nets, optimiser, and what was recorded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import Tensor

from grokflow.simulations.modular.dropout import Dropout
from grokflow.simulations.modular.pairs import Pairs
from grokflow.simulations.modular.rule import (
    IprRecord,
    ModularCell,
    ModularOptimizer,
    ModularRule,
    ModularStart,
)
from grokflow.simulations.modular.tensor_program import Architecture, ModularCells
from grokflow.simulations.modular.trajectory import ModularTrajectory, PairScores
from grokflow.simulations.runs.files import versions
from grokflow.simulations.runs.saved_run import SavedRun
from grokflow.simulations.runs.stopping import Interrupted, Stopped
from grokflow.simulations.runs.work import TrainingWork
from grokflow.theory.modular.net import ModularWeights
from grokflow.theory.modular.participation import neuron_ipr

BETAS = (0.9, 0.98)
EPSILON = 1e-8
# Streams of a cell's seed.
_START, _BATCHES, _DROPOUT = range(3)


class NotFiniteWeights(RuntimeError):
    """Weights are NaN or infinite; the message says what to change."""


class ModularRun:
    """Some cells on their way.

    Batches and dropout have a stream of their own for every epoch and step, so that a run goes on
    from its step number alone.
    """

    def __init__(
        self,
        method: ModularRule,
        cells: Sequence[ModularCell],
        snapshots: frozenset[int],
        ipr: IprRecord | None = None,
    ) -> None:
        self.method, self.cells, self.wanted, self.ipr = method, cells, snapshots, ipr
        shape = _architecture(method, cells[0].data.p)
        starts = [_stream(cell, _START) for cell in cells]
        scales = [cell.alpha for cell in cells]
        self.nets = ModularCells(shape, starts, scales, method.dtype, method.device)
        self.optimizer = _optimizer(method, self.nets)
        self.decay = self._column([1 - method.lr * cell.weight_decay for cell in cells])
        # Sorted, because rows that lie together are added up faster.
        self.train = [np.sort(cell.data.train) for cell in cells]
        self.pairs = self._pairs(self.train)
        self.everything = self._pairs([np.arange(len(cell.data.first)) for cell in cells])
        self.step, self.seconds = 0, 0.0
        self.epoch, self.orders = -1, list[np.ndarray]()
        self.steps: list[int] = []
        self.rows: list[Tensor] = []
        self.ratios: list[Tensor] = []
        self.snapshots: dict[int, dict[str, Tensor]] = {}
        self.first = self.state()

    def follow(
        self, times: np.ndarray, saved: SavedRun, progress: Callable[[float], None]
    ) -> list[ModularTrajectory]:
        """Go on from record to record, keeping the state at every one."""
        reached = self.steps[-1] if self.steps else -1
        last = int(times[-1])
        try:
            for due in times[times > reached].tolist():
                self._until(due)
                self._record(last)
                saved.update()
                progress(self.step / max(1, last))
        except KeyboardInterrupt:
            saved.write()
            raise Interrupted(self._reached(saved)) from None
        except NotFiniteWeights as error:
            saved.write()
            raise Stopped(str(error), self._reached(saved)) from None
        saved.write()
        return self.trajectories()

    def _until(self, due: int) -> None:
        """Train up to a step, with the snapshots on the way."""
        started = perf_counter()
        for step in sorted({due, *(s for s in self.wanted if self.step <= s < due)}):
            while self.step < step:
                self.advance()
            self._snap()
        self.seconds += perf_counter() - started

    def _reached(self, saved: SavedRun) -> list[ModularTrajectory]:
        """Go back to the last record, and return what was recorded until then."""
        self.restore(saved.state or self.first)
        return self.trajectories()

    def advance(self) -> None:
        """Take one step."""
        self.nets.differentiate(self._batch(), self._dropout())
        for part in self.nets.parts:
            part.mul_(self.decay.view(-1, *(1,) * (part.ndim - 1)))
        self.optimizer.step()
        self.step += 1

    def _batch(self) -> Pairs:
        """Return the pairs of this step."""
        size = self.method.batch
        n = self.pairs.count
        if size is None or size >= n:
            return self.pairs
        epoch, place = divmod(self.step, -(-n // size))
        if epoch != self.epoch:
            self.epoch = epoch
            self.orders = [_stream(cell, _BATCHES, epoch).permutation(n) for cell in self.cells]
        part = slice(place * size, (place + 1) * size)
        rows = [train[order[part]] for train, order in zip(self.train, self.orders, strict=True)]
        return self._pairs(rows)

    def _dropout(self) -> Dropout | None:
        """Return the factors of this step, or None without any."""
        rates = [cell.dropout for cell in self.cells]
        if not any(rates):
            return None
        seeds = [_seed(cell, _DROPOUT, self.step) for cell in self.cells]
        method = self.method
        return Dropout(rates, seeds, method.width, method.dtype, method.device)

    def _pairs(self, rows: Sequence[np.ndarray]) -> Pairs:
        """Return pairs by their numbers, with the labels that are trained on."""
        data = [cell.data for cell in self.cells]
        first, second, labels = (
            torch.from_numpy(np.stack([part[i] for part, i in zip(parts, rows, strict=True)]))
            for parts in (
                [part.first for part in data],
                [part.second for part in data],
                [part.labels for part in data],
            )
        )
        device = self.method.device
        return Pairs.of(first.to(device), second.to(device), labels.to(device), data[0].p)

    def _record(self, last: int) -> None:
        """Measure all nets on all pairs, on the way to the step `last`."""
        started = perf_counter()
        losses, hits = self.nets.evaluate(self.everything)
        rows = zip(self.cells, hits, losses, strict=True)
        lines = [[*_scores(cell, hit), *_scores(cell, loss)] for cell, hit, loss in rows]
        norms = self.nets.norms()
        if not np.isfinite(norms).all():
            bad = np.flatnonzero(~np.isfinite(norms)).tolist()
            raise NotFiniteWeights(
                f"cells {bad} left the finite numbers before step {self.step} of "
                f"{last}: lower lr (now {self.method.lr:g}) or use float64"
            )
        self.steps.append(self.step)
        self.rows.append(torch.from_numpy(np.column_stack([np.array(lines), norms])))
        if self.ipr is not None:
            nets = (self.nets.weights(index) for index in range(len(self.cells)))
            means = [neuron_ipr(net, *self.ipr).mean for net in nets]
            self.ratios.append(torch.tensor(means, dtype=torch.float64))
        self.seconds += perf_counter() - started

    def _snap(self) -> None:
        if self.step in self.wanted:
            self.snapshots[self.step] = self.nets.state()

    def _column(self, values: Sequence[float]) -> Tensor:
        return torch.tensor(values, dtype=self.method.dtype, device=self.method.device)

    def state(self) -> dict[str, Any]:
        """Return a copy of everything that decides how training goes on."""
        return {
            "nets": self.nets.state(),
            "optimizer": _copied(self.optimizer.state_dict()),
            "step": self.step,
            "seconds": self.seconds,
            "steps": list(self.steps),
            "rows": list(self.rows),
            "ratios": list(self.ratios),
            "snapshots": dict(self.snapshots),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go back to a state."""
        self.nets.restore(state["nets"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.seconds = state["step"], state["seconds"]
        self.steps, self.rows = list(state["steps"]), list(state["rows"])
        self.ratios = list(state["ratios"])
        self.snapshots = dict(state["snapshots"])

    def trajectories(self) -> list[ModularTrajectory]:
        """Return what was recorded of every cell."""
        return [self._trajectory(index) for index in range(len(self.cells))]

    def _trajectory(self, index: int) -> ModularTrajectory:
        cell, names = self.cells[index], ModularTrajectory.recorded()
        rows = torch.stack(self.rows)[:, index].numpy() if self.rows else np.empty((0, len(names)))
        steps = np.array(self.steps, dtype=np.int64)
        settings = self.method.settings() | {"steps": self.step} | cell.settings()
        return ModularTrajectory(
            steps=steps,
            lambda_t=-steps * float(np.log1p(-self.method.lr * cell.weight_decay)),
            **dict(zip(names, rows.T.copy(), strict=True)),
            ipr=np.array([float(means[index]) for means in self.ratios]),
            ipr_record=self.ipr,
            test_size=len(cell.data.test),
            weights=self.nets.weights(index),
            snapshots=self._snapshots(index),
            settings=settings,
            versions=versions() | {"torch": version("torch")},
            work=TrainingWork(self.method.optimizer.value, self.step, self.seconds),
        )

    def _snapshots(self, cell: int) -> dict[int, ModularWeights]:
        now = self.nets.state()
        found = {}
        for step, state in self.snapshots.items():
            self.nets.restore(state)
            found[step] = self.nets.weights(cell)
        self.nets.restore(now)
        return found


def _architecture(method: ModularRule, p: int) -> Architecture:
    doshi = method.start is ModularStart.DOSHI
    return Architecture(
        p=p,
        width=method.width,
        activation=method.activation,
        normalisation=method.normalisation,
        loss=method.loss,
        prefactor=1.0 if doshi else 1 / (2 * p * method.width),
        deviation=float((16 * method.width) ** (-1 / 3)) if doshi else 1.0,
    )


def _optimizer(method: ModularRule, nets: ModularCells) -> torch.optim.Optimizer:
    """Return the optimiser of the flat parameters; decay, which differs, is not its business."""
    nets.flat.grad = nets.gradient
    if method.optimizer is ModularOptimizer.GD:
        return torch.optim.SGD([nets.flat], lr=method.lr)
    return torch.optim.AdamW(
        [nets.flat], lr=method.lr, betas=BETAS, eps=EPSILON, weight_decay=0.0, fused=True
    )


def _seed(cell: ModularCell, *key: int) -> np.random.SeedSequence:
    return np.random.SeedSequence(cell.seed, spawn_key=key)


def _stream(cell: ModularCell, *key: int) -> np.random.Generator:
    return np.random.default_rng(_seed(cell, *key))


def _scores(cell: ModularCell, values: np.ndarray) -> PairScores:
    """Return means over the four kinds of pairs."""
    data = cell.data
    kinds = (data.train, data.test, data.corrupted, data.uncorrupted)
    return PairScores(
        *(float(values[kind].mean()) if len(kind) else float("nan") for kind in kinds)
    )


def _copied(state: Mapping[str, Any]) -> dict[str, Any]:
    """Copy the tensors of an optimiser's state."""
    tensors = {
        index: {name: value.clone() for name, value in slot.items()}
        for index, slot in state["state"].items()
    }
    return {"state": tensors, "param_groups": state["param_groups"]}
