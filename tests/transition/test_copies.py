"""Copies of a test sample are one sample: intervals, tests and words count what is distinct."""

from itertools import product

import numpy as np
import pytest
from scipy import sparse
from scipy.stats import multinomial, sem, t

import grokflow as gf
from grokflow.cli import main
from grokflow.theory.samples import StoredTestSet, copies_among
from grokflow.theory.transition.change import change_of
from grokflow.theory.transition.intervals import (
    clopper_pearson,
    effective_size,
    mean_interval,
    paired_shares,
)
from grokflow.theory.transition.scores import Kind, scores_of_classes, scores_of_targets


def outcomes(number, gained, lost):
    """Yield how many of some samples are gained and lost, with the probability of that."""
    chances = multinomial(number, [gained, lost, max(0.0, 1 - gained - lost)])
    for more in range(number + 1):
        for fewer in range(number + 1 - more):
            counts = more, fewer, number - more - fewer
            if (chance := chances.pmf(counts)) > 0:
                yield counts, chance


@pytest.mark.parametrize("groups", [{1: 4, 3: 2}, {1: 7, 5: 1}, {1: 10, 2: 5}, {1: 5, 3: 5}])
@pytest.mark.parametrize(
    ("gained", "lost"),
    [(0.0, 0.0), (0.02, 0.02), (0.1, 0.0), (0.3, 0.05), (0.5, 0.5), (0.25, 0.25), (0.9, 0.02)],
)
def test_intervals_of_samples_with_copies_cover_as_often_as_they_say(groups, gained, lost):
    """Summed over all outcomes of the draw; `groups` says how many samples occur how often."""
    covered, sizes = 0.0, np.array(list(groups), dtype=float)
    for drawn in product(*(outcomes(number, gained, lost) for number in groups.values())):
        numbers = np.array([counts for counts, _ in drawn])
        changes = np.repeat(np.tile([1.0, -1.0, 0.0], len(groups)), numbers.ravel())
        low, high = paired_shares(changes, counts=np.repeat(np.repeat(sizes, 3), numbers.ravel()))
        covered += np.prod([chance for _, chance in drawn]) * (low <= gained - lost <= high)
    assert covered >= 0.95 - 1e-12


# Probability, copies and change of a sample.
LAWS = {
    "copied where the predictors differ": [(0.05, 10, 1), (0.05, 10, -1), (0.9, 1, 0)],
    "copied where one of them is wrong": [(0.1, 10, 1), (0.9, 1, 0)],
    "copied where they agree": [(0.25, 1, 1), (0.25, 1, -1), (0.5, 6, 0)],
}


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("accuracy", [True, False])
def test_intervals_hold_where_copies_have_to_do_with_the_change(law, accuracy):
    chances, copies, changes = np.array(LAWS[law], dtype=float).T
    mean = np.average(changes, weights=chances * copies)
    rng, draws, misses = np.random.default_rng(0), 2000, 0
    for _ in range(draws):
        drawn = rng.choice(len(chances), size=200, p=chances)
        interval = paired_shares if accuracy else mean_interval
        low, high = interval(changes[drawn], counts=copies[drawn])
        misses += not low <= mean <= high
    assert clopper_pearson(misses, draws).low <= 0.05


def test_the_effective_size_is_that_of_kish_or_less():
    counts = np.array([1.0, 1.0, 4.0, 2.0])
    assert effective_size(np.ones(4), counts) == pytest.approx(64 / 22)
    alone = effective_size(np.array([0.0, 0.0, 1.0]), np.array([2.0, 2.0, 3.0]))
    # The mean is 3/7: 7 (4·9 + 3·16) / (8·9 + 9·16) samples, of which Kish counts 49/17.
    assert alone == pytest.approx(7 * 84 / 216)
    assert effective_size(np.array([0.0, 1.0, 1.0, 0.0]), np.full(4, 7.0)) == pytest.approx(4)


def repeated(make, values, targets, times, **more):
    """Return the change of predictors on samples that are given so often."""
    alike = None if times == 1 else np.tile(np.arange(len(values)), times)
    values, targets = np.tile(values, (times, 1)), np.tile(targets, times)
    return change_of(make(values, targets, alike=alike, **more))


def classified(wrong, tested, alike):
    return scores_of_classes(wrong, 0.5, np.array([-1, 1, 1]), tested, alike=alike)


def predicted(values, targets, alike):
    return scores_of_targets(values, targets, 0.0, alike=alike)


@pytest.mark.parametrize("make", [classified, predicted])
@pytest.mark.parametrize("times", [2, 9])
def test_a_test_set_given_several_times_shows_no_more_than_once(make, times):
    rng = np.random.default_rng(3)
    late = rng.random(40) < 0.1
    wrong = np.column_stack([late | (rng.random(40) < 0.12), late]).astype(float)
    once = repeated(make, wrong, np.ones(40), 1)
    again = repeated(make, wrong, np.ones(40), times)
    assert once.kind is Kind.NEITHER and again.kind is Kind.NEITHER
    assert (again.size, again.distinct) == (40 * times, once.distinct)
    for name in ("early", "late", "low", "high", "error", "least_gain"):
        assert getattr(again, name) == pytest.approx(getattr(once, name), rel=1e-9), name


