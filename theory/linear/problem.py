"""Learning problems: labelled training data, and a test set that is only ever multiplied.

A problem knows its data and nothing of the methods that solve it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float

from grokflow.theory.arguments import check_data, check_kind, member_of
from grokflow.theory.conversion import as_labels, as_table
from grokflow.theory.labels import Labels, read_labels, signs_of
from grokflow.theory.linear.checks import (
    check_inputs,
    check_length,
    check_places,
    check_rows,
    check_shapes,
)
from grokflow.theory.linear.row_space import RowSpace, row_space
from grokflow.theory.losses import Loss, loss_named
from grokflow.theory.numerics.design_matrix import DesignMatrix, design_matrix
from grokflow.theory.numerics.input_transform import AffineWeights, InputTransform, check_changes
from grokflow.theory.numerics.sparse_matrix import is_sparse, nonzero_rows, signed_rows
from grokflow.theory.pairing import check_paired, check_same_columns
from grokflow.theory.samples import StoredTestSet, TestSet, copies_among
from grokflow.theory.summary import Summarised
from grokflow.theory.transition.scores import Scores, scores_of_classes, scores_of_targets

Vector = Float[np.ndarray, " n"]


class Task(Enum):
    """What is learned: the sign of y (classification), or y itself (regression).

    Examples
    --------
    >>> import grokflow as gf
    >>> gf.sparse(n=20, d=50, n_test=100).task
    <Task.CLASSIFICATION: 'classification'>
    >>> gf.sparse_regression(n=20, d=50, n_test=100).task is gf.Task.REGRESSION
    True
    """

    CLASSIFICATION = "classification"
    REGRESSION = "regression"


@dataclass(frozen=True, eq=False, repr=False)
class Problem(Summarised):
    """A learning problem with n training samples of d inputs.

    `make_problem` makes one from arrays, `load` from a file; `sparse`, `sparse_regression` and
    `gaussian_margin` draw those of the paper.

    Parameters
    ----------
    name : str
        What the problem is called in results.
    task : Task
        Classification (labels ±1) or regression.
    inputs : DesignMatrix
        The design matrix of shape (n, d): its rows are ``y_i x_i`` for classification, so that the
        outputs of weights w are the margins ``q_i = y_i <w, x_i>``, and ``x_i`` for regression.
    targets : ndarray, shape (n,)
        Ones for classification, y for regression.
    test : TestSet
        Labelled inputs on which predictors are judged.
    settings : mapping
        What reproduces the problem (sizes, seeds, file).
    notes : tuple of str
        What was changed when the data were read (labels mapped to ±1, a test set split off).
    transform : InputTransform or None
        How the inputs were made from those of the user, where they were changed.
    signs : ndarray, shape (n,), or None
        The labels ±1 of classes, where they are known beside the rows ``y_i x_i``.
    places : ndarray of int, shape (n,), or None
        The places of the samples among the rows that the user gave, from 0, where they are known:
        others are tested on or left out.

    Examples
    --------
    >>> import grokflow as gf
    >>> problem = gf.sparse(n=20, d=50, k=3, n_test=100)
    >>> problem
    Problem(name=sparse, task=classification, n=20, d=50, test points=100)
    >>> problem.n, problem.d, problem.is_classification
    (20, 50, True)
    >>> problem.settings
    {'n': 20, 'd': 50, 'k': 3, 'seed': 0, 'n_test': 100}
    """

    name: str
    task: Task
    inputs: DesignMatrix
    targets: np.ndarray
    test: TestSet
    settings: Mapping[str, object] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    transform: InputTransform | None = None
    signs: np.ndarray | None = None
    places: np.ndarray | None = None

    def _summary(self) -> Mapping[str, object]:
        """Return the values that are shown."""
        return {
            "name": self.name,
            "task": self.task,
            "n": self.n,
            "d": self.d,
            "test points": self.test.size,
        }

    @property
    def n(self) -> int:
        """Number of training samples."""
        return self.inputs.shape[0]

    @property
    def d(self) -> int:
        """Number of inputs."""
        return self.inputs.shape[1]

    @cached_property
    def scale(self) -> float:
        """A typical size of one weight: root mean square of the targets over that of ``|x_i|``."""
        inputs = np.sqrt(self.inputs.mean_square * self.d)
        targets = np.sqrt(np.mean(self.targets**2)) or 1.0
        return float(targets / inputs)

    @cached_property
    def row_space(self) -> RowSpace:
        """Independent rows of the design matrix, and the samples in their coordinates."""
        return row_space(self.inputs)

    @property
    def is_classification(self) -> bool:
        """Whether the labels are signs."""
        return self.task is Task.CLASSIFICATION

    def in_user_units(self, w: np.ndarray) -> AffineWeights:
        """Return weights, shape (d,) or (d, p), as weights and intercept of the user's inputs."""
        return (self.transform or InputTransform(None, None)).in_user_units(w)

    def score(self, w: np.ndarray, loss: Loss | None = None) -> Scores:
        """Judge weights of shape (d,), or those in the columns of (d, p), on the test set.

        Real targets are judged beside their mean in training, classes beside the most frequent.
        """
        w, loss = np.asarray(w), None if loss is None else loss_named(loss)
        if w.ndim not in (1, 2) or len(w) != self.d:
            raise ValueError(
                f"w has shape {w.shape}, expected ({self.d},) or ({self.d}, p): give one weight "
                "for each input"
            )
        values, labels = self.test.outputs(w.reshape(self.d, -1))
        alike = copies_among(self.test)
        m = len(labels)
        if self.is_classification:
            if not (np.abs(labels) == 1).all():
                wrong = labels[np.abs(labels) != 1][0]
                raise ValueError(
                    f"the test set has the label {wrong:g}, expected -1 and +1: recode its labels"
                )
            margins = values * labels[:, None]
            # An output of zero decides nothing: it is right half of the time.
            wrong = (1 - np.sign(margins)) / 2
            mean = loss.value(margins, np.ones((m, 1))).mean(axis=0) if loss else None
            return scores_of_classes(wrong, 0.5, self.signs, labels, mean, alike)
        mean = None
        if loss is not None and not loss.acts_on_margins:
            mean = loss.value(values, labels[:, None]).mean(axis=0)
        average = float(self.targets.mean())
        return scores_of_targets(values, labels, average, mean, alike=alike)


