"""Depth L ≥ 3: the mirror map, the path and its two ends, KKT points and their certificates."""

import numpy as np
import pytest
from flint import arb, ctx
from hypothesis import given, settings
from hypothesis import strategies as st

from grokflow.simulations.linear.presets import sparse, sparse_regression
from grokflow.theory.diagonal import certificates as kkt
from grokflow.theory.diagonal.certificates import quasi_norm
from grokflow.theory.diagonal.deep_mirror import DeepHypentropy, mirror_map
from grokflow.theory.diagonal.forecast import forecast
from grokflow.theory.diagonal.mirror import Hypentropy
from grokflow.theory.diagonal.path import Path, scales, trace
from grokflow.theory.diagonal.quasi_norm import MaxQuasiMargin, MinQuasiNorm, QuasiPenalised
from grokflow.theory.linear.l1 import MaxL1Margin, MinL1Norm
from grokflow.theory.linear.l2 import MaxL2Margin, MinL2Norm
from grokflow.theory.linear.penalised import L1Penalised
from grokflow.theory.linear.problem import Task, make_problem
from grokflow.theory.losses import LOSSES
from grokflow.theory.numerics.rational import matrix, nearest_solution
from grokflow.theory.predictor import NoPredictor
from grokflow.theory.samples import StoredTestSet
from tests.reference import full_flow
from tests.reference.normal_problems import interpolable, separable

CLASSES = sparse(n=16, d=60, n_test=2000)
TARGETS = sparse_regression(n=16, d=60, n_test=2000)
DEPTHS = [3, 4, 6]
EPS = np.finfo(float).eps


def full_path(problem, depth):
    w = (MaxL2Margin() if problem.is_classification else MinL2Norm()).predict(problem).w
    return trace(problem, scales(problem, float(np.abs(w).max()), depth=depth), depth=depth)


@pytest.mark.parametrize("depth", [3, 4, 5, 6])
@pytest.mark.parametrize("log_beta", [5.0, 0.0, -5.0, -20.0])
def test_the_map_is_the_one_of_the_net(depth, log_beta):
    """u^{2-L} + v^{2-L} is invariant and w = u^L - v^L, at the state that ξ describes."""
    potential = DeepHypentropy(0.7, depth, log_beta)
    z = np.array([0.3, -0.8, 1.0])
    scale = np.exp(log_beta / depth)
    u = scale * (1 - potential.unit * z) ** (1 / (2 - depth))
    v = scale * (1 + potential.unit * z) ** (1 / (2 - depth))
    assert np.allclose(u ** (2 - depth) + v ** (2 - depth), 2 * scale ** (2 - depth), rtol=1e-12)
    # The distance to the barrier, 1 - x, is known to eps; w is its power -p; u^L - v^L cancels.
    condition = potential.power / (1 - potential.unit) + np.exp(log_beta) / np.abs(
        u**depth - v**depth
    )
    difference = np.abs(potential.weights(z) - (u**depth - v**depth))
    assert (difference <= 10 * EPS * condition * np.abs(potential.weights(z))).all()
    assert np.isclose(potential.weights(np.ones(1))[0], 0.7, rtol=1e-13)


@given(st.integers(3, 8), st.floats(-12.0, 40.0), st.floats(-0.999, 0.999))
def test_weights_are_the_derivative_of_the_potential(depth, log_beta, z):
    potential = DeepHypentropy(0.7, depth, log_beta)
    at = np.array([z])
    room = 1 / potential.unit - abs(z)
    h = 1e-4 * min(1.0, room)
    up, down = potential.value(at + h), potential.value(at - h)
    w, slope = potential.weights(at)[0], potential.curvature(at)[0]
    # Central difference: h²/6 of the third derivative, at most (p+1)(p+2)/room² of the first.
    allowed = (h / room) ** 2 * 20 * slope * room + 100 * EPS * max(up, down, 1e-300) / h
    assert abs((up - down) / (2 * h) - w) <= allowed
    rise = (potential.weights(at + h)[0] - potential.weights(at - h)[0]) / (2 * h)
    assert abs(rise - slope) <= 20 * (h / room) ** 2 * slope + 100 * EPS * (abs(w) + slope) / h


