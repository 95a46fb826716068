"""The flow of uneven nets in the unknown h, against other routes to the same flow."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from grokflow.proofs_check.diagonal.kernel.uneven_nets import UnevenNet, follow
from grokflow.simulations.diagonal.flow import DiagonalFlow
from grokflow.simulations.diagonal.start import DiagonalStart
from grokflow.theory.linear.problem import Task, make_problem
from grokflow.theory.losses import LOSSES
from grokflow.theory.samples import StoredTestSet

ALPHA, LAM = 3.0, 0.05
TIMES = np.array([1e-3, 0.3, 0.6])


@pytest.fixture
def data():
    rng = np.random.default_rng(7)
    x = rng.standard_normal((3, 8))
    return x, rng.choice([-1.0, 1.0], 3), np.exp(rng.uniform(-1, 1, 8))


def parameters(x, y, start_v, degree, margins):
    """Integrate u and v themselves, for ``f = ⟨u^L - b v^L, x⟩`` of degree L."""
    d = x.shape[1]
    b = start_v**-degree

    def rate(_, theta):
        u, v = np.split(theta, 2)
        f = x @ (u**degree - b * v**degree)
        pull = y * np.exp(-y * f) if margins else 2 * (y - f)
        push = degree * (x.T @ pull) / len(y) / LAM
        return np.append(push * u ** (degree - 1), -push * b * v ** (degree - 1)) - theta

    start = ALPHA * np.append(np.ones(d), start_v)
    found = solve_ivp(
        rate, (0, TIMES[-1]), start, method="Radau", t_eval=TIMES, rtol=1e-9, atol=1e-11
    )
    return found.y.T


@pytest.mark.parametrize("margins", [True, False])
@pytest.mark.parametrize("degree", [2, 3, 4])
def test_it_is_the_flow_of_the_parameters(data, degree, margins):
    x, y, ratio = data
    start_v = ratio**-0.5
    run = follow(UnevenNet(degree, x, ratio), y, np.log(ALPHA), np.log(LAM), TIMES, margins=margins)
    theta = parameters(x, y, start_v, degree, margins)
    scale = np.exp(run.log_scale)[:, None]
    delta = theta / scale - np.append(np.ones(8), start_v)
    np.testing.assert_allclose(run.h, scale**degree * delta, rtol=0, atol=1e-5)
    u, v = np.split(theta, 2, axis=1)
    outputs = (u**degree - (v / start_v) ** degree) @ x.T
    np.testing.assert_allclose(run.outputs(x), outputs, atol=1e-5)
    linear = run.h @ run.net.features(x).T
    np.testing.assert_allclose(run.linearisation_errors(x), outputs - linear, atol=2e-5)


@pytest.mark.parametrize("degree", [2, 3])
def test_from_an_even_start_it_is_the_flow_of_the_package(data, degree):
    """At a scale where u and v themselves lose all digits."""
    x, y, _ = data
    problem = make_problem("data", Task.CLASSIFICATION, x, y, StoredTestSet(x, y))
    alpha = 1e30
    times = np.log(alpha) * np.array([0.3, 0.6])
    run = follow(
        UnevenNet(degree, x, np.ones(8)), y, np.log(alpha), -np.log(alpha), times, margins=True
    )
    flow = DiagonalFlow(lam=1 / alpha, loss=LOSSES["exponential"], rtol=1e-5)
    weights = flow.run(DiagonalStart(problem, alpha, degree), times).weights.T
    np.testing.assert_allclose(
        run.outputs(np.eye(8)), weights, rtol=0, atol=1e-5 * np.linalg.norm(weights)
    )
