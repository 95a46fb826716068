"""The quasi-static path of completion: its limits, its history, and the flow it predicts."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import root

from grokflow.proofs_check.strategies import completions
from grokflow.simulations.completion.data import completion
from grokflow.simulations.completion.flow import CompletionFlow
from grokflow.simulations.completion.start import CompletionStart
from grokflow.theory.completion.entries import make_entries_problem
from grokflow.theory.completion.forecast import forecast_completion
from grokflow.theory.completion.frobenius import MinFrobeniusNorm
from grokflow.theory.completion.nuclear import MinNuclearNorm
from grokflow.theory.completion.path import least_move, path_scales, rate, trace_completion
from grokflow.theory.completion.problem import TestEntries as Targets
from grokflow.theory.completion.problem import make_measurement_problem
from grokflow.theory.completion.spaces.symmetric import SymmetricMatrices
from grokflow.theory.diagonal.path import trace
from grokflow.theory.linear.problem import Task, make_problem
from grokflow.theory.predictor import NoPredictor
from grokflow.theory.samples import StoredTestSet
from grokflow.theory.transition.scores import Kind
from grokflow.theory.transition.times import crossing
from tests.reference import completion_flow

RTOL = 1e-9


def random_problem(seed=3, d=5, n=8):
    """Return general measurements that do not commute, of a positive rank-one matrix."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(0.5, 1.5, d)
    a = rng.standard_normal((n, d, d))
    a = (a + a.transpose(0, 2, 1)) / 2
    return a, np.einsum("nij,i,j->n", a, x, x)


def entries_of(problem):
    return np.stack(
        [problem.measurements.adjoint(row) for row in np.eye(problem.measurements.size)]
    )


def test_every_symmetric_matrix_is_a_product_state():
    """W = β (M - 1/M) and S = β (M + 1/M) for M = (W + S) / 2β > 0."""
    rng, beta = np.random.default_rng(0), 0.3
    w = rng.standard_normal((5, 5))
    w = w + w.T
    s = SymmetricMatrices(5).metric(w, beta)
    m = (w + s) / (2 * beta)
    assert np.linalg.eigvalsh(m).min() > 0
    inverse = np.linalg.inv(m)
    assert np.allclose(w, beta * (m - inverse))
    assert np.allclose(s, beta * (m + inverse))


def test_a_move_changes_the_measurements_as_asked_and_least():
    a, y = random_problem()
    problem = make_measurement_problem("x", a, y)
    rng = np.random.default_rng(1)
    s = problem.space.metric(MinFrobeniusNorm().predict(problem).matrix, 0.1)
    asked = rng.standard_normal(len(y))
    change = least_move(problem, s, asked)
    assert np.allclose(problem.measurements.apply(change), asked)
    # The least change in the metric of S is SH + HS with H in the span of the A_i.
    values, q = np.linalg.eigh(s)
    h = q @ ((q.T @ change @ q) / (values[:, None] + values)) @ q.T
    span = a.reshape(len(a), -1).T
    assert np.linalg.matrix_rank(np.column_stack([span, h.ravel()]), tol=1e-8) == len(a)


def test_what_leaves_the_measurements_is_drawn_back():
    a, y = random_problem()
    problem = make_measurement_problem("x", a, y)
    w = MinFrobeniusNorm().predict(problem).matrix + 0.1 * np.eye(5)
    drift = problem.measurements.apply(rate(problem, 0.5, w))
    assert np.allclose(drift, -2 * problem.residuals(w))


def test_commuting_measurements_follow_the_path_of_the_diagonal_net():
    """In any common eigenbasis; eigenvalues are weights of `grokflow.theory.diagonal.path`."""
    rng = np.random.default_rng(5)
    x, y = rng.standard_normal((4, 8)), rng.standard_normal(4)
    q = np.linalg.qr(rng.standard_normal((8, 8)))[0]
    log_beta = np.arange(4.0, -8.0, -0.5)
    vectors = make_problem("x", Task.REGRESSION, x, y, StoredTestSet(x, y))
    expected = trace(vectors, log_beta, tolerance=1e-9).weights.T
    rotated = np.einsum("ij,nj,kj->nik", q, x, q)
    problem = make_measurement_problem("x", (rotated + rotated.transpose(0, 2, 1)) / 2, y)
    found = trace_completion(problem, log_beta, rtol=RTOL).matrices
    eigen = np.einsum("ji,kjl,lm->kim", q, found, q)
    size = np.abs(expected).max()
    # The start in the kernel regime is good to 1e-6 and forgotten like β.
    assert np.abs(np.diagonal(eigen, axis1=1, axis2=2) - expected).max() <= 1e-6 * size
    assert np.abs(eigen - eigen * np.eye(8)).max() <= 1e-6 * size


