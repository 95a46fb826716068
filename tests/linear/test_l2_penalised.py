"""The L2-penalised predictor: certified, equal to cvxpy and to ridge, and both of its limits."""

import cvxpy
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grokflow.theory.linear import certificates
from grokflow.theory.linear.l2 import MaxL2Margin, MinL2Norm
from grokflow.theory.linear.penalised import L2Penalised
from grokflow.theory.losses import LOSSES
from tests.reference.normal_problems import interpolable, separable

GAP = 1e-7


@settings(max_examples=20)
@given(
    separable(), st.sampled_from(["logistic", "exponential"]), st.sampled_from([1.0, 1e-2, 1e-6])
)
def test_classifiers_are_certified_and_a_perturbed_answer_is_not(problem, loss, lam):
    found = L2Penalised(LOSSES[loss], lam).predict(problem)
    assert 0 <= found.certificate.gap + 1e-12 <= GAP
    worse = certificates.l2_penalised(problem, 1.1 * found.w, found.multipliers, LOSSES[loss], lam)
    # ½λ‖w - w*‖² of strong convexity.
    assert worse.upper - found.certificate.lower >= lam / 2 * 0.01 * found.w @ found.w * (1 - 1e-6)


@settings(max_examples=6)
@given(separable(max_n=6, max_d=20))
def test_classifiers_agree_with_cvxpy(problem):
    z, w, lam = problem.inputs.to_array(), cvxpy.Variable(problem.d), 1e-2
    goal = cvxpy.sum(cvxpy.logistic(-(z @ w))) / problem.n + lam / 2 * cvxpy.sum_squares(w)
    best = cvxpy.Problem(cvxpy.Minimize(goal)).solve(solver=cvxpy.CLARABEL)
    found = L2Penalised(LOSSES["logistic"], lam).predict(problem)
    assert np.isclose(found.certificate.upper, best, rtol=1e-6)


@settings(max_examples=20)
@given(interpolable(), st.sampled_from([1.0, 1e-3]))
def test_regression_is_ridge(problem, lam):
    """The closed form ``w = Xᵀ (K + nλ/2)⁻¹ y``, to rounding times the condition of K + nλ/2."""
    gram, n = problem.inputs.gram, problem.n
    kernel = gram + n * lam / 2 * np.eye(n)
    w = problem.inputs.correlate(np.linalg.solve(kernel, problem.targets))
    found = L2Penalised(LOSSES["square"], lam).predict(problem).w
    allowed = 1e-8 + 100 * np.finfo(float).eps * np.linalg.cond(kernel)
    assert np.linalg.norm(found - w) <= allowed * max(np.linalg.norm(w), 1e-300)


def test_the_limits_are_the_margin_and_the_interpolant_with_their_rates():
    rng = np.random.default_rng(0)
    from grokflow.theory.linear.problem import Task, make_problem
    from grokflow.theory.samples import StoredTestSet

    x = rng.standard_normal((10, 30))
    y = np.sign(x[:, 0])
    classes = make_problem("c", Task.CLASSIFICATION, x, y, StoredTestSet(x, y))
    targets = make_problem("r", Task.REGRESSION, x, x[:, 0], StoredTestSet(x, y))
    best = MaxL2Margin().predict(classes).margin
    lams = np.array([1e-20, 1e-40, 1e-80])
    margins = [
        L2Penalised(LOSSES["exponential"], float(lam)).predict(classes).margin for lam in lams
    ]
    shortfall = 1 - np.array(margins) / best
    # Margins sit at log(1/λ) up to O(1): the shortfall halves when log(1/λ) doubles, or faster.
    assert (shortfall[1:] <= 0.6 * shortfall[:-1] + 1e-9).all()
    interpolant = MinL2Norm().predict(targets).w
    errors = [
        np.linalg.norm(L2Penalised(LOSSES["square"], lam).predict(targets).w - interpolant)
        for lam in (1e-3, 1e-4, 1e-5)
    ]
    slope = np.polyfit(np.log([1e-3, 1e-4, 1e-5]), np.log(errors), 1)[0]
    assert slope == pytest.approx(1, abs=0.02)
