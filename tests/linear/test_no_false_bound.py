"""Certified intervals hold the optimum in exact rationals, or there is an error that is true."""

from collections import Counter

import numpy as np
import pytest

from grokflow.theory.linear.certificates import min_l2_norm
from grokflow.theory.linear.l1 import MaxL1Margin, MinL1Norm
from grokflow.theory.linear.l2 import MaxL2Margin, MinL2Norm
from grokflow.theory.linear.problem import StoredTestSet, Task, make_problem
from grokflow.theory.predictor import NotInterpolable, NotResolved, NotSeparable
from tests.linear.adversarial import draw, holds, is_resolved, optimum

PREDICTORS = (
    (MaxL2Margin(), Task.CLASSIFICATION, 2),
    (MaxL1Margin(), Task.CLASSIFICATION, 1),
    (MinL2Norm(), Task.REGRESSION, 2),
    (MinL1Norm(), Task.REGRESSION, 1),
)


def judged(seed):
    """Return what each predictor answers on one instance, against the exact optimum."""
    x, y, labels = draw(seed)
    for predictor, task, order in PREDICTORS:
        equal = task is Task.REGRESSION
        try:
            given = y if equal else labels
            problem = make_problem("p", task, x, given, StoredTestSet(x, given))
        except ValueError:
            continue
        signed = x if equal else x * labels[:, None]
        exact = optimum(signed, y if equal else np.ones(len(x)), order, equal)
        try:
            found = predictor.predict(problem)
        except (NotSeparable, NotInterpolable):
            yield "none" if exact is None else "false none"
        except NotResolved:
            resolved = exact is not None and is_resolved(signed, exact[1])
            yield "refused though resolved" if resolved else "not resolved"
        else:
            true = exact is not None and holds(found.certificate, exact[0])
            yield "true" if true and found.certificate.gap <= 1e-7 else "false"


def check(seeds):
    counts = Counter(answer for seed in seeds for answer in judged(seed))
    print(dict(counts))
    assert not counts["false"] and not counts["false none"]
    assert counts["none"] and counts["true"] > counts["not resolved"]
    # The goal of the package, one in a hundred of those that double precision holds.
    assert counts["refused though resolved"] <= 0.01 * counts["true"]


def test_no_bound_is_false_on_adversarial_instances():
    check(range(60))


@pytest.mark.slow
def test_no_bound_is_false_on_ten_thousand_adversarial_instances():
    check(range(1000, 4200))


@pytest.mark.parametrize("apart", [1e-7, 1e-12])
def test_near_copies_of_samples_get_no_bound_below_the_optimum(apart):
    for seed in range(10):
        rng = np.random.default_rng(seed)
        x, y = rng.standard_normal((4, 8)), rng.standard_normal(4)
        x[1], y[1] = x[0] + apart * rng.standard_normal(8), y[0] + apart * rng.standard_normal()
        problem = make_problem("p", "regression", x, y, StoredTestSet(x, y))
        for predictor, order in ((MinL2Norm(), 2), (MinL1Norm(), 1)):
            found = predictor.predict(problem).certificate
            assert found.gap <= 1e-7 and holds(found, optimum(x, y, order, True)[0])


@pytest.mark.parametrize("predictor", [MinL2Norm(), MinL1Norm()])
def test_zero_targets_are_reached_by_zero_weights(predictor):
    x = np.array([[1.0, 2.0], [3.0, -1.0]])
    found = predictor.predict(
        make_problem("p", "regression", x, np.zeros(2), StoredTestSet(x, x[0]))
    )
    assert not found.w.any()
    assert (found.certificate.lower, found.certificate.upper) == (0, 0)


@pytest.mark.parametrize("scale", [1e-150, 1e-100, 1e100, 1e150])
def test_the_scale_of_all_data_changes_no_gap(scale):
    x = scale * np.array([[1.0, 2.0, 0.0], [0.0, 1.0, -1.0]])
    for predictor, task, order in PREDICTORS:
        y = np.ones(2) if task is Task.CLASSIFICATION else np.full(2, scale)
        found = predictor.predict(make_problem("p", task, x, y, StoredTestSet(x, y))).certificate
        assert found.gap <= 1e-7
        assert holds(found, optimum(x, y, order, task is Task.REGRESSION)[0])


@pytest.mark.parametrize("predictor", [MaxL2Margin(), MaxL1Margin()])
def test_orthogonal_samples_of_any_sizes_are_separable(predictor):
    x = np.array([[1.0, 0.0], [0.0, 1e-7]])
    found = predictor.predict(
        make_problem("p", "classification", x, np.ones(2), StoredTestSet(x, x[0]))
    )
    assert found.certificate.gap <= 1e-7


@pytest.mark.parametrize("predictor", [MinL2Norm(), MinL1Norm()])
def test_a_vandermonde_matrix_of_full_rank_is_interpolated(predictor):
    x, y = np.vander(np.linspace(0, 1, 16)), np.sin(np.arange(16.0))
    problem = make_problem("p", "regression", x, y, StoredTestSet(x, y))
    assert predictor.predict(problem).certificate.gap <= 1e-7


def test_an_infeasible_point_has_no_finite_upper_bound():
    """One row small beside the others, missed by 100 %: relative to its own size it counts."""
    x, y = np.diag([1.0, 1e-8]), np.array([1.0, 1e-8])
    problem = make_problem("p", "regression", x, y, StoredTestSet(x, y))
    found = min_l2_norm(problem, np.array([1.0, 0.0]), np.array([1.0, 0.0]))
    assert found.upper >= 1 and found.infeasibility >= 0.4
