"""The slow motion on the zero-loss set: exact solutions, invariants, order, laws and refusals."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from scipy.optimize import root
from torch import nn

from grokflow.simulations.linear.presets import sparse_regression
from grokflow.theory.completion.tangent import FactorisationTangent
from grokflow.theory.diagonal.path import trace
from grokflow.theory.homogeneous.kernel_machine import MinKernelNorm
from grokflow.theory.homogeneous.slow_manifold import SlowManifold
from grokflow.theory.homogeneous.zero_loss import ManifoldPoint
from grokflow.theory.linear.l1 import MinL1Norm
from grokflow.theory.nets.outputs import ModuleOutputs
from grokflow.theory.nets.symmetrised import Symmetrised
from grokflow.theory.nets.tangent import module_tangent
from grokflow.theory.numerics.newton import NotConverged


class DiagonalNet:
    """<u^L - v^L, x_i> for the rows of x; θ = (u, v)."""

    def __init__(self, x, depth=2):
        self.x, self.depth = x, depth

    def weights(self, theta):
        u, v = np.split(theta, 2)
        return u**self.depth - v**self.depth

    def outputs(self, theta):
        return self.x @ self.weights(theta)

    def jacobian(self, theta):
        u, v = self.depth * np.split(theta, 2) ** np.array(self.depth - 1)
        return np.hstack([self.x * u, -self.x * v])


class LinearModel:
    """<θ, x_i>: the zero-loss set is affine."""

    def __init__(self, x):
        self.x = x

    def outputs(self, theta):
        return self.x @ theta

    def jacobian(self, theta):
        return self.x


class Completion:
    """Entries (i, j) of UUᵀ - VVᵀ; θ = (U, V)."""

    def __init__(self, entries, d):
        self.entries, self.d = entries, d

    def matrix(self, theta):
        u, v = theta.reshape(2, self.d, self.d)
        return u @ u.T - v @ v.T

    def outputs(self, theta):
        return self.matrix(theta)[tuple(self.entries.T)]

    def jacobian(self, theta):
        rows = np.zeros((len(self.entries), 2, self.d, self.d))
        for row, (i, j) in zip(rows, self.entries, strict=True):
            for part, sign, factor in zip(
                row, (1, -1), theta.reshape(2, self.d, self.d), strict=True
            ):
                part[i] += sign * factor[j]
                part[j] += sign * factor[i]
        return rows.reshape(len(self.entries), -1)


TARGETS = sparse_regression(n=8, d=30, n_test=10)
X, Y = TARGETS.inputs.to_array(), TARGETS.targets
LOG_BETA = 2.0
TIMES = np.linspace(0.25, 3.5, 14)


def start_of_depth_two():
    """Return the exact quasi-static point at scale β₀: u v = β₀, u² - v² = w."""
    w = trace(TARGETS, np.array([LOG_BETA]), tolerance=1e-12).weights[:, 0]
    beta = np.exp(LOG_BETA)
    size = np.hypot(w, 2 * beta)
    large = np.sqrt((size + np.abs(w)) / 2)
    u = np.where(w >= 0, large, beta / large)
    return np.concatenate([u, beta / u])


def test_depth_two_follows_the_quasi_static_path_to_the_order_of_the_tolerance():
    model, start, s = DiagonalNet(X), start_of_depth_two(), np.array([1.75, 3.5])
    exact = trace(TARGETS, LOG_BETA - 2 * s, tolerance=1e-12).weights
    tolerances = np.geomspace(1e-6, 1e-9, 4)
    errors, steps = [], []
    for rtol in tolerances:
        found = SlowManifold(rtol=rtol).predict(model, Y, start, s)
        w = np.array([model.weights(theta) for theta in found.theta]).T
        error = float(np.linalg.norm(w - exact, axis=0).max())
        # Every step adds at most its tolerance, rtol ‖θ‖, to θ, and twice ‖θ‖ times that to w.
        assert error <= found.steps * rtol * 2 * float(start @ start)
        assert found.jacobians <= 7 * (found.steps + found.rejected) + 5
        errors.append(error)
        steps.append(found.steps)
    # Order 5, with the error of a step as large as the tolerance.
    assert abs(np.polyfit(np.log(tolerances), np.log(errors), 1)[0] - 1) <= 0.15
    assert abs(np.polyfit(np.log(tolerances), np.log(steps), 1)[0] + 0.2) <= 0.05


def test_the_product_of_the_layers_decays_twice_as_fast():
    start = start_of_depth_two()
    found = SlowManifold(rtol=1e-8).predict(DiagonalNet(X), Y, start, TIMES)
    u, v = np.split(found.theta, 2, axis=1)
    assert np.abs(np.log(u * v) - (LOG_BETA - 2 * TIMES)[:, None]).max() <= 1e-6


@pytest.mark.parametrize("depth", [3, 4])
def test_deeper_nets_keep_their_invariant_and_stay_on_the_quasi_static_path(depth):
    """``u^{2-L} + v^{2-L} = 2 α(s)^{2-L}``, and ``w`` is the mirror image of a row combination."""
    power, alpha = depth - 2, 2.0

    def layers(xi):
        pulled = X.T @ xi
        return alpha * np.array([1 - pulled, 1 + pulled]) ** (-1 / power)

    solved = root(lambda xi: X @ (layers(xi)[0] ** depth - layers(xi)[1] ** depth) - Y, 0 * Y)
    assert solved.success
    start = layers(solved.x).ravel()
    found = SlowManifold(rtol=1e-9).predict(DiagonalNet(X, depth), Y, start, TIMES)
    u, v = np.split(found.theta, 2, axis=1)
    invariant = (u**-power + v**-power) / 2
    scales = alpha * np.exp(-TIMES)
    allowed = found.steps * 1e-9 * 100
    assert np.abs(invariant * scales[:, None] ** power - 1).max() <= allowed
    pulled = 1 - (scales[:, None] / u) ** power
    inside = X.T @ np.linalg.lstsq(X.T, pulled.T, rcond=None)[0]
    assert np.abs(inside - pulled.T).max() <= allowed
    assert np.abs(pulled).max() < 1 and scales[-1] < 0.1


@given(st.integers(1, 4), st.integers(5, 8), st.integers(0, 2**32 - 1))
def test_on_an_affine_set_the_path_is_exponential(n, d, seed):
    rng = np.random.default_rng(seed)
    x, start, s = rng.standard_normal((n, d)), rng.standard_normal(d), np.array([0.0, 0.3, 2.0])
    y = x @ start
    end = np.linalg.pinv(x) @ y
    found = SlowManifold(rtol=1e-8).predict(LinearModel(x), y, start, s)
    exact = end + np.exp(-s)[:, None] * (start - end)
    assert np.abs(found.theta - exact).max() <= found.steps * 1e-8 * np.linalg.norm(start)
    assert np.allclose(found.multipliers, np.linalg.solve(x @ x.T, y), rtol=1e-8, atol=1e-10)
    assert found.misfit.max() <= 1e-10 * np.abs(y).max() + 1e-13


def test_musats_toy_walks_along_the_line():
    """y = w₁ x₁ + w₂ x₂ fitted at one point, x = (1, 2), y = 1, from (-1, 1) (Musat 2025)."""
    model, s = LinearModel(np.array([[1.0, 2.0]])), np.linspace(0, 4, 9)
    found = SlowManifold(rtol=1e-9).predict(model, np.array([1.0]), np.array([-1.0, 1.0]), s)
    end = np.array([0.2, 0.4])
    exact = end + np.exp(-s)[:, None] * (np.array([-1.0, 1.0]) - end)
    assert np.abs(found.theta - exact).max() <= found.steps * 1e-9 * np.sqrt(2)


def completion(d=5):
    """Return a rank-one problem observed on and above the diagonal but for three entries."""
    entries = np.array([(i, j) for i in range(d) for j in range(i, d) if i + j not in (4, 7)])
    truth = np.outer(np.arange(1, d + 1), np.arange(1, d + 1)) / 10
    return Completion(entries, d), truth


def test_completion_from_a_large_scale_starts_at_its_kernel_predictor_and_keeps_its_invariant():
    model, truth = completion()
    y = truth[tuple(model.entries.T)]
    everywhere = np.argwhere(np.ones((5, 5), dtype=bool))
    early = MinKernelNorm().predict(FactorisationTangent(5), model.entries, y).outputs(everywhere)
    misses, alphas, s = [], np.geomspace(8, 64, 4), np.array([0.0, 1.0, 3.0, 6.0])
    for alpha in alphas:
        start = alpha * np.stack([np.eye(5), np.eye(5)]).ravel()
        found = SlowManifold(rtol=1e-8).predict(model, y, start, s)
        misses.append(np.abs(model.matrix(found.theta[0]).ravel() - early).max())
        u, v = found.theta.reshape(-1, 2, 5, 5).transpose(1, 0, 2, 3)
        product = np.transpose(u, (0, 2, 1)) @ v
        # The shortest way from (αI, αI) to the set keeps UᵀV = α² I to the square of its length.
        scale = product[0]
        assert np.abs(scale / alpha**2 - np.eye(5)).max() <= 10 * (np.abs(y).max() / alpha**2) ** 2
        decayed = scale * np.exp(-2 * s)[:, None, None]
        assert np.abs(product - decayed).max() <= found.steps * 1e-8 * 10 * alpha**2
    # (αI + A)² - (αI - A)² = 4αA: the model is linear on the way to the set.
    assert np.max(misses / alphas**2) <= 100 * np.finfo(float).eps


def test_completion_closes_in_on_the_least_nuclear_norm():
    """The multipliers of (R2) bound it from below, the path's own norm from above."""
    model, truth = completion()
    y = truth[tuple(model.entries.T)]
    start = 4 * np.stack([np.eye(5), np.eye(5)]).ravel()
    found = SlowManifold().predict(model, y, start, np.arange(2, 13, 2.0))
    upper = np.array(
        [np.abs(np.linalg.eigvalsh(model.matrix(theta))).sum() for theta in found.theta]
    )
    lower = []
    for mu in found.multipliers:
        dual = np.zeros((5, 5))
        dual[tuple(model.entries.T)] = mu
        lower.append(2 * mu @ y / max(1.0, np.linalg.norm(dual + dual.T, 2)))
    optimum = np.trace(truth)
    assert (lower <= optimum + 1e-9).all() and (upper >= optimum - 1e-9).all()
    gap = upper - lower
    assert (gap[1:] <= gap[:-1] / 2).all()
    misses = np.array([np.abs(model.matrix(theta) - truth).max() for theta in found.theta])
    assert (misses[1:] <= misses[:-1] / 2)[1:].all()


