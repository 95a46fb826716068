"""Certified intervals hold the optimum in exact rationals, or there is an error that is true."""

from collections import Counter
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer

from grokflow.theory.linear import exact
from grokflow.theory.linear.certificates import min_l2_norm
from grokflow.theory.linear.l1 import MaxL1Margin, MinL1Norm
from grokflow.theory.linear.l2 import MaxL2Margin, MinL2Norm
from grokflow.theory.linear.problem import Task, make_problem
from grokflow.theory.numerics.rational import fraction, matrix, one_norm, squared_norm
from grokflow.theory.predictor import NotInterpolable, NotResolved, NotSeparable
from grokflow.theory.samples import StoredTestSet
from tests.linear.adversarial import KINDS, draw, draw_wide, holds, is_resolved, optimum

CASES = Path(__file__).parents[1] / "cases"
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
        best = optimum(signed, y if equal else np.ones(len(x)), order, equal)
        try:
            found = predictor.predict(problem)
        except (NotSeparable, NotInterpolable):
            yield "none" if best is None else "false none"
        except NotResolved:
            resolved = best is None or is_resolved(signed, best[1])
            yield "refused though resolved" if resolved else "not resolved"
        else:
            true = best is not None and holds(found.certificate, best[0])
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


def judged_wide(seed, size):
    """Return what the L1 predictors answer where only many digits hold the steps to the optimum.

    The judge takes their answers into rational numbers, and repairs them there.
    """
    x, y, labels = draw_wide(seed, size, size)
    for predictor, given, enclose in (
        (MaxL1Margin(), labels, lambda w, mu: exact.max_l1_margin(x * labels[:, None], w, mu)),
        (MinL1Norm(), y, lambda w, mu: exact.min_l1_norm(x, y, w, mu)),
    ):
        task = "classification" if given is labels else "regression"
        try:
            problem = make_problem("p", task, x, given, StoredTestSet(x, given))
        except ValueError:
            continue
        try:
            found = predictor.predict(problem)
        except (NotSeparable, NotInterpolable):
            yield "none"
        except NotResolved as error:
            # The optimum is known, but the outputs of weights in doubles are lost.
            lost = "rounded to doubles they miss" in str(error)
            yield "outputs lost" if lost else "not resolved"
        else:
            bounds, judge = found.certificate, enclose(found.w, found.multipliers)
            true = bounds.lower <= judge.upper and judge.lower <= bounds.upper
            yield "true" if true and bounds.gap <= 1e-7 else "false"


@pytest.mark.parametrize("kind", range(len(KINDS)))
def test_sizes_over_24_orders_leave_samples_their_l1_predictors(kind):
    assert set(judged_wide(kind, 30)) <= {"true", "none", "outputs lost"}


@pytest.mark.slow
def test_sizes_over_24_orders_leave_a_hundred_instances_their_l1_predictors():
    counts = Counter(answer for seed in range(100, 150) for answer in judged_wide(seed, 60))
    print(dict(counts))
    assert not counts["false"]
    assert counts["not resolved"] <= 0.01 * counts["true"]


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


@pytest.mark.parametrize(("predictor", "order"), [(MaxL2Margin(), 2), (MaxL1Margin(), 1)])
def test_rounding_does_not_cost_a_long_row_its_margin(predictor, order):
    """A margin of 1 drowns in the rounding of a row 1e24 times as long; a larger one costs little.

    All rows are active at the optimum, so that weights rounded from there miss some of them.
    """
    for seed in range(6):
        rng = np.random.default_rng(seed)
        x = rng.standard_normal((6, 6)) * 10.0 ** np.linspace(-12, 12, 6)[:, None]
        problem = make_problem("p", "classification", x, np.ones(6), StoredTestSet(x, np.ones(6)))
        found = predictor.predict(problem).certificate
        assert found.gap <= 1e-7 and holds(found, optimum(x, np.ones(6), order, False)[0])


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


@pytest.mark.parametrize(("predictor", "order"), [(MinL2Norm(), 2), (MinL1Norm(), 1)])
def test_a_row_of_another_unit_does_not_hide_the_others(predictor, order):
    """Three of four targets are small beside the first; an answer that misses them is none."""
    table = np.loadtxt(CASES / "wide_targets.csv", delimiter=",", skiprows=1)
    x, y = table[:, :-1], table[:, -1]
    problem = make_problem("p", "regression", x, y, StoredTestSet(x, y))
    found = predictor.predict(problem).certificate
    assert found.gap <= 1e-7 and holds(found, optimum(x, y, order, True)[0])


@pytest.mark.parametrize(("predictor", "order"), [(MaxL2Margin(), 2), (MaxL1Margin(), 1)])
def test_a_raw_table_that_exact_weights_separate_is_never_called_inseparable(predictor, order):
    """Its best margin is 3e-5 of a unit vector, on inputs of sizes from 1e-3 to 1e3."""
    data = load_breast_cancer()
    y = np.where(data.target, 1.0, -1.0)
    problem = make_problem("p", "classification", data.data, y, StoredTestSet(data.data, y))
    w = matrix(np.loadtxt(CASES / "breast_cancer_separator.txt"))
    outputs = (matrix(problem.inputs.to_array()) * w).entries()
    margin = max(min(outputs), -max(outputs))
    assert margin > 0
    try:
        found = predictor.predict(problem).certificate
    except NotResolved as reason:
        assert "scale the inputs" in str(reason)
    else:
        norm = one_norm(w) / margin if order == 1 else squared_norm(w) / 2 / margin**2
        assert found.gap <= 1e-7 and Fraction(found.lower) <= fraction(norm)


def test_two_samples_whose_rounded_weights_miss_are_rounded_once():
    """Its factors lose the second target; both predictors have the one w that fits."""
    x = [[-70.01634764398798, 1404166.396273912], [-70057000010.58446, -1698584690652535.8]]
    x, y = np.array(x), np.array([246418090.7463178, 15572.366183619288])
    problem = make_problem("p", "regression", x, y, StoredTestSet(x, y))
    found, other = MinL2Norm().predict(problem), MinL1Norm().predict(problem)
    assert found.w == pytest.approx(other.w, rel=1e-9)
    assert found.certificate.missed <= 1e-6


@pytest.mark.parametrize("predictor", [MaxL2Margin(), MaxL1Margin()], ids=lambda p: p.name)
@pytest.mark.parametrize("sizes", [(1e-200, 1e120), (1e-150, 1e150), (1e-300, 1e10)])
def test_a_proof_that_nothing_separates_bears_rows_of_any_sizes(predictor, sizes):
    x, labels = np.array(sizes)[:, None], np.array([1, -1])
    problem = make_problem("p", Task.CLASSIFICATION, x, labels, StoredTestSet(x, labels))
    with pytest.raises(NotSeparable, match="2 of the rows") as refused:
        predictor.predict(problem)
    found = refused.value.certificate
    signed = matrix(x * labels[:, None]).transpose() * matrix(found.multipliers)
    assert fraction(squared_norm(signed)) <= Fraction(found.residual) ** 2
    # It vanishes but for digits of the least double, and what bounds products that underflow.
    assert found.residual <= 5e-324 * max(sizes) + 1e-15 * min(sizes) + 1e-306
