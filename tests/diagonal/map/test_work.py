"""Flows on inputs of very different sizes are right or refused after a bounded number of steps."""

import numpy as np
import pytest

from grokflow.simulations.diagonal.flow import DiagonalFlow
from grokflow.simulations.diagonal.run import _DECADES
from grokflow.simulations.diagonal.start import DiagonalStart
from grokflow.simulations.runs.stopping import Stopped
from grokflow.theory.linear.problem import Task, make_problem
from grokflow.theory.losses import LOSSES
from grokflow.theory.samples import StoredTestSet
from tests.diagonal.map.judge import largest_error
from tests.reference import log_flow

# Evaluations that any of these flows may take, refused or not. They take up to 5 000, where a
# solver that was stuck took 80 000.
_MOST = 10_000


def followed(x, y, loss, depth, alpha, lam, times):
    """Return the trajectory, whole or up to where it stopped, and whether it is whole."""
    task = Task.REGRESSION if loss == "square" else Task.CLASSIFICATION
    problem = make_problem("random", task, x, y, StoredTestSet(x, y))
    start = DiagonalStart(problem, alpha, depth)
    try:
        return DiagonalFlow(lam=lam, loss=LOSSES[loss]).run(start, times), True
    except Stopped as stopped:
        return stopped.trajectory, False


def test_a_weight_near_its_pole_before_the_typical_one_does_not_stop_the_solver():
    x, y = np.array([[-300.0, -0.01], [-100.0, 0.01]]), np.array([0.0, 1.0])
    times = np.array([0.5, 2.0])
    found, whole = followed(x, y, "square", 4, 1.0, 0.01, times)
    assert whole
    assert found.work.rhs_evaluations <= _MOST / 2
    reference = log_flow.weights(x, y, 1.0, 0.01, "square", times, 1e-8, 4)
    assert largest_error(found.weights, reference) <= 1e-4


def random_table(number):
    """Return a small table with columns over 12 decades, and a flow on it."""
    rng = np.random.default_rng([11, number])
    n, d = rng.integers(2, 5), rng.integers(2, 4)
    x = rng.standard_normal((n, d)) * 10.0 ** rng.uniform(-6, 6, d)
    y = rng.integers(-3, 4, n) + 0.5
    alpha, lam = 10.0 ** rng.uniform(-0.5, 2), 10.0 ** rng.uniform(-6, -1)
    end = max(np.log(alpha), 0.0)
    return x, y, "square", int(rng.integers(3, 9)), alpha, lam, np.array([0.5, end + 0.7, end + 2])


@pytest.mark.parametrize("number", range(4))
def test_any_table_takes_a_bounded_number_of_evaluations(number):
    assert followed(*random_table(number))[0].work.rhs_evaluations <= _MOST


@pytest.mark.slow
def test_many_tables_take_a_bounded_number_of_evaluations():
    """Those that span less than what is promised are all followed to the end."""
    for number in range(4, 64):
        table = random_table(number)
        found, whole = followed(*table)
        assert found.work.rhs_evaluations <= _MOST
        assert whole or np.ptp(np.log10(np.linalg.norm(table[0], axis=0))) >= _DECADES


@pytest.mark.parametrize(("loss", "large"), [("exponential", 300.0), ("logistic", 1000.0)])
def test_a_solver_with_a_stale_jacobian_is_started_anew(loss, large):
    """Large inputs that contradict each other leave a pull that changes by orders."""
    x, y, alpha, lam = np.array([[0.115, large], [0.153, -large]]), np.ones(2), 22.0, 1.75e-4
    times = np.log(alpha) + np.array([-1.0, 0.0, 1.0, 3.0])
    found, whole = followed(x, y, loss, 6, alpha, lam, times)
    assert whole
    reference = log_flow.weights(x, y, alpha, lam, loss, times, 1e-8, 6, method="BDF")
    assert largest_error(found.weights, reference) <= 1e-4


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("depth", [2, 6])
def test_pulls_that_cancel_exactly_leave_all_weights_at_zero(loss, depth):
    x = np.array([[0.1, 0.3], [-0.1, -0.3], [0.0, 0.7], [0.0, -0.7]])
    found, whole = followed(x, np.ones(4), loss, depth, 100.0, 1e-3, np.array([0.0, 1.0, 8.0]))
    assert whole
    assert not found.weights.any()
    x[0, 0] = np.nextafter(0.1, 1)
    start = DiagonalStart(
        make_problem("random", Task.REGRESSION, x, np.ones(4), StoredTestSet(x, np.ones(4))), 1.0
    )
    flow = DiagonalFlow(lam=1.0, loss=LOSSES["square"])._run_from(start, np.ones(1), None).flow
    assert not flow.is_balanced