class Square(nn.Module):
    def forward(self, z):
        return z**2


class RectifiedSquare(nn.Module):
    def forward(self, z):
        return torch.relu(z) ** 2


def two_layers(activation):
    torch.manual_seed(4)
    layers = (nn.Linear(4, 12, bias=False), activation(), nn.Linear(12, 1, bias=False))
    return Symmetrised(nn.Sequential(*layers))


@pytest.mark.parametrize("activation", [Square, RectifiedSquare])
def test_two_layer_nets_end_at_kkt_points_of_the_least_norm(activation):
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((6, 4)), rng.standard_normal(6)
    tangent = module_tangent(two_layers(activation), x)
    model, s = ModuleOutputs(tangent.net, x), np.array([0.0, 4.0, 8.0, 16.0, 32.0])
    found = SlowManifold(rtol=1e-6).predict(model, y, 4 * model.theta, s)
    # It falls until steps that each miss by rtol leave a residual of that size.
    assert (np.diff(np.maximum(found.stationarity, 1e-5)) <= 0).all()
    assert found.stationarity[-1] <= 10 * 1e-6
    squares = np.sum(found.theta**2, axis=1)
    assert (np.diff(squares) <= 2e-6 * squares[0]).all()
    assert squares[-1] < squares[0] / 4
    # The KKT conditions of (R2), recomputed; by Euler, ‖θ‖² = L μᵀy there.
    rest = found.theta[-1] - found.multipliers[-1] @ model.jacobian(found.theta[-1])
    assert np.linalg.norm(rest) <= 1.01 * found.stationarity[-1] * np.sqrt(squares[-1])
    assert np.isclose(squares[-1], 3 * found.multipliers[-1] @ y, rtol=1e-5)


