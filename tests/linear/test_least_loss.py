"""The minimum of the loss itself: against independent solvers, at any units, and its proof."""

import cvxpy
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import lstsq

import grokflow as gf
from grokflow.theory.linear.least_loss.distance import distance_to_least, min_loss
from grokflow.theory.linear.least_loss.predictor import MinLoss
from grokflow.theory.linear.least_loss.reached import resolved
from grokflow.theory.linear.problem import Task, make_problem
from grokflow.theory.losses import LOSSES, Logistic
from grokflow.theory.predictor import NoPredictor, NotResolved
from grokflow.theory.samples import StoredTestSet

TAILED = ("exponential", "logistic")


def problem_of(task, x, y):
    return make_problem("data", task, x, y, StoredTestSet(x, y))


def of_rank(rng, n, d, rank):
    """Products of whole numbers have this rank with all their digits."""
    factors = rng.integers(-9, 10, (n, rank)), rng.integers(-9, 10, (rank, d))
    return (factors[0] @ factors[1]) / 64


def overlapping(seed, n=40, d=24, rank=6):
    """Labels of which a quarter are drawn: with 40 samples of rank 6 they overlap."""
    rng = np.random.default_rng(seed)
    x = of_rank(rng, n, d, rank)
    y = np.where(rng.uniform(size=n) < 0.25, -1.0, 1.0) * np.where(x[:, 0] > 0, 1.0, -1.0)
    return problem_of(Task.CLASSIFICATION, x, y)


def inconsistent(seed, n=40, d=24, rank=6):
    rng = np.random.default_rng(seed)
    x = of_rank(rng, n, d, rank)
    return problem_of(Task.REGRESSION, x, x[:, 0] + rng.standard_normal(n))


def oracle(problem, loss):
    """Return the optimal value that cvxpy finds."""
    w = cvxpy.Variable(problem.d)
    q = problem.inputs.to_array() @ w
    terms = cvxpy.exp(-q) if loss == "exponential" else cvxpy.logistic(-q)
    return cvxpy.Problem(cvxpy.Minimize(cvxpy.sum(terms) / problem.n)).solve(solver="CLARABEL")


@pytest.mark.parametrize("loss", TAILED)
@pytest.mark.parametrize("seed", range(3))
def test_the_minimum_is_that_of_an_interior_point_solver(loss, seed):
    problem = overlapping(seed)
    found = MinLoss(LOSSES[loss]).predict(problem)
    assert found.certificate.gap <= 1e-12
    assert np.isclose(found.certificate.upper, oracle(problem, loss), rtol=1e-6)
    # Of least norm: no part of the weights is outside the row space.
    x = problem.inputs.to_array()
    inside = x.T @ lstsq(x.T, found.w)[0]
    assert np.allclose(inside, found.w, atol=1e-10 * np.abs(found.w).max())


@pytest.mark.parametrize(("n", "rank"), [(40, 6), (40, 24), (12, 6)])
def test_least_squares_are_those_of_the_singular_value_decomposition(n, rank):
    problem = inconsistent(1, n=n, rank=rank)
    found = MinLoss(LOSSES["square"]).predict(problem)
    x = problem.inputs.to_array()
    w, _, known, _ = lstsq(x, problem.targets, cond=1e-10)
    assert known == rank
    assert np.allclose(found.w, w, rtol=1e-9, atol=1e-10 * np.abs(w).max())
    assert found.certificate.gap <= 1e-12


@pytest.mark.parametrize("loss", ["square", "logistic"])
def test_units_of_inputs_do_not_matter(loss):
    rng = np.random.default_rng(3)
    x = rng.standard_normal((60, 5))
    y = np.sign(x[:, 0] + 2 * rng.standard_normal(60))
    units = 10.0 ** np.array([-6, -3, 0, 3, 6])
    task = Task.REGRESSION if loss == "square" else Task.CLASSIFICATION
    plain, scaled = (
        MinLoss(LOSSES[loss]).predict(problem_of(task, part, y)) for part in (x, x * units)
    )
    assert np.allclose(scaled.w * units, plain.w, rtol=1e-8)
    assert scaled.certificate.gap <= 1e-10


