"""The quasi-static path: both limits with their rate, feasibility, and the transition law."""

from dataclasses import dataclass

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import nnls
from sklearn.datasets import load_breast_cancer, load_wine

from grokflow.simulations.diagonal.flow import DiagonalFlow
from grokflow.simulations.diagonal.start import DiagonalStart
from grokflow.simulations.linear.presets import sparse, sparse_regression
from grokflow.theory.diagonal.forecast import forecast
from grokflow.theory.diagonal.path import Path, scales, trace
from grokflow.theory.linear.l1 import MaxL1Margin, MinL1Norm
from grokflow.theory.linear.l2 import MaxL2Margin, MinL2Norm
from grokflow.theory.linear.problem import Task, make_problem
from grokflow.theory.losses import LOSSES
from grokflow.theory.samples import StoredTestSet

CLASSES = sparse(n=16, d=60, n_test=2000)
TARGETS = sparse_regression(n=16, d=60, n_test=2000)
CASES = [(CLASSES, MaxL2Margin(), MaxL1Margin()), (TARGETS, MinL2Norm(), MinL1Norm())]


@pytest.mark.parametrize(("problem", "early", "late"), CASES, ids=["classes", "targets"])
def test_the_path_starts_at_the_l2_predictor_with_quadratic_rate(problem, early, late):
    w = early.predict(problem).w
    log_beta = np.log(np.abs(w).max()) + np.array([5.0, 4.0, 3.0, 2.0])
    path = trace(problem, log_beta, tolerance=1e-10)
    error = np.linalg.norm(path.weights - w[:, None], axis=0) / np.linalg.norm(w)
    # The hypentropy is quadratic up to (w/β)²: the slope of log error in log β is -2.
    slope = np.polyfit(log_beta, np.log(error), 1)[0]
    assert abs(slope + 2) <= 0.1


@pytest.mark.parametrize(("problem", "early", "late"), CASES, ids=["classes", "targets"])
def test_the_path_ends_at_the_l1_predictor(problem, early, late):
    best = np.abs(late.predict(problem).w).sum()
    log_beta = scales(problem, float(np.abs(early.predict(problem).w).max()))
    path = trace(problem, log_beta)
    norms = np.abs(path.weights).sum(axis=0)
    # The hypentropy differs from κ‖w‖₁ by at most ‖w‖₁ log(d) relative to κ ~ 25 at the end.
    assert norms[-1] / best - 1 <= np.log(problem.d) / 25
    assert norms[-1] >= best * (1 - 2e-4)
    assert norms[-1] < norms[0]


def test_every_point_of_the_path_is_fitted_and_multipliers_never_fall():
    for problem, early, _ in CASES:
        log_beta = scales(problem, float(np.abs(early.predict(problem).w).max()))
        path = trace(problem, log_beta, tolerance=1e-6)
        q = problem.inputs.combine(path.weights)
        if problem.is_classification:
            assert q.min() >= 1 - 1e-6
            assert (np.diff(path.multipliers, axis=0) >= -1e-12).all()
            moved = np.diff(path.multipliers, axis=0) > 1e-6
            # One that left since the last scale was at the margin there.
            assert np.minimum(q.T[1:], q.T[:-1])[moved].max() - 1 <= 1e-5
        else:
            miss = np.abs(q - problem.targets[:, None]).max()
            assert miss <= 1e-6 * np.abs(problem.targets).max()


def test_more_samples_than_inputs_have_a_path_too():
    x = np.random.default_rng(7).standard_normal((150, 5))
    y = np.sign(x[:, 0])
    problem = make_problem("tall", Task.CLASSIFICATION, x, y, StoredTestSet(x, y))
    early, late = MaxL2Margin().predict(problem), MaxL1Margin().predict(problem)
    path = trace(problem, scales(problem, float(np.abs(early.w).max())))
    q = problem.inputs.combine(path.weights)
    assert q.min() >= 1 - 2e-4
    norms = np.abs(path.weights).sum(axis=0)
    assert np.isclose(norms[-1], np.abs(late.w).sum(), rtol=np.log(5) / 25)


