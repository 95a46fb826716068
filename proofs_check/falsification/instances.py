"""Instances of claims as named arrays: what a search moves, shrinks, and writes to files.

Nothing of an instance is used but its training data: the test set of a problem that is made of
arrays is its training set.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from grokflow.theory.completion.entries import make_entries_problem
from grokflow.theory.completion.measurements import Entries
from grokflow.theory.completion.problem import CompletionProblem
from grokflow.theory.completion.spaces.block_entries import BlockEntries
from grokflow.theory.linear.classes.problem import ClassesProblem, make_classes_problem
from grokflow.theory.linear.problem import Problem, Task, make_problem
from grokflow.theory.samples import StoredTestSet

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Form:
    """How instances of one kind are taken apart into arrays, and made of them again.

    Parameters
    ----------
    name : str
        What the kind is called in files.
    fits : callable
        Whether an instance is of this kind.
    arrays : callable
        Takes an instance, and returns its arrays by name.
    make : callable
        Takes these arrays as keywords, and returns the instance.
    axes : mapping
        The names of the axes of every array. Axes of one name are shortened together.
    moved : tuple of str
        The arrays of real numbers, which a search may move.
    """

    name: str
    fits: Callable[[object], bool]
    arrays: Callable[[Any], Arrays]
    make: Callable[..., object]
    axes: Mapping[str, tuple[str, ...]]
    moved: tuple[str, ...]


def form_of(instance: object) -> Form:
    """Return the form that fits an instance.

    Raises
    ------
    ValueError
        When there is none.
    """
    for form in FORMS:
        if form.fits(instance):
            return form
    raise ValueError(
        f"an instance is a {type(instance).__name__}, expected a problem, an array or a number: "
        "give ForEvery a strategy of these, and make other things of them in the check"
    )


def form_named(name: object) -> Form:
    """Return the form that is called so in files.

    Raises
    ------
    ValueError
        When there is none.
    """
    for form in FORMS:
        if form.name == name:
            return form
    names = ", ".join(form.name for form in FORMS)
    raise ValueError(f"form is {name!r}, expected one of {names}: check the file")


def _with_signs(problem: Problem) -> Arrays:
    rows = problem.inputs.to_array()
    signs = np.ones(problem.n) if problem.signs is None else problem.signs
    return {"x": rows * signs[:, None], "y": signs}


def _classes(x: np.ndarray, y: np.ndarray) -> Problem:
    return make_problem("instance", Task.CLASSIFICATION, x, y, StoredTestSet(x, y))


def _with_targets(problem: Problem) -> Arrays:
    return {"x": problem.inputs.to_array(), "y": problem.targets}


def _targets(x: np.ndarray, y: np.ndarray) -> Problem:
    return make_problem("instance", Task.REGRESSION, x, y, StoredTestSet(x, y))


def _with_labels(problem: ClassesProblem) -> Arrays:
    return {"x": problem.inputs.to_array(), "y": problem.labels}


def _several_classes(x: np.ndarray, y: np.ndarray) -> ClassesProblem:
    return make_classes_problem("instance", x, y, x, y)


def _is_entries(instance: object) -> bool:
    return isinstance(instance, CompletionProblem) and isinstance(instance.measurements, Entries)


def _with_entries(problem: CompletionProblem) -> Arrays:
    return {"d": np.array(problem.d), **_samples(problem)}


def _samples(problem: CompletionProblem) -> Arrays:
    """Return the entries as often as each was sampled."""
    seen = problem.measurements
    assert isinstance(seen, Entries | BlockEntries)
    arrays = {"rows": seen.rows, "columns": seen.columns, "values": problem.values}
    return {name: np.repeat(array, problem.counts) for name, array in arrays.items()}


def _entries(
    d: np.ndarray, rows: np.ndarray, columns: np.ndarray, values: np.ndarray
) -> CompletionProblem:
    return make_entries_problem("instance", int(d), rows, columns, values)


def _is_block(instance: object) -> bool:
    return isinstance(instance, CompletionProblem) and isinstance(
        instance.measurements, BlockEntries
    )


def _with_block(problem: CompletionProblem) -> Arrays:
    return {"shape": np.array(problem.space.shape), **_samples(problem)}


def _block(
    shape: np.ndarray, rows: np.ndarray, columns: np.ndarray, values: np.ndarray
) -> CompletionProblem:
    u, i = shape.tolist()
    return make_entries_problem("instance", (u, i), rows, columns, values)


_TABLE = {"x": ("samples", "inputs"), "y": ("samples",)}
_SAMPLES = ("samples",)
_ENTRIES = {"rows": _SAMPLES, "columns": _SAMPLES, "values": _SAMPLES}

FORMS = (
    Form(
        "classes",
        lambda found: isinstance(found, Problem) and found.is_classification,
        *(_with_signs, _classes, _TABLE, ("x",)),
    ),
    Form(
        "targets",
        lambda found: isinstance(found, Problem) and not found.is_classification,
        *(_with_targets, _targets, _TABLE, ("x", "y")),
    ),
    Form(
        "several classes",
        lambda found: isinstance(found, ClassesProblem),
        *(_with_labels, _several_classes, _TABLE, ("x",)),
    ),
    Form(
        "entries",
        _is_entries,
        _with_entries,
        _entries,
        {"d": (), **_ENTRIES},
        ("values",),
    ),
    Form(
        "rectangular entries",
        _is_block,
        _with_block,
        _block,
        {"shape": (), **_ENTRIES},
        ("values",),
    ),
    Form(
        "table",
        lambda found: isinstance(found, np.ndarray) and found.ndim == 2,
        lambda found: {"x": found},
        lambda x: x,
        {"x": ("samples", "inputs")},
        ("x",),
    ),
    Form(
        "whole numbers",
        lambda found: isinstance(found, np.ndarray) and found.dtype.kind in "iu",
        lambda found: {"values": found},
        lambda values: values,
        {"values": _SAMPLES},
        (),
    ),
    Form(
        "numbers",
        lambda found: isinstance(found, np.ndarray) and found.ndim == 1,
        lambda found: {"values": found},
        lambda values: values,
        {"values": _SAMPLES},
        ("values",),
    ),
    Form(
        "whole number",
        lambda found: isinstance(found, int),
        lambda found: {"value": np.array(found)},
        lambda value: int(value),
        {"value": ()},
        (),
    ),
    Form(
        "number",
        lambda found: isinstance(found, float),
        lambda found: {"value": np.array(found)},
        lambda value: float(value),
        {"value": ()},
        ("value",),
    ),
)
