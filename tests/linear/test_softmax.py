"""Cross-entropy as a loss of margins: its value, its predictors and their certificates."""

import cvxpy
import numpy as np
import pytest
from scipy.special import log_softmax
from sklearn.datasets import load_digits, load_iris, load_wine

import grokflow as gf
from grokflow.theory.diagonal.mirror import Hypentropy
from grokflow.theory.linear.classes.margins import ClassMargins
from grokflow.theory.linear.classes.softmax import (
    L1PenalisedCrossEntropy,
    certificate,
    log_pulls,
    sample_losses,
    stacked_problem,
)
from grokflow.theory.numerics.data_matrix import DataMatrix

RNG = np.random.default_rng(2)


def problem_of(load, count, seed=0):
    x, y = load(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(y))
    x, y = x[order], y[order]
    return gf.make_classes_problem(
        "p", x[:count], y[:count], x[count:], y[count:], standardise=True, intercept=1.0
    )


IRIS, WINE = problem_of(load_iris, 30), problem_of(load_wine, 40)


@pytest.mark.parametrize("problem", [IRIS, WINE])
def test_margins_of_the_stacked_problem_give_the_cross_entropy(problem):
    w = RNG.standard_normal((3, problem.d))
    q = stacked_problem(problem).inputs.combine(w.ravel()).reshape(problem.n, 2)
    outputs = problem.inputs.to_array() @ w.T
    expected = -log_softmax(outputs, axis=1)[np.arange(problem.n), problem.labels]
    assert sample_losses(q) == pytest.approx(expected, rel=1e-12)
    # The pulls are the shares of the other classes.
    shares = np.exp(log_softmax(outputs, axis=1))
    others = shares.sum(axis=1) - shares[np.arange(problem.n), problem.labels]
    assert np.exp(log_pulls(q)).sum(axis=1) == pytest.approx(others, rel=1e-10)


@pytest.mark.parametrize("level", [-800.0, 0.0, 30.0, 700.0])
def test_losses_keep_all_digits_at_every_margin(level):
    q = level + np.array([[0.0, 0.5], [-0.25, 1.0]])
    loss, pulls = sample_losses(q), log_pulls(q)
    assert np.isfinite(loss).all() and np.isfinite(pulls).all()
    if level > 0:  # log(1 + small) is small
        assert loss == pytest.approx(np.exp(-q).sum(axis=1), rel=1e-12)
        assert pulls == pytest.approx(-q, rel=1e-12)
    if level < 0:
        assert loss == pytest.approx(np.log(np.exp(level - q).sum(axis=1)) - level, rel=1e-12)


@pytest.mark.parametrize("problem", [IRIS, WINE])
@pytest.mark.parametrize("lam", [0.3, 1e-2, 1e-4])
def test_the_penalised_minimiser_is_that_of_another_solver(problem, lam):
    stacked = stacked_problem(problem)
    start = gf.MaxL1Margin().predict(stacked).w
    found = L1PenalisedCrossEntropy(lam).predict(stacked, start)
    assert 0 <= found.certificate.gap <= 1e-6
    z = stacked.inputs.to_array()
    w = cvxpy.Variable(z.shape[1])
    losses = [
        cvxpy.log_sum_exp(cvxpy.hstack([0, -z[2 * i : 2 * i + 2] @ w])) for i in range(problem.n)
    ]
    goal = cvxpy.sum(cvxpy.hstack(losses)) / problem.n + lam / 2 * cvxpy.norm1(w)
    best = cvxpy.Problem(cvxpy.Minimize(goal)).solve(solver=cvxpy.CLARABEL)
    # Clarabel's own accuracy is 1e-8, of the larger of the value and one.
    assert found.certificate.lower <= best + 1e-7
    assert found.certificate.upper >= best - 1e-7
    assert found.certificate.upper <= best * (1 + 1e-6) + 1e-7


@pytest.mark.parametrize("lam", [1.0, 1e-3, 1e-9, 1e-30])
def test_bounds_of_other_weights_hold_the_minimum(lam):
    stacked = stacked_problem(WINE)
    z, start = stacked.inputs.to_array(), gf.MaxL1Margin().predict(stacked).w
    best = L1PenalisedCrossEntropy(lam).predict(stacked, max(np.log(1 / lam), 1) * start)
    for size in (1e-3, 0.1, 1.0):
        w = best.w * (1 + size * RNG.standard_normal(len(best.w)))
        r = np.exp(log_pulls((z @ w).reshape(-1, 2)))
        found = certificate(z, w, r, lam)
        assert found.lower <= best.certificate.upper and found.upper >= best.certificate.lower
        wild = certificate(z, w, RNG.random(r.shape), lam)
        assert wild.lower <= best.certificate.upper