def test_scaling_inputs_and_targets_moves_the_path_along():
    x, y = TARGETS.inputs.to_array(), TARGETS.targets
    log_beta = np.linspace(2, -8, 21)
    base = trace(TARGETS, log_beta, tolerance=1e-9).weights
    scaled = make_problem("s", Task.REGRESSION, x * 1e-3, y * 1e3, StoredTestSet(x, y))
    moved = trace(scaled, log_beta + np.log(1e6), tolerance=1e-9).weights
    assert np.allclose(moved, 1e6 * base, rtol=1e-6, atol=1e-6 * 1e6)


def test_square_loss_follows_the_path_to_first_order_in_lambda():
    alpha, errors = 1e4, []
    path_times = np.log(alpha) + np.linspace(-1, 5, 13)
    path = trace(TARGETS, 2 * (np.log(alpha) - path_times), tolerance=1e-10)
    lams = np.array([1e-2, 1e-3, 1e-4, 1e-5])
    for lam in lams:
        flow = DiagonalFlow(lam=lam, loss=LOSSES["square"], rtol=1e-8)
        w = flow.run(DiagonalStart(TARGETS, alpha), path_times).weights
        errors.append(np.linalg.norm(w - path.weights, axis=0).max())
    slope = np.polyfit(np.log(lams), np.log(errors), 1)[0]
    assert abs(slope - 1) <= 0.1


@pytest.mark.parametrize("alpha", [1e2, 1e8, 1e64])
def test_the_transition_is_predicted_before_simulating(alpha):
    lam = 1e-6
    for problem, loss in ((CLASSES, LOSSES["logistic"]), (TARGETS, LOSSES["square"])):
        prediction = forecast(problem, alpha=alpha, lam=lam, loss=loss)
        times = np.log(alpha) + np.linspace(-3, 8, 221)
        trajectory = DiagonalFlow(lam=lam, loss=loss).run(DiagonalStart(problem, alpha), times)
        early, late = prediction.scores.error[:2]
        found = trajectory.transition(early, late)
        # Square loss: O(λ) and the grid of the path. Exponential tails: O(1/m), m ~ log 1/λ.
        allowed = 0.02 if loss.name == "square" else 2 / np.log(1 / lam)
        assert abs(found.lambda_t - prediction.transition.lambda_t) <= allowed
        leading_order = abs(found.lambda_t - prediction.leading_order)
        assert leading_order > 5 * abs(found.lambda_t - prediction.transition.lambda_t)


@pytest.mark.parametrize("depth", [2, 3])
@pytest.mark.parametrize("number", range(3))
def test_raw_wine_has_a_path_of_every_class_against_the_rest(number, depth):
    """Many samples, and few inputs of different sizes: Newton's method alone goes in circles."""
    x, y = load_wine(return_X_y=True)
    sides = np.where(y == number, 1.0, -1.0)
    problem = make_problem("wine", Task.CLASSIFICATION, x, sides, StoredTestSet(x, sides))
    found = forecast(problem, alpha=10.0, lam=1e-3, loss=LOSSES["logistic"], depth=depth)
    # The tolerance of a path, and ten of it where rounding keeps a point.
    assert (problem.inputs.to_array() @ found.curve.path.weights).min() >= 1 - 1e-3


