"""Bounds on the least loss hold it in exact arithmetic, whatever inputs vanish up to rounding."""

from collections import Counter

import numpy as np
import pytest
from flint import arb, arb_mat, ctx

import grokflow as gf
from grokflow.theory.linear.least_loss.predictor import MinLoss
from grokflow.theory.linear.least_loss.reached import all_reached
from grokflow.theory.linear.problem import make_problem
from grokflow.theory.losses import LOSSES
from grokflow.theory.numerics.rational import (
    fraction,
    independent_rows,
    matrix,
    squared_norm,
    take_columns,
)
from grokflow.theory.predictor import NoPredictor, NotResolved
from grokflow.theory.samples import StoredTestSet
from tests.linear.adversarial import KINDS, inputs_of

EPS = np.finfo(float).eps
LINKS = ("whole", "decimal", "drawn", "tiny change")


def table(seed):
    """Return inputs of which some combine others, exactly or but for rounding, and targets."""
    rng = np.random.default_rng(seed)
    n, d, more = (int(rng.integers(low, high)) for low, high in ((4, 20), (1, 6), (1, 4)))
    x = inputs_of(KINDS[seed % len(KINDS)], rng, n, d)
    link = LINKS[int(rng.integers(len(LINKS)))]
    weights = rng.integers(-2, 3, (d, more)).astype(float)
    if link != "whole":
        weights = rng.standard_normal((d, more))
    if link == "decimal":
        x, weights = x.round(2), weights.round(1)
    others = x @ weights
    if link == "tiny change":
        others *= 1 + 1e-15 * rng.standard_normal((n, more))
    x = np.hstack([x, others])[:, rng.permutation(d + more)]
    if rng.random() < 0.5:
        x = x * 10.0 ** rng.uniform(-9, 9, d + more)
    if rng.random() < 0.3:
        x = x[np.append(np.arange(n), rng.integers(0, n, 3))]
    y = rng.standard_normal(len(x)) * 10.0 ** float(rng.choice([0, -6, 6]))
    if rng.random() < 0.3:
        x = np.ascontiguousarray(x.T)
        y = rng.standard_normal(len(x))
    return x, y


def many_sizes(seed, decades):
    """Return samples in units that span decades on both sides of 1, and targets near their fit."""
    rng = np.random.default_rng([seed, decades])
    x = rng.standard_normal((6, 3)) * 10.0 ** rng.uniform(-decades, decades, (6, 1))
    return x, (x @ rng.standard_normal(3)) * (1 + 0.1 * rng.standard_normal(6))


def independent_columns(x):
    a = matrix(x)
    return take_columns(a, independent_rows(a.transpose()))


def least_squares(x, y):
    """Return the least mean square in rational numbers."""
    k, b = independent_columns(x), matrix(y)
    w = (k.transpose() * k).solve(k.transpose() * b)
    return fraction(squared_norm(b - k * w)) / len(y)


def attained(z, steps=60):
    """Return what the mean logistic loss is at most, by Newton's method to 300 digits.

    Any weights bound the least loss from above: that these are near the best need not be proved.
    """
    with ctx.workdps(300):
        k = arb_mat(independent_columns(z))
        n, r = k.nrows(), k.ncols()
        w, best = arb_mat(r, 1), arb(2).log()
        for _ in range(steps):
            pulls = [1 / (1 + q.exp()) for q in (k * w).entries()]
            rows = [[u * (1 - u) * k[i, j] for j in range(r)] for i, u in enumerate(pulls)]
            hessian = k.transpose() * arb_mat(rows)
            try:
                step = hessian.solve(k.transpose() * arb_mat(n, 1, pulls))
            except ZeroDivisionError:
                break
            length = arb(1)
            while length > 1e-6:
                trial = (w + length * step).mid()
                value = sum(((-q).exp() + 1).log() for q in (k * trial).entries()) / n
                if value < best:
                    break
                length /= 2
            if not value < best:
                break
            w, best = trial, value
        return fraction(best.upper().fmpq())


