"""Problems with normal inputs and more inputs than samples, so that features are independent."""

import numpy as np
from hypothesis import strategies as st

from grokflow.theory.linear.problem import Problem, Task, make_problem
from grokflow.theory.samples import StoredTestSet


@st.composite
def separable(draw, max_n: int = 12, max_d: int = 40) -> Problem:
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
def interpolable(draw, max_n: int = 12, max_d: int = 40) -> Problem:
    """Return Gaussian inputs with Gaussian targets, more inputs than samples."""
    n = draw(st.integers(2, max_n))
    d = draw(st.integers(3 * n, max(3 * n, max_d)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x = rng.standard_normal((n, d))
    y = rng.standard_normal((n,))
    return make_problem("interpolable", Task.REGRESSION, x, y, StoredTestSet(x, y))