@given(st.integers(0, 10**6), st.sampled_from(TAILED), st.floats(-8, 1))
def test_the_bounds_hold_the_minimum_wherever_they_are_computed(seed, loss, decades):
    problem = overlapping(seed % 7)
    best = MinLoss(LOSSES[loss]).predict(problem)
    off = np.random.default_rng(seed).standard_normal(problem.d) * 10.0**decades
    certificate = min_loss(problem, best.w + off, LOSSES[loss])
    slack = 1e-13 * best.certificate.upper
    assert certificate.lower <= best.certificate.upper + slack
    assert certificate.upper >= best.certificate.lower - slack


@pytest.mark.parametrize("loss", ["square", *TAILED])
def test_outputs_are_as_near_as_the_proof_says(loss):
    problem = inconsistent(2) if loss == "square" else overlapping(2)
    w = MinLoss(LOSSES[loss]).predict(problem).w
    x = problem.inputs.to_array()
    off = 1e-2 * np.random.default_rng(0).standard_normal(problem.d)
    outputs = x @ (w + off)
    found = distance_to_least(
        resolved(problem.row_space), problem.targets, LOSSES[loss], outputs, 0 * outputs
    )
    assert found is not None
    assert (np.abs(x @ off) <= found.outputs * (1 + 1e-9)).all()
    # The bound is not idle: it is within the spread of the Hessian's directions.
    assert found.outputs.max() <= 100 * np.abs(x @ off).max()


@given(st.integers(0, 10**6), st.sampled_from(TAILED))
def test_no_minimum_is_claimed_where_some_direction_separates_weakly(seed, loss):
    """Samples with one more input are separated by it, and all the others are on its boundary."""
    rng = np.random.default_rng(seed)
    core = rng.integers(-2, 3, (12, 3)).astype(float)
    core[~core.any(axis=1), 0] = 1.0
    core = np.vstack([core, -core])
    rest = np.hstack([rng.integers(-2, 3, (4, 3)), np.ones((4, 1))])
    z = np.vstack([np.hstack([core, np.zeros((24, 1))]), rest])
    # Rows are y_i x_i: with the labels 1, both signs of a row are an overlap.
    problem = problem_of(Task.CLASSIFICATION, z, np.ones(len(z)))
    with pytest.raises(NoPredictor):
        MinLoss(LOSSES[loss]).predict(problem)


@pytest.mark.parametrize("loss", TAILED)
def test_no_minimum_is_claimed_where_rounding_of_the_row_space_balances_the_last_pull(loss):
    """The second row alone has a direction of its own; pulls on it end far below rounding."""
    z = np.array([[1.0, -2.0, 2.0], [1.0, 0.0, 0.0], [2.0, -4.0, 4.0], [-1.0, 2.0, -2.0]])
    with pytest.raises(NotResolved):
        MinLoss(LOSSES[loss]).predict(problem_of(Task.CLASSIFICATION, z, np.ones(4)))


def test_weights_that_classify_every_sample_are_named():
    x = np.random.default_rng(0).standard_normal((30, 3))
    problem = problem_of(Task.CLASSIFICATION, x, np.sign(x[:, 0]))
    with pytest.raises(NoPredictor, match="some weights classify every sample") as raised:
        MinLoss(LOSSES["logistic"]).predict(problem)
    assert not isinstance(raised.value, NotResolved)


def test_another_loss_is_minimised_by_what_it_does():
    problem = overlapping(0)
    renamed = MinLoss(Logistic("mine")).predict(problem)
    assert renamed.name == "min-mine-loss"
    assert np.array_equal(renamed.w, gf.MinLoss(gf.LOSSES["logistic"]).predict(problem).w)
