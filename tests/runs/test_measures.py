"""What is measured along the way: closed forms against modules, known KKT points, predictors."""

from dataclasses import replace
from functools import cache

import cvxpy
import numpy as np
import pytest
import torch

from grokflow.simulations.completion.data import completion
from grokflow.simulations.completion.flow import CompletionFlow
from grokflow.simulations.completion.measuring import of_completion
from grokflow.simulations.completion.start import CompletionStart
from grokflow.simulations.diagonal.flow import DiagonalFlow
from grokflow.simulations.diagonal.measuring import of_diagonal
from grokflow.simulations.diagonal.start import DiagonalStart
from grokflow.simulations.linear.presets import gaussian_margin, sparse, sparse_regression
from grokflow.simulations.nets.explicit.descent import Descent
from grokflow.simulations.nets.implicit.flow import NetFlow
from grokflow.simulations.nets.modules import MLP, Activation, he_start
from grokflow.simulations.nets.start import NetStart
from grokflow.simulations.runs.checkpoint import Checkpoint
from grokflow.simulations.runs.measure import Measure, measures
from grokflow.simulations.runs.stopping import Interrupted
from grokflow.theory.completion.forecast import forecast_completion
from grokflow.theory.completion.state import CompletionState
from grokflow.theory.diagonal.forecast import forecast
from grokflow.theory.diagonal.state import DiagonalState
from grokflow.theory.homogeneous.comparisons import effective_rank
from grokflow.theory.homogeneous.kernel_machine import MinKernelNorm
from grokflow.theory.losses import LOSSES
from grokflow.theory.nets.early_predictor import early_direction
from grokflow.theory.nets.losses import NET_LOSSES
from grokflow.theory.nets.module_map import ModuleMap
from grokflow.theory.nets.problem import NetProblem
from grokflow.theory.nets.state import departure, kernel_drift, kkt_bound, stationarity
from grokflow.theory.nets.symmetrised import Symmetrised
from grokflow.theory.nets.tangent import module_tangent
from tests.nets.known_modules import DiagonalNet, Factorisation

ALL = frozenset(Measure)
D = 40


def tensor(array):
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float64))


def net_problem(exact, loss):
    """Return a problem of the reduced flow for nets."""
    x = tensor(exact.inputs.to_array())
    y = tensor(exact.targets)
    targets = y[:, None] if loss == "square" else y
    return NetProblem("p", NET_LOSSES[loss], x, targets, x, targets)


@cache
def diagonal_run(loss, depth, alpha=10.0, lam=1e-4):
    make = sparse_regression if loss == "square" else sparse
    exact = make(n=16, d=D, n_test=50)
    times = np.concatenate([[0.0], np.log(alpha) + np.linspace(-1.0, 64.0, 14)])
    # Residuals of order λ are seen to 1e-9 / λ; deeper nets end at rest, exactly.
    rtol = 1e-9 if depth == 2 else 1e-4
    flow = DiagonalFlow(lam=lam, loss=LOSSES[loss], rtol=rtol)
    return exact, flow.run(DiagonalStart(exact, alpha, depth), times)


@pytest.mark.parametrize(("loss", "depth"), [("square", 2), ("logistic", 3), ("square", 5)])
def test_closed_forms_of_diagonal_nets_are_those_of_the_module(loss, depth):
    exact, found = diagonal_run(loss, depth)
    net, problem = ModuleMap.of(DiagonalNet(D, depth)), net_problem(exact, loss)
    for i in (0, 1, 3, 7):
        s, w = float(found.lambda_t[i]), found.weights[:, i]
        state = DiagonalState.of(exact, found.flow.scale, s, w)
        theta = tensor(np.exp(np.concatenate([state.log_u, state.log_v])))
        scale = float(np.exp(state.log_scale))
        # At rest, u and v at zero weight count as equal.
        resting = i > 0 and (found.states[i] == found.states[-1]).all()
        assert float(theta.norm()) == pytest.approx(found.norms[i], rel=1e-3 if resting else 1e-9)
        # A hundred roundings of the sums behind u^L - v^L.
        size = float((theta**depth).max())
        u, v = theta.view(2, -1)
        assert np.allclose((u**depth - v**depth).numpy(), w, rtol=1e-9, atol=1e-13 * size)
        assert state.kernel_drift == pytest.approx(
            kernel_drift(net, theta, problem.x, scale), rel=1e-8, abs=1e-12
        )
        assert state.departure == pytest.approx(departure(net, theta, scale), rel=1e-8, abs=1e-12)
        if i == 0:
            continue
        q = found.outputs[i]
        at = net.linearise(theta, problem.x)
        pull = at.pull(-problem.loss.gradient(at.f, problem.y))
        pulls = -problem.loss.gradient(tensor(q)[:, None], problem.y)[:, 0].numpy()
        # The residual is 1 less a projection: half of the digits are lost where it is small.
        pulls = pulls * (1.0 if loss == "square" else problem.y.numpy())
        wanted = kkt_bound(problem.loss, pull, theta)
        assert state.kkt_bound(q, pulls) == pytest.approx(wanted, rel=1e-4, abs=1e-6)
        kkt, reference = state.kkt(q), stationarity(net, problem, theta)
        assert kkt.residual == pytest.approx(reference.residual, rel=1e-6, abs=1e-7)
        assert kkt.residual <= state.kkt_bound(q, pulls) + 1e-7


