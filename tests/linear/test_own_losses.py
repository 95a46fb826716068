"""Losses that a user writes: only what a loss does counts, never what it is called."""

from dataclasses import dataclass, replace

import cvxpy as cp
import numpy as np
import pytest

import grokflow as gf
from grokflow.simulations.linear.presets import sparse, sparse_regression
from grokflow.theory.diagonal.forecast import forecast
from grokflow.theory.diagonal.path import scales, trace
from grokflow.theory.diagonal.quasi_norm import QuasiPenalised
from grokflow.theory.linear.l2 import MaxL2Margin
from grokflow.theory.linear.penalised import L1Penalised, L2Penalised
from grokflow.theory.losses import LOSSES, Logistic, Loss, Square, TailedLoss
from grokflow.theory.pull_ranges import PullRange

LOGISTIC = LOSSES["logistic"]
ZERO_TO_ONE = PullRange(0.0, 1.0, attained=True)
MINUS_ONE_TO_ONE = PullRange(-1.0, 1.0, attained=True)
RENAMED = Logistic("softplus of -q")


@dataclass(frozen=True)
class SmoothedHinge:
    """0 from margin 1 on, ``(1 - q)²/2`` before, and linear below 0."""

    name: str = "smoothed hinge"
    acts_on_margins: bool = True
    largest_curvature_at_zero: float = 1.0
    pull_range: PullRange = ZERO_TO_ONE

    def value(self, q, targets):
        u = self.descent(q, targets)
        return u * (1 - q) - u**2 / 2

    def descent(self, q, targets):
        return np.clip(1 - q, 0.0, 1.0)

    def curvature(self, q, targets):
        return np.where((q >= 0) & (q <= 1), 1.0, 0.0)

    def conjugate(self, u, targets):
        return np.where((u >= 0) & (u <= 1), u**2 / 2 - u, np.inf)

    def outputs_of_pull(self, u, targets):
        return 1 - u


@dataclass(frozen=True)
class HalfSquare(Square):
    """``(q - target)²/2``, a loss of targets that is none of the package's."""

    name: str = "half square"
    largest_curvature_at_zero: float = 1.0

    def value(self, q, targets):
        return super().value(q, targets) / 2

    def descent(self, q, targets):
        return targets - q

    def curvature(self, q, targets):
        return np.ones_like(q)

    def conjugate(self, u, targets):
        return u**2 / 2 - u * targets

    def outputs_of_pull(self, u, targets):
        return targets - u


@dataclass(frozen=True)
class Huber:
    """Half the square of a residual of at most 1, a straight line beyond: pulls from -1 to 1."""

    name: str = "huber"
    acts_on_margins: bool = False
    largest_curvature_at_zero: float = 1.0
    pull_range: PullRange = MINUS_ONE_TO_ONE

    def value(self, q, targets):
        size = np.abs(q - targets)
        return np.where(size <= 1, size**2 / 2, size - 0.5)

    def descent(self, q, targets):
        return np.clip(targets - q, -1, 1)

    def curvature(self, q, targets):
        return np.where(np.abs(q - targets) <= 1, 1.0, 0.0)

    def conjugate(self, u, targets):
        return np.where(np.abs(u) <= 1, u**2 / 2 - u * targets, np.inf)

    def outputs_of_pull(self, u, targets):
        return targets - u


@pytest.fixture(scope="module")
def problem():
    return sparse(n=20, d=60, k=3, seed=0, n_test=500)


def test_the_protocols_tell_losses_apart_by_what_they_have():
    for loss in (*LOSSES.values(), RENAMED, SmoothedHinge(), HalfSquare()):
        assert isinstance(loss, Loss)
    assert isinstance(RENAMED, TailedLoss)
    assert not isinstance(SmoothedHinge(), TailedLoss)


@pytest.mark.parametrize("loss", [*LOSSES.values(), SmoothedHinge()], ids=lambda loss: loss.name)
def test_outputs_of_pull_inverts_the_descent(loss):
    q = np.linspace(0.05, 0.95, 19)
    targets = np.full_like(q, 0.4)
    assert np.allclose(loss.outputs_of_pull(loss.descent(q, targets), targets), q, atol=1e-14)
    low, high = loss.pull_range.low, loss.pull_range.high
    for outside in (low - 1e-9, high + 1e-9):
        if np.isfinite(outside):
            assert loss.conjugate(np.array([outside]), np.zeros(1)) == np.inf


@pytest.mark.parametrize("lam", [1.0, 1e-2, 1e-8])
def test_logistic_under_another_name_has_the_same_predictors(problem, lam):
    for predictor in (L1Penalised(LOGISTIC, lam), L2Penalised(LOGISTIC, lam)):
        found = replace(predictor, loss=RENAMED).predict(problem)
        assert np.array_equal(found.w, predictor.predict(problem).w)
    if lam < 1:
        near = MaxL2Margin().predict(problem).w
        one, other = (
            QuasiPenalised(loss, lam, 3).predict(problem, near=near) for loss in (LOGISTIC, RENAMED)
        )
        assert np.array_equal(one.w, other.w)