def judged(x, y, loss):
    if loss == "logistic":
        y = np.where(y > 0, 1.0, -1.0)
    task = "classification" if loss == "logistic" else "regression"
    try:
        problem = make_problem("p", task, x, y, StoredTestSet(x, y))
        bounds = MinLoss(LOSSES[loss]).predict(problem).certificate
    except (ValueError, NoPredictor):
        return "refused"
    if loss == "square":
        best = least_squares(x, y)
        true = bounds.lower <= best <= bounds.upper
    else:
        best = attained(x * y[:, None])
        true = bounds.lower <= best and bounds.upper >= 0
    if not true:
        return "false"
    space = problem.row_space
    if space.basis is None or space.fills_inputs:
        return "nothing vanishes"
    return "vanishes exactly" if bounds.gap <= 1e-9 else "vanishes up to rounding"


@pytest.mark.parametrize("loss", ["square", "logistic"])
def test_no_bound_is_false_where_inputs_combine_others(loss):
    counts = Counter(judged(*table(seed), loss) for seed in range(150))
    print(dict(counts))
    assert not counts["false"]
    assert min(counts["vanishes exactly"], counts["vanishes up to rounding"]) >= 10


@pytest.mark.parametrize("decades", [2, 4, 8, 12])
@pytest.mark.parametrize("loss", ["square", "logistic"])
def test_no_bound_is_false_where_samples_are_of_many_sizes(loss, decades):
    counts = Counter(judged(*many_sizes(seed, decades), loss) for seed in range(50))
    assert not counts["false"]


@pytest.mark.parametrize("decades", [2, 4])
def test_least_squares_are_found_where_samples_are_of_many_sizes(decades):
    """Outputs of the largest sample round to 1e-8 of the smallest: their squares to 1e-16."""
    for seed in range(50):
        x, y = many_sizes(seed, decades)
        problem = make_problem("p", "regression", x, y, StoredTestSet(x, y))
        assert MinLoss(LOSSES["square"]).predict(problem).certificate.gap <= 1e-6


def test_one_large_sample_hides_no_other():
    """Its output rounds to 1e-3 at the largest size: the square is 1e-4 of the mean loss."""
    for size in (1e6, 1e8, 1e10, 1e12):
        x, y = np.array([[size, 2 * size], [1, 1], [1, -1]]), np.array([size, 1, 2])
        problem = make_problem("p", "regression", x, y, StoredTestSet(x, y))
        found = MinLoss(LOSSES["square"]).predict(problem)
        assert found.w == pytest.approx([1.6, -0.3], rel=1e-7)
        assert found.certificate.gap <= 1e-3
        forecast = gf.forecast(problem, alpha=10.0, lam=1e-3, loss=LOSSES["square"])
        assert forecast.kind == gf.Kind.NO_TRANSITION


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["square", "logistic"])
def test_no_bound_is_false_on_thousands_of_tables_whose_inputs_combine_others(loss):
    counts = Counter(judged(*table(seed), loss) for seed in range(1000, 4000))
    print(dict(counts))
    assert not counts["false"]


def test_a_sum_of_two_columns_that_rounding_moves_is_not_taken_for_their_sum():
    """Weights of 1e15 on what rounding leaves of it fit another part of the targets."""
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((225, 8)), rng.standard_normal(225)
    x = np.column_stack([x, x[:, 0] + x[:, 1] / 10])
    problem = make_problem("p", "regression", x, y, StoredTestSet(x, y))
    bounds = MinLoss(LOSSES["square"]).predict(problem).certificate
    best = float(least_squares(x, y))
    # The bound from below is sharp; without the last column nothing is left to be proved.
    assert best * (1 - 1e-9) <= bounds.lower <= best < bounds.upper * (1 - 1e-6)
    fewer = make_problem("p", "regression", x[:, :8], y, StoredTestSet(x[:, :8], y))
    assert MinLoss(LOSSES["square"]).predict(fewer).certificate.gap < 1e-12


