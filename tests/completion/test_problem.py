"""Completion problems: what is merged, and what is refused."""

import numpy as np
import pytest

import grokflow as gf
from grokflow.theory.completion.entries import make_entries_problem
from grokflow.theory.completion.measurements import Entries
from grokflow.theory.completion.problem import TestEntries as Targets
from grokflow.theory.completion.problem import make_measurement_problem
from grokflow.theory.transition.change import change_of


def test_repeated_entries_and_mirrors_are_merged_with_a_note():
    rows, columns = np.array([0, 1, 0, 0]), np.array([1, 0, 1, 2])
    problem = make_entries_problem("x", 3, rows, columns, np.array([1.0, 1.0, 1.0, 4.0]))
    assert isinstance(problem.measurements, Entries)
    assert problem.counts.tolist() == [3, 1]
    assert "2 of 4 observed entries repeat" in problem.notes[0]
    assert "A3.8" in problem.notes[0]


ENTRY = (np.array([0, 1]), np.array([1, 1]), np.array([1.0, 2.0]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({2: np.array([1.0, np.nan])}, r"value\[1\] is nan, expected finite"),
        ({0: np.array([0, 3])}, r"i is 3, expected 0 to 2 \(d = 3\)"),
        ({1: np.array([1, -1])}, r"j is -1, expected 0 to 2"),
        ({1: np.array([1.0, 1.0])}, "j holds float64, expected whole numbers"),
        ({1: np.array([1])}, r"j has shape \(1,\), expected \(2,\)"),
        ({2: np.array([1.0])}, r"value has shape \(1,\), expected \(2,\)"),
        ({0: np.zeros(0, int), 1: np.zeros(0, int), 2: np.zeros(0)}, "one at least"),
        ({0: np.array([0, 1]), 1: np.array([1, 0])}, r"\(0, 1\) is 1.0 but \(1, 0\) is 2.0"),
    ],
)
def test_bad_entries_are_refused(change, message):
    arrays = [change.get(i, array) for i, array in enumerate(ENTRY)]
    with pytest.raises(ValueError, match=message):
        make_entries_problem("x", 3, *arrays)


def test_bad_test_entries_are_refused():
    with pytest.raises(ValueError, match="i is 9, expected 0 to 2"):
        make_entries_problem("x", 3, *ENTRY, Targets(np.array([9]), np.array([0]), np.array([1.0])))


@pytest.mark.parametrize(
    ("matrices", "values", "message"),
    [
        (np.ones((2, 3)), np.ones(2), r"shape \(2, 3\), expected \(N, d, d\)"),
        (np.ones((2, 3, 4)), np.ones(2), r"expected \(N, d, d\)"),
        (np.ones((2, 3, 3)), np.ones(3), r"values has shape \(3,\), expected \(2,\)"),
        (np.triu(np.ones((1, 3, 3))), np.ones(1), "matrix 0 is not symmetric"),
        (np.zeros((1, 3, 3)), np.ones(1), "matrix 0 is zero"),
        (np.full((1, 2, 2), np.inf), np.ones(1), r"matrices\[0, 0, 0\] is inf"),
        (np.ones((2, 2, 2)), np.array([1.0, 2.0]), "matrix 0 is 1.0 but matrix 1 is 2.0"),
    ],
)
def test_bad_measurements_are_refused(matrices, values, message):
    with pytest.raises(ValueError, match=message):
        make_measurement_problem("x", matrices, values)


def ratings(rng, shape, size):
    """Return a matrix of rank 1, and all its entries in random order: observed, and not."""
    truth = np.outer(rng.uniform(1, 2, shape[0]), rng.uniform(1, 2, shape[1]))
    order = rng.permutation(truth.size)
    return truth, np.divmod(order[:size], shape[1]), np.divmod(order[size:], shape[1])


