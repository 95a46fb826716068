"""Completion problems: what is merged, and what is refused."""

import numpy as np
import pytest

from grokflow.theory.completion.entries import make_entries_problem
from grokflow.theory.completion.measurements import Entries
from grokflow.theory.completion.problem import TestEntries as Targets
from grokflow.theory.completion.problem import make_measurement_problem


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
