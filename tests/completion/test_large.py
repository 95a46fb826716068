"""Large rectangular matrices: the same answers by other means, and refusals before the work."""

import numpy as np
import pytest

from grokflow.simulations.completion.flow import CompletionFlow, check_kernel
from grokflow.simulations.completion.start import CompletionStart
from grokflow.theory.completion import effort, path
from grokflow.theory.completion.effort import effort_for
from grokflow.theory.completion.entries import make_entries_problem
from grokflow.theory.completion.forecast import forecast_completion
from grokflow.theory.completion.frobenius import MinFrobeniusNorm
from grokflow.theory.completion.measurements import Matrices
from grokflow.theory.completion.nuclear import MinNuclearNorm, NuclearPenalised
from grokflow.theory.completion.path import least_move, path_scales, trace_completion
from grokflow.theory.completion.problem import TestEntries as Targets
from grokflow.theory.completion.problem import make_measurement_problem
from grokflow.theory.completion.spaces import blocks
from grokflow.theory.completion.spaces.blocks import BlockMatrices
from grokflow.theory.numerics.newton import NotConverged
from grokflow.theory.transition.scores import Kind


def ratings(u=12, i=20, n=120, n_test=60, seed=0):
    """Return entries of a matrix of ratings: a mean, a rank of two, and noise."""
    rng = np.random.default_rng(seed)
    rows, columns = np.divmod(rng.choice(u * i, n + n_test, replace=False), i)
    truth = 3.5 + rng.standard_normal((u, 2)) @ rng.standard_normal((2, i)) / 2
    values = truth[rows, columns] + 0.3 * rng.standard_normal(n + n_test)
    test = Targets(rows[n:], columns[n:], values[n:])
    return make_entries_problem("ratings", (u, i), rows[:n], columns[:n], values[:n], test)


def symmetric():
    rng = np.random.default_rng(1)
    rows, columns = np.triu_indices(6)
    return make_entries_problem("x", 6, rows[::2], columns[::2], rng.standard_normal(11))


def general():
    rng = np.random.default_rng(2)
    a = rng.standard_normal((5, 4, 4))
    return make_measurement_problem("x", a + a.transpose(0, 2, 1), rng.standard_normal(5))


@pytest.mark.parametrize("make", [ratings, symmetric, general])
def test_the_product_with_the_kernel_is_that_of_the_kernel(make):
    problem = make()
    measurements, rng = problem.measurements, np.random.default_rng(3)
    assert isinstance(measurements, Matrices) == (make is general)
    w = problem.space.stored(problem.space.embed(rng.standard_normal(problem.space.shape)))
    s = problem.space.metric(w + w.T if problem.space.square else w, 0.3)
    kernel, product = measurements.metric_gram(s), measurements.metric_product(s)
    x = rng.standard_normal(measurements.size)
    # Sums of some hundred products of order ten.
    assert np.allclose(product.of(x), kernel @ x, rtol=0, atol=1e-12 * np.abs(kernel).sum())
    assert np.allclose(product.diagonal, np.diagonal(kernel), rtol=1e-12)


def test_moves_found_by_conjugate_gradients_are_the_direct_ones(monkeypatch):
    problem = ratings()
    s = problem.space.metric(trace_completion(problem, np.array([0.0])).matrices[0], 1.0)
    change = np.random.default_rng(4).standard_normal(problem.measurements.size)
    direct = least_move(problem, s, change)
    monkeypatch.setattr(path, "DIRECT", 10)
    found = least_move(problem, s, change, 1e-10)
    # The preconditioned residual bounds the error up to the condition of the kernel, below 1e3.
    assert np.linalg.norm(found - direct) <= 1e-7 * np.linalg.norm(direct)
    monkeypatch.setattr(path, "_CONJUGATE_STEPS", 2)
    with pytest.raises(NotConverged, match="120 measurements is not resolved after 2 conjugate"):
        least_move(problem, s, change)