@pytest.mark.parametrize("seed", [28, 40, 49, 94])
def test_multipliers_grow_only_at_margin_one_in_units_of_their_own_row(seed):
    """Small changes of a multiplier matter where its row is large: margins of 1.008 were seen."""
    rng = np.random.default_rng(seed)
    n, d = int(rng.integers(8, 60)), int(rng.integers(3, 12))
    decades, true = rng.uniform(0, 14), rng.standard_normal(d)
    x = rng.standard_normal((n, d))
    x = x + 2 * rng.standard_normal((1, d)) if rng.random() < 0.5 else x
    y = np.sign(x @ true)
    x = x * 10.0 ** rng.permutation(np.linspace(-decades / 2, decades / 2, d))
    problem = make_problem("units", Task.CLASSIFICATION, x, y, StoredTestSet(x, y))
    tolerance = 1e-4
    w = MaxL2Margin().predict(problem).w
    path = trace(problem, scales(problem, float(np.abs(w).max())), tolerance=tolerance)
    over = problem.inputs.combine(path.weights) - 1
    # One that left since the last scale was at the margin there.
    over[:, 1:] = np.minimum(over[:, 1:], over[:, :-1])
    # Of w = 2β sinh(4 Xᵀa), dw/dx = 4 sqrt(w² + 4β²): what a multiplier adds to its own output.
    slopes = 4 * np.hypot(path.weights, 2 * np.exp(path.log_beta))
    response = problem.inputs.to_array() ** 2 @ slopes
    grown = np.diff(path.multipliers, axis=0, prepend=0.0).T
    # Ten tolerances are allowed where rounding keeps a point from one; here it does not.
    assert over.min() >= -tolerance and grown.min() >= 0
    assert np.minimum(grown * response, over).max() <= tolerance


@dataclass
class Sweep:
    """The differential equation of the multipliers ξ as ``s = -log β`` grows, and its events.

    At given multipliers all outputs are proportional to β, and those of samples on the margin grow
    to make up for that. One leaves where its multiplier would fall, and one that reaches the margin
    joins.
    """

    z: np.ndarray
    depth: int
    active: np.ndarray
    left: int = 0

    def weights(self, s, xi):
        x, beta = self.z.T @ xi, np.exp(-s)
        if self.depth == 2:
            return 2 * beta * np.sinh(4 * x), 8 * beta * np.cosh(4 * x)
        p = self.depth / (self.depth - 2)
        slopes = (1 - x) ** (-p - 1) + (1 + x) ** (-p - 1)
        return beta * ((1 - x) ** -p - (1 + x) ** -p), beta * p * slopes

    def rates(self, s, xi):
        found, own = np.zeros(len(xi)), self.z[self.active]
        found[self.active] = np.linalg.solve(
            (own * self.weights(s, xi)[1]) @ own.T, np.ones(len(own))
        )
        return found

    def leaves(self, s, xi):
        return float(self.rates(s, xi)[self.active].min())

    def joins(self, s, xi):
        # One that has just left is on the margin but for what the integration misses.
        margins = self.z @ self.weights(s, xi)[0]
        return float(margins[~self.active].min(initial=np.inf) - (1 - 1e-7))

    def choose(self, s, xi):
        """Find which samples on the margin grow: those that ``ρ ≥ 0, Gρ ≥ 1`` needs."""
        w, slopes = self.weights(s, xi)
        on = np.flatnonzero(self.z @ w < 1 + 1e-7)
        low = np.linalg.cholesky((self.z[on] * slopes) @ self.z[on].T)
        growth = nnls(low.T, np.linalg.solve(low, np.ones(len(on))))[0]
        before, self.active = self.active, np.zeros(len(xi), dtype=bool)
        self.active[on[growth > 1e-9 * growth.max()]] = True
        self.left += int((before & ~self.active).sum())

    def run(self, xi, log_beta):
        """Return the weights at all scales, from multipliers at the first."""
        events = [self.leaves, self.joins]
        for event in (Sweep.leaves, Sweep.joins):
            event.terminal, event.direction = True, -1.0
        s, found = -log_beta[0], []
        for goal in -log_beta:
            while s < goal:
                done = solve_ivp(
                    self.rates, (s, goal), xi, "DOP853", events=events, rtol=1e-9, atol=1e-12
                )
                s, xi = done.t[-1], done.y[:, -1]
                if done.status == 1:
                    self.choose(s, xi)
            found.append(self.weights(s, xi)[0])
        return np.array(found).T


