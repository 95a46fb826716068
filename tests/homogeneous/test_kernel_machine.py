"""Kernel machines: laws, oracles, certificates that reject perturbed answers, and refusals."""

import cvxpy
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grokflow.theory.completion.tangent import FactorisationTangent
from grokflow.theory.diagonal.tangent import DiagonalTangent
from grokflow.theory.homogeneous.certificates import kernel_margin, kernel_norm
from grokflow.theory.homogeneous.kernel_machine import MaxKernelMargin, MinKernelNorm, one_vs_rest
from grokflow.theory.linear.l2 import MaxL2Margin, MinL2Norm
from grokflow.theory.predictor import NotInterpolable, NotResolved, NotSeparable
from tests.reference.normal_problems import interpolable, separable

# Certified relative gaps; two certified optima differ by at most the sum of both.
GAP = 1e-9
ORACLE = 1e-6


class Given:
    """A kernel given as a positive semidefinite matrix; inputs are its row numbers."""

    def __init__(self, matrix, outputs=1):
        self.matrix, self.outputs = matrix, outputs

    def gram(self, x):
        return self.cross(x, x)

    def cross(self, x_new, x):
        rows, columns = (
            (i[:, None] * self.outputs + np.arange(self.outputs)).ravel() for i in (x_new, x)
        )
        return self.matrix[np.ix_(rows, columns)]


def draw(seed, n, outputs=1):
    """Return a random kernel of full rank and random labels ±1."""
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((n * outputs, 3 * n * outputs))
    shape = n if outputs == 1 else (n, outputs)
    return Given(features @ features.T, outputs), np.arange(n), rng.choice([-1.0, 1.0], shape)


KERNELS = st.builds(draw, st.integers(0, 2**32 - 1), st.integers(2, 10))
BOTH = (MaxKernelMargin(), MinKernelNorm())


@settings(max_examples=10)
@given(st.integers(0, 2**32 - 1), st.integers(2, 8), st.integers(1, 3))
def test_both_machines_are_certified_and_agree_with_cvxpy(seed, n, outputs):
    kernel, x, y = draw(seed, n, outputs)
    root = np.linalg.cholesky(kernel.matrix)
    for machine in BOTH:
        h = cvxpy.Variable(n * outputs)
        f = root @ h
        constraint = cvxpy.multiply(y.ravel(), f) >= 1 if machine is BOTH[0] else f == y.ravel()
        oracle = cvxpy.Problem(cvxpy.Minimize(cvxpy.sum_squares(h) / 2), [constraint])
        expected = oracle.solve(solver=cvxpy.CLARABEL)
        found = machine.predict(kernel, x, y).certificate
        assert -1e-12 <= found.gap <= GAP
        assert found.infeasibility <= GAP
        assert abs(found.upper - expected) <= (GAP + ORACLE) * expected


@given(KERNELS)
def test_margins_are_one_on_the_support_and_at_least_one_elsewhere(problem):
    kernel, x, y = problem
    found = MaxKernelMargin().predict(kernel, x, y)
    q = y * found.outputs(x)
    assert q.min() >= 1 - GAP
    assert (found.multipliers >= 0).all()
    # Complementary slackness: μᵀ(q - 1) is twice the gap.
    assert found.multipliers @ np.abs(q - 1) <= GAP * found.certificate.upper
    size = np.sqrt(found.coefficients @ kernel.matrix @ found.coefficients)
    assert np.isclose(found.margin, q.min() / size, rtol=GAP)


@given(KERNELS)
def test_interpolants_interpolate(problem):
    kernel, x, y = problem
    found = MinKernelNorm().predict(kernel, x, y)
    assert np.abs(found.outputs(x) - y).max() <= GAP
    assert found.margin is None