@settings(max_examples=4)
@given(completions(max_d=5), st.integers(0, 1000))
def test_the_path_obeys_the_laws_of_the_flow(problem, seed):
    """Scaling y and β, W -> -W (U and V exchanged), a permuted basis, repeated measurements."""
    rng = np.random.default_rng(seed)
    basis = rng.permutation(problem.d)
    a, y = entries_of(problem), problem.values
    log_beta = np.log(
        problem.space.operator_norm(MinFrobeniusNorm().predict(problem).matrix)
    ) + np.array([1, -4])
    path = trace_completion(problem, log_beta, rtol=RTOL).matrices
    permuted = a[:, basis][:, :, basis]
    pairs = {
        "scaled": (a, 3 * y, log_beta + np.log(3), 3 * path),
        "reflected": (a, -y, log_beta, -path),
        "permuted": (permuted, y, log_beta, path[:, basis][:, :, basis]),
        "repeated": (np.concatenate([a, 2 * a]), np.concatenate([y, 2 * y]), log_beta, path),
    }
    for name, (matrices, values, scales, expected) in pairs.items():
        other = make_measurement_problem(name, matrices, values)
        found = trace_completion(other, scales, rtol=RTOL).matrices
        assert np.abs(found - expected).max() <= 1000 * RTOL * np.abs(expected).max(), name


def test_what_the_integrator_leaves_of_the_measurements_is_taken_away():
    problem = completion(d=6, fraction=0.7)
    path = trace_completion(problem, path_scales(problem, step=0.5), rtol=1e-3)
    misses = [np.abs(problem.residuals(w)).max() for w in path.matrices]
    assert max(misses) <= 10 * np.finfo(float).eps * np.abs(problem.values).max()


def test_the_kernel_limit_is_the_least_frobenius_norm_with_second_order():
    a, y = random_problem()
    problem = make_measurement_problem("x", a, y)
    early = MinFrobeniusNorm().predict(problem).matrix
    log_beta = np.log(problem.space.operator_norm(early)) + np.array([4.0, 3.5, 3.0, 2.5, 2.0])
    found = trace_completion(problem, log_beta, rtol=1e-10).matrices
    away = np.linalg.norm(found - early, axis=(1, 2))
    slopes = np.diff(np.log(away)) / np.diff(log_beta)
    assert np.allclose(slopes, -2, atol=0.05)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_rich_limit_nears_the_least_nuclear_norm_here(seed):
    """On these data the excess falls all the way; the theory promises it only if A_i commute."""
    problem = completion(d=12, fraction=0.3, seed=seed)
    least = MinNuclearNorm().predict(problem).certificate.upper
    size = np.log(problem.space.operator_norm(MinFrobeniusNorm().predict(problem).matrix))
    path = trace_completion(problem, size - np.array([-2.0, 4.0, 8.0, 12.0, 16.0, 20.0]))
    excess = np.array([problem.space.nuclear_norm(w) for w in path.matrices]) / least - 1
    assert (excess >= -1e-7).all()
    assert (np.diff(excess) < 0).all()
    assert excess[-1] <= 0.01


def potential_gap(problem, log_beta, nu):
    """Return ``A(2β sinh 2A*(ν)) - y``: what the minimiser of the spectral potential solves."""
    values, q = np.linalg.eigh(problem.measurements.adjoint(nu))
    w = (q * (2 * np.exp(log_beta) * np.sinh(2 * values))) @ q.T
    return problem.residuals(w)


def potential_minimiser(problem, log_beta):
    """Return the interpolant of least spectral hypentropy at the scale β."""
    nu = MinFrobeniusNorm().predict(problem).multipliers / (4 * np.exp(8.0))
    for level in np.arange(8.0, log_beta - 1e-9, -0.25):
        found = root(partial(potential_gap, problem, level), nu, tol=1e-12)
        nu = found.x
    assert found.success
    values, q = np.linalg.eigh(problem.measurements.adjoint(nu))
    return (q * (2 * np.exp(log_beta) * np.sinh(2 * values))) @ q.T