@pytest.mark.parametrize("step", [0.5, 2.0])
@pytest.mark.parametrize("depth", [2, 3, 4])
@pytest.mark.parametrize("seed", range(3))
def test_a_sample_is_let_go_between_two_scales_where_its_multiplier_stops_growing(
    seed, depth, step
):
    """Let go at the last scale before, it left norms off by 3 % with steps of 2."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((20, 30))
    y = np.sign(x[:, :3].sum(axis=1) + 0.3 * rng.standard_normal(20))
    problem = make_problem("few", Task.CLASSIFICATION, x, y, StoredTestSet(x, y))
    tolerance, log_beta = 1e-4, np.arange(2.0, -12.1, -step)
    path = trace(problem, log_beta, depth=depth, tolerance=tolerance)
    start = trace(problem, log_beta[:1], depth=depth, tolerance=1e-12).multipliers[0]
    sweep = Sweep(problem.inputs.to_array(), depth, start > 0)
    exact, left = sweep.run(start, log_beta), sweep.left
    assert left > 0 and problem.inputs.combine(exact).min() >= 1 - 1e-6
    # Each output is known to a tolerance, and as much again is missed of each sample that left: to
    # first order the least norm changes by no more.
    norms = [np.abs(w).sum(axis=0) for w in (path.weights, exact)]
    assert np.abs(norms[0] / norms[1] - 1).max() <= (1 + left) * tolerance


@pytest.mark.parametrize("depth", [2, 3])
def test_raw_breast_cancer_has_a_path(depth):
    """Multipliers rounded to doubles leave the margins of inputs over five decades open."""
    x, y = load_breast_cancer(return_X_y=True)
    sides = 2.0 * y - 1
    problem = make_problem("tumours", Task.CLASSIFICATION, x, sides, StoredTestSet(x, sides))
    w = MaxL2Margin().predict(problem).w
    log_beta = scales(problem, float(np.abs(w).max()), depth=depth)
    path = trace(problem, log_beta, depth=depth, locate=False)
    # The tolerance of a path, and ten of it where rounding keeps a point.
    assert (problem.inputs.to_array() @ path.weights).min() >= 1 - 1e-3
    # At the first scale, ten times the largest weight, the map is linear up to (1/20)²/6, and
    # margins known to 1e-3 leave as much of the norm open.
    assert np.linalg.norm(path.weights[:, 0] - w) <= 2e-3 * np.linalg.norm(w)
    if depth > 2:
        return  # margins end at a stationary point of another norm
    # At the last one what is left of the L1-norm is the entropy of d weights over κ = 25.
    least = np.abs(MaxL1Margin().predict(problem).w).sum()
    assert np.abs(path.weights[:, -1]).sum() <= least * (1 + np.log(problem.d) / 25)


@pytest.mark.parametrize("depth", [2, 3])
@pytest.mark.parametrize("seed", range(4))
def test_more_samples_than_inputs_over_twelve_decades_have_a_forecast_with_a_time(seed, depth):
    """Margins of inputs that nearly depend on each other, and weights that are small by units."""
    rng = np.random.default_rng(seed)
    x = (rng.standard_normal((60, 14)) + 2) * 10.0 ** rng.permutation(np.linspace(-6, 6, 14))
    sides = np.where(x @ (rng.standard_normal(14) / np.abs(x).max(axis=0)) > 0, 1.0, -1.0)
    problem = make_problem("units", Task.CLASSIFICATION, x, sides, StoredTestSet(x, sides))
    found = forecast(problem, alpha=10.0, lam=1e-3, loss=LOSSES["logistic"], depth=depth)
    assert found.no_time == ""
    w = found.curve.path.weights
    assert (problem.inputs.to_array() @ w).min() >= 1 - 1e-3
    assert np.diff(found.curve.path.multipliers, axis=0).min() >= 0
    if depth == 2:  # as above, with margins known to 1e-3
        least = np.abs(found.limit.w).sum()
        assert np.abs(w[:, -1]).sum() <= least * (1 + np.log(problem.d) / 25 + 1e-3)


@pytest.mark.parametrize("depth", [2, 3])
def test_inputs_over_twelve_decades_have_a_path_of_outputs(depth):
    """In the samples' own multipliers the weights of large inputs are differences of rounding."""
    rng = np.random.default_rng(1)
    units = 10.0 ** rng.permutation(np.linspace(-6, 6, 60))
    x = rng.standard_normal((40, 60)) * units
    y = x @ (rng.standard_normal(60) * (rng.random(60) < 0.2) / units)
    problem = make_problem("units", Task.REGRESSION, x, y, StoredTestSet(x, y))
    path = forecast(problem, alpha=10.0, lam=1e-3, loss=LOSSES["square"], depth=depth).curve.path
    # In orthonormal coordinates of the samples each output is known to 1e-4 of the largest.
    miss = np.linalg.norm(x @ path.weights - y[:, None], axis=0)
    assert miss.max() <= 1e-4 * np.sqrt(40) * np.linalg.norm(y)