@given(KERNELS, st.floats(1e-6, 1e6))
def test_scaling_the_kernel_scales_the_norm_and_no_prediction(problem, factor):
    kernel, x, y = problem
    for machine in BOTH:
        before = machine.predict(kernel, x, y)
        after = machine.predict(Given(factor * kernel.matrix), x, y)
        assert np.allclose(after.outputs(x), before.outputs(x), atol=1e-8)
        assert np.isclose(after.certificate.upper, before.certificate.upper / factor, rtol=GAP)
        if before.margin is not None:
            assert np.isclose(after.margin, np.sqrt(factor) * before.margin, rtol=GAP)


@given(KERNELS, st.integers(0, 2**32 - 1))
def test_order_and_copies_of_samples_change_no_prediction(problem, seed):
    kernel, x, y = problem
    rows = np.random.default_rng(seed).permutation(len(x))
    for machine in BOTH:
        before = machine.predict(kernel, x, y).outputs(x)
        for other in (rows, np.append(x, x[0])):
            after = machine.predict(kernel, x[other], y[other])
            assert np.allclose(after.outputs(x), before, atol=1e-8)
            assert after.certificate.gap <= GAP


@given(KERNELS)
def test_flipping_all_labels_flips_the_predictor(problem):
    kernel, x, y = problem
    for machine in BOTH:
        before, after = machine.predict(kernel, x, y), machine.predict(kernel, x, -y)
        assert np.allclose(after.outputs(x), -before.outputs(x), atol=1e-9)
        assert np.allclose(after.multipliers, (1 if before.margin else -1) * before.multipliers)


@given(separable(), st.integers(2, 5))
def test_diagonal_nets_of_any_depth_have_the_max_l2_margin(problem, depth):
    z = problem.inputs.to_array()
    y = np.where(z[:, 0] > 0, 1.0, -1.0)
    linear = MaxL2Margin().predict(problem)
    found = MaxKernelMargin().predict(DiagonalTangent(depth), z * y[:, None], y)
    new = np.random.default_rng(0).standard_normal((4, problem.d))
    assert np.allclose(found.outputs(new), new @ linear.w, atol=1e-7 * np.abs(linear.w).sum())
    # The features are L (x, -x), of norm √2 L ‖x‖.
    assert np.isclose(found.margin, np.sqrt(2) * depth * linear.margin, rtol=1e-8)


@given(interpolable(), st.integers(2, 5))
def test_diagonal_nets_of_any_depth_have_the_min_l2_norm(problem, depth):
    linear = MinL2Norm().predict(problem)
    x = problem.inputs.to_array()
    found = MinKernelNorm().predict(DiagonalTangent(depth), x, problem.targets)
    new = np.random.default_rng(0).standard_normal((4, problem.d))
    assert np.allclose(found.outputs(new), new @ linear.w, atol=1e-7 * np.abs(linear.w).sum())


@settings(max_examples=10)
@given(KERNELS, st.integers(0, 2**32 - 1), st.integers(2, 4))
def test_copies_of_a_model_and_a_model_of_copies_agree(problem, seed, classes):
    """One kernel with C columns of targets is the (nC, nC) kernel K ⊗ I of C outputs."""
    kernel, x, _ = problem
    y = np.random.default_rng(seed).choice([-1.0, 1.0], (len(x), classes))
    joint = Given(np.kron(kernel.matrix, np.eye(classes)), classes)
    for machine in BOTH:
        one, other = machine.predict(kernel, x, y), machine.predict(joint, x, y)
        assert np.allclose(one.outputs(x), other.outputs(x), atol=1e-8)
        assert np.isclose(one.certificate.upper, other.certificate.upper, rtol=2 * GAP)
        single = machine.predict(kernel, x, y[:, 1])
        assert np.allclose(one.outputs(x)[:, 1], single.outputs(x), atol=1e-12)
        if one.margin is not None:
            assert np.isclose(one.margin, other.margin, rtol=GAP)


