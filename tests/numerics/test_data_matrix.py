"""Stored data lose nothing, and the fused pass equals the plain formula."""

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grokflow.simulations.linear.presets import sparse
from grokflow.simulations.runs.executors import one_thread
from grokflow.theory.diagonal.mirror import Hypentropy
from grokflow.theory.linear.proximal_points import SoftThreshold
from grokflow.theory.numerics.data_matrix import DataMatrix
from grokflow.theory.numerics.threads import default_threads


def matrix(seed, n, d):
    return np.random.default_rng(seed).standard_normal((n, d))


@pytest.mark.parametrize(
    ("array", "dtype"),
    [
        (np.array([[1.0, -1.0, 3.0]]), np.int8),
        (np.array([[0.5, -1.25, 300.0]]), np.float32),
        (np.array([[0.1, 1.0, 2.0]]), np.float64),
        (np.array([[1e300, 1.0, 2.0]]), np.float64),
    ],
)
def test_storage_is_the_smallest_that_is_exact(array, dtype):
    features = DataMatrix.from_array(array)
    assert features.blocks[0].dtype == dtype
    assert np.array_equal(features.to_array(), array)


@given(st.integers(0, 1000), st.integers(1, 9), st.sampled_from([1, 63, 64, 65, 8192, 20_000]))
def test_a_pass_over_blocks_equals_the_formula(seed, n, d):
    x = matrix(seed, n, d)
    features = DataMatrix.from_array(x)
    nu = np.random.default_rng(seed + 1).standard_normal(n) / np.sqrt(n)
    potential = Hypentropy(0.3, 1.7)
    xi = x.T @ nu
    w = potential.weights(xi)
    size = np.abs(x) @ np.abs(w) + 1e-300
    value, outputs = features.value_and_outputs(nu, potential)
    # Rounding of sums of d products, n in xi amplified by the condition of sinh.
    allowed = 100 * np.finfo(float).eps * (1 + 2 * np.abs(xi).max())
    assert (np.abs(outputs - x @ w) <= allowed * size).all()
    assert (np.abs(features.outputs(nu, potential) - x @ w) <= allowed * size).all()
    assert abs(value - potential.value(xi)) <= allowed * value * 10
    curvature = x * potential.curvature(xi) @ x.T
    assert np.allclose(features.curvature(nu, potential), curvature, rtol=1e-12, atol=1e-12 * d)
    assert np.allclose(features.gram, x @ x.T, rtol=1e-12, atol=1e-12 * d)
    assert np.allclose(features.combine(w), x @ w, rtol=1e-12, atol=1e-12 * d)


@pytest.mark.parametrize("d", [3, 9000])
def test_sizes_bound_the_terms_of_outputs(d):
    array = np.round(3 * matrix(d, 70, d))
    w = matrix(1, 1, d)[0]
    sizes = DataMatrix.from_array(array).sizes(w)
    assert np.allclose(sizes, np.abs(array) @ np.abs(w), rtol=1e-12)


def test_the_largest_column_bounds_every_correlation():
    x = matrix(3, 7, 500)
    features = DataMatrix.from_array(x)
    nu = np.random.default_rng(4).standard_normal(7)
    bound = features.largest_column * np.linalg.norm(nu)
    assert np.abs(features.correlate(nu)).max() <= bound
    assert np.isclose(features.largest_column, np.linalg.norm(x, axis=0).max())


@given(st.integers(0, 1000), st.sampled_from([1, 64, 65, 9000]), st.booleans())
def test_a_selection_of_columns_is_that_of_the_matrix(seed, d, whole):
    rng = np.random.default_rng(seed)
    x = rng.integers(-3, 4, (5, d)).astype(float) if whole else matrix(seed, 5, d)
    features = DataMatrix.from_array(x)
    columns = np.flatnonzero(rng.random(d) < 0.01)
    assert np.array_equal(features.take(columns), x[:, columns])
    w = np.zeros(d)
    w[columns] = 1.0
    exact = x[:, columns].sum(axis=1)
    assert np.allclose(features.combine(w), exact, rtol=1e-12, atol=1e-12)
    assert np.isclose(features.mean_square, np.mean(x**2), rtol=1e-12)


@pytest.mark.parametrize("largest", [1, 127])
def test_the_gram_matrix_of_whole_numbers_is_exact(largest):
    """With and without more than single precision could add exactly."""
    x = np.full((3, 5001), float(largest))
    x[1, ::2] *= -1
    assert np.array_equal(DataMatrix.from_array(x).gram, x @ x.T)


def test_zero_weights_cost_no_pass(monkeypatch):
    features = DataMatrix.from_array(matrix(5, 4, 300))
    monkeypatch.setattr(DataMatrix, "sweep", None)
    w = np.zeros(300)
    w[[3, 200]] = [1.0, -2.0]
    assert np.allclose(features.combine(w), features.to_array() @ w, rtol=1e-12)


@given(st.integers(0, 1000), st.integers(1, 6))
def test_active_columns_are_a_factor_of_the_curvature(seed, n):
    features = DataMatrix.from_array(matrix(seed, n, 70))
    nu = np.random.default_rng(seed).standard_normal(n)
    potential = SoftThreshold(np.zeros(70), 1.0)
    factor = features.active(nu, potential)
    assert factor.shape[1] == np.count_nonzero(potential.curvature(features.correlate(nu)))
    assert np.allclose(factor @ factor.T, features.curvature(nu, potential), rtol=1e-12, atol=1e-12)


def test_the_number_of_threads_is_chosen_when_data_are_made(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    x = matrix(5, 60, 40_000)
    nu = np.linspace(-1, 1, 60)
    made = DataMatrix.from_array(x)
    potential = Hypentropy(0.3, 1.7)
    outputs = made.outputs(nu, potential)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    with default_threads(2):
        assert made.threads == 3 and DataMatrix.from_array(x).threads == 2
        assert np.array_equal(made.outputs(nu, potential), outputs)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    before = dict(os.environ)
    with one_thread():
        alone = DataMatrix.from_array(x)
        assert alone.threads == sparse(n=20, d=50, n_test=10).test.threads == 1
        assert dict(os.environ) == before
    assert np.array_equal(
        alone.outputs(nu, potential), replace(made, threads=1).outputs(nu, potential)
    )
    assert DataMatrix.from_array(x).threads == 3


def test_outputs_on_a_generated_test_set_do_not_depend_on_the_threads():
    problem = sparse(n=20, d=300, n_test=1000)
    w = matrix(6, 300, 2)
    found = [replace(problem.test, threads=count).outputs(w).values for count in (1, 2, 3)]
    assert all(np.array_equal(values, found[0]) for values in found[1:])


FORKING = """
import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import numpy as np

from grokflow.theory.numerics.data_matrix import DataMatrix

made = DataMatrix.from_array(np.random.default_rng(0).standard_normal((60, 40_000)), threads=2)
here = made.correlate(np.ones(60))
with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork")) as pool:
    there = pool.submit(made.correlate, np.ones(60)).result()
assert np.array_equal(here, there)
"""


def test_a_forked_process_makes_threads_of_its_own():
    subprocess.run([sys.executable, "-c", FORKING], check=True, timeout=60)
