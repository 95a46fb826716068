"""A matrix stored by its nonzero entries answers as the same matrix stored in full does."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from grokflow.theory.diagonal.mirror import Hypentropy
from grokflow.theory.linear.proximal_points import SoftThreshold
from grokflow.theory.numerics.data_matrix import DataMatrix
from grokflow.theory.numerics.design_matrix import design_matrix
from grokflow.theory.numerics.sparse_matrix import SparseMatrix

FORMATS = ["csr", "csc", "coo", "lil", "dok"]


def table(seed, n, d, density):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, d)) * (rng.random((n, d)) < density)


@pytest.mark.parametrize("kind", ["array", "matrix"])
@pytest.mark.parametrize("form", FORMATS)
def test_every_sparse_format_is_kept_sparse_and_whole(form, kind):
    x = table(0, 5, 7, 0.4)
    given_ = (sparse.csr_array if kind == "array" else sparse.csr_matrix)(x).asformat(form)
    stored = design_matrix(given_)
    assert isinstance(stored, SparseMatrix)
    assert np.array_equal(stored.to_array(), x)
    assert isinstance(design_matrix(x), DataMatrix)


def test_entries_that_are_given_twice_add_and_explicit_zeros_go():
    entries = [1.0, 2.0, 0.0], ([0, 0, 1], [1, 1, 0])
    stored = design_matrix(sparse.coo_array(entries, shape=(2, 2)))
    assert np.array_equal(stored.to_array(), [[0.0, 3.0], [0.0, 0.0]])
    assert stored.entries.nnz == 1


@given(st.integers(0, 1000), st.integers(1, 9), st.sampled_from([1, 7, 65]), st.floats(0, 1))
def test_products_are_those_of_the_full_matrix(seed, n, d, density):
    x = table(seed, n, d, density)
    full, stored = DataMatrix.from_array(x), design_matrix(sparse.csr_array(x))
    rng = np.random.default_rng(seed + 1)
    nu, w = rng.standard_normal(n) / np.sqrt(n), rng.standard_normal((d, 3))
    # Sums of at most d or n products of numbers of order one; curvatures stay below 100.
    close = {"rtol": 1e-12, "atol": 1e-12 * (n + d) * 100}
    for name, arguments in (
        ("correlate", (nu,)),
        ("correlate", (rng.standard_normal((2, n)),)),
        ("combine", (w,)),
        ("combine", (w[:, 0],)),
        ("sizes", (w[:, 0],)),
        ("take", (np.flatnonzero(w[:, 0] > 0),)),
        ("weighted_gram", (w[:, 1],)),
        ("weighted_gram", (np.maximum(w[:, 1], 0),)),
    ):
        expected = getattr(full, name)(*arguments)
        found = getattr(stored, name)(*arguments)
        assert found.shape == expected.shape and np.allclose(found, expected, **close)
    for potential in (Hypentropy(0.3, 1.7), SoftThreshold(w[:, 2], 1.0)):
        assert np.allclose(stored.outputs(nu, potential), full.outputs(nu, potential), **close)
        ours, theirs = (m.value_and_outputs(nu, potential) for m in (stored, full))
        assert np.isclose(ours[0], theirs[0], **close) and np.allclose(ours[1], theirs[1], **close)
        curvature = full.curvature(nu, potential)
        assert np.allclose(stored.curvature(nu, potential), curvature, **close)
        factor = stored.active(nu, potential)
        few = 2 * np.count_nonzero(potential.curvature(full.correlate(nu))) <= n
        assert (factor is not None) == few
        assert factor is None or np.allclose(factor @ factor.T, curvature, **close)
    for name in ("gram", "mean_square", "largest_column", "column_squares"):
        assert np.allclose(getattr(stored, name), getattr(full, name), **close)
    columns = np.flatnonzero(w[:, 0] > 0)
    assert np.array_equal(stored.restricted(columns).to_array(), x[:, columns])


@given(st.integers(0, 1000))
def test_equal_columns_are_found_up_to_their_sign(seed):
    rng = np.random.default_rng(seed)
    x = rng.integers(-1, 2, (3, 20)).astype(float)
    full, stored = DataMatrix.from_array(x), design_matrix(sparse.csr_array(x))
    (sign, group), (expected_sign, expected_group) = stored.alike, full.alike
    assert np.array_equal(sign, expected_sign)
    same = group[:, None] == group
    assert np.array_equal(same, expected_group[:, None] == expected_group)
    assert np.array_equal(same, ((x * sign).T[:, None] == (x * sign).T).all(axis=2))
