"""The change between two predictors: its interval, and what ties do to it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grokflow.theory.linear.equal_columns import spread_over_equal_columns
from grokflow.theory.linear.penalised import L1Penalised
from grokflow.theory.linear.problem import StoredTestSet, Task, make_problem
from grokflow.theory.losses import LOSSES
from grokflow.theory.transition.change import change_of, quality
from grokflow.theory.transition.intervals import clopper_pearson
from grokflow.theory.transition.scores import Scores, kind_of


@given(
    st.integers(1, 400), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.integers(0, 2**31)
)
def test_the_interval_of_a_drop_holds_the_measured_one(size, early, late, shared, seed):
    """Whatever the errors of the two predictors have in common."""
    rng = np.random.default_rng(seed)
    u, v = rng.random((2, size))
    v = np.where(rng.random(size) < shared, u, v)
    accuracy = np.array([(u < early).mean(), (v < late).mean()])
    spread = np.sqrt(accuracy * (1 - accuracy) / size)
    scores = Scores(accuracy, 1 - accuracy, None, size, spread, 0.5)
    change = change_of(scores)
    assert change.low <= accuracy[0] - accuracy[1] <= change.high
    assert change.kind is kind_of(scores)
    # Both intervals at 97.5 % hold with 95 % together.
    ends = [clopper_pearson(round(a * size), size, 0.975) for a in accuracy]
    assert change.low == ends[0].low - ends[1].high
    if change.low > 0:
        assert ends[0].low > ends[1].high


def test_the_interval_covers_the_true_drop_as_often_as_it_says():
    rng = np.random.default_rng(0)
    truth, size, draws, misses = np.array([0.9, 0.6]), 200, 400, 0
    for _ in range(draws):
        accuracy = rng.binomial(size, truth) / size
        spread = np.sqrt(accuracy * (1 - accuracy) / size)
        change = change_of(Scores(accuracy, 1 - accuracy, None, size, spread, 0.5))
        misses += not change.low <= 0.3 <= change.high
    assert clopper_pearson(misses, draws).low <= 0.05


def test_an_output_of_zero_is_right_half_of_the_time():
    x = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, -1.0], [2.0, 1.0]])
    labels = np.array([1.0, 1.0, -1.0, -1.0])
    problem = make_problem("ties", Task.CLASSIFICATION, x, labels, StoredTestSet(x, labels))
    scores = problem.score(np.column_stack([np.zeros(2), [1.0, 0.0], [0.0, 1.0]]))
    # All tied; one right, two tied, one wrong; one tied, two right, one wrong.
    assert scores.error.tolist() == [0.5, 0.5, 0.375]
    assert scores.accuracy.tolist() == [0.5, 0.5, 0.625]


def test_regression_is_judged_against_the_zero_predictor():
    error, spread = np.array([1.0, 3.0]), np.array([0.1, 0.2])
    change = change_of(Scores(None, error, None, 50, spread, 2.0))
    assert (change.early, change.late, change.chance) == (0.5, -0.5, 0.0)
    assert change.low < change.drop == 1.0 < change.high
    assert change.error == pytest.approx(np.hypot(0.1, 0.2) / 2)
    with pytest.raises(ValueError, match="all zero"):
        quality(Scores(None, error, None, 50, spread, 0.0))


def test_equal_columns_share_their_weight():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((6, 4))
    doubled = np.column_stack([x, -x[:, 0], x[:, 2]])
    y = np.array([1, -1, 1, -1, 1, -1])
    problem = make_problem(
        "ties", Task.CLASSIFICATION, doubled, y, StoredTestSet(doubled, y.astype(float))
    )
    w = L1Penalised(LOSSES["logistic"], 1e-2).predict(problem).w
    alike = spread_over_equal_columns(problem, w)
    assert np.allclose(problem.inputs.combine(alike), problem.inputs.combine(w), atol=1e-12)
    assert np.isclose(np.abs(alike).sum(), np.abs(w).sum())
    assert alike[4] == -alike[0] and alike[5] == alike[2]