def test_tables_too_large_for_exact_arithmetic_keep_a_bound_that_is_true(monkeypatch):
    rng = np.random.default_rng(0)
    x, y = np.eye(4)[rng.integers(0, 4, 60)], rng.standard_normal(60)
    x = np.column_stack([x, np.ones(60)])
    problem = make_problem("p", "regression", x, y, StoredTestSet(x, y))
    assert MinLoss(LOSSES["square"]).predict(problem).certificate.gap < 1e-12
    monkeypatch.setattr("grokflow.theory.linear.least_loss.reached._MOST_PRODUCTS", 0)
    assert all_reached(problem.inputs, problem.row_space) is None
    bounds = MinLoss(LOSSES["square"]).predict(problem).certificate
    assert bounds.lower == 0 and bounds.gap == 1


@pytest.mark.parametrize("size", [1e-151, 1e-146, 1e-100, 1e100, 1e150])
def test_no_bound_is_false_where_squares_of_targets_leave_the_doubles(size):
    rng = np.random.default_rng(0)
    for _ in range(20):
        x = rng.integers(1, 4, (6, 2)) * rng.choice([-1.0, 1.0], (6, 2))
        y = (x @ rng.integers(1, 9, 2)) * size
        y[0] *= 1 + 2.0**-52 * rng.integers(0, 3)
        problem = make_problem("p", "regression", x, y, StoredTestSet(x, y))
        bounds = MinLoss(LOSSES["square"]).predict(problem).certificate
        assert bounds.lower <= least_squares(x, y) <= bounds.upper
        # Targets of at most 48 are fitted to some roundings, or to one double above zero.
        assert bounds.upper <= max((32 * EPS * 48 * size) ** 2, 5e-324)


@pytest.mark.parametrize("size", [1e-150, 1e-100, 1e77, 1e90, 1e150])
def test_the_scale_of_all_data_changes_no_gap_of_least_squares(size):
    x, y = np.array([[1.0, 2.0], [2.0, 1.0], [1.0, -1.0]]), np.array([1.0, 2.0, 3.0])
    for targets in (y, size * y):
        problem = make_problem("p", "regression", size * x, targets, StoredTestSet(x, y))
        bounds = MinLoss(LOSSES["square"]).predict(problem).certificate
        assert bounds.lower <= least_squares(size * x, targets) <= bounds.upper
        assert bounds.gap <= 1e-12


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("x", "y"),
    [
        ([[1, 2], [1e-200, 3e-200]], [1, 2]),
        ([[1e12, 2e12, 0], [1e-12, 3e-12, 1e-12], [1e5, 0, 1e3]], [1, 1, 1]),
        ([[1, 2], [1e-309, 3e-309]], [1, 2]),
    ],
)
def test_weights_that_are_not_proved_better_than_zero_are_refused(x, y):
    x, y = np.array(x, dtype=float), np.array(y, dtype=float)
    problem = make_problem("p", "regression", x, y, StoredTestSet(x, y))
    with pytest.raises(NotResolved, match="leave out samples"):
        MinLoss(LOSSES["square"]).predict(problem)


def test_targets_that_no_weights_come_near_are_answered():
    """No weights are better than zero where targets are orthogonal to all inputs, or nearly."""
    x = np.array([[1.0, 2.0], [1.0, -2.0], [-1.0, 2.0], [-1.0, -2.0]])
    for off in (0.0, 1e-13, 1e-9):
        y = np.array([1.0, 1.0, 1.0, 1.0 + off])
        problem = make_problem("p", "regression", x, y, StoredTestSet(x, y))
        bounds = MinLoss(LOSSES["square"]).predict(problem).certificate
        assert bounds.lower <= least_squares(x, y) <= bounds.upper
        assert bounds.gap <= 1e-12


def test_targets_of_zero_are_fitted_by_weights_of_zero_whatever_inputs_combine():
    x, y = np.vstack([np.ones((1, 3)), 1e-16 * np.eye(3)]), np.zeros(4)
    problem = make_problem("p", "regression", x, y, StoredTestSet(x, y))
    found = MinLoss(LOSSES["square"]).predict(problem)
    assert not found.w.any()
    assert found.certificate.lower == found.certificate.upper == 0