@pytest.mark.parametrize("shape", [(9, 14), (14, 9)])
def test_a_decomposition_through_squares_is_a_decomposition(monkeypatch, shape):
    rng, sigma = np.random.default_rng(5), 0.5
    a, h = rng.standard_normal((2, *shape))
    a[:, 3] = 0.0
    a[2] = a[4]
    space = BlockMatrices(*shape)
    exact, metric = space.shrunk(a, sigma), space.metric(a, 0.1)
    monkeypatch.setattr(blocks, "_LARGE", 4)
    found = space.shrunk(a, sigma)
    assert len(found.singular_values) < min(shape)
    # Kept singular values are a tenth of the largest at least: their squares lose two digits.
    assert np.allclose(found.matrix, exact.matrix, atol=1e-12)
    assert found.value == pytest.approx(exact.value, rel=1e-12)
    # Singular values below a millionth of the largest are taken for zero.
    assert np.allclose(found.derivative(h), exact.derivative(h), atol=1e-5)
    assert np.allclose(space.metric(a, 0.1), metric, atol=1e-12)


def test_a_large_matrix_has_the_forecast_of_a_small_one(monkeypatch):
    problem = ratings()
    exact = forecast_completion(problem, alpha=100.0, lam=1e-4)
    assert exact.kind is Kind.GROKKING
    assert exact.remark == ""
    monkeypatch.setattr(effort, "DIRECT", 100)
    monkeypatch.setattr(path, "DIRECT", 100)
    found = forecast_completion(problem, alpha=100.0, lam=1e-4)
    assert found.kind is Kind.GROKKING
    # Predictors and path are solved to 1e-4 of W, twice that of its squares; the path crosses in
    # about one unit of λt.
    assert np.allclose(found.scores.error[:2], exact.scores.error[:2], rtol=0.02)
    assert found.transition.lambda_t == pytest.approx(exact.transition.lambda_t, abs=0.02)
    assert found.transition.width == pytest.approx(exact.transition.width, abs=0.05)
    assert len(found.path_times) == len(found.path_scores.error) < len(exact.path_times)
    assert found.path.matrices.shape == (1, 12, 20)
    assert "12 × 20 with 120 distinct entries is large" in found.remark
    assert found.path.evaluations < exact.path.evaluations


def test_a_large_matrix_without_a_change_is_not_followed(monkeypatch):
    problem = ratings(n_test=0)
    monkeypatch.setattr(effort, "DIRECT", 100)
    found = forecast_completion(problem, alpha=100.0, lam=1e-4)
    assert found.kind is Kind.NEITHER
    assert len(found.path_times) == 1
    assert np.isnan(found.transition.lambda_t)


def far(u, i, n=2):
    """Return n entries of a matrix too large to be held."""
    at = np.arange(n)
    return make_entries_problem("far", (u, i), at % u, at % i, np.ones(n))


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((10**6, 10**6), r"1000000 × 1000000, which takes 3.9e\+05 GiB and 3e\+21 operations"),
        ((8000, 9000), "8000 × 9000, which takes .*: take fewer rows or columns"),
    ],
)
def test_sizes_are_refused_before_the_work(shape, message):
    problem = far(*shape)
    for answer in (
        effort_for,
        MinFrobeniusNorm().predict,
        NuclearPenalised(1e-3).predict,
        MinNuclearNorm().predict,
        lambda problem: forecast_completion(problem, alpha=10.0, lam=1e-3),
    ):
        with pytest.raises(ValueError, match=message):
            answer(problem)
    assert not effort_for(far(1000, 1700)).whole
    assert effort_for(far(100, 170)).whole


def test_a_flow_whose_kernel_does_not_fit_is_refused():
    problem = far(200, 199, 30_000)
    with pytest.raises(ValueError, match=r"flow of 30000 distinct measurements of a 200 × 199 mat"):
        CompletionFlow(lam=1e-3).run(CompletionStart(problem, 1.0), np.array([0.0]))
    check_kernel(far(200, 199, 1000))
    assert len(path_scales(far(20, 30))) > 100