def test_large_decay_leaves_no_weights_and_says_so():
    stacked = stacked_problem(IRIS)
    found = L1PenalisedCrossEntropy(10.0).predict(stacked, np.ones(15))
    assert found.certificate.upper == pytest.approx(np.log(3), rel=1e-6)
    assert np.abs(found.w).max() <= 1e-6


def test_a_problem_with_too_many_margins_is_refused():
    problem = problem_of(load_digits, 1700)
    with pytest.raises(ValueError, match=r"these 15300 comparisons.* has 234090000 entries"):
        stacked_problem(problem)


def test_products_of_class_margins_are_those_of_the_matrix_written_out():
    z = stacked_problem(WINE).inputs
    plain = DataMatrix.from_array(z.to_array())
    rows, columns = plain.shape
    nu, w, h = RNG.standard_normal(rows), RNG.standard_normal(columns), RNG.random(columns)
    pairs = [
        (z.combine(w), plain.combine(w)),
        (z.combine(np.stack([w, h], axis=1)), plain.combine(np.stack([w, h], axis=1))),
        (z.correlate(nu), plain.correlate(nu)),
        (z.correlate(np.stack([nu, -nu])), plain.correlate(np.stack([nu, -nu]))),
        (z.weighted_gram(h), plain.weighted_gram(h)),
        (z.outputs(nu, Hypentropy(1.0, 0.1)), plain.outputs(nu, Hypentropy(1.0, 0.1))),
    ]
    for ours, expected in pairs:
        # Sums of at most rows + columns terms each, in another order.
        assert np.abs(ours - expected).max() <= 1e-15 * (rows + columns) * np.abs(expected).max()


def test_the_hessian_of_cross_entropy_is_that_of_finite_differences():
    z, solver = stacked_problem(WINE).inputs, L1PenalisedCrossEntropy(0.1)
    w = RNG.standard_normal(z.shape[1])
    bend = solver._expansion(z, w, 0.5)[2]
    bend[np.diag_indices_from(bend)] += 0.05 * 0.25 / np.hypot(w, 0.5) ** 3
    for j in range(0, len(w), 7):
        step = 1e-5 * (np.arange(len(w)) == j)
        change = solver._expansion(z, w + step, 0.5)[1] - solver._expansion(z, w - step, 0.5)[1]
        # Third derivatives times 1e-10, and rounding of slopes over 1e-5.
        assert np.abs(change / 2e-5 - bend[:, j]).max() <= 1e-8 * np.abs(bend).max()


@pytest.mark.parametrize("lam", [1.0, 1e-3, 1e-6])
def test_the_penalised_minimiser_takes_a_few_steps_at_every_smoothing(lam, monkeypatch):
    """Newton's method on the weights alone takes ten at each of 21; these are eleven."""
    steps, expansion = [], L1PenalisedCrossEntropy._expansion
    monkeypatch.setattr(
        L1PenalisedCrossEntropy, "_expansion", lambda *a: steps.append(1) or expansion(*a)
    )
    stacked = stacked_problem(WINE)
    start = gf.MaxL1Margin().predict(stacked).w
    L1PenalisedCrossEntropy(lam).predict(stacked, start)
    assert len(steps) <= 11 * 6


def test_cross_entropy_of_ten_digits_seldom_writes_stacked_matrices_out(monkeypatch):
    """With these in every Hessian the Hessians alone took ten seconds, and all takes six."""
    written, whole = [], ClassMargins.to_array
    monkeypatch.setattr(ClassMargins, "to_array", lambda z: written.append(z) or whole(z))
    x, y = load_digits(return_X_y=True)
    problem = gf.make_classes_problem("digits", x[:75], y[:75], x[75:], y[75:])
    found = gf.forecast_softmax(problem, alpha=10.0, lam=1e-3)
    # For the row space, a margin, a certificate and the table of which Hessians take their columns.
    assert len(written) <= 4
    assert found.late.certificate.gap <= 1e-6 and not found.no_time