@pytest.mark.parametrize(("loss", "depth"), [("square", 2), ("logistic", 2), ("square", 3)])
def test_flows_end_at_kkt_points_far_from_where_the_kernel_regime_is(loss, depth):
    """A stationary point of the objective satisfies the KKT conditions but for slackness."""
    exact, found = diagonal_run(loss, depth)
    prediction = forecast(exact, alpha=10.0, lam=1e-4, loss=LOSSES[loss], depth=depth)
    measured = of_diagonal(found, ALL, prediction)
    assert all(len(curve) == len(found.lambda_t) for curve in measured.values())
    assert measured["kkt_residual"][1] > 0.3
    # What is left are (u, v) at zero weight, which only decay.
    left = 1e-3 + np.sqrt(2 * D) * 10 * np.exp(-found.lambda_t[-1]) / found.norms[-1]
    assert measured["kkt_residual"][-1] <= left and measured["kkt_bound"][-1] <= 10 * left
    early, late = measured["early_distance"], measured["late_distance"]
    assert early[1] <= 0.1 < early[-1] and late[-1] <= 0.01 < late[1]
    assert (np.diff(late[1:]) <= 1e-3).all()
    drift = measured["kernel_drift"]
    assert drift[0] == 0 and drift[1] <= 0.3 < drift[-1]
    ranks = measured["effective_rank"]
    assert ranks[0] == 0 and 8 < ranks[1] <= D and ranks[-1] < ranks[1] / 2


def test_a_flow_at_an_astronomical_scale_is_measured_too():
    exact = gaussian_margin(n=10, d=30, gamma=5.0, n_test=10)
    alpha = 1e100
    times = np.log(alpha) + np.array([-50.0, -1.0, 40.0])
    flow = DiagonalFlow(lam=1e-6, loss=LOSSES["logistic"])
    measured = of_diagonal(flow.run(DiagonalStart(exact, alpha), times), ALL, None)
    assert "early_distance" not in measured
    assert all(np.isfinite(curve).all() for curve in measured.values())
    assert measured["kernel_drift"][0] < 1e-12 and measured["kkt_residual"][-1] < 1e-3
    assert measured["kkt_residual"][0] == pytest.approx(1, abs=1e-10)


def test_the_closed_forms_of_factorisations_are_those_of_the_module():
    problem = completion(d=6, fraction=0.6)
    rng = np.random.default_rng(0)
    u, v = rng.standard_normal((2, 6, 6))
    state = CompletionState(problem, u @ u.T - v @ v.T, u @ u.T + v @ v.T)
    entries = problem.measurements
    x = torch.from_numpy(np.stack([entries.rows, entries.columns], axis=1))
    y = tensor(problem.values)[:, None]
    inputs = NetProblem("p", NET_LOSSES["square"], x, y, x, y)
    net, theta = ModuleMap.of(Factorisation(6)), tensor(np.concatenate([u.ravel(), v.ravel()]))
    assert state.kkt_residual == pytest.approx(
        stationarity(net, inputs, theta).residual, rel=1e-8, abs=1e-8
    )
    assert state.kernel_drift(1.7) == pytest.approx(kernel_drift(net, theta, x, 1.7), rel=1e-10)
    values = torch.linalg.svdvals(tensor(state.matrix)).numpy()
    assert state.effective_rank == pytest.approx(effective_rank(values), rel=1e-10)
    at = net.linearise(theta, x)
    # Counts weigh the samples of the loss.
    pull = at.pull(-tensor(problem.weights)[:, None] * (at.f - y))
    assert state.kkt_bound == pytest.approx(kkt_bound(inputs.loss, pull, theta), rel=1e-8)


