"""The change between two predictors: its interval, and what ties do to it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest, multinomial

from grokflow.theory.linear.problem import Task, make_problem
from grokflow.theory.samples import StoredTestSet
from grokflow.theory.transition.change import change_of, quality
from grokflow.theory.transition.intervals import clopper_pearson, paired_shares, sign_test
from grokflow.theory.transition.scores import (
    VISIBLE,
    Kind,
    Scores,
    errors_of_most_frequent,
    kind_of,
    scores_of_classes,
    scores_of_targets,
)


def scores_of(early, late):
    """Return the scores of two classifiers from what each has wrong on the same samples."""
    wrong = np.column_stack([early, late]).astype(float)
    return scores_of_classes(wrong, 0.5, np.array([-1, 1]), np.ones(len(wrong)))


def scores_of_rates(early, late, size):
    """Return the scores of two classifiers of which only the rates of errors are known."""
    error = np.array([early, late])
    return Scores(1 - error, error, None, size, np.sqrt(error * (1 - error) / size), 0.5)


@given(
    st.integers(1, 400), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.integers(0, 2**31)
)
def test_the_interval_of_a_drop_holds_the_measured_one(size, early, late, shared, seed):
    """Whatever the errors of the two predictors have in common."""
    rng = np.random.default_rng(seed)
    u, v = rng.random((2, size))
    v = np.where(rng.random(size) < shared, u, v)
    ties = rng.random((2, size)) < 0.1
    scores = scores_of(np.where(ties[0], 0.5, u < early), np.where(ties[1], 0.5, v < late))
    change = change_of(scores)
    assert change.low <= change.drop <= change.high
    assert change.kind is kind_of(scores)
    if change.kind.is_visible:
        assert np.sign(change.low) == np.sign(change.high) == np.sign(change.drop)


@pytest.mark.parametrize("size", [1, 2, 6, 26, 60])
@pytest.mark.parametrize(
    ("gained", "lost"),
    [(0.0, 0.0), (0.02, 0.02), (0.1, 0.0), (0.3, 0.05), (0.5, 0.5), (0.25, 0.25), (0.9, 0.02)],
)
def test_the_interval_of_two_accuracies_covers_as_often_as_it_says(size, gained, lost):
    """Summed over all outcomes of the draw, so that nothing is left to chance."""
    chances = multinomial(size, [gained, lost, max(0.0, 1 - gained - lost)])
    covered = 0.0
    for more in range(size + 1):
        for fewer in range(size + 1 - more):
            chance = chances.pmf([more, fewer, size - more - fewer])
            if chance > 0:
                changes = np.repeat([1.0, -1.0, 0.0], [more, fewer, size - more - fewer])
                low, high = paired_shares(changes)
                covered += chance * (low <= gained - lost <= high)
    # Of all sizes up to 150 and a grid of probabilities the least is .94990, at 32 and one half.
    assert covered >= (0.9499 if size == 32 else 0.95 - 1e-12)


def test_only_samples_that_are_judged_differently_count():
    wrong = np.arange(142) < 12
    early, late = wrong, wrong & (np.arange(142) >= 8)
    change = change_of(scores_of(early, late))
    alone = [clopper_pearson(count, 142, 0.975) for count in (12, 4)]
    # Eight gained and none lost: the exact test of McNemar has 2 / 2⁸, more than .27 %.
    assert sign_test(early.astype(float) - late) == pytest.approx(2 / 2**8)
    assert change.high < 0 < alone[1].high - alone[0].low
    assert change.kind is Kind.NEITHER


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 300))
def test_what_is_shown_at_99_73_percent_is_shown_at_95(more, fewer, alike):
    changes = np.repeat([1.0, -1.0, 0.0], [more, fewer, alike])
    expected = binomtest(more, more + fewer).pvalue if more + fewer else 1.0
    assert sign_test(changes) == pytest.approx(expected, rel=1e-9)
    if len(changes) and sign_test(changes) < 1 - VISIBLE:
        low, high = paired_shares(changes)
        assert low > 0 or high < 0


def test_one_test_point_given_twice_shows_nothing():
    values = np.array([[0.5, 1.0], [0.5, 1.0]])
    change = change_of(scores_of_targets(values, np.array([1.0, 1.0]), 0.0))
    assert change.kind is Kind.NEITHER and not change.learns
    assert (change.low, change.high) == (-np.inf, np.inf)


@pytest.mark.parametrize("kind", ["accuracy", "R²"])
def test_one_test_point_shows_nothing(kind):
    scores = scores_of([1.0], [0.0])
    if kind == "R²":
        scores = scores_of_targets(np.array([[0.0, 1.0]]), np.array([1.0]), 0.5)
    change = change_of(scores)
    assert change.kind is Kind.NEITHER and not change.learns
    assert change.low < -0.9 < 0.9 < change.high


def test_the_interval_of_paired_squares_covers_as_often_as_it_says():
    """Student's interval, which is exact for Gaussian differences, on differences of squares."""
    rng = np.random.default_rng(0)
    draws, size, misses = 2000, 200, 0
    for _ in range(draws):
        targets = rng.standard_normal(size)
        noise = rng.standard_normal(size)
        values = np.column_stack([0.5 * targets + noise, 0.8 * targets + noise])
        low, high = scores_of_targets(values, targets, 0.0).increase(0.95)
        misses += not low <= 0.2**2 - 0.5**2 <= high
    assert clopper_pearson(misses, draws).low <= 0.05


def test_all_entries_tested_leave_nothing_to_chance():
    values, targets = np.array([[0.0, 1.0], [0.0, 2.0]]), np.array([1.0, 2.0])
    scores = scores_of_targets(values, targets, 0.0, untested=0.0)
    change = change_of(scores)
    assert change.low == change.high == change.drop == -1.0
    assert change.kind is Kind.GROKKING