def test_without_commutation_the_path_is_no_minimiser_of_the_potential():
    a, y = random_problem()
    general = make_measurement_problem("general", a, y)
    diagonal = make_measurement_problem("diagonal", a[:4] * np.eye(5), y[:4])
    log_beta = -2.0
    away = []
    for problem in (general, diagonal):
        path = trace_completion(problem, np.array([8.0, log_beta]), rtol=RTOL).matrices[-1]
        least = potential_minimiser(problem, log_beta)
        away.append(np.linalg.norm(path - least) / np.linalg.norm(least))
    assert away[1] <= 1e-6
    assert away[0] >= 1e-3


@pytest.mark.parametrize("kind", ["entries", "general"])
def test_the_flow_is_within_order_lambda_of_the_path(kind):
    """(U, V) integrated with λ > 0: ten times smaller λ, ten times nearer."""
    if kind == "general":
        a, y = random_problem()
        problem = make_measurement_problem("x", a, y)
    else:
        problem = completion(d=6, fraction=0.4, seed=1)
        problem = replace(problem, values=6 * problem.values)
        a, y = entries_of(problem), problem.values
        a, y = (np.repeat(array, problem.counts, axis=0) for array in (a, y))
    alpha, times = 30.0, np.arange(1.0, 5.0, 0.25)
    path = trace_completion(problem, 2 * (np.log(alpha) - times), rtol=RTOL)
    lams = np.array([1e-2, 1e-3])
    away = [np.abs(completion_flow.matrices(a, y, alpha, x, times) - path.matrices) for x in lams]
    worst = [each.max() for each in away]
    slope = np.log(worst[0] / worst[1]) / np.log(lams[0] / lams[1])
    assert abs(slope - 1) <= 0.1
    assert worst[0] <= 10 * lams[0]


def test_the_predicted_transition_is_the_simulated_one():
    """To order λ, from the entries alone."""
    problem = completion(d=8, fraction=0.4, seed=2)
    problem = replace(
        problem,
        values=8 * problem.values,
        test=problem.test._replace(values=8 * problem.test.values),
    )
    alpha, lam = 100.0, 1e-3
    prediction = forecast_completion(problem, alpha=alpha, lam=lam)
    assert prediction.kind is Kind.GROKKING
    assert prediction.scores.error[0] > 5 * prediction.scores.error[1]
    a, y = entries_of(problem), problem.values
    a, y = (np.repeat(array, problem.counts, axis=0) for array in (a, y))
    when = prediction.transition
    times = when.lambda_t + np.linspace(-3, 6, 181)
    error = problem.score(completion_flow.matrices(a, y, alpha, lam, times)).error
    simulated = crossing(times, error, *map(float, prediction.scores.error[:2]))
    assert abs(simulated.lambda_t - when.lambda_t) <= 0.01
    assert abs(simulated.width - when.width) <= 0.01
    # The constant is that of λ → 0, from which λt* differs by the first order in λ.
    smaller = forecast_completion(problem, alpha=alpha, lam=1e-3 * lam)
    assert np.isclose(prediction.constant, smaller.transition.lambda_t - np.log(alpha), atol=1e-4)


def test_the_forecast_is_shifted_by_log_alpha():
    problem = completion(d=10, fraction=0.3)
    small, large = (forecast_completion(problem, alpha=x, lam=1e-4) for x in (1e2, 1e4))
    assert f"lambda_t={small.transition.lambda_t:.4g}" in repr(small)
    assert np.isclose(large.transition.lambda_t - small.transition.lambda_t, np.log(1e2), atol=1e-4)
    assert np.isclose(small.transition.width, large.transition.width, atol=1e-4)
    assert np.isclose(small.constant, large.constant, atol=1e-4)


def test_without_test_entries_there_is_no_kind_and_no_time():
    rows, columns = np.array([0, 0, 1]), np.array([0, 1, 2])
    problem = make_entries_problem("x", 3, rows, columns, np.array([1.0, 2.0, 3.0]))
    found = forecast_completion(problem, alpha=10.0, lam=1e-3)
    assert found.kind is Kind.NEITHER
    assert np.isnan(found.transition.lambda_t)
    assert np.isnan(found.scores.error).all()
    assert found.limit.certificate.gap <= 1e-7


