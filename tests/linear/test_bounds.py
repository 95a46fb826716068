"""Generalisation bounds: their terms, where they begin to say something, and what they bound."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grokflow.proofs_check.laboratory import Laboratory
from grokflow.proofs_check.linear.margin_errors import exact_error
from grokflow.proofs_check.linear.margin_experiments import sparse_weights
from grokflow.simulations.linear.presets import sparse
from grokflow.simulations.models.diagonal import BoundDiagonal
from grokflow.simulations.tables.door import as_problem
from grokflow.theory.linear.bounds import (
    PRINTED_FACTOR,
    SHARP_FACTOR,
    Bound,
    l1_ball_complexity,
    l2_ball_complexity,
    margin_error,
    max_l1_margin_error,
    max_l2_margin_error,
    smallest_n,
)
from grokflow.theory.linear.l1 import MaxL1Margin
from grokflow.theory.linear.l2 import MaxL2Margin
from grokflow.theory.losses import LOSSES
from grokflow.theory.transition.intervals import clopper_pearson

LAWS = {"E.4": max_l1_margin_error, "E.5": max_l2_margin_error}
FIGURE_1A = {"d": 100_000, "k": 3, "delta": 0.05}

sizes = st.fixed_dictionaries(
    {
        "n": st.integers(1, 10**7),
        "d": st.integers(9, 10**6),
        "k": st.sampled_from([1, 3, 5, 9]),
        "delta": st.floats(1e-6, 0.5),
    }
)


@given(sizes)
def test_e4_and_e5_are_the_printed_formulas(size):
    n, d, k, delta = (size[name] for name in ("n", "d", "k", "delta"))
    confidence = 3 * np.sqrt(np.log(2 / delta) / (2 * n))
    e4 = 4 * k * np.sqrt(2 * np.log(2 * d) / n) + confidence
    e5 = 4 * np.sqrt(k * d / n) + confidence
    # A dozen operations, each exact to rounding.
    assert np.isclose(max_l1_margin_error(**size).value, e4, rtol=20 * np.finfo(float).eps)
    assert np.isclose(max_l2_margin_error(**size).value, e5, rtol=20 * np.finfo(float).eps)


@given(sizes)
def test_with_the_sharp_factor_the_complexity_is_half_of_what_is_printed(size):
    for law in LAWS.values():
        printed, sharp = law(**size, factor=PRINTED_FACTOR), law(**size, factor=SHARP_FACTOR)
        assert sharp.complexity == printed.complexity / 2
        assert sharp.confidence == printed.confidence


def enumerated_complexity(x, radius, order):
    """Average the dual norm of ``Σ σ_i x_i`` over all 2^n signs."""
    signs = np.array(list(product((-1.0, 1.0), repeat=len(x))))
    return radius * np.mean(np.linalg.norm(signs @ x, order, axis=1)) / len(x)


@given(
    st.integers(1, 10),
    st.integers(1, 200),
    st.floats(0.1, 10),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
def test_e3_bounds_the_exact_rademacher_complexity(n, d, radius, binary, seed):
    x = np.random.default_rng(seed).standard_normal((n, d))
    x = np.sign(x) if binary else x
    l1 = l1_ball_complexity(radius, n=n, d=d, largest=float(np.abs(x).max()))
    l2 = l2_ball_complexity(radius, n=n, largest=float(np.linalg.norm(x, axis=1).max()))
    rounding = 1 + 1e-13
    assert enumerated_complexity(x, radius, np.inf) <= l1.value * rounding
    assert enumerated_complexity(x, radius, 2) <= l2.value * rounding
    assert enumerated_complexity(x, radius, np.inf) <= l1.trivial * rounding


def test_e3_is_nearly_attained_by_orthogonal_rows_and_not_by_half_of_it():
    """Σ σ_i x_i of n orthogonal rows has norm √n exactly: E.3 for the L2 ball is an equality."""
    x = np.eye(10)
    assert np.isclose(
        enumerated_complexity(x, 2.0, 2), l2_ball_complexity(2.0, n=10, largest=1.0).value
    )
    signs = np.sign(np.random.default_rng(0).standard_normal((10, 1000)))
    ratio = enumerated_complexity(signs, 1.0, np.inf) / l1_ball_complexity(1.0, n=10, d=1000).value
    assert 0.5 < ratio <= 1


def test_e2_holds_for_one_function_and_counts_small_margins():
    """A class of one function has no complexity; what remains is the deviation of a mean."""
    bound = margin_error(0.0, n=100, delta=0.05, empirical=0.25)
    assert bound.complexity == 0
    assert bound.value == 0.25 + bound.confidence
    assert margin_error(0.1, n=100, delta=0.05, margin=0.5).complexity == 0.4


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_both_bounds_are_vacuous_at_figure_1a(law):
    assert law(n=256, **FIGURE_1A).vacuous
    assert law(n=256, **FIGURE_1A, factor=SHARP_FACTOR).vacuous


def test_the_smallest_sample_at_figure_1a():
    """(12 √(2 log 2e5) + 3 √(log(40)/2))² and (4 √3e5 + …)², rounded up."""
    assert smallest_n(lambda n: max_l1_margin_error(n=n, **FIGURE_1A)) == 4016
    assert smallest_n(lambda n: max_l2_margin_error(n=n, **FIGURE_1A)) == 4_817_870


@given(sizes, st.sampled_from([PRINTED_FACTOR, SHARP_FACTOR]))
def test_the_smallest_sample_agrees_with_the_closed_form_and_its_neighbours(size, factor):
    size = size | {"factor": factor}
    del size["n"]
    for law in LAWS.values():
        n = smallest_n(lambda n, law=law: law(n=n, **size))
        assert not law(n=n, **size).vacuous
        assert not law(n=n + 1, **size).vacuous
        assert law(n=n - 1, **size).vacuous
        # Both terms fall like 1/√n, so the value at one sample decides.
        assert n == pytest.approx(law(n=1, **size).value ** 2, abs=1, rel=1e-14)


def test_the_smallest_sample_of_e2_and_e3():
    assert smallest_n(lambda n: l1_ball_complexity(7.0, n=n, d=50)) == int(2 * np.log(100)) + 1
    assert smallest_n(lambda n: l2_ball_complexity(7.0, n=n, largest=3.0)) == 2
    half = smallest_n(lambda n: margin_error(1 / np.sqrt(n), n=n, delta=0.1, empirical=0.5))
    none = smallest_n(lambda n: margin_error(1 / np.sqrt(n), n=n, delta=0.1))
    assert half == pytest.approx(4 * none, abs=4)


def test_a_bound_that_never_says_anything_is_refused():
    with pytest.raises(ValueError, match="lower its empirical part"):
        smallest_n(lambda n: Bound(1.0, empirical=0.5))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"k": 2}, "k is 2, expected an odd number up to d = 100"),
        ({"k": 101}, "k is 101, expected an odd number up to d = 100"),
        ({"n": 0}, "n is 0, expected at least 1"),
        ({"d": 0}, "d is 0, expected at least 1"),
        ({"delta": 1.0}, r"delta is 1.0, expected a number in \(0, 1\)"),
    ],
)
def test_sizes_without_a_theorem_are_refused(wrong, message):
    size = {"n": 10, "d": 100, "k": 3, "delta": 0.1} | wrong
    for law in LAWS.values():
        with pytest.raises(ValueError, match=message):
            law(**size)


def test_a_margin_of_zero_is_refused():
    with pytest.raises(ValueError, match="expected margin > 0"):
        margin_error(0.1, n=10, delta=0.1, margin=0.0)


def test_the_teacher_attains_margin_one():
    """What the derivation of E.4 and E.5 says of w*, so the optimum lies in its ball."""
    for k in (1, 3, 5):
        problem = sparse(n=50, d=20, k=k, n_test=1)
        teacher = np.repeat([1.0, 0.0], [k, 20 - k])
        assert problem.inputs.combine(teacher).min() >= 1
        assert MaxL1Margin().predict(problem).certificate.lower <= k * (1 + 1e-12)
        assert MaxL2Margin().predict(problem).certificate.lower <= k / 2 * (1 + 1e-12)


@given(st.integers(0, 30), st.integers(1, 30))
def test_clopper_pearson_covers(count, draws):
    """The ends solve the binomial tail equations, summed here term by term."""
    from math import comb

    count = min(count, draws)
    low, high = clopper_pearson(count, draws)

    def tail(p, counts):
        return sum(comb(draws, c) * p**c * (1 - p) ** (draws - c) for c in counts)

    assert low == 0 or np.isclose(tail(low, range(count, draws + 1)), 0.025)
    assert high == 1 or np.isclose(tail(high, range(count + 1)), 0.025)


def test_more_events_than_draws_are_refused():
    with pytest.raises(ValueError, match="count the events"):
        clopper_pearson(3, 2)


def test_the_enumerated_error_agrees_with_sampled_test_points():
    problem = sparse(n=8, d=10, k=3, n_test=20_000)
    for predictor in (MaxL1Margin(), MaxL2Margin()):
        w = predictor.predict(problem).w
        w = w + 1e-3 * np.random.default_rng(0).standard_normal(10)  # no ties
        sampled = problem.score(w[:, None])
        assert abs(exact_error(w, 3) - sampled.error[0]) <= 5 * sampled.spread[0]
    assert exact_error(np.repeat([1.0, 0.0], [3, 7]), 3) == 0
    assert exact_error(np.repeat([0.0, 1.0], [9, 1]), 3) == 0.5


def test_repeated_samples_are_dropped_without_changing_the_classifier():
    """The draws of the claims contain copies; the largest margin with and without them agrees."""
    laboratory = Laboratory()
    size = {"n": 60, "d": 6, "k": 3}
    (w,) = sparse_weights(laboratory, MaxL1Margin(), **size, draws=1)
    seed = np.random.SeedSequence((0, *size.values())).generate_state(1)[0]
    problem = sparse(**size, seed=int(seed), n_test=1)
    assert len(np.unique(problem.inputs.to_array(), axis=0)) < 60
    found = MaxL1Margin().predict(problem)
    margin = problem.inputs.combine(w).min() / np.abs(w).sum()
    assert np.isclose(margin, found.margin, rtol=2 * MaxL1Margin().gap)
    assert sparse_weights(laboratory, MaxL1Margin(), **size, draws=1)[0] is w


def test_the_bounds_of_a_preset_go_by_its_draws_and_not_by_a_name():
    """A table of one's own may be called as a preset is, and one of the preset otherwise."""
    drawn = sparse(n=8, d=10, k=3, n_test=20)
    x = np.random.default_rng(0).standard_normal((6, 4))
    own = as_problem(x, np.sign(x[:, 0]), x, np.sign(x[:, 0]))

    def bounds(problem):
        return BoundDiagonal(problem, 1e-3, LOSSES["logistic"]).bounds()

    assert bounds(replace(own, name="sparse", settings={"k": 3})) == ()
    assert [bound.theorem for bound in bounds(replace(drawn, name="mine"))] == ["E.5", "E.4"]