def test_completion_ends_at_a_kkt_point_of_low_rank_at_the_late_predictor():
    problem = completion(d=8, fraction=0.6)
    alpha, lam = 10.0, 1e-4
    times = np.concatenate([[0.0], np.log(alpha) + np.linspace(-1, 12, 14)])
    found = CompletionFlow(lam=lam).run(CompletionStart(problem, alpha), times)
    assert np.allclose(np.einsum("tii->t", found.totals), found.norms**2, rtol=1e-12)
    measured = of_completion(found, ALL, forecast_completion(problem, alpha=alpha, lam=lam))
    assert measured["kkt_residual"][1] > 0.3 and measured["kkt_residual"][-1] < 1e-3
    assert (measured["kkt_residual"] <= measured["kkt_bound"] + 1e-7).all()
    early, late = measured["early_distance"], measured["late_distance"]
    assert early[1] <= 0.1 < early[-1] and late[-1] <= 0.01 < late[1]
    assert measured["kernel_drift"][0] == 0 and measured["kernel_drift"][-1] > 1
    ranks = measured["effective_rank"]
    assert ranks[0] == 0 and ranks[1] > 3.5 and ranks[-1] < 2


def quadratic(outputs, bias=False, width=16, seed=0):
    rng = np.random.default_rng(seed)
    return Symmetrised(he_start(MLP((4, width, outputs), Activation.QUADRATIC, bias=bias), rng))


def random_problem(loss, m=8, outputs=3, seed=1):
    rng = np.random.default_rng(seed)
    x = tensor(rng.standard_normal((2 * m, 4)))
    y = {
        "square": tensor(rng.standard_normal((2 * m, outputs))),
        "cross-entropy": torch.from_numpy(rng.integers(outputs, size=2 * m)),
    }.get(loss, torch.sign(x[:, 0] * x[:, 1]))
    return NetProblem("p", NET_LOSSES[loss], x[:m], y[:m], x[m:], y[m:])


def test_the_early_predictor_of_many_classes_is_the_widest_margin():
    problem = random_problem("cross-entropy", m=4)
    net = ModuleMap.of(quadratic(3))
    h = early_direction(net, problem)
    rows = net.jacobian(net.theta, problem.x).numpy().reshape(4, 3, -1)
    y = problem.y.numpy()
    gradients = [rows[i, y[i]] - rows[i, j] for i in range(4) for j in range(3) if j != y[i]]
    wanted = cvxpy.Variable(rows.shape[-1])
    least = cvxpy.Problem(
        cvxpy.Minimize(cvxpy.sum_squares(wanted)), [np.array(gradients) @ wanted >= 1]
    )
    least.solve(solver=cvxpy.CLARABEL)
    assert (np.array(gradients) @ h.numpy()).min() >= 1 - 1e-8
    assert float(h @ h) == pytest.approx(least.value, rel=1e-6)


@pytest.mark.parametrize("loss", ["square", "logistic"])
def test_the_early_predictor_of_a_net_is_the_kernel_machine(loss):
    problem = random_problem(loss, outputs=2)
    module = quadratic(2 if loss == "square" else 1)
    net = ModuleMap.of(module)
    h = early_direction(net, problem)
    f = net.linearise(net.theta, problem.x_test).push(h).numpy()
    if loss == "square":
        x, y = problem.x.numpy(), problem.y.numpy()
        machine = MinKernelNorm().predict(module_tangent(module, x), x, y)
        assert np.allclose(f, machine.outputs(problem.x_test.numpy()), rtol=1e-8)
    margins = net.linearise(net.theta, problem.x).push(h)
    target = problem.y if loss == "square" else torch.ones(8, 1, dtype=torch.float64)
    reached = margins if loss == "square" else problem.y[:, None] * margins
    assert float((target - reached).max()) <= 1e-8


@pytest.mark.parametrize("loss", ["square", "logistic", "cross-entropy"])
def test_the_flow_of_a_net_passes_the_early_predictor_and_ends_at_a_kkt_point(loss):
    outputs = 1 if loss == "logistic" else 2
    problem, module = random_problem(loss, m=5, outputs=2), quadratic(outputs)
    times = np.log(20.0) + np.array([-2.0, -1.0, 0.0, 1.0, 2.0, 8.0, 16.0])
    flow = NetFlow(lam=1e-6, rtol=1e-3)
    found = flow.run(NetStart(module, problem, 20.0), times, measure=ALL)
    measured = found.measured
    assert measured["early_distance"][0] <= 0.1 < measured["early_distance"][-1]
    late = measured["late_distance"]
    assert late[-1] == 0 and late[0] > 0.05 and late[-2] < late[0] / 2
    residual = measured["kkt_residual"]
    assert residual[0] > 0.3 and residual[-1] <= flow.rtol
    assert (residual <= measured["kkt_bound"] + 1e-7).all()
    assert measured["kernel_drift"][0] < 0.3 < measured["kernel_drift"][-1]
    net = ModuleMap.of(module)
    for i in (0, 4):
        theta, scale = tensor(found.theta[i]), 20.0 * np.exp(-times[i])
        assert measured["kkt_residual"][i] == stationarity(net, problem, theta).residual
        assert measured["kernel_drift"][i] == kernel_drift(net, theta, problem.x, scale)
        assert found.departures[i] == departure(net, theta, scale)
    first = measured["effective_rank_first.weights.0"]
    assert ((first >= 1) & (first <= 4)).all()
    if loss != "square":
        margins = found.normalised_margins
        assert margins[-1] > margins[0] and np.allclose(margins, found.margins / found.norms**3)