def test_copies_do_not_reverse_what_distinct_samples_show():
    """One loss that occurs a hundred times outweighs twelve gains, and is one sample."""
    wrong = np.zeros((200, 2))
    wrong[:12, 0] = wrong[100:, 1] = 1.0
    alike = np.where(np.arange(200) < 100, np.arange(200), 100)
    found = change_of(classified(wrong, np.ones(200), alike))
    assert found.kind is Kind.NEITHER and found.low < 0 < found.high


def test_copies_are_told_by_inputs_and_label():
    x = np.array([[0.0, 1.0], [-0.0, 1.0], [0.0, 1.0], [2.0, 0.0], [2.0, 0.0]])
    labels = np.array([1.0, 1.0, -1.0, 1.0, 1.0])
    for inputs in (x, sparse.csr_array(x), x.astype(np.int8), x.astype(np.float32)):
        assert StoredTestSet(inputs, labels).alike.tolist() == [0, 0, 2, 3, 3]
    assert StoredTestSet(x[1:4], labels[1:4]).alike is None
    assert copies_among(gf.sparse(n=8, d=20, n_test=50).test) is None


@pytest.mark.parametrize("classes", [2, 3])
def test_problems_count_distinct_test_rows_and_say_so(tmp_path, capsys, classes):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 4)).round(3)
    y = (x[:, 0] > 0).astype(int) + (classes == 3) * (x[:, 1] > 0.5)
    test, labels = np.tile(x[40:], (5, 1)), np.tile(y[40:], 5)
    once, again = (
        gf.as_problem(x[:40], y[:40], *part) for part in ((x[40:], y[40:]), (test, labels))
    )
    said = "80 of 100 test rows are copies of other test rows: intervals count distinct rows alone"
    assert said in again.notes and not any("copies" in note for note in once.notes)
    learned = gf.as_problem(x[:40], y[:40], x[30:], y[30:])
    assert any(note.startswith("10 of 30 test rows are copies of train") for note in learned.notes)
    w = rng.normal(size=(4, 2)) if classes == 2 else rng.normal(size=(3, 4, 2))
    ends = [change_of(problem.score(w)) for problem in (once, again)]
    assert ends[0].error == pytest.approx(ends[1].error, rel=1e-9) and ends[1].distinct == 20
    np.savez(tmp_path / "a.npz", X=x[:40], y=y[:40], X_test=test, y_test=labels)
    assert main(["predict", str(tmp_path / "a.npz")]) == 0
    assert "20 distinct test points of 100" in capsys.readouterr().out


@pytest.mark.parametrize("most", [3, 10, 100])
def test_intervals_cover_where_one_sample_has_most_of_the_copies(most):
    """Exact coverage over all outcomes of six samples, the first of which occurs `most` times."""
    counts = np.array([most, 1.0, 1.0, 1.0, 1.0, 1.0])
    outcomes = np.array(list(product((-1.0, 0.0, 1.0), repeat=6)))
    found = [paired_shares(changes, counts=counts) for changes in outcomes]
    low, high = np.transpose(found)
    for better, worse in product((0.0, 0.1, 0.3, 0.5), repeat=2):
        chances = np.array([worse, 1 - better - worse, better])
        weights = chances[outcomes.astype(int) + 1].prod(axis=1)
        covered = (low <= better - worse) & (better - worse <= high)
        # The least coverage of the interval of samples that occur once each.
        assert weights[covered].sum() >= 0.9499


def test_the_interval_of_a_mean_covers_where_few_values_have_most_of_the_copies():
    rng, counts = np.random.default_rng(0), np.array([50.0, 30.0, 1.0, 1.0, 1.0])
    drawn = rng.standard_normal((4000, 5))
    found = np.array([mean_interval(values, counts=counts) for values in drawn])
    missed = int(((found[:, 0] > 0) | (found[:, 1] < 0)).sum())
    # Student's interval misses 200 in the mean; by chance above 280 once in ten million times.
    assert missed <= 280


@pytest.mark.parametrize("size", [2, 5, 40])
def test_the_interval_of_a_mean_is_students(size):
    values = np.random.default_rng(size).standard_normal(size)
    low, high = t.interval(0.95, size - 1, loc=values.mean(), scale=sem(values))
    assert np.allclose(mean_interval(values), (low, high), rtol=1e-9)
    untested = mean_interval(values, untested=0.25)
    assert np.isclose(untested.high - untested.low, (high - low) / 2, rtol=1e-9)