class Quadratic:
    """Σ_k a_k <w_k, x_i>²; θ = (a, w)."""

    def __init__(self, x, width):
        self.x, self.width = x, width

    def outputs(self, theta):
        a, w = theta[: self.width], theta[self.width :].reshape(self.width, -1)
        return (self.x @ w.T) ** 2 @ a

    def jacobian(self, theta):
        a, w = theta[: self.width], theta[self.width :].reshape(self.width, -1)
        hidden = self.x @ w.T
        inner = (2 * a * hidden)[:, :, None] * self.x[:, None, :]
        return np.hstack([hidden**2, inner.reshape(len(self.x), -1)])


def test_the_simulated_flow_follows_to_first_order_in_lambda():
    """``dθ/ds = -∇L/λ - θ`` of a net that is not diagonal, integrated as it stands."""
    rng = np.random.default_rng(9)
    model, y, s = (
        Quadratic(rng.standard_normal((3, 3)), 4),
        rng.uniform(1, 2, 3),
        np.array([1.0, 3]),
    )
    landed = SlowManifold(reach=2.0).predict(model, y, rng.standard_normal(16), np.zeros(1)).theta
    found = SlowManifold(rtol=1e-9).predict(model, y, landed[0], s).theta
    lams, errors = np.geomspace(1e-2, 1e-4, 4), []
    for lam in lams:

        def rate(time, theta, lam=lam):
            return -2 / (3 * lam) * (model.outputs(theta) - y) @ model.jacobian(theta) - theta

        flow = solve_ivp(rate, (0, 3), landed[0], method="Radau", t_eval=s, rtol=1e-8, atol=1e-10)
        errors.append(np.linalg.norm(flow.y.T - found, axis=1).max())
    assert abs(np.polyfit(np.log(lams), np.log(errors), 1)[0] - 1) <= 0.1


