"""Families of problems in which grokking and misgrokking are searched for.

A family names its settings and their ranges, and builds the problem of given settings: the same
settings give the same problem, and fewer samples are the first of more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from grokflow.simulations.completion.shapes import unobserved
from grokflow.simulations.misgrokking import rules
from grokflow.simulations.misgrokking.ranges import Choice, Largest, Range, Real, Seed, Whole
from grokflow.simulations.misgrokking.rules import Draw
from grokflow.simulations.tables.table import Table
from grokflow.theory.completion.entries import make_entries_problem
from grokflow.theory.completion.problem import CompletionProblem, TestEntries
from grokflow.theory.linear.problem import Problem, Task
from grokflow.theory.summary import Summarised

Settings = Mapping[str, int | float | str]
Instance = Table | CompletionProblem


@dataclass(frozen=True, repr=False)
class Family(Summarised):
    """Problems of one kind.

    Parameters
    ----------
    name : str
        Its name.
    summary : str
        What the problems have in common.
    ranges : mapping
        The range of every setting; ``depth`` is 2 where it is not among them.
    build : callable
        Returns the data of given settings; ValueError where there are none.
    """

    name: str
    summary: str
    ranges: Mapping[str, Range]
    build: Callable[[Settings], Instance]

    def _summary(self) -> Mapping[str, object]:
        """Return its name, what its problems have in common, and what varies."""
        return {"name": self.name, "summary": self.summary, "settings": ", ".join(self.ranges)}

    def draw(self, rng: np.random.Generator) -> dict[str, int | float | str]:
        """Draw settings."""
        return {key: item.draw(rng) for key, item in self.ranges.items()}

    def problem(self, settings: Settings) -> Problem | CompletionProblem:
        """Build the problem of these settings."""
        instance = self.build(settings)
        if isinstance(instance, Table):
            return instance.problem(self.name, settings)
        return instance


def _table(settings: Settings, *, rule: Callable[..., Draw], task: Task) -> Table:
    """Draw training and test rows from separate streams; noise and flips hit training alone."""
    sizes = dict(settings)
    n, n_test = int(sizes.pop("n")), int(sizes.pop("n_test"))
    flips, noise = float(sizes.pop("flips", 0.0)), float(sizes.pop("label_noise", 0.0))
    sizes.pop("depth", None)
    streams = np.random.SeedSequence(int(sizes.pop("seed"))).spawn(4)
    shared, train, test, spoil = (np.random.default_rng(stream) for stream in streams)
    draw = rule(shared, **sizes)
    (x, y), (x_test, y_test) = draw(train, n), draw(test, n_test)
    if flips:
        y = np.where(spoil.permutation(n) < round(flips * n), -y, y)
    if noise:
        y = y + noise * spoil.standard_normal(n)
    if task is Task.CLASSIFICATION and len(np.unique(y)) < 2:
        raise ValueError("all training labels are equal, expected both classes: draw more samples")
    return Table(task, x, y, x_test, y_test)


def _matrix(settings: Settings) -> CompletionProblem:
    """Draw entries of a random symmetric matrix of given rank."""
    d, rank = int(settings["d"]), min(int(settings["rank"]), int(settings["d"]))
    streams = np.random.SeedSequence(int(settings["seed"])).spawn(2)
    shared, mask = (np.random.default_rng(stream) for stream in streams)
    factors = shared.standard_normal((d, rank)) / np.sqrt(rank)
    minus = np.arange(rank) < round(float(settings["minus"]) * rank)
    truth = (factors * np.where(minus, -1.0, 1.0)) @ factors.T
    truth = (truth + truth.T) / 2
    rows, columns = np.triu_indices(d)
    seen = _mask(str(settings["mask"]), float(settings["fraction"]), rows, columns, d, mask)
    rows, columns = rows[seen], columns[seen]
    entries = TestEntries(rows, columns, truth[rows, columns])
    test = unobserved(truth, entries, mirrored=True)
    if not (seen.any() and len(test.values)):
        raise ValueError("the mask leaves no entry observed or none to predict: change fraction")
    return make_entries_problem("completion", d, *entries, test, settings)


def _mask(
    kind: str,
    fraction: float,
    rows: np.ndarray,
    columns: np.ndarray,
    d: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Observe about a fraction of the entries: at random, near the diagonal, or in a corner."""
    if kind == "random":
        return np.asarray(rng.random(len(rows)) < fraction)
    if kind == "band":
        return np.asarray(columns - rows < np.ceil(fraction * d / 2))
    return np.asarray(columns < np.ceil(np.sqrt(fraction) * d))