def check_notes(settings: Mapping[str, object] | None, notes: tuple[str, ...]) -> None:
    """Refuse what is no record of a problem's settings, and what are no notes on it."""
    if settings is not None:
        check_kind("settings", settings, Mapping, "give a dict, or leave it out")
    check_kind("notes", notes, tuple, "give sentences, as ('drawn by hand',)")


def check_problem(problem: object, *, margins: str | None = None) -> None:
    """Refuse what is no problem, and real targets where margins are asked for.

    Parameters
    ----------
    problem : Problem
        The data.
    margins : str, optional
        What needs classes.
    """
    check_data(problem, Problem)
    assert isinstance(problem, Problem)
    if margins and not problem.is_classification:
        raise ValueError(
            f"{margins} is asked for {problem.name}, a regression problem, expected classes: take "
            "a predictor of real targets such as gf.MinL2Norm(), or the square loss"
        )


def make_problem(
    name: str,
    task: Task | str,
    x: Any,
    y: Any,
    test: TestSet,
    settings: Mapping[str, object] | None = None,
    notes: tuple[str, ...] = (),
    *,
    intercept: float = 0.0,
    standardise: bool = False,
    places: np.ndarray | None = None,
) -> Problem:
    """Check data and make a `Problem` of them.

    Parameters
    ----------
    name : str
        What the problem is called in results.
    task : Task or str
        Classification or regression.
    x : array-like, shape (n, d)
        Inputs: an array of any real type, a list of rows, a data frame, a tensor, or a sparse array
        or matrix of scipy, which stays sparse.
    y : array-like, shape (n,)
        Labels: for classification -1 and +1, or two other numbers or words, the smaller of which
        becomes -1; any finite numbers for regression.
    test : TestSet
        Labelled test inputs; `StoredTestSet` holds them as arrays.
    settings : mapping, optional
        What reproduces the problem.
    notes : tuple of str, optional
        What was changed in the data before.
    intercept : float, optional
        Size of a column of ones that is added as the last input; 0 for none. The kernel and the L1
        penalty see it like any other input, so that its size is part of the model: the larger, the
        sooner and the more freely the intercept is learned.
    standardise : bool, optional
        Whether the columns are centred and scaled to standard deviation 1, by the training rows.
        `Problem.in_user_units` returns weights for the inputs as they were.
    places : ndarray of int, shape (n,), optional
        The places of the samples among the rows of a larger table, from 0: messages name these.

    Raises
    ------
    ValueError
        For another task, mismatched shapes, NaN or infinite entries, more than two classes, test
        labels that do not occur in y, and samples that are zero.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> x, y = np.array([[1.0, 2.0, 0.0], [3.0, -1.0, 1.0]]), np.array([1.0, -1.0])
    >>> gf.make_problem("mine", gf.Task.CLASSIFICATION, x, y, gf.StoredTestSet(x, y))
    Problem(name=mine, task=classification, n=2, d=3, test points=2)
    """
    task = member_of(Task, "task", task)
    check_notes(settings, notes)
    check_paired(X=x, y=y)
    check_same_columns(X=x, X_test=getattr(test, "inputs", None))
    x, labels = as_table("X", x), as_labels("y", y)
    check_length(x, labels)
    check_places(places, len(labels))
    if not isinstance(test, TestSet):
        raise ValueError(
            f"test is a {type(test).__name__}, expected a test set: make one with "
            "gf.StoredTestSet(inputs, labels)"
        )
    if isinstance(test, StoredTestSet):
        test = _checked(test, x)
    elif test.size < 1:
        raise ValueError(f"test has {test.size} samples, expected one at least: add some")
    found = _read(task, labels, test)
    y = found.y
    if isinstance(test, StoredTestSet) and found.y_test is not None:
        test = replace(test, labels=found.y_test)
    renamed = found.classes not in ((), ("-1", "1"))
    notes = (*notes, *(found.notes if renamed else ()))
    transform = None
    check_changes(intercept, standardise)
    if intercept or standardise:
        transform = InputTransform.fit(x, standardise=standardise, intercept=intercept)
        x, test = transform.apply(x), _transformed(test, transform)
        check_inputs(x, y, "transformed X")
    x = nonzero_rows(x) if is_sparse(x) else x
    targets = np.asarray(y, dtype=np.float64)
    design, signs = x, None
    if task is Task.CLASSIFICATION:
        design, signs, targets = signed_rows(x, targets), targets, np.ones(len(y))
    check_rows(x, targets, places)
    said = (*notes, *transform.notes) if transform else notes
    matrix, kept = design_matrix(design), dict(settings or {})
    return Problem(name, task, matrix, targets, test, kept, said, transform, signs, places)


def _checked(test: StoredTestSet, x: Any) -> StoredTestSet:
    """Return a test set of arrays, after it was checked as the training samples are."""
    check_paired(inputs=test.inputs, labels=test.labels)
    inputs, labels = as_table("test inputs", test.inputs), as_labels("test labels", test.labels)
    check_shapes(x, inputs, labels)
    return StoredTestSet(inputs, labels, test.marks)


def _read(task: Task, y: np.ndarray, test: TestSet) -> Labels:
    """Return labels as numbers, those of a stored test set with them."""
    y_test = test.labels if isinstance(test, StoredTestSet) else None
    if task is Task.CLASSIFICATION:
        return signs_of(y, y_test)
    return read_labels(y, y_test, regression=True)


def _transformed(test: TestSet, transform: InputTransform) -> TestSet:
    if isinstance(test, StoredTestSet):
        return replace(test, inputs=transform.apply(test.inputs))
    raise ValueError(
        f"test is a {type(test).__name__}, expected a StoredTestSet with an intercept or "
        "standardise: give the test inputs as an array"
    )