def test_the_kernel_limit_is_linear_and_the_barrier_infinite():
    z = np.array([-1.3, 0.0, 0.4])
    for depth in DEPTHS:
        kernel = DeepHypentropy(0.7, depth, 200.0)
        assert np.allclose(kernel.weights(z), 0.7 * z, rtol=1e-15, atol=0)
        assert np.isclose(kernel.value(z), 0.35 * z @ z, rtol=1e-14)
        rich = DeepHypentropy(0.7, depth, -20.0)
        assert rich.value(np.array([1 / rich.unit + 1e-9])) == np.inf
        assert np.isfinite(rich.weights(np.array([5.0]))).all()


def test_depth_two_is_the_hypentropy_and_depth_one_is_refused():
    assert mirror_map(2, 0.7, -3.0) == Hypentropy(0.7, float(np.arcsinh(0.35 * np.exp(3.0))))
    with pytest.raises(ValueError, match="depth is 1, expected at least 2"):
        mirror_map(1, 1.0, 0.0)


@pytest.mark.parametrize("depth", DEPTHS)
def test_the_path_starts_at_the_l2_predictor_with_quadratic_rate(depth):
    for problem, early in ((CLASSES, MaxL2Margin()), (TARGETS, MinL2Norm())):
        w = early.predict(problem).w
        log_beta = np.log(np.abs(w).max()) + np.array([6.0, 5.0, 4.0, 3.0])
        path = trace(problem, log_beta, depth=depth, tolerance=1e-10)
        error = np.linalg.norm(path.weights - w[:, None], axis=0) / np.linalg.norm(w)
        slope = np.polyfit(log_beta, np.log(error), 1)[0]
        assert abs(slope + 2) <= 0.1


@pytest.mark.parametrize("depth", DEPTHS)
def test_the_path_of_the_square_loss_ends_at_the_l1_interpolant_with_its_rate(depth):
    best = np.abs(MinL1Norm(1e-10).predict(TARGETS).w).sum()
    rate = (depth - 2) / depth
    log_beta = np.log(TARGETS.scale) - np.linspace(3, 11, 9) / rate
    path = trace(TARGETS, np.concatenate([[5.0, 0.0], log_beta]), depth=depth, tolerance=1e-9)
    excess = np.abs(path.weights).sum(axis=0)[2:] / best - 1
    # The excess is second order in the potential's distance β^{(L-2)/L} from the L1 norm, or
    # zero: the support of the L1 solution already decides.
    assert excess[-1] <= np.exp(rate * log_beta[-1]) * 10
    assert (excess >= -1e-7).all()


@pytest.mark.parametrize("depth", DEPTHS)
def test_the_path_of_exponential_tails_ends_at_a_kkt_point(depth):
    path = full_path(CLASSES, depth)
    end = path.weights[:, -1]
    point = MaxQuasiMargin(depth).predict(CLASSES, near=end)
    assert point.stationarity <= 1e-12
    # Both ends: the path's last weights are within its tolerance of the KKT point.
    assert np.linalg.norm(point.w - end) <= 1e-2 * np.linalg.norm(end)
    assert CLASSES.inputs.combine(point.w).min() >= 1 - 1e-12


@pytest.mark.parametrize("depth", [3, 4, 6])
def test_the_net_moves_along_the_path_at_the_speed_that_the_margin_level_is_found_from(depth):
    """One sample, one input: the net's own gradient flow, for a moment of slow time h."""
    log_beta, growth, lam, h = np.array([1.0, 0.9, 0.8]), 0.02, 1e-6, 1e-6
    xi = 0.3 - growth * (log_beta - 0.9) / depth
    path = Path(log_beta, xi[:, None], np.ones((1, 3)), depth, margins=True)
    level = path.margin_level(LOSSES["exponential"], lam)[1]
    scale = (level * np.exp(0.9)) ** (1 / depth)
    u = scale * (1 - 0.3) ** (-1 / (depth - 2))
    # λ u' = L u^{L-1} e^{-m} - λu, and α(s) falls like e^{-s}.
    u += h * (depth * u ** (depth - 1) * np.exp(-level) / lam - u)
    later = 1 - (u / (scale * (1 - h))) ** (2 - depth)
    assert np.isclose((later - 0.3) / h, growth, rtol=1e-4)