def test_a_small_scale_starts_beyond_the_transition():
    """The law ``λt* = log α + C`` holds on: the time is before the start of the flow."""
    problem = completion(d=10, fraction=0.3)
    large, small = (forecast_completion(problem, alpha=x, lam=1e-3) for x in (10.0, 0.1))
    assert small.transition.lambda_t < 0 < large.transition.lambda_t
    assert np.isclose(small.constant, large.constant, atol=1e-4)
    # The path goes on through the time of the flow, which has the late matrix at once.
    assert small.path_times[0] < 0 < small.path_times[-1] - 7
    run = CompletionFlow(lam=1e-3).run(CompletionStart(problem, 0.1), np.array([1.0, 8.0]))
    early, late = small.scores.error[:2]
    assert (np.abs(run.test_scores().error - late) < 0.5 * abs(early - late)).all()


def test_scores_are_mean_squares_over_the_test_entries():
    rows = np.array([0])
    targets = Targets(np.array([0, 1]), np.array([2, 1]), np.array([1.0, 2.0]))
    problem = make_entries_problem("x", 3, rows, rows, np.array([1.0]), targets)
    found = problem.score(np.stack([np.zeros((3, 3)), np.ones((3, 3))]))
    assert np.allclose(found.error, [2.5, 0.5])
    # The mean of the one entry that is observed is 1, which is one of the two that are tested.
    assert (found.baseline, found.zero) == (0.5, 2.5)
    assert found.size == 2
    # An entry and its mirror are one: of six, five are hidden, and two of them are drawn, so that
    # 1 - 2/5 of the variance is left.
    assert np.allclose(found.spread, np.array([1.5, 0.5]) * np.sqrt(0.6 / 2))
    everything = completion(d=5, fraction=0.4)
    assert everything.score(np.zeros((1, 5, 5))).spread == 0


def test_values_that_no_matrix_has_are_refused():
    a = np.stack([np.eye(3), 2 * np.eye(3)])
    problem = make_measurement_problem("x", a, np.array([1.0, 3.0]))
    with pytest.raises(NoPredictor, match="no symmetric matrix"):
        forecast_completion(problem, alpha=10.0, lam=1e-3)


def test_figure_3_is_traced_in_bounded_work_and_its_error_falls():
    problem = completion()
    path = trace_completion(problem, path_scales(problem))
    assert path.evaluations <= 400
    error = problem.score(path.matrices).error
    assert error[0] >= 0.9 * problem.score(np.zeros((1, 97, 97))).error[0]
    assert (np.diff(error) < 0).all()
    assert error[-1] <= 0.01 * error[0]
    # Local errors of 1e-7 of the largest eigenvalue add up to less than a hundred of them.
    tighter = trace_completion(problem, path_scales(problem)[:100], rtol=1e-9)
    size = problem.space.operator_norm(MinFrobeniusNorm().predict(problem).matrix)
    assert np.abs(tighter.matrices - path.matrices[:100]).max() <= 100 * 1e-7 * size


@pytest.mark.parametrize("lam", [1e-3, 4e-3])
def test_the_interval_holds_the_time_of_the_flow_and_what_is_left_is_of_second_order(lam):
    problem = completion(d=8, fraction=0.6, seed=3)
    found = forecast_completion(problem, alpha=100.0, lam=lam)
    limit, (low, high) = found.leading_order + found.constant, found.interval
    times = np.linspace(0.005, 16, 3200)
    flow = CompletionFlow(lam=lam, rtol=1e-6).run(CompletionStart(problem, alpha=100.0), times)
    when = flow.transition(*found.scores.error[:2]).lambda_t
    assert low <= when <= high
    assert abs(found.transition.lambda_t - when) < abs(limit - when) / 2
    assert high - low < 3 * abs(limit - when)


@pytest.mark.parametrize(
    ("log_beta", "rtol", "message"),
    [
        ([], RTOL, "log_beta is empty, expected at least one scale"),
        ([0.0, np.nan], RTOL, r"log_beta\[1\] is nan, expected finite numbers"),
        ([1.0, 2.0], RTOL, "log_beta goes from 1 to 2, expected scales that fall"),
        ([1.0], 1.0, "rtol is 1, expected 1e-13 to 0.1"),
    ],
)
def test_scales_and_tolerances_without_a_path_are_refused(log_beta, rtol, message):
    with pytest.raises(ValueError, match=message):
        trace_completion(completion(d=4, fraction=0.6), np.array(log_beta), rtol=rtol)