def judged(problem, rng):
    """Return the change from zeros to a matrix near the truth."""
    shape = problem.space.shape
    first = np.zeros(shape)
    last = rng.uniform(1, 2, shape)
    return change_of(
        problem.score(np.stack([first, last + last.T if problem.space.square else last]))
    )


@pytest.mark.parametrize("seed", range(5))
def test_an_entry_that_is_tested_again_counts_once_with_the_mean_of_its_values(seed):
    rng = np.random.default_rng(seed)
    truth, seen, left = ratings(rng, (6, 7), 22)
    i, j = left[0][:10], left[1][:10]
    times = rng.integers(1, 9, 10)
    values = np.repeat(truth[i, j], times) + rng.normal(size=times.sum()) / 10
    means = np.array([part.mean() for part in np.split(values, np.cumsum(times)[:-1])])

    def problem(*test):
        return make_entries_problem("x", truth.shape, *seen, truth[seen], Targets(*test))

    again = problem(np.repeat(i, times), np.repeat(j, times), values)
    once = problem(i, j, means)
    ends = [judged(one, np.random.default_rng(seed)) for one in (again, once)]
    for name in ("early", "late", "low", "high", "error", "size", "distinct"):
        assert getattr(ends[0], name) == pytest.approx(getattr(ends[1], name), rel=1e-12), name
    said = f"{times.sum() - 10} of {times.sum()} test entries are tested again"
    assert any(said in note for note in again.notes)
    assert not any("tested again" in note for note in once.notes)


@pytest.mark.parametrize("tested", [1, 19, 20])
def test_a_change_is_exact_only_where_each_unobserved_entry_is_tested(tested):
    """However often those that are tested are, and whatever is tested that is learned too."""
    rng = np.random.default_rng(0)
    truth, seen, left = ratings(rng, (6, 7), 22)
    assert len(left[0]) == 20
    chosen = np.concatenate([np.arange(tested), rng.integers(0, tested, 30)])
    i, j = (np.concatenate([index[chosen], known]) for index, known in zip(left, seen, strict=True))
    test = Targets(i, j, truth[i, j])
    problem = make_entries_problem("x", truth.shape, *seen, truth[seen], test)
    found = judged(problem, rng)
    assert (found.low == found.high) is (tested == 20)
    assert found.distinct == tested + 22


def test_an_entry_and_its_mirror_are_one_sample():
    problem = gf.completion(d=12, fraction=0.3)
    i, j, values = problem.test
    upper = i <= j
    found = judged(problem, np.random.default_rng(0))
    # All that is unobserved is tested, so that the mean needs no draw.
    assert found.low == found.high and found.distinct == upper.sum() < found.size
    some = (i + j) % 2 == 1
    part = Targets(i[some], j[some], values[some])
    rows, columns = problem.measurements.rows, problem.measurements.columns

    def change(test):
        made = make_entries_problem("x", 12, rows, columns, problem.values, test)
        return judged(made, np.random.default_rng(0)), made.notes

    both, notes = change(part)
    one, _ = change(Targets(*(each[i[some] < j[some]] for each in part)))
    # None is on the diagonal: each is tested with its mirror, which is no second sample.
    assert both.size == 2 * one.size and not any("again" in note for note in notes)
    for name in ("early", "late", "low", "high", "error", "distinct"):
        assert getattr(both, name) == pytest.approx(getattr(one, name), rel=1e-12), name
    differ = part._replace(values=part.values + (part.rows < part.columns))
    merged, notes = change(differ)
    assert merged.size == one.size
    assert any(
        f"{one.size} of {both.size} test entries, or their mirrors," in note for note in notes
    )


def test_measurements_are_judged_on_distinct_entries_too():
    test = Targets(np.array([0, 0, 1]), np.array([1, 1, 1]), np.array([1.0, 2.0, 3.0]))
    problem = make_measurement_problem("x", np.eye(2)[None], np.ones(1), test)
    assert problem.test.values.tolist() == [1.5, 3.0]
    assert "1 of 3 test entries, or their mirrors, are tested again" in problem.notes[-1]