def test_deeper_nets_with_exponential_tails_need_not_reach_the_largest_l1_margin():
    best = MaxL1Margin().predict(CLASSES).margin
    margins = [
        MaxQuasiMargin(d).predict(CLASSES, near=full_path(CLASSES, d).weights[:, -1]).margin
        for d in DEPTHS
    ]
    assert max(margins) <= 0.96 * best


@pytest.mark.parametrize("depth", [3, 5])
def test_the_flow_with_square_loss_follows_the_path_to_first_order_in_lambda(depth):
    problem = sparse_regression(n=4, d=10, k=2, n_test=1)
    x, y = problem.inputs.to_array(), problem.targets
    alpha, times = 2.0, np.array([1.2, 1.6, 2.0])
    path = trace(problem, depth * (np.log(alpha) - times), depth=depth, tolerance=1e-9)
    lams, errors = np.array([1e-2, 1e-3, 1e-4]), []
    for lam in lams:
        w = full_flow.weights(x, y, alpha, lam, "square", times, rtol=1e-9, depth=depth)
        errors.append(np.abs(w - path.weights).max())
    assert abs(np.polyfit(np.log(lams), np.log(errors), 1)[0] - 1) <= 0.1


@pytest.mark.parametrize("depth", [3, 4])
def test_exponential_tails_pass_the_path_at_the_predicted_time(depth):
    """At the predicted λt, direction and margin of the simulated weights are those of the path."""
    problem = sparse(n=6, d=20, n_test=1)
    alpha, misses = 3.0, []
    path = full_path(problem, depth)
    for lam in (1e-3, 1e-6, 1e-9):
        times = path.lambda_t(alpha, lam, LOSSES["exponential"])
        inside = slice(*np.searchsorted(times, [np.log(alpha), np.log(alpha) + 1.5]))
        w = full_flow.weights(
            problem.inputs.to_array(),
            problem.targets,
            alpha,
            lam,
            "exponential",
            times[inside],
            rtol=1e-8,
            depth=depth,
        )
        wanted = path.weights[:, inside]
        cosine = (
            (w * wanted).sum(axis=0) / np.linalg.norm(w, axis=0) / np.linalg.norm(wanted, axis=0)
        )
        misses.append(np.arccos(np.clip(cosine, -1, 1)).max() * np.log(1 / lam))
    # The error is O(1/m) with m ~ log 1/λ: times log 1/λ it stays bounded.
    assert max(misses) <= 2 * misses[0]


@settings(max_examples=25)
@given(separable(), st.sampled_from(DEPTHS))
def test_kkt_points_of_the_margin_problem(problem, depth):
    start = MaxL2Margin().predict(problem).w
    point = MaxQuasiMargin(depth).predict(problem, near=start)
    assert point.stationarity <= 1e-6
    assert np.isclose(problem.inputs.combine(point.w).min(), 1, rtol=1e-12)
    # Reweighting never increases the objective, and the L1 problem bounds it from below.
    assert point.certificate.upper <= quasi_norm(
        start / problem.inputs.combine(start).min(), depth
    ) * (1 + 1e-6)
    best = np.abs(MaxL1Margin().predict(problem).w).sum()
    assert point.certificate.lower <= best ** (2 / depth) * (1 + 1e-6)
    again = MaxQuasiMargin(depth).predict(problem, near=point.w)
    assert np.allclose(again.w, point.w, rtol=1e-6, atol=1e-9 * np.abs(point.w).max())