def test_classes_are_told_apart_one_against_the_rest():
    rng = np.random.default_rng(4)
    labels = np.repeat(np.arange(3), 5)
    x = 3 * np.eye(3)[labels] @ rng.standard_normal((3, 20)) + 0.1 * rng.standard_normal((15, 20))
    assert one_vs_rest(labels).tolist()[5] == [-1, 1, -1]
    found = MaxKernelMargin().predict(DiagonalTangent(2), x, one_vs_rest(labels))
    assert (found.classes(x) == labels).all()
    assert found.certificate.gap <= GAP


@pytest.mark.parametrize("outputs", [1, 2])
def test_certificates_reject_perturbed_answers(outputs):
    kernel, _, y = draw(7, 8, outputs)
    # A certificate knows columns of independent problems; several outputs are one column.
    y = y.reshape(-1)
    for machine, certify in ((BOTH[0], kernel_margin), (BOTH[1], kernel_norm)):
        found = machine.predict(Given(kernel.matrix), np.arange(len(y)), y)
        mu = found.multipliers
        assert certify(kernel.matrix, y, mu).gap <= GAP
        worse = mu.copy()
        worse[np.argmax(np.abs(mu))] *= 0.98
        bad = certify(kernel.matrix, y, worse)
        assert bad.gap > 1e-4 and bad.infeasibility > 1e-3
    assert kernel_margin(kernel.matrix, y, -mu * y).gap == np.inf


@given(KERNELS, st.integers(0, 10_000))
def test_certificates_bound_the_optimum_for_any_multipliers(problem, seed):
    kernel, x, y = problem
    rng = np.random.default_rng(seed)
    found = MaxKernelMargin().predict(kernel, x, y)
    for spread in (1e-3, 1e-1, 10.0):
        mu = found.multipliers * (1 + spread * rng.standard_normal(len(x)))
        bounds = kernel_margin(kernel.matrix, y, mu)
        assert bounds.lower <= found.certificate.upper * (1 + GAP)
        assert bounds.upper >= found.certificate.lower * (1 - GAP)


def test_labels_without_a_margin_are_not_told_from_a_tiny_margin_by_the_kernel_alone():
    """Its rounding leaves room for a margin: the bound that is proved is stated, and no more."""
    rng = np.random.default_rng(2)
    x = rng.standard_normal((40, 3))
    y = rng.choice([-1.0, 1.0], 40)
    with pytest.raises(NotResolved, match=r"margin at most .*e-0[5-9].*square loss"):
        MaxKernelMargin().predict(DiagonalTangent(2), x, y)


def test_a_kernel_of_few_digits_that_has_no_margin_comes_with_a_proof():
    x, y = np.array([[1.0, 1.0], [2.0, -1.0], [-3.0, 0.0]]), np.ones(3)
    with pytest.raises(NotSeparable, match=r"gradients y_i ∇f_i.*square loss") as caught:
        MaxKernelMargin().predict(DiagonalTangent(2), x, y)
    assert np.allclose(caught.value.certificate.multipliers, 1 / 3, rtol=1e-15)


def test_a_mirrored_entry_makes_the_kernel_singular_and_corollary_3_11_still_hold():
    """Observed entries and mirrors are fitted and all others stay zero, also where A3.8 fails."""
    entries = np.array([[0, 1], [1, 0], [2, 2], [0, 3]])
    values = np.array([5.0, 5.0, -2.0, 1.0])
    tangent = FactorisationTangent(4)
    assert np.linalg.matrix_rank(tangent.gram(entries)) == 3
    everywhere = np.argwhere(np.ones((4, 4), dtype=bool))
    w = MinKernelNorm().predict(tangent, entries, values).outputs(everywhere).reshape(4, 4)
    expected = np.zeros((4, 4))
    expected[0, 1] = expected[1, 0] = 5
    expected[2, 2], expected[0, 3], expected[3, 0] = -2, 1, 1
    assert np.allclose(w, expected, atol=1e-12)
    with pytest.raises(NotInterpolable, match="no h interpolates"):
        MinKernelNorm().predict(tangent, entries, np.array([5.0, 4.0, -2.0, 1.0]))