_SIZES: dict[str, Range] = {"n": Whole(6, 48), "d": Whole(6, 600)}
_SHARE = Real(0.01, 1.0, logarithmic=True)
_TEST: dict[str, Range] = {"n_test": Largest(500, 2000), "seed": Seed()}


def _family(
    name: str, summary: str, rule: Callable[..., Draw], task: Task, **ranges: Range
) -> Family:
    sizes = {"n": _SIZES["n"]} if "bits" in ranges else _SIZES
    build = partial(_table, rule=rule, task=task)
    return Family(name, summary, sizes | ranges | _TEST, build)


_CLASSES, _TARGETS = Task.CLASSIFICATION, Task.REGRESSION

FAMILIES: dict[str, Family] = {
    item.name: item
    for item in (
        _family(
            "gap",
            "Gaussian classes γ apart along a direction of share·d inputs (Figure 1b)",
            rules.gap,
            _CLASSES,
            share=_SHARE,
            gamma=Real(0.0, 10.0),
        ),
        _family(
            "majority",
            "±1 inputs, the majority of share·d of them (Figure 1a at small shares)",
            rules.majority,
            _CLASSES,
            share=_SHARE,
        ),
        _family(
            "spiked",
            "covariance I + strength² v vᵀ, labels by the factor along v",
            rules.spiked,
            _CLASSES,
            share=_SHARE,
            strength=Real(1.0, 20.0, logarithmic=True),
        ),
        _family(
            "signs",
            "equally correlated inputs, labels by a sum with a share of minus signs",
            rules.signs,
            _CLASSES,
            correlation=Real(0.0, 0.9),
            minus=Real(0.0, 0.5),
        ),
        _family(
            "decaying",
            "standard deviations j^-power, labels by a signed sum of all inputs",
            rules.decaying,
            _CLASSES,
            power=Real(0.1, 1.5),
        ),
        _family(
            "quadratic",
            "all products of two ±1 bits, the majority of a share of them (one: parity)",
            rules.quadratic,
            _CLASSES,
            bits=Whole(4, 30),
            share=_SHARE,
        ),
        _family(
            "redundant",
            "noisy copies of a few hidden inputs, labels by one of those",
            rules.redundant,
            _CLASSES,
            groups=Whole(1, 20),
            noise=Real(0.1, 5.0, logarithmic=True),
        ),
        _family(
            "words",
            "0/1 inputs, each a little more likely in one class",
            rules.words,
            _CLASSES,
            rate=Real(0.05, 0.5),
            lift=Real(0.1, 0.9),
        ),
        _family(
            "flipped",
            "majority of a few ±1 inputs, a share of the training labels flipped",
            rules.majority,
            _CLASSES,
            share=Real(0.01, 0.1, logarithmic=True),
            flips=Real(0.02, 0.3),
        ),
        _family(
            "deep",
            "majority of share·d ±1 inputs, a diagonal net of depth 3 to 5",
            rules.majority,
            _CLASSES,
            share=_SHARE,
            depth=Choice((3, 4, 5)),
        ),
        _family(
            "linear",
            "Gaussian inputs, real targets linear in share·d of them",
            rules.linear,
            _TARGETS,
            share=_SHARE,
        ),
        _family(
            "noisy",
            "real targets linear in a few inputs, with noise on the training targets",
            rules.linear,
            _TARGETS,
            share=Real(0.01, 0.1, logarithmic=True),
            label_noise=Real(0.05, 2.0, logarithmic=True),
        ),
        Family(
            "completion",
            "entries of a random symmetric matrix of given rank, a share of eigenvalues negative",
            {
                "d": Whole(6, 16),
                "rank": Whole(1, 16),
                "fraction": Real(0.1, 0.8),
                "minus": Real(0.0, 0.5),
                "mask": Choice(("random", "band", "corner")),
                "seed": Seed(),
            },
            _matrix,
        ),
    )
}


def select(names: list[str] | None) -> list[Family]:
    """Return the families of these names, all by default; ValueError for an unknown one."""
    for name in names or []:
        if name not in FAMILIES:
            raise ValueError(f"family is {name!r}, expected one of {', '.join(FAMILIES)}: pick one")
    return [FAMILIES[name] for name in names or FAMILIES]