def test_both_engines_measure_the_same_net_alike():
    """Descent at a small step, and the reduced flow, against the flow of the module."""
    exact, problem = diagonal_run("square", 2)[0], None
    problem = net_problem(exact, "square")
    lam, times = 0.5, np.array([0.2, 0.5, 1.0])
    watched = frozenset({Measure.KKT, Measure.KKT_BOUND, Measure.DRIFT})
    reduced = DiagonalFlow(lam=lam, loss=LOSSES["square"], rtol=1e-6)
    closed = of_diagonal(reduced.run(DiagonalStart(exact, 1.0), times), watched, None)
    followed = NetFlow(lam=lam, rtol=1e-4).run(
        NetStart(DiagonalNet(D), problem, 1.0), times, measure=watched
    )
    lr = 1e-3
    steps = np.rint(times / (lam * lr)).astype(np.int64)
    trained = Descent(lr=lr, lam=lam).run(NetStart(DiagonalNet(D), problem), steps, measure=watched)
    assert trained.degree == followed.degree == 2
    for name in ("kkt_residual", "kkt_bound"):
        assert np.allclose(followed.measured[name], closed[name], atol=5e-3)
        assert np.allclose(trained.measured[name], closed[name], atol=2e-2)
    # The net watches the first 32 inputs, here all 16.
    assert np.allclose(followed.measured["kernel_drift"], closed["kernel_drift"], rtol=5e-3)
    assert np.allclose(trained.measured["kernel_drift"], closed["kernel_drift"], rtol=2e-2)
    assert np.allclose(trained.departures, closed["departures"], rtol=2e-2)


def stop_in_the_middle(done):
    if done >= 0.5:
        raise KeyboardInterrupt


def test_what_was_measured_survives_an_interruption(tmp_path):
    problem, net = random_problem("cross-entropy"), quadratic(3)
    steps, method = np.array([0, 10, 150, 300]), Descent(lr=0.01, lam=0.1)
    whole = method.run(NetStart(net, problem), steps, measure=ALL)
    checkpoint = Checkpoint(tmp_path / "run.pt")
    with pytest.raises(Interrupted):
        method.run(
            NetStart(net, problem),
            steps,
            measure=ALL,
            checkpoint=checkpoint,
            progress=stop_in_the_middle,
        )
    resumed = method.run(NetStart(net, problem), steps, measure=ALL, checkpoint=checkpoint)
    assert set(resumed.curves()) == set(whole.curves())
    for name, curve in whole.curves().items():
        assert np.array_equal(resumed.curves()[name], curve, equal_nan=True)
    with pytest.raises(ValueError, match="with measure"):
        method.run(NetStart(net, problem), steps, checkpoint=checkpoint)


def test_weights_that_are_not_kept_are_measured_all_the_same():
    exact = sparse_regression(n=16, d=D, n_test=50)
    flow = DiagonalFlow(lam=1e-3, loss=LOSSES["square"])
    prediction = forecast(exact, alpha=10.0, lam=1e-3, loss=LOSSES["square"])
    times = np.linspace(0.5, 6.0, 5)
    whole, thrifty = (
        of_diagonal(
            replace(flow, memory=memory).run(DiagonalStart(exact, 10.0), times), ALL, prediction
        )
        for memory in (2**20, 8 * D)
    )
    for name, curve in whole.items():
        assert np.allclose(thrifty[name], curve, rtol=1e-9), name


def test_what_cannot_be_measured_is_refused_in_one_line():
    problem, start = random_problem("square"), np.array([0])
    plain = he_start(MLP((4, 16, 3), Activation.QUADRATIC), np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"expected 0 \(A3.2\)"):
        Descent(lr=0.1).run(NetStart(plain, problem), start, measure=measures(["early"]))
    with pytest.raises(ValueError, match="measure kkt-bound instead"):
        NetFlow(lam=0.1, memory=300_000).run(
            NetStart(quadratic(3), random_problem("square", m=32), 1.0),
            np.array([1.0]),
            measure=measures(["kkt"]),
        )
    with pytest.raises(ValueError, match="not homogeneous"):
        Descent(lr=0.1).run(
            NetStart(torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Tanh()), problem),
            start,
            measure=measures(["drift"]),
        )
    untested = replace(problem, x_test=problem.x_test[:0], y_test=problem.y_test[:0])
    with pytest.raises(ValueError, match="expected a test set"):
        Descent(lr=0.1).run(NetStart(plain, untested), start, measure=measures(["late"]))
    with pytest.raises(ValueError, match="pick some"):
        measures(["margin"])
    assert measures(["all"]) == ALL
