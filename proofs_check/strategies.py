"""Hypothesis strategies for problems, public so that users can test claims of their own.

Examples
--------
>>> from hypothesis import given
>>> import grokflow as gf
>>> @given(gf.strategies.separable(max_n=4, max_d=12))
... def check_more_inputs_than_samples(problem):
...     assert problem.n < problem.d
>>> check_more_inputs_than_samples()
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from grokflow.theory.completion.entries import make_entries_problem
from grokflow.theory.completion.problem import CompletionProblem, make_measurement_problem
from grokflow.theory.linear.problem import Problem, Task, make_problem
from grokflow.theory.samples import StoredTestSet

# What hypothesis calls DrawFn; a plain callable, because DrawFn has no runtime check.
Draw = Callable[..., Any]


@st.composite
def separable(draw: Draw, max_n: int = 12, max_d: int = 40) -> Problem:
    """Return Gaussian or ±1 inputs with random labels, more inputs than samples."""
    n = draw(st.integers(2, max_n))
    d = draw(st.integers(3 * n, max(3 * n, max_d)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x = rng.standard_normal((n, d))
    if draw(st.booleans()):
        # Distinct sign rows with an identity block keep the labels separable.
        x = np.where(x > 0, 1.0, -1.0)
        x[:, :n] += 2 * np.eye(n)
    y = rng.choice([-1.0, 1.0], size=n)
    return make_problem("separable", Task.CLASSIFICATION, x, y, StoredTestSet(x, y))


@st.composite
def interpolable(draw: Draw, max_n: int = 12, max_d: int = 40) -> Problem:
    """Return Gaussian inputs with Gaussian targets, more inputs than samples."""
    n = draw(st.integers(2, max_n))
    d = draw(st.integers(3 * n, max(3 * n, max_d)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x = rng.standard_normal((n, d))
    y = rng.standard_normal((n,))
    return make_problem("interpolable", Task.REGRESSION, x, y, StoredTestSet(x, y))


@st.composite
def completions(draw: Draw, max_d: int = 7) -> CompletionProblem:
    """Return entries, or general measurements, of an indefinite matrix of rank 2."""
    d = draw(st.integers(3, max_d))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    a, b = rng.standard_normal((2, d))
    truth = np.outer(a, a) - np.outer(b, b)
    n = draw(st.integers(2, d * (d + 1) // 2 - 1))
    if draw(st.booleans()):
        rows, columns = np.triu_indices(d)
        seen = rng.choice(len(rows), n, replace=False)
        rows, columns = rows[seen], columns[seen]
        return make_entries_problem("entries", d, rows, columns, truth[rows, columns])
    matrices = rng.standard_normal((n, d, d))
    matrices = matrices + matrices.transpose(0, 2, 1)
    values = np.einsum("nij,ij->n", matrices, truth)
    return make_measurement_problem("measurements", matrices, values)
