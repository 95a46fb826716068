"""Scans: when does a problem grok, and how does that move with α, λ and everything else.

A scan is a problem and the values of its settings; its cells are all combinations. Cells that
differ in α alone are one task, for one process. What was computed is kept in a store and is not
computed again: deciding what to do is a function of the scan and the store, executing is any
``concurrent.futures.Executor``'s, and the table is the same bit for bit whoever did the work, in
which order, and how often it was interrupted.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from itertools import product
from typing import NamedTuple

import numpy as np

from grokflow.simulations.models.registry import exact_model_of
from grokflow.simulations.runs.executors import compute
from grokflow.simulations.runs.store import Store
from grokflow.simulations.scan.axes import axis, rounded
from grokflow.simulations.scan.cells import Cell, Value, full_data, make_problem_of
from grokflow.simulations.scan.checks import MODEL, check_model, check_scales, whole_numbers
from grokflow.simulations.scan.outcome import measure
from grokflow.simulations.scan.store import scan_store
from grokflow.simulations.scan.table import ScanTable

# A scan is listed cell by cell before it is run.
_MOST_SEEDS = 10**5
# Cells in a task when each of them is simulated.
_DIRECT_TASK = 4


class Progress(NamedTuple):
    """Cells done, of how many, and how many of them are errors."""

    done: int
    total: int
    failed: int


@dataclass(frozen=True, kw_only=True)
class Scan:
    """A problem and the values of its settings, in all combinations; `Scan.over` makes one.

    Parameters
    ----------
    problem : str
        A preset, ``completion``, a data file, or ``module:function``.
    axes : mapping of name to tuple of values
        Settings of the problem, of the model (alpha, lam or p for ``λ = α^-p``, depth, loss, sigma)
        and ``seed``, in the order of the table's dimensions.
    direct : bool
        Simulate every cell. Otherwise the shift law is used where it is exact enough, and one cell
        of each group that differs in α alone is simulated to check it.

    Examples
    --------
    >>> import grokflow as gf
    >>> sizes = {"n": 20, "d": 50, "k": 2, "n_test": 100}
    >>> scan = gf.Scan.over("sparse-regression", alpha=[1e3, 1e4], lam=1e-4, **sizes)
    >>> print(scan.run()["lambda_t"].round(1))
    [ 8.1 10.4]
    """

    problem: str
    axes: Mapping[str, tuple[Value, ...]]
    direct: bool = False

    @classmethod
    def over(
        cls,
        problem: str,
        *,
        seeds: int | Sequence[int] = 1,
        direct: bool = False,
        **settings: Value | Iterable[Value],
    ) -> Scan:
        """Return the scan of `problem` over the given settings.

        Parameters
        ----------
        problem : str
            See the class.
        seeds : int or sequence of int
            How many seeds, from 0, or which.
        direct : bool
            See the class.
        **settings
            One value, a list, ``"lo:hi:count"`` (spaced evenly in the logarithm) or ``"a,b,c"``.

        Raises
        ------
        ValueError
            For settings that do not exist or do not go together, before anything is computed.
        """
        if not isinstance(problem, str):
            raise ValueError(
                f"problem is a {type(problem).__name__}, expected a name, from which every cell "
                "makes its data: a preset such as 'sparse', the path of a data file, or "
                "'module:function' for a function of yours that returns the problem"
            )
        axes = {}
        for name, values in settings.items():
            spaced = isinstance(values, str) and ":" in values
            axes[name] = whole_numbers(problem, name, axis(values), spaced=spaced)
        check_scales(axes)
        if isinstance(seeds, int) and seeds > _MOST_SEEDS:
            raise ValueError(f"seeds is {seeds}, expected at most {_MOST_SEEDS}: scan in parts")
        axes["seed"] = tuple(range(seeds)) if isinstance(seeds, int) else axis(seeds)
        scan = cls(problem=problem, axes=axes, direct=direct)
        if not axes["seed"]:
            raise ValueError(f"seeds is {seeds}, expected at least one: try seeds=1")
        return scan._with_checked_model()

    def notes(self) -> tuple[str, ...]:
        """Return how the data of the first cell were read, and what was changed."""
        cell = self.cells()[0]
        problem = make_problem_of(self.problem, cell.data, cell.seed, cell.loss)
        return tuple(getattr(problem, "notes", ()))

    def points(self) -> list[dict[str, Value]]:
        """Return the settings of every cell as given, the last axis fastest."""
        return [
            dict(zip(self.axes, values, strict=True)) for values in product(*self.axes.values())
        ]

    def cells(self) -> list[Cell]:
        """Return every cell, in the order of `points`."""
        data: dict[tuple[tuple[str, Value], ...], tuple[tuple[str, Value], ...]] = {}
        cells = []
        for point in self.points():
            own = tuple((name, point[name]) for name in point if name not in MODEL)
            if own not in data:
                data[own] = full_data(self.problem, dict(own))
            cells.append(_cell(self.problem, data[own], point, self.direct))
        return cells if self.direct else _with_audits(cells)

    def run(
        self,
        store: Store | None = None,
        *,
        executor: Executor | None = None,
        retry: bool = False,
        progress: Callable[[Progress], None] = lambda progress: None,
    ) -> ScanTable:
        """Compute what the store does not hold yet, and return the table.

        Parameters
        ----------
        store : Store, optional
            Where results are kept; by default nowhere but in the table.
        executor : Executor, optional
            Who computes: local processes (`grokflow.local_workers`), a Dask client's
            ``get_executor()``, or any other; by default this process. When the scan is
            interrupted, what was submitted is the executor's to drop.
        retry : bool
            Whether cells that the store has as errors are computed again.
        progress : callable
            Called after every task.
        """
        store = scan_store() if store is None else store
        store.reserve()
        cells = self.cells()
        known = store.outcomes(cell.key() for cell in cells)
        if retry:
            store.forget(failed := [key for key, found in known.items() if found.error])
            known = {key: found for key, found in known.items() if key not in set(failed)}
        done, errors = len(known), sum(bool(found.error) for found in known.values())
        progress(Progress(done, len(cells), errors))
        for task, outcomes in compute(_tasks(self._missing(cells, known)), measure, executor):
            store.add(task, outcomes)
            done += len(task)
            errors += sum(bool(found.error) for found in outcomes)
            progress(Progress(done, len(cells), errors))
        return self.table(store)

    def table(self, store: Store) -> ScanTable:
        """Return what the store holds of this scan."""
        cells = self.cells()
        known = store.outcomes(cell.key() for cell in cells)
        found = [known.get(cell.key()) for cell in cells]
        rows = [
            (point, cell, outcome)
            for point, cell, outcome in zip(self.points(), cells, found, strict=True)
            if outcome is not None
        ]
        return ScanTable.of(self.axes, rows)

    def _missing(self, cells: list[Cell], known: Mapping[str, object]) -> list[Cell]:
        return [cell for cell in cells if cell.key() not in known]

    def _with_checked_model(self) -> Scan:
        """Return the scan with its loss filled in; refuse what no cell could be computed from."""
        first = {name: values[0] for name, values in self.axes.items()}
        own = {name: value for name, value in first.items() if name not in MODEL}
        seed = int(first["seed"])
        loss = str(first["loss"]) if "loss" in first else None
        problem = make_problem_of(self.problem, full_data(self.problem, own), seed, loss)
        default = exact_model_of(problem).default_loss(problem)
        scan = self if "loss" in first else replace(self, axes={**self.axes, "loss": (default,)})
        for cell in scan.cells():
            check_model(cell, problem)
        return scan


def _cell(
    problem: str, data: tuple[tuple[str, Value], ...], point: Mapping[str, Value], direct: bool
) -> Cell:
    alpha = float(point["alpha"])
    lam = float(point["lam"]) if "lam" in point else rounded(alpha ** -float(point["p"]))
    return Cell(
        problem=problem,
        data=data,
        seed=int(point["seed"]),
        alpha=alpha,
        lam=lam,
        depth=int(point.get("depth", 2)),
        loss=str(point.get("loss", "logistic")),
        sigma=float(point.get("sigma", 0.0)),
        method="direct" if direct else "shift",
    )


def _groups(cells: Sequence[Cell]) -> list[list[int]]:
    """Return the indices of cells that differ in α and method alone, in order."""
    groups: dict[Cell, list[int]] = {}
    for i, cell in enumerate(cells):
        groups.setdefault(replace(cell, alpha=1.0, method=""), []).append(i)
    return list(groups.values())


def _with_audits(cells: list[Cell]) -> list[Cell]:
    """Have one cell of every group simulated too, at an α drawn with the group's settings as seed.

    So the simulated cells are spread over α, λ and seeds without any correlation between them.
    """
    audited = list(cells)
    for group in _groups(cells):
        settings = replace(cells[group[0]], alpha=1.0).settings()
        digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).digest()
        rng = np.random.default_rng(np.random.SeedSequence(int.from_bytes(digest)))
        chosen = group[int(rng.integers(len(group)))]
        audited[chosen] = replace(cells[chosen], method="audit")
    return audited


def _tasks(cells: list[Cell]) -> list[list[Cell]]:
    """Return cells that one process computes together: a group, or some simulated ones of it."""
    tasks = []
    for group in _groups(cells):
        members = [cells[i] for i in group]
        size = _DIRECT_TASK if members[0].method == "direct" else len(members)
        tasks += [members[i : i + size] for i in range(0, len(members), size)]
    return tasks