@settings(max_examples=25)
@given(interpolable(), st.sampled_from(DEPTHS))
def test_kkt_points_of_interpolation_and_of_the_penalty(problem, depth):
    start = MinL2Norm().predict(problem).w
    point = MinQuasiNorm(depth).predict(problem, near=start)
    assert point.stationarity <= 1e-6
    assert point.certificate.infeasibility <= 1e-9
    lam = 1e-6 * float((problem.targets**2).mean())
    late = QuasiPenalised(LOSSES["square"], lam, depth).predict(problem, near=point.w)
    value = (problem.inputs.combine(point.w) - problem.targets) ** 2
    assert late.certificate.upper <= value.mean() + lam / 2 * quasi_norm(point.w, depth) + 1e-12
    assert late.certificate.lower <= late.certificate.upper * (1 + 1e-9)


@pytest.mark.parametrize("depth", DEPTHS)
def test_no_multiplier_proves_more_of_the_penalty_than_is_true(depth):
    one, lam, square = np.ones((1, 1)), 0.1, LOSSES["square"]
    problem = make_problem("one", Task.REGRESSION, one, 3 * one[0], StoredTestSet(one, one[0]))
    w = np.linspace(0, 3, 30_001)
    values = (w - 3) ** 2 + lam / 2 * w ** (2 / depth)
    best = w[[values.argmin()]]
    bounds = [
        kkt.quasi_penalised(problem, best, np.array([mu]), depth, square, lam).lower
        for mu in np.linspace(-1.0, 1.0, 201)
    ]
    # The bound is not empty either: at this target the penalty is nearly linear.
    assert 0.4 * values.min() <= max(bounds) <= values.min()


@pytest.mark.parametrize("depth", DEPTHS)
def test_the_residual_sees_a_perturbed_answer(depth):
    point = MaxQuasiMargin(depth).predict(CLASSES, near=MaxL2Margin().predict(CLASSES).w)
    moved = point.w * (1 + 0.01 * np.cos(np.arange(CLASSES.d)))
    assert kkt.of_constraints(CLASSES, moved, depth).total >= 1e-3
    late = QuasiPenalised(LOSSES["logistic"], 1e-3, depth).predict(CLASSES, near=4 * point.w)
    assert late.stationarity <= 1e-10
    moved = late.w * (1 + 0.01 * np.cos(np.arange(CLASSES.d)))
    assert kkt.of_penalty(CLASSES, moved, depth, LOSSES["logistic"], 1e-3).residual >= 1e-3


def test_at_depth_two_they_are_the_convex_predictors():
    start = MaxL2Margin().predict(CLASSES).w
    best = MaxL1Margin().predict(CLASSES)
    assert np.isclose(MaxQuasiMargin(2).predict(CLASSES, near=start).margin, best.margin, rtol=1e-6)
    convex = L1Penalised(LOSSES["logistic"], 1e-3).predict(CLASSES)
    late = QuasiPenalised(LOSSES["logistic"], 1e-3, 2).predict(CLASSES, near=start)
    assert np.isclose(late.certificate.upper, convex.certificate.upper, rtol=1e-6)
    assert late.certificate.gap <= 1e-6


def test_different_starts_lead_to_different_kkt_points():
    rng = np.random.default_rng(0)
    l2 = MaxL2Margin().predict(CLASSES).w
    starts = [MaxL1Margin().predict(CLASSES).w, l2]
    # Weights of least norm with margins of their own choice, all positive.
    inverse = np.linalg.pinv(CLASSES.inputs.to_array())
    starts += [inverse @ rng.uniform(0.2, 2.0, CLASSES.n) for _ in range(6)]
    found = [MaxQuasiMargin(4).predict(CLASSES, near=start) for start in starts]
    values = [point.certificate.upper for point in found]
    assert min(values) < max(values) * (1 - 1e-3)
    assert all(point.stationarity <= 1e-6 for point in found)


def test_a_start_without_margin_is_refused():
    with pytest.raises(NoPredictor, match="expected a separating one"):
        MaxQuasiMargin(3).predict(CLASSES, near=-MaxL2Margin().predict(CLASSES).w)


@pytest.mark.parametrize("problem", [CLASSES, TARGETS], ids=["classes", "targets"])
def test_the_forecast_covers_every_depth(problem):
    loss = LOSSES["logistic" if problem.is_classification else "square"]
    for depth in DEPTHS:
        prediction = forecast(problem, alpha=10.0, lam=1e-4, loss=loss, depth=depth)
        assert prediction.late.stationarity <= 1e-6
        assert prediction.limit.stationarity <= 1e-6
        assert (np.diff(prediction.curve.lambda_t) > 0).all()
        assert np.isfinite(prediction.transition.lambda_t)


