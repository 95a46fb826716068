"""Minimisers that are not the only ones: the flow ends at that of most entropy, alike on copies."""

import cvxpy as cp
import numpy as np
import pytest

import grokflow as gf
from grokflow.theory.linear.penalised import L1Penalised
from grokflow.theory.linear.problem import Task, make_problem
from grokflow.theory.linear.ties import EqualColumns, of_most_entropy
from grokflow.theory.losses import LOSSES
from grokflow.theory.samples import StoredTestSet

SQUARE = LOSSES["square"]


def regression(x, y):
    return make_problem("ties", Task.REGRESSION, x, y, StoredTestSet(x, y))


def signs(seed, n=6, d=14):
    """Inputs of ±1, whose least L1-norms have many minimisers."""
    rng = np.random.default_rng(seed)
    x = rng.choice([-1.0, 1.0], (n, d))
    return regression(x, x @ np.where(np.arange(d) < 3, 1.0, 0.0))


def copies(seed):
    """Inputs of which the first is there three times, once with the other sign."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((6, 9))
    x[:, 1], x[:, 2] = x[:, 0], -x[:, 0]
    return regression(x, x @ np.array([2.0, 0, 0, 1, 0, 0, 0, 0, 0]))


def test_equal_columns_share_their_weight():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((6, 4))
    doubled = np.column_stack([x, -x[:, 0], x[:, 2]])
    y = np.array([1, -1, 1, -1, 1, -1])
    problem = make_problem(
        "ties", Task.CLASSIFICATION, doubled, y, StoredTestSet(doubled, y.astype(float))
    )
    w = L1Penalised(LOSSES["logistic"], 1e-2).predict(problem).w
    alike = EqualColumns.of(problem).spread(w)
    assert np.allclose(problem.inputs.combine(alike), problem.inputs.combine(w), atol=1e-12)
    assert np.isclose(np.abs(alike).sum(), np.abs(w).sum())
    assert alike[4] == -alike[0] and alike[5] == alike[2]


@pytest.mark.parametrize("seed", range(8))
def test_the_minimiser_of_most_entropy_is_that_of_an_interior_point_method(seed):
    problem = signs(seed)
    least = gf.MinL1Norm().predict(problem)
    found = of_most_entropy(problem, least.w, least.multipliers)
    # At the least norm, w = p - q with p, q ≥ 0 that are not both positive.
    p, q = cp.Variable(problem.d), cp.Variable(problem.d)
    held = [
        problem.inputs.to_array() @ (p - q) == problem.targets,
        cp.sum(p + q) <= (np.abs(least.w).sum() * (1 + 1e-9)),
    ]
    cp.Problem(cp.Maximize(cp.sum(cp.entr(p) + cp.entr(q))), held).solve(cp.CLARABEL)
    assert np.abs(found - (p.value - q.value)).max() < 1e-3 * np.abs(found).max()
    assert np.abs(problem.inputs.combine(found) - problem.targets).max() < 1e-12
    assert np.abs(found).sum() == pytest.approx(np.abs(least.w).sum(), rel=1e-12)


@pytest.mark.parametrize("make", [signs, copies])
@pytest.mark.parametrize("seed", range(4))
def test_forecasts_end_where_the_flow_ends(make, seed):
    problem = make(seed)
    found = gf.forecast(problem, alpha=20.0, lam=1e-4, loss=SQUARE)
    flow = gf.DiagonalFlow(lam=1e-4, loss=SQUARE).run(
        gf.DiagonalStart(problem, 20.0), np.array([300.0])
    )
    ends = flow.weights[:, -1]
    # Inputs that are pulled nearly as hard as the others are left behind as slowly as they like.
    pull = np.abs(problem.inputs.correlate(found.late.multipliers))
    near = (pull < 0.99999 * pull.max()) & (pull > 0.95 * pull.max())
    if not near.any():
        assert np.abs(found.late.w - ends).max() < 1e-4 * np.abs(ends).max()
    # The limit is that of the late weights as λ → 0, with an error of order λ.
    smaller = L1Penalised(SQUARE, 1e-7).end_of_flow(problem)
    assert np.abs(smaller.w - found.limit.w).max() < 1e-3 * np.abs(ends).max()
    assert found.late.certificate.gap < 1e-7 and found.limit.certificate.gap < 1e-7


@pytest.mark.parametrize("depth", [3, 4])
@pytest.mark.parametrize("rows", [slice(0, 3), slice(None)])
def test_copies_stay_equal_in_deep_nets(depth, rows):
    problem = copies(0)
    x = np.vstack([problem.inputs.to_array()[rows]] * 2)
    problem = regression(x, np.tile(problem.targets[rows], 2))
    found = gf.forecast(problem, alpha=8.0, lam=1e-3, loss=SQUARE, depth=depth)
    flow = gf.DiagonalFlow(lam=1e-3, loss=SQUARE).run(
        gf.DiagonalStart(problem, 8.0, depth), np.array([40.0, 60.0])
    )
    equal = EqualColumns.of(problem)
    for w in (found.late.w, found.limit.w, *flow.weights.T):
        assert equal.are_alike(w)
    assert np.abs(flow.weights[:, -1] - found.late.w).max() < 1e-3 * np.abs(found.late.w).max()