@settings(max_examples=8)
@given(st.integers(0, 2**32 - 1), st.integers(2, 4))
def test_the_norm_never_rises_and_the_set_is_never_left(seed, depth):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((4, 12))
    start = rng.uniform(0.5, 2, 24)
    model, s = DiagonalNet(x, depth), np.linspace(0, 2, 9)
    y = model.outputs(start)
    found = SlowManifold().predict(model, y, start, s)
    squares = np.sum(found.theta**2, axis=1)
    assert (np.diff(squares) <= 2e-6 * squares[0]).all()
    fine = 100 * np.finfo(float).eps * np.abs(model.jacobian(start)) @ np.abs(start)
    assert found.misfit.max() <= 1e-10 * np.abs(y).max() + fine.max()
    # d‖θ‖²/ds = -2‖Pθ‖², by the trapezoidal rule.
    fall = -2 * found.stationarity**2 * squares
    predicted = np.cumsum((fall[1:] + fall[:-1]) / 2 * np.diff(s))
    assert np.allclose(np.diff(squares).cumsum(), predicted, rtol=0.05, atol=0.02 * squares[0])


def test_a_kkt_point_stays():
    """The L1 solution in the coordinates |w| = u² or v² is stationary; J must keep its rank."""
    rng = np.random.default_rng(3)
    x = rng.standard_normal((3, 6))
    y = rng.standard_normal(3)
    problem = type(TARGETS)("p", TARGETS.task, TARGETS.inputs.from_array(x), y, TARGETS.test)
    w = MinL1Norm().predict(problem).w
    start = np.sqrt(np.concatenate([np.maximum(w, 0), np.maximum(-w, 0)]))
    found = SlowManifold().predict(DiagonalNet(x), y, start, np.array([0.0, 1.0, 3.0]))
    assert found.stationarity.max() <= 1e-6
    assert np.abs(found.theta - start).max() <= 1e-5


def test_a_sparse_end_where_the_jacobian_loses_rank_is_refused():
    x = np.array([[1.0, 0.1], [1.0, -0.1]])
    y, start = np.ones(2), 3 * np.ones(4)
    with pytest.raises(NotConverged, match=r"lost full rank.*stop the path earlier"):
        SlowManifold().predict(DiagonalNet(x), y, start, np.array([40.0]))


ONES = np.ones(2)
REFUSED = {
    "far": (np.array([[1.0, 2.0]]), ONES[:1], 5 * ONES, ONES[:1], "end of the fast phase"),
    "rank": (np.ones((2, 2)), 2 * ONES, ONES, ONES[:1], "at the start, J Jᵀ has lost full rank"),
    "nearly": (
        np.array([[1, 1], [1, 1 + 9e-8]]),
        np.array([2, 2 + 9e-8]),
        ONES,
        ONES[:1],
        "lost full rank",
    ),
    "zero row": (np.zeros((1, 2)), 0 * ONES[:1], ONES, ONES[:1], "at the start.*gradients depend"),
    "nan": (np.eye(2), np.array([1, np.nan]), ONES, ONES[:1], "targets of shape"),
    "start": (np.eye(2), ONES, np.ones((2, 1)), ONES[:1], "start of shape"),
    "times": (np.eye(2), ONES, ONES, np.array([1.0, 0.5]), "sort them"),
    "negative": (np.eye(2), ONES, ONES, np.array([-1.0]), "from 0 on"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_starts_are_refused_with_their_remedy(case):
    x, y, start, s, message = REFUSED[case]
    with pytest.raises(ValueError, match=message) as caught:
        SlowManifold().predict(LinearModel(x), y, start, s)
    assert "\n" not in str(caught.value)


def test_the_projection_is_accurate_to_the_condition_of_the_jacobian_not_its_square():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((6, 20))
    x[1:] = x[0] + 1e-5 * x[1:]
    theta = rng.standard_normal(20)
    found = ManifoldPoint.of(LinearModel(x), np.zeros(6), theta).tangential
    rows = np.linalg.qr(x.T)[0]
    exact = theta - rows @ (rows.T @ theta)
    allowed = 100 * np.finfo(float).eps * np.linalg.cond(x) * np.linalg.norm(theta)
    assert np.abs(found - exact).max() <= allowed < 1e-6


def test_too_few_steps_are_refused():
    with pytest.raises(NotConverged, match="raise max_steps or rtol"):
        SlowManifold(max_steps=3).predict(DiagonalNet(X), Y, start_of_depth_two(), TIMES)