def test_scaling_moves_the_path_along():
    x, y = TARGETS.inputs.to_array(), TARGETS.targets
    log_beta = np.linspace(2, -8, 21)
    base = trace(TARGETS, log_beta, depth=4, tolerance=1e-9).weights
    scaled = make_problem("s", Task.REGRESSION, x * 1e-3, y * 1e3, StoredTestSet(x, y))
    moved = trace(scaled, log_beta + np.log(1e6), depth=4, tolerance=1e-9).weights
    assert np.allclose(moved, 1e6 * base, rtol=1e-6, atol=1.0)


def generic(seed, classes):
    """Gaussian data, on which KKT points are isolated and ties have probability zero."""
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((6, 12)), rng.standard_normal(6)
    return x, np.sign(y) if classes else y


def of_arrays(x, y, classes):
    task = Task.CLASSIFICATION if classes else Task.REGRESSION
    return make_problem("generic", task, x, y, StoredTestSet(x, y))


def kkt_point(x, y, classes, depth):
    problem = of_arrays(x, y, classes)
    start = (MaxL2Margin() if classes else MinL2Norm()).predict(problem).w
    return (MaxQuasiMargin if classes else MinQuasiNorm)(depth).predict(problem, near=start)


# What each law does to the data, and what it must do to the weights.
LAWS = {
    "scaled inputs": lambda x, y: (3.7 * x, y, lambda w: w / 3.7),
    "permuted samples": lambda x, y: (x[::-1], y[::-1], lambda w: w),
    "permuted inputs": lambda x, y: (x[:, ::-1], y, lambda w: w[::-1]),
    "a duplicated sample": lambda x, y: (
        np.vstack([x, x[:1]]),
        np.append(y, y[0]),
        lambda w: w,
    ),
    "flipped inputs": lambda x, y: (-x, y, lambda w: -w),
    "flipped targets": lambda x, y: (x, -y, lambda w: -w),
}


@pytest.mark.parametrize("law", LAWS)
@settings(max_examples=10)
@given(seed=st.integers(0, 10**6), classes=st.booleans(), depth=st.sampled_from(DEPTHS))
def test_kkt_points_obey(law, seed, classes, depth):
    x, y = generic(seed, classes)
    changed_x, changed_y, change = LAWS[law](x, y)
    point = kkt_point(x, y, classes, depth)
    changed = kkt_point(changed_x, changed_y, classes, depth)
    # Both are polished to rounding; ties between vertices have probability zero.
    assert np.allclose(changed.w, change(point.w), rtol=1e-7, atol=1e-9 * np.abs(changed.w).max())
    assert np.isclose(changed.certificate.upper, quasi_norm(change(point.w), depth), rtol=1e-7)


def test_the_constant_of_the_transition_law_depends_on_the_data_alone():
    loss = LOSSES["square"]
    constants = [
        forecast(TARGETS, alpha=alpha, lam=lam, loss=loss, depth=3).constant
        for alpha, lam in ((1e2, 1e-3), (1e10, 1e-6))
    ]
    # The crossing depends on λ through the error of the late predictor, which is O(λ).
    assert abs(constants[0] - constants[1]) <= 1e-2


def exact_quasi_norm(w, depth):
    """Return a double not below ``Σ|w_j|^{2/L}`` by more than balls of 160 bits are wide."""
    with ctx.workprec(160):
        return float(sum((arb(abs(x)) ** (arb(2) / depth) for x in w if x != 0), arb(0)).lower())