def test_pulls_of_a_path_count_as_half_at_most():
    """Two samples that share the growth 1 of multipliers: pulls 2λ each of them, margins -log 2λ.

    Weights are divided by the level of margins, which is to stay positive where λ is large.
    """
    log_beta = np.linspace(4.0, -4.0, 9)
    multipliers = np.repeat(-log_beta[:, None] / 2, 2, axis=1)
    path = Path(log_beta, multipliers, np.ones((1, 9)), margins=True)
    for lam in (1e-3, 0.1, 0.24):
        level = path.margin_level(LOSSES["exponential"], lam)
        assert np.allclose(level, -np.log(2 * lam), rtol=1e-12)
    for lam in (0.26, 0.4, 3.0):
        level = path.margin_level(LOSSES["exponential"], lam)
        assert np.allclose(level, np.log(2), rtol=1e-12)
        when = path.lambda_t(10.0, lam, LOSSES["exponential"])
        assert np.allclose(when, np.log(10.0) - (np.log(np.log(2)) + log_beta) / 2)


def test_a_transition_that_never_reaches_a_quarter_has_a_time_and_no_width():
    """The path starts beyond a quarter of the way, so that only half-way can be told."""
    problem = sparse_regression(n=2, d=12, k=1, n_test=100, seed=4)
    found = forecast(problem, alpha=10.0, lam=1e-4, loss=LOSSES["square"])
    assert np.isfinite(found.transition.lambda_t) and np.isnan(found.transition.width)
    assert np.all(np.diff(found.curve.lambda_t) > 0)


@pytest.mark.parametrize(
    ("log_beta", "tolerance", "message"),
    [
        ([], 1e-4, "log_beta is empty, expected at least one scale"),
        ([800.0, -8.0], 1e-4, "log_beta is 800, expected -700 to 340"),
        ([0.0, -1e5], 1e-4, "log_beta is -100000, expected -700 to 340"),
        ([np.inf, 0.0], 1e-4, r"log_beta\[0\] is inf, expected finite numbers"),
        ([1.0, 2.0], 1e-4, "log_beta goes from 1 to 2, expected scales that fall"),
        ([1.0, 1.0], 1e-4, "log_beta goes from 1 to 1, expected scales that fall"),
        ([1.0], 1.0, "tolerance is 1, expected above 0 and below 1: try 1e-4"),
        ([1.0], np.nan, "tolerance is nan, expected above 0 and below 1"),
    ],
)
def test_scales_and_tolerances_without_a_path_are_refused(log_beta, tolerance, message):
    for problem in (CLASSES, TARGETS):
        with pytest.raises(ValueError, match=message):
            trace(problem, np.array(log_beta), tolerance=tolerance)


def test_a_path_is_continued_at_smaller_scales_only():
    before = trace(TARGETS, np.array([4.0, 2.0]))
    after = trace(TARGETS, np.array([0.0]), after=before)
    expected = trace(TARGETS, np.array([4.0, 2.0, 0.0])).weights[:, -1]
    assert np.abs(after.weights[:, 0] - expected).max() <= 1e-3 * np.abs(expected).max()
    with pytest.raises(ValueError, match="log_beta is 3, expected -700 to 2"):
        trace(TARGETS, np.array([3.0]), after=before)