def factorisation_features(matrices, dimension):
    """Return the gradients of <UUᵀ - VVᵀ, A> at U = V = I by central differences, exact here."""
    identity, rows = np.eye(dimension), []
    for a in matrices:
        row = []
        for sign in (1, -1):
            for at in np.ndindex(dimension, dimension):
                step = np.zeros((dimension, dimension))
                step[at] = 0.5
                up, down = identity + step, identity - step
                row.append(sign * np.sum((up @ up.T - down @ down.T) * a))
        rows.append(row)
    return np.array(rows)


def test_the_factorisation_kernel_is_the_gram_matrix_of_its_gradients():
    rng = np.random.default_rng(6)
    tangent = FactorisationTangent(3)
    general = rng.standard_normal((5, 3, 3))
    entries = np.array([[0, 0], [0, 1], [1, 0], [2, 2], [2, 1]])
    masks = np.zeros((5, 3, 3))
    masks[np.arange(5), entries[:, 0], entries[:, 1]] = 1
    for x, matrices in ((general, general), (entries, masks), (masks, masks)):
        features = factorisation_features(matrices, 3)
        assert np.allclose(tangent.gram(x), features @ features.T, atol=1e-13 * 9 * 8)
    assert tangent.gram(entries)[0, 0] == tangent.gram(entries)[3, 3] == 8


REFUSED = {
    "labels": (MaxKernelMargin(), DiagonalTangent(), np.eye(2), np.array([0, 1]), "one_vs_rest"),
    "shape": (MinKernelNorm(), DiagonalTangent(), np.eye(2), np.ones(3), r"expected \(2,\)"),
    "nan": (MinKernelNorm(), DiagonalTangent(), np.eye(2), np.array([1, np.nan]), "finite"),
    "outputs": (MinKernelNorm(), Given(np.eye(4), 2), np.arange(2), np.ones(2), r"\(2, 2\)"),
    "zero": (
        MaxKernelMargin(),
        DiagonalTangent(),
        np.diag([1.0, 0]),
        np.ones(2),
        "output 1, counted",
    ),
    "kernel": (MinKernelNorm(), Given(np.full((2, 2), np.nan)), np.arange(2), np.ones(2), "kernel"),
    "empty": (MinKernelNorm(), DiagonalTangent(), np.ones((0, 2)), np.ones(0), "at least one"),
    "cube": (MinKernelNorm(), DiagonalTangent(), np.eye(2), np.ones((2, 1, 1)), "match the inputs"),
    "flat": (MinKernelNorm(), DiagonalTangent(), np.ones(2), np.ones(2), "reshape"),
    "index": (MinKernelNorm(), FactorisationTangent(2), np.array([[0, 2]]), np.ones(1), "0 to 1"),
    "kind": (MinKernelNorm(), FactorisationTangent(2), np.ones((1, 2)), np.ones(1), "integer"),
    "size": (
        MinKernelNorm(),
        FactorisationTangent(2),
        np.ones((1, 3, 3)),
        np.ones(1),
        "2, 2",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_refused_with_its_remedy(case):
    machine, tangent, x, y, message = REFUSED[case]
    with pytest.raises(ValueError, match=message) as caught:
        machine.predict(tangent, x, y)
    assert "\n" not in str(caught.value)


def test_depth_one_classes_and_mixed_measurements_are_refused():
    with pytest.raises(ValueError, match="expected 2 or more"):
        DiagonalTangent(1)
    with pytest.raises(ValueError, match="number them"):
        one_vs_rest(np.array([1, 2]))
    with pytest.raises(ValueError, match="in both"):
        FactorisationTangent(2).cross(np.array([[0, 1]]), np.ones((1, 2, 2)))
