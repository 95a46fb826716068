"""Where a net groks and where it misgroks: predicted and simulated over a plane of problems."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from grokflow.simulations.misgrokking.comparison import NetSettings, predict_change, simulate_change
from grokflow.simulations.misgrokking.families import FAMILIES, Settings
from grokflow.simulations.runs.executors import results_as_completed
from grokflow.theory.completion.problem import CompletionProblem
from grokflow.theory.linear.problem import Problem
from grokflow.theory.summary import Summarised
from grokflow.theory.transition.change import Change
from grokflow.theory.transition.scores import Kind

# Test points of every problem: three standard errors of a cell of four are 0.024 at most.
_N_TEST = 4000
_REACH = 3
# Attempts to draw a problem with both classes.
_DRAWS = 20


@dataclass(frozen=True, eq=False)
class Plane:
    """A family over the ratio n/d and one more setting, at fixed d.

    Parameters
    ----------
    family : str
        Name of the family.
    axis : str
        The other axis in symbols: ``k`` or ``γ``.
    d : int
        Number of inputs.
    ratios, values : ndarray, shapes (r,) and (v,)
        Values of n/d and of the other axis.
    """

    family: str
    axis: str
    d: int
    ratios: np.ndarray
    values: np.ndarray

    def settings(self, ratio: float, value: float, seed: int) -> Settings:
        """Return the settings of one problem."""
        sizes = {"n": round(ratio * self.d), "d": self.d, "n_test": _N_TEST, "seed": seed}
        if self.axis == "k":
            return {**sizes, "share": value / self.d}
        return {**sizes, "share": 1.0, "gamma": value}


class Drops(NamedTuple):
    """Drops of quality, shape (v, r), averaged over seeds, with their standard errors.

    ``each`` holds the kinds of the problems of every cell, shape (v, r, seeds), None where one was
    not reached; without it nothing but the drops is known.
    """

    mean: np.ndarray
    error: np.ndarray
    each: np.ndarray | None = None

    @property
    def kinds(self) -> np.ndarray:
        """The kind in every cell: what is visible beyond three standard errors, and why.

        Where more than half of the problems of a cell start late, or shrink by weight decay alone,
        the cell does. So does one without a transition, if nothing is visible.
        """
        found = np.full(self.mean.shape, Kind.NEITHER)
        found[self.mean > _REACH * self.error] = Kind.MISGROKKING
        found[self.mean < -_REACH * self.error] = Kind.GROKKING
        found[self._most(Kind.NO_TRANSITION) & (found == Kind.NEITHER)] = Kind.NO_TRANSITION
        for kind in (Kind.STARTS_LATE, Kind.SHRINKING, Kind.NOT_HELD):
            found[self._most(kind)] = kind
        return found

    @property
    def seen(self) -> np.ndarray:
        """What a simulation of every cell shows: grokking, misgrokking or neither."""
        shown = Drops(self.mean, self.error).kinds
        kinds = self.kinds
        shown[(kinds == Kind.NO_TRANSITION) | (kinds == Kind.STARTS_LATE)] = Kind.NEITHER
        return shown

    def _most(self, kind: Kind) -> np.ndarray:
        """Return which cells have more problems of this kind than of all others."""
        if self.each is None:
            return np.full(self.mean.shape, False)
        return np.asarray(2 * (self.each == kind).sum(axis=-1) > self.each.shape[-1])


@dataclass(frozen=True, eq=False, repr=False)
class PhaseMap(Summarised):
    """A plane with what the predictors and what the flow say of it.

    Parameters
    ----------
    plane : Plane
        The axes: r values of n/d, and v of the other setting.
    net : NetSettings
        The net.
    seeds : int
        Number of problems in a cell.
    predicted, simulated : Drops
        Early minus late accuracy, arrays of shape (v, r), NaN where a cell was not reached.
    interrupted : bool
        Whether some cells were not reached.

    Examples
    --------
    >>> import grokflow as gf
    >>> found = gf.phase_map(gf.plane_of("gamma", grid=2, d=16), seeds=1)
    >>> print(found.predicted.mean.round(2) + 0.0)
    [[0.02 0.  ]
     [0.06 0.  ]]
    >>> print(found.simulated.mean.round(2) + 0.0)
    [[0.02 0.  ]
     [0.04 0.  ]]
    """

    plane: Plane
    net: NetSettings
    seeds: int
    predicted: Drops
    simulated: Drops
    interrupted: bool = False


def plane_of(axis: str, grid: int = 9, d: int = 64) -> Plane:
    """Return the plane of problems over n/d and one more setting, for `phase_map`.

    Parameters
    ----------
    axis : {"share", "gamma"}
        The other setting: the number k of relevant ±1 inputs, or the gap γ between Gaussian
        classes.
    grid : int
        Number of values along each axis.
    d : int
        Number of inputs.

    Raises
    ------
    ValueError
        For another axis.

    Examples
    --------
    >>> import grokflow as gf
    >>> plane = gf.plane_of("share", grid=3, d=16)
    >>> print(plane.axis, plane.values, "n/d", plane.ratios)
    k [ 1.  3. 15.] n/d [0.125 0.5   2.   ]
    """
    ratios = np.geomspace(1 / 8, 2, grid)
    if axis == "share":
        votes = 2 * np.round((np.geomspace(1, d - 1, grid) - 1) / 2) + 1
        return Plane("majority", "k", d, ratios, np.unique(votes))
    if axis == "gamma":
        return Plane("gap", "γ", d, ratios, np.linspace(0, 8, grid))
    raise ValueError(f"map is {axis!r}, expected share or gamma: pick one")


def phase_map(
    plane: Plane,
    *,
    seeds: int = 4,
    seed: int = 0,
    net: NetSettings | None = None,
    executor: Executor | None = None,
    progress: Callable[[str, float], None] = lambda name, fraction: None,
) -> PhaseMap:
    """Predict and simulate, in every cell of a plane, whether the net groks or misgroks.

    Parameters
    ----------
    plane : Plane
        The axes, from `plane_of`.
    seeds : int
        Number of problems in a cell; the map is of their average.
    seed : int
        Decides which they are.
    net, executor, progress
        As for `find_misgrokking`.

    Returns
    -------
    PhaseMap
        Prediction and simulation are of the same problems. After Ctrl-C, with the cells reached.

    Examples
    --------
    >>> import grokflow as gf
    >>> found = gf.phase_map(gf.plane_of("gamma", grid=2, d=16), seeds=1)
    >>> [kind.value for kind in found.simulated.kinds.ravel()]
    ['neither', 'neither', 'misgrokking', 'neither']
    """
    net = net or NetSettings()
    tasks = list(_tasks(plane, seeds, seed, net))
    shape = (len(plane.values), len(plane.ratios), seeds, 2)
    drops, errors, kinds = np.full(shape, np.nan), np.full(shape, np.nan), np.full(shape, None)
    interrupted = False
    try:
        for done, answer in enumerate(results_as_completed(executor, _compare, tasks), start=1):
            for i, change in enumerate((answer.predicted, answer.simulated)):
                at = (*answer.cell, i)
                drops[at], errors[at], kinds[at] = change.drop, change.error, change.kind
            progress("phase map", done / len(tasks))
    except KeyboardInterrupt:
        interrupted = True
    mean, error = drops.mean(axis=2), np.sqrt((errors**2).sum(axis=2)) / seeds
    both = [Drops(mean[..., i], error[..., i], kinds[..., i]) for i in range(2)]
    return PhaseMap(plane, net, seeds, both[0], both[1], interrupted)


class _Answer(NamedTuple):
    cell: tuple[int, int, int]
    predicted: Change
    simulated: Change


def _tasks(
    plane: Plane, seeds: int, seed: int, net: NetSettings
) -> Iterator[tuple[tuple[int, int, int], str, Settings, NetSettings]]:
    for i, value in enumerate(plane.values):
        for j, ratio in enumerate(plane.ratios):
            for k in range(seeds):
                # The same seeds in every cell: neighbours differ by their settings alone.
                settings = plane.settings(float(ratio), float(value), seed * seeds + k)
                yield (i, j, k), plane.family, settings, net


def _drawn(family: str, settings: Settings) -> Problem | CompletionProblem:
    """Draw the problem; again from another seed where the labels are all equal."""
    for again in range(_DRAWS):
        seed = int(settings["seed"]) + again * 10**6
        try:
            return FAMILIES[family].problem({**settings, "seed": seed})
        except ValueError as error:
            failure = error
    raise failure


def _compare(
    cell: tuple[int, int, int], family: str, settings: Settings, net: NetSettings
) -> _Answer:
    problem = _drawn(family, settings)
    return _Answer(
        cell, predict_change(problem, net), simulate_change(problem, net, points=4).change
    )