@pytest.mark.parametrize("depth", DEPTHS)
def test_upper_bounds_are_those_of_weights_that_satisfy_the_constraints_exactly(depth):
    near = MaxL2Margin().predict(CLASSES).w
    found = MaxQuasiMargin(depth).predict(CLASSES, near=near)
    w = matrix(found.w)
    margin = min((matrix(CLASSES.inputs.to_array()) * w).entries())
    upper = exact_quasi_norm((w / margin).entries(), depth)
    assert upper <= found.certificate.upper <= upper * (1 + 1e-12)
    near = MinL2Norm().predict(TARGETS).w
    found = MinQuasiNorm(depth).predict(TARGETS, near=near)
    support = np.flatnonzero(found.w)
    a, b = matrix(TARGETS.inputs.take(support)), matrix(TARGETS.targets)
    exact = nearest_solution(a, b, matrix(found.w[support]))
    assert exact is not None
    upper = exact_quasi_norm(exact.entries(), depth)
    # Three weights solve sixteen equations: what is proved is an interpolant of all weights, within
    # d roundings of an output of 1 in each of n rows, over a singular value that is not below 1.
    far = TARGETS.d * EPS * np.sqrt(TARGETS.n) * 3
    spread = TARGETS.d ** (1 - 1 / depth) * far ** (2 / depth)
    assert upper <= found.certificate.upper <= upper + spread + 1e-12


def test_weights_that_miss_the_constraints_bound_nothing_from_above():
    w = -MaxL2Margin().predict(CLASSES).w
    assert kkt.quasi_constrained(CLASSES, w, np.ones(CLASSES.n), 3).upper == np.inf
    near = MinQuasiNorm(3).predict(TARGETS, near=MinL2Norm().predict(TARGETS).w)
    half = kkt.quasi_constrained(TARGETS, near.w / 2, near.multipliers, 3)
    assert half.upper >= near.certificate.lower
    assert half.upper >= quasi_norm(near.w, 3)


def test_bounds_on_quasi_norms_know_copies_of_samples_and_targets_of_zero():
    x = np.random.default_rng(0).standard_normal((3, 5))
    twice, y = np.vstack([x, x]), np.ones(6)
    problem = make_problem("twice", "regression", twice, y, StoredTestSet(twice, y))
    w = MinL2Norm().predict(problem).w
    found = kkt.quasi_constrained(problem, w, np.ones(6), 3)
    assert quasi_norm(w, 3) <= found.upper <= quasi_norm(w, 3) * (1 + 1e-9)
    nothing = make_problem("nothing", "regression", x, np.zeros(3), StoredTestSet(x, y[:3]))
    assert kkt.quasi_constrained(nothing, np.zeros(5), np.zeros(3), 3).upper == 0


@pytest.mark.parametrize("depth", [2, *DEPTHS])
def test_no_weights_have_more_of_the_penalised_loss_than_the_upper_bound(depth):
    rng = np.random.default_rng(depth)
    loss, lam = LOSSES["square"], 0.1
    for _ in range(50):
        x, y = rng.standard_normal((2, 3)), rng.standard_normal(2)
        problem = of_arrays(x, y, classes=False)
        for w in (np.zeros(3), rng.standard_normal(3)):
            missed = (matrix(x) * matrix(w) - matrix(y)).entries()
            mean = float(sum(m * m for m in missed) / 2)
            found = kkt.quasi_penalised(problem, w, np.zeros(2), depth, loss, lam)
            with ctx.workprec(160):
                penalty = arb(lam) / 2 * sum((arb(abs(v)) ** (arb(2) / depth) for v in w), arb(0))
                value = sum((arb(m * m) for m in missed), arb(0)) / 2 + penalty
                assert value <= arb(found.upper)
            # What is added is some thousand roundings of outputs of order 1 to 10.
            assert found.upper <= float(value) + 1e-10 * (1 + mean)


@pytest.mark.parametrize("lam", [1e-80, 1e-300, 1e80, 1e300])
def test_a_penalty_whose_powers_leave_the_doubles_bounds_what_it_can(lam):
    problem = of_arrays(np.array([[1.0, 2.0], [0.0, 1.0], [1.0, 1.0]]), np.arange(1.0, 4), False)
    w = np.array([0.5, 1.0])
    found = kkt.quasi_penalised(problem, w, np.full(3, 0.1), 8, LOSSES["square"], lam)
    # Zero weights have a loss of 14/3, and no loss is negative.
    assert -1e-300 <= found.lower <= 14 / 3
    assert found.lower <= found.upper