@pytest.mark.parametrize(("right", "learned"), [(21, True), (14, False)])
def test_better_than_a_guess_is_judged_by_the_count(right, learned):
    """21 of 26 is right by chance once in 400 times, 14 of 26 every second time."""
    wrong = np.arange(26) >= right
    assert change_of(scores_of(wrong, wrong)).learns is learned


def test_an_output_of_zero_is_right_half_of_the_time():
    x = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, -1.0], [2.0, 1.0]])
    labels = np.array([1.0, 1.0, -1.0, -1.0])
    problem = make_problem("ties", Task.CLASSIFICATION, x, labels, StoredTestSet(x, labels))
    scores = problem.score(np.column_stack([np.zeros(2), [1.0, 0.0], [0.0, 1.0]]))
    # All tied; one right, two tied, one wrong; one tied, two right, one wrong.
    assert scores.error.tolist() == [0.5, 0.5, 0.375]
    assert scores.accuracy.tolist() == [0.5, 0.5, 0.625]


def test_r2_is_about_the_mean_of_the_training_targets():
    rng = np.random.default_rng(0)
    x, noise = rng.standard_normal((60, 30)), rng.standard_normal(60)
    y = 100 + noise
    problem = make_problem("noise", Task.REGRESSION, x[:20], y[:20], StoredTestSet(x[20:], y[20:]))
    scores = problem.score(np.zeros((30, 2)))
    error = np.mean((y[20:] - y[:20].mean()) ** 2)
    assert scores.baseline == pytest.approx(error, rel=1e-12)
    assert scores.zero == pytest.approx(np.mean(y[20:] ** 2), rel=1e-12)
    # Zero is a hundred standard deviations off, where it used to be the measure of all.
    assert quality(scores) == pytest.approx(1 - scores.zero / error) and quality(scores)[0] < -1e3
    change = change_of(scores)
    assert change.is_useless and not change.learns


def test_targets_without_spread_have_no_r2():
    scores = scores_of_targets(np.ones((3, 2)), np.full(3, 2.0), 2.0)
    with pytest.raises(ValueError, match="equal the mean of the training targets"):
        quality(scores)


def test_scores_without_samples_are_compared_as_if_independent():
    error, spread = np.array([1.0, 3.0]), np.array([0.1, 0.2])
    change = change_of(Scores(None, error, None, 50, spread, 2.0))
    assert (change.early, change.late, change.chance) == (0.5, -0.5, 0.0)
    assert change.low < change.drop == 1.0 < change.high
    assert change.error == pytest.approx(np.hypot(0.1, 0.2) / 2)


@pytest.mark.parametrize("size", [12, 30, 64, 101])
def test_the_better_of_two_guesses_seldom_seems_to_have_learned(size):
    """Each side of an interval at 95 % fails once in forty draws, and so may the better of two."""
    guesses = np.arange(size + 1)
    learned = np.array([change_of(scores_of_rates(k / size, 0.5, size)).learns for k in guesses])
    chance = binom(size, 0.5).pmf(guesses[learned]).sum()
    assert 0 < 1 - (1 - chance) ** 2 <= 0.025


def test_two_error_rates_without_samples_share_the_confidence():
    """Their difference fails when either fails: each may do so half as often."""
    early, late = (clopper_pearson(count, 40, 0.975) for count in (30, 4))
    interval = scores_of_rates(0.75, 0.1, 40).increase(0.95)
    assert interval == pytest.approx((late.low - early.high, late.high - early.low))


def test_the_best_constant_is_the_most_frequent_class_of_the_training_set():
    tested = np.array([0, 1, 1, 2])
    assert errors_of_most_frequent(np.array([0, 1, 1]), tested).tolist() == [1, 0, 0, 1]
    # A guess among equally frequent ones.
    assert errors_of_most_frequent(np.array([0, 1, 2, 2, 1]), tested).tolist() == [1, 0.5, 0.5, 0.5]


def test_better_than_the_most_frequent_class_is_judged_on_the_same_samples():
    """19 of 20 are right by the constant: as many are no gain, and all of 200 are one."""
    tested = np.repeat([1, -1], [190, 10])
    labels = np.array([1, 1, -1])
    right = np.zeros((200, 2))
    constant = np.column_stack([(tested == -1).astype(float)] * 2)
    constant[:80, 0] = 1.0
    risen = change_of(scores_of_classes(constant, 0.5, labels, tested))
    assert risen.kind is Kind.GROKKING and risen.constant == pytest.approx(0.95)
    assert risen.is_useless and not risen.learns
    learned = change_of(scores_of_classes(right, 0.5, labels, tested))
    assert learned.learns and not learned.is_useless


@pytest.mark.parametrize("alike", [None, np.array([0, 1, 2, 3, 3, 5, 6, 7])])
@pytest.mark.parametrize("decades", [-150, -100, 100, 150])
def test_the_units_of_the_targets_change_no_interval(decades, alike):
    """Squared errors of targets of size 1e-100 have no squares that are doubles."""
    rng = np.random.default_rng(0)
    targets, values = rng.standard_normal(8), rng.standard_normal((8, 2))

    def change(unit):
        return change_of(scores_of_targets(unit * values, unit * targets, 0.0, alike=alike))

    known, found = change(1.0), change(10.0**decades)
    assert found.kind is known.kind and np.isfinite([known.low, known.high]).all()
    for name in ("low", "high", "error", "least_gain"):
        assert getattr(found, name) == pytest.approx(getattr(known, name), rel=1e-9)