@pytest.mark.parametrize("depth", [2, 3])
def test_logistic_under_another_name_has_the_same_path_and_forecast(problem, depth):
    largest = float(np.abs(MaxL2Margin().predict(problem).w).max())
    path = trace(problem, scales(problem, largest, step=1.0, depth=depth), depth=depth)
    one, other = (path.lambda_t(1e20, 1e-6, loss) for loss in (LOGISTIC, RENAMED))
    assert np.array_equal(one, other)
    if depth == 2:
        first, second = (
            forecast(problem, alpha=1e20, lam=1e-6, loss=loss) for loss in (LOGISTIC, RENAMED)
        )
        assert first.transition == second.transition
        assert np.array_equal(first.late.w, second.late.w)


def followed(problem, loss, lam=1e-6):
    flow = gf.DiagonalFlow(lam=lam, loss=loss)
    return flow.run(gf.DiagonalStart(problem, 1e10), np.linspace(0.0, 30.0, 16)).weights


def test_logistic_under_another_name_has_the_same_flow(problem):
    assert np.array_equal(followed(problem, RENAMED), followed(problem, LOGISTIC))


def test_half_the_square_loss_flows_as_the_square_loss_at_twice_the_decay():
    problem = sparse_regression(n=10, d=30, k=2, seed=0, n_test=100)
    # Slow time is λt, so that halving loss and decay together changes its unit alone.
    half, whole = followed(problem, HalfSquare(), 1e-6), followed(problem, Square(), 2e-6)
    assert np.allclose(half, whole, atol=1e-3 * np.abs(whole).max())
    one = L1Penalised(HalfSquare(), 1e-3).predict(problem).w
    assert np.allclose(one, L1Penalised(Square(), 2e-3).predict(problem).w, atol=1e-6)


def solved(problem, lam, order):
    w = cp.Variable(problem.d)
    # The hinge is the least of corner²/2 + line over corner + line ≥ 1 - m, both at least 0.
    miss = 1 - problem.inputs.to_array() @ w
    corner, linear = cp.Variable(problem.n), cp.Variable(problem.n, nonneg=True)
    penalty = cp.norm1(w) / 2 if order == 1 else cp.sum_squares(w) / 2
    objective = (cp.sum_squares(corner) / 2 + cp.sum(linear)) / problem.n + lam * penalty
    cp.Problem(cp.Minimize(objective), [corner + linear >= miss, corner >= 0]).solve(
        solver=cp.CLARABEL, tol_gap_abs=1e-12, tol_gap_rel=1e-12, tol_feas=1e-12
    )
    return w.value, objective.value


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("lam", [0.5, 1e-2, 1e-5])
def test_the_smoothed_hinge_is_minimised(problem, lam, order):
    loss = SmoothedHinge()
    predictor = L1Penalised(loss, lam) if order == 1 else L2Penalised(loss, lam)
    found = predictor.predict(problem)
    expected, value = solved(problem, lam, order)
    assert found.certificate.gap <= 1e-7
    assert np.isclose(found.certificate.upper, value, rtol=1e-6, atol=1e-12)
    if order == 2:
        assert np.allclose(found.w, expected, atol=1e-4 * np.abs(expected).max())


def test_the_smoothed_hinge_of_noisy_data_has_multipliers_at_both_ends():
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((60, 5)), rng.choice([-1.0, 1.0], 60)
    y[:45] = np.sign(x[:45, 0])
    test = gf.sparse(n=20, d=5, k=1, seed=0, n_test=10).test
    problem = gf.make_problem("noisy", gf.Task.CLASSIFICATION, x, y, test)
    for order, predictor in ((1, L1Penalised), (2, L2Penalised)):
        found = predictor(SmoothedHinge(), 1e-2).predict(problem)
        pulls = problem.n * found.multipliers
        assert (pulls < 1e-12).any() and (pulls > 1 - 1e-6).any()
        assert np.isclose(found.certificate.upper, solved(problem, 1e-2, order)[1], rtol=1e-6)


def test_a_loss_without_tail_has_no_flow_and_no_time_of_transition(problem):
    missing = "loss is smoothed hinge without log_descent and tail, expected an exponential tail"
    with pytest.raises(ValueError, match=missing):
        followed(problem, SmoothedHinge())
    with pytest.raises(ValueError, match=missing):
        forecast(problem, alpha=1e10, lam=1e-6, loss=SmoothedHinge())


def test_the_estimator_takes_a_loss():
    estimators = pytest.importorskip("grokflow.estimators")
    x = np.random.default_rng(0).standard_normal((30, 6))
    y = np.sign(x[:, 0])
    one = estimators.L1PenalisedClassifier(1e-2, RENAMED).fit(x, y)
    other = estimators.L1PenalisedClassifier(1e-2, "logistic").fit(x, y)
    assert np.array_equal(one.coef_, other.coef_)
    assert estimators.L1PenalisedClassifier(1e-2, SmoothedHinge()).fit(x, y).score(x, y) == 1


@pytest.mark.parametrize("lam", [1e-4, 0.1, 1.0])
@pytest.mark.parametrize("d", [20, 6])
def test_pulls_at_both_ends_of_their_range_are_no_hindrance(d, lam):
    problem = gf.sparse_regression(n=10, d=d, k=3, seed=1, n_test=20)
    for predictor in (L1Penalised(Huber(), lam), L2Penalised(Huber(), lam)):
        assert predictor.predict(problem).certificate.gap <= 1e-6
