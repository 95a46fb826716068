"""Problems with linear predictors: classes and targets that can be fitted, and that cannot."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from grokflow.proofs_check.ranges.tables import Draw, numbers, tables
from grokflow.theory.linear.classes.problem import ClassesProblem, make_classes_problem
from grokflow.theory.linear.problem import Problem, Task, make_problem
from grokflow.theory.samples import StoredTestSet


@st.composite
def separable(
    draw: Draw,
    max_n: int = 6,
    max_d: int = 8,
    min_n: int = 1,
    min_d: int = 1,
    decades: int = 12,
    general: bool = False,
) -> Problem:
    """Return classes ±1 that some weights separate; the parameters are those of `tables`.

    Examples
    --------
    >>> from hypothesis import given
    >>> import grokflow as gf
    >>> @given(gf.strategies.separable(max_n=3, decades=0))
    ... def check_that_a_margin_is_found(problem):
    ...     assert (problem.inputs.combine(gf.MaxL2Margin().predict(problem).w) > 0).all()
    >>> check_that_a_margin_is_found()
    """
    x = draw(tables(max_n, max_d, min_n, min_d, decades, general))
    teacher = _teacher(draw, x)
    scores = x @ teacher
    # A sample on the border gets a part along the teacher, as its copies do.
    x = x + np.where(np.abs(scores) <= 1e-9 * _sizes(x, teacher), 1.0, 0.0)[:, None] * (
        np.sign(teacher) * (np.abs(x).max(axis=0) + (x == 0).all(axis=0))
    )
    return _problem(Task.CLASSIFICATION, x, np.sign(x @ teacher))


@st.composite
def interpolable(
    draw: Draw,
    max_n: int = 6,
    max_d: int = 8,
    min_n: int = 1,
    min_d: int = 1,
    decades: int = 12,
    general: bool = False,
) -> Problem:
    """Return targets that some weights fit; the parameters are those of `tables`.

    Examples
    --------
    >>> from hypothesis import given
    >>> import grokflow as gf
    >>> @given(gf.strategies.interpolable(max_n=3, decades=0))
    ... def check_that_targets_are_fitted(problem):
    ...     outputs = problem.inputs.combine(gf.MinL2Norm().predict(problem).w)
    ...     assert abs(outputs - problem.targets).max() < 1e-6 * abs(problem.targets).max()
    >>> check_that_targets_are_fitted()
    """
    x = draw(tables(max_n, max_d, min_n, min_d, decades, general))
    # A sample of zeros says nothing, and problems refuse it.
    x[~x.any(axis=1), 0] = 1.0
    y = x @ _teacher(draw, x)
    if not y.any():
        y = x[:, np.abs(x).max(axis=0).argmax()]
    return _problem(Task.REGRESSION, x, y)


@st.composite
def overlapping(draw: Draw, max_n: int = 5, spare: int = 1, decades: int = 0) -> Problem:
    """Return classes ±1 that no weights separate, not even weakly: samples have both labels.

    The least loss exists and the outputs at which it is reached are unique. There are `spare`
    inputs more than the rank of the table.

    Examples
    --------
    >>> from hypothesis import given
    >>> import numpy as np
    >>> import grokflow as gf
    >>> @given(gf.strategies.overlapping(max_n=3))
    ... def check_that_none_separates(problem):
    ...     w = np.ones(problem.d)
    ...     assert problem.inputs.combine(w).min() <= 0
    >>> check_that_none_separates()
    """
    x = _of_full_rank(draw, max_n, spare, decades)
    more = draw(numbers((draw(st.integers(1, max_n)), len(x)))) @ x
    labels = draw(numbers((len(more),), "signs"))
    kept = np.abs(more).max(axis=1) > 0
    rows, y = np.vstack([x, x, more[kept]]), np.ones(len(x))
    return _problem(Task.CLASSIFICATION, rows, np.concatenate([y, -y, labels[kept]]))


@st.composite
def inconsistent(draw: Draw, max_n: int = 5, spare: int = 1, decades: int = 0) -> Problem:
    """Return targets that no weights fit: samples occur twice, with other targets.

    There are `spare` inputs more than the rank of the table.

    Examples
    --------
    >>> from hypothesis import given
    >>> import grokflow as gf
    >>> @given(gf.strategies.inconsistent(max_n=3))
    ... def check_that_half_of_the_samples_are_copies(problem):
    ...     x = problem.inputs.to_array()
    ...     assert (x[: problem.n // 2] == x[problem.n // 2 :]).all()
    >>> check_that_half_of_the_samples_are_copies()
    """
    x = _of_full_rank(draw, max_n, spare, decades)
    apart = np.abs(draw(numbers((len(x),)))) + 0.5
    y = x @ _teacher(draw, x)
    return _problem(Task.REGRESSION, np.vstack([x, x]), np.concatenate([y + apart, y - apart / 2]))


@st.composite
def partly_separable(draw: Draw, max_core: int = 3, max_rest: int = 3) -> Problem:
    """Return classes ±1 of which some overlap, and the others have inputs of their own.

    Examples
    --------
    >>> from hypothesis import given
    >>> import grokflow as gf
    >>> @given(gf.strategies.partly_separable())
    ... def check_that_not_all_are_separable(problem):
    ...     assert problem.inputs.combine(problem.inputs.to_array().sum(axis=0)).min() <= 0
    >>> check_that_not_all_are_separable()
    """
    core = draw(overlapping(max_core, spare=0))
    own = draw(st.integers(1, max_rest))
    n, d = draw(st.integers(1, own)), core.d
    rest = np.hstack([draw(numbers((n, d))), draw(tables(n, own, n, own, 0, general=True))])
    padded = np.hstack([core.inputs.to_array(), np.zeros((core.n, own))])
    y = np.ones(core.n + n)
    return _problem(Task.CLASSIFICATION, np.vstack([padded, rest]), y)


@st.composite
def several_classes(
    draw: Draw, max_n: int = 8, max_d: int = 8, most_classes: int = 4, decades: int = 0
) -> ClassesProblem:
    """Return samples of three classes or more that linear outputs tell apart.

    Examples
    --------
    >>> from hypothesis import given
    >>> import grokflow as gf
    >>> @given(gf.strategies.several_classes(most_classes=3))
    ... def check_that_the_class_has_the_largest_of_the_first_inputs(problem):
    ...     assert (problem.inputs.to_array()[:, :3].argmax(axis=1) == problem.labels).all()
    >>> check_that_the_class_has_the_largest_of_the_first_inputs()
    """
    count = draw(st.integers(3, most_classes))
    n = draw(st.integers(count, max(count, max_n)))
    d = draw(st.integers(count, max(count, max_d)))
    x = draw(tables(n, d, n, d, decades))
    others = draw(st.lists(st.integers(0, count - 1), min_size=n - count, max_size=n - count))
    labels = np.array([*range(count), *others])
    size = np.abs(x[:, :count]).max(axis=1)
    x[np.arange(n), labels] = size + np.where(size > 0, size, 1.0) * draw(
        st.sampled_from([0.25, 1.0])
    )
    return make_classes_problem("several classes", x, labels, x, labels)


def _of_full_rank(draw: Draw, max_n: int, spare: int, decades: int) -> np.ndarray:
    """Return independent samples, and inputs of which none is zero in all of them.

    The weight of an input of zeros stays zero, so that it leaves the weights nothing to choose.
    """
    n = draw(st.integers(1, max_n))
    x = np.array(draw(tables(n, n + spare, n, n + spare, decades, general=True)))
    x[:, ~x.any(axis=0)] = 1.0
    return x


def _teacher(draw: Draw, x: np.ndarray) -> np.ndarray:
    """Return weights in the units of the inputs, powers of two, not all of them zero."""
    w = draw(numbers((x.shape[1],)))
    if not w.any():
        w = np.ones(x.shape[1])
    units = np.abs(x).max(axis=0)
    return np.asarray(w / 2.0 ** np.round(np.log2(np.where(units > 0, units, 1.0))))


def _sizes(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Return how large the output of every sample could be."""
    return np.asarray(np.abs(x) @ np.abs(w))


def _problem(task: Task, x: np.ndarray, y: Any) -> Problem:
    return make_problem("drawn", task, x, y, StoredTestSet(x, y))
