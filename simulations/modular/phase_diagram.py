"""Phase diagrams of training on corrupted labels: fraction of pairs against share of wrong labels.

A cell is one net. Cells of one size are trained beside each other as one tensor program, and such
a task is what an executor gets. Results are kept in the store of scans, under settings and code
version, so that a diagram that was interrupted goes on where it stopped.

References
----------
Doshi, Das, He, Gromov, "To grok or not to grok", ICLR 2024, arXiv 2310.13061, figure 3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

from grokflow.simulations.modular.data import CorruptedTask
from grokflow.simulations.modular.phase_table import PhaseOutcome, PhaseTable
from grokflow.simulations.modular.rule import ModularCell
from grokflow.simulations.modular.training import ModularTraining
from grokflow.simulations.runs.code import key_of
from grokflow.simulations.runs.executors import compute
from grokflow.simulations.runs.steps import every_steps
from grokflow.simulations.runs.stopping import Stopped
from grokflow.simulations.runs.store import Store
from grokflow.theory.modular.operations import operation
from grokflow.theory.modular.participation import neuron_ipr
from grokflow.theory.modular.phases import phase

# Nets in a task: enough to fill the matrix products, few enough for every process to get some.
_TOGETHER = 8


@dataclass(frozen=True, kw_only=True)
class PhaseCell:
    """One net of a diagram: data, regularisers, seed, and the training that all share."""

    p: int
    operation: str
    fraction: float
    corruption: float
    weight_decay: float
    dropout: float
    seed: int
    training: ModularTraining
    steps: int
    every: int

    def modular(self) -> ModularCell:
        """Draw the data; net and data have the same seed."""
        task = CorruptedTask(
            p=self.p,
            operation=operation(self.operation),
            fraction=self.fraction,
            corruption=self.corruption,
            seed=self.seed,
        )
        return ModularCell(
            data=task.draw(),
            weight_decay=self.weight_decay,
            dropout=self.dropout,
            seed=self.seed,
        )

    def settings(self) -> dict[str, object]:
        """Return everything that decides the result but the code."""
        own = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return own | {"training": self.training.settings()}

    def key(self) -> str:
        """Return the name under which the store files the cell."""
        return key_of(self.settings())


@dataclass(frozen=True, kw_only=True)
class PhaseDiagram:
    """All combinations of some settings of training on corrupted labels, `seeds` nets for each.

    Parameters
    ----------
    training : ModularTraining
        Net and method, for all cells.
    steps, every : int
        Number of steps of every cell, and of steps from one record to the next.
    p : tuple of int
        Moduli.
    weight_decay, dropout : tuple of float
        Strengths of the regularisers.
    fraction, corruption : tuple of float
        Fractions of the pairs that are trained on, and fractions ξ of wrong labels among them.
    seeds : int
        Number of nets for each combination, with data of their own: seeds 0, 1, ...
    operation : str
        The rule, see `operation`.

    Raises
    ------
    ValueError
        For settings with which no cell could be trained.

    Examples
    --------
    >>> import grokflow as gf
    >>> training = gf.ModularTraining(width=64)
    >>> shares = {"fraction": (0.8,), "corruption": (0.0, 0.5)}
    >>> diagram = gf.PhaseDiagram(training=training, p=(7,), steps=100, seeds=1, **shares)
    >>> print([phase.value for phase in diagram.run().phases().ravel()])
    ['memorization', 'memorization']
    """

    training: ModularTraining
    steps: int = 2000
    every: int = 10
    p: tuple[int, ...] = (31,)
    weight_decay: tuple[float, ...] = (0.0,)
    dropout: tuple[float, ...] = (0.0,)
    fraction: tuple[float, ...] = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
    corruption: tuple[float, ...] = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
    seeds: int = 3
    operation: str = "addition"

    def __post_init__(self) -> None:
        """Refuse what no cell could be trained from, before any is."""
        every_steps(self.steps, self.every)
        if self.seeds < 1:
            raise ValueError(f"seeds is {self.seeds}, expected at least 1: ask for more")
        for cell in self._corners():
            cell.modular()
            operation(self.operation).basis(cell.p)

    @cached_property
    def axes(self) -> dict[str, tuple[float | int, ...]]:
        """The values of every setting, in the order of the dimensions of a table."""
        names = ("p", "weight_decay", "dropout", "fraction", "corruption")
        found = {name: tuple(getattr(self, name)) for name in names}
        for name, values in found.items():
            if not values:
                raise ValueError(f"{name} has no values, expected at least one: give some")
        return found | {"seed": tuple(range(self.seeds))}

    def cells(self) -> list[PhaseCell]:
        """Return all cells, the last axis fastest."""
        names = tuple(self.axes)
        return [
            self._cell(dict(zip(names, point, strict=True)))
            for point in product(*self.axes.values())
        ]

    def _corners(self) -> Iterator[PhaseCell]:
        """Yield the cells in which a setting is refused if it is in any."""
        first = {name: values[0] for name, values in self.axes.items()}
        for name, values in self.axes.items():
            yield from (self._cell(first | {name: value}) for value in values)

    def _cell(self, point: dict[str, Any]) -> PhaseCell:
        shared = {name: getattr(self, name) for name in ("operation", "training", "steps", "every")}
        return PhaseCell(**shared, **point)

    def run(
        self,
        store: Store | None = None,
        *,
        executor: Executor | None = None,
        progress: Callable[[float], None] = lambda fraction: None,
    ) -> PhaseTable:
        """Train what the store does not hold yet, and return the table.

        Parameters
        ----------
        store : Store, optional
            From `phase_store`; by default results are kept nowhere but in the table.
        executor : Executor, optional
            Who trains; by default this process.
        progress : callable
            Called with the fraction of cells done.
        """
        store = phase_store() if store is None else store
        store.reserve()
        cells = self.cells()
        keys = [cell.key() for cell in cells]
        known = store.outcomes(keys)
        missing = [cell for cell, key in zip(cells, keys, strict=True) if key not in known]
        done = len(cells) - len(missing)
        for task, outcomes in compute(_tasks(missing), measure_phases, executor):
            store.add(task, outcomes)
            done += len(task)
            progress(done / len(cells))
        found = store.outcomes(keys)
        return PhaseTable(self.axes, [found[key] for key in keys])


def phase_store(path: str = ":memory:", *, resume: bool = False) -> Store:
    """Open the file that keeps the cells of phase diagrams, or by default a store in memory.

    Parameters
    ----------
    path : str
        The file.
    resume : bool
        Whether the file may hold cells already, which are then not trained again.

    Returns
    -------
    Store
        It is closed at the end of a ``with`` block.

    Examples
    --------
    >>> import grokflow as gf
    >>> training = gf.ModularTraining(width=64)
    >>> diagram = gf.PhaseDiagram(training=training, p=(7,), fraction=(0.8,), steps=20, seeds=1)
    >>> with gf.phase_store("phases.db", resume=True) as store:
    ...     _ = diagram.run(store)
    ...     print(len(store), "cells")
    7 cells
    """
    return Store(path, resume=resume, row=PhaseOutcome, table="phases")


def measure_phases(cells: Sequence[PhaseCell]) -> list[PhaseOutcome]:
    """Train cells of one size; one that cannot be trained has an error, and no part in others'."""
    try:
        times = every_steps(cells[0].steps, cells[0].every)
        found = cells[0].training.run_cells([cell.modular() for cell in cells], times)
    except (Stopped, ValueError) as error:
        if len(cells) == 1:
            return [PhaseOutcome(error=str(error))]
        return [outcome for cell in cells for outcome in measure_phases([cell])]
    outcomes = []
    for cell, run in zip(cells, found, strict=True):
        ipr = neuron_ipr(run.weights, operation(cell.operation).basis(cell.p))
        outcomes.append(
            PhaseOutcome(
                train=float(run.train[-1]),
                test=float(run.test[-1]),
                corrupted=float(run.corrupted[-1]),
                uncorrupted=float(run.uncorrupted[-1]),
                norm=float(run.norms[-1]),
                best_test=float(run.test.max()),
                grokking=run.grokking().step,
                unlearning=run.unlearning().step,
                ipr=ipr.mean,
                collapsed=ipr.collapsed,
                phase=phase(run.train, run.test, run.norms, cell.corruption).value,
            )
        )
    return outcomes


def _tasks(cells: Sequence[PhaseCell]) -> list[list[PhaseCell]]:
    """Return cells that are trained beside each other: of one modulus and number of pairs."""
    groups: dict[tuple[int, float], list[PhaseCell]] = {}
    for cell in cells:
        groups.setdefault((cell.p, cell.fraction), []).append(cell)
    return [
        group[i : i + _TOGETHER]
        for group in groups.values()
        for i in range(0, len(group), _TOGETHER)
    ]
