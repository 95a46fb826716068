"""A problem of several classes: for every class a linear predictor, and the largest output wins.

One against the rest, each class is an ordinary `Problem` on the same inputs: with labels ±1 for a
loss of margins, with targets 1 and 0 for one of targets. Everything that is known of a problem is
so known of each of them; only the scores join them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from grokflow.theory.conversion import as_labels, as_table
from grokflow.theory.labels import numbered_labels
from grokflow.theory.linear.checks import check_inputs, check_rows
from grokflow.theory.linear.problem import Problem, Task, check_notes
from grokflow.theory.losses import Loss
from grokflow.theory.numerics.design_matrix import DesignMatrix, design_matrix
from grokflow.theory.numerics.input_transform import AffineWeights, InputTransform
from grokflow.theory.numerics.sparse_matrix import Table, is_sparse, nonzero_rows
from grokflow.theory.pairing import check_paired, check_same_columns
from grokflow.theory.samples import Outputs, StoredTestSet, TestSet, copies_among
from grokflow.theory.summary import Summarised
from grokflow.theory.transition.scores import Scores, scores_of_classes


@dataclass(frozen=True, eq=False, repr=False)
class ClassesProblem(Summarised):
    """A learning problem with n training samples of d inputs and C ≥ 2 classes.

    `make_classes_problem` makes one from arrays, `load` from a file.

    Parameters
    ----------
    name : str
        What the problem is called in results.
    classes : tuple of str
        Names of the classes.
    inputs : DesignMatrix
        The inputs ``x_i``, shape (n, d).
    labels : ndarray, shape (n,)
        The number of each sample's class.
    test : TestSet
        Inputs with the numbers of their classes.
    settings : mapping
        What reproduces the problem.
    notes : tuple of str
        What was changed when the data were read.
    transform : InputTransform or None
        How the inputs were made from those of the user.
    places : ndarray of int, shape (n,), or None
        The places of the samples among the rows that the user gave, from 0, where they are known:
        others are tested on or left out.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> x, y = np.eye(6), np.array(["ant", "bee", "cat", "ant", "bee", "cat"])
    >>> problem = gf.make_classes_problem("animals", x, y, x, y)
    >>> problem
    ClassesProblem(name=animals, classes=ant bee cat, n=6, d=6, test points=6)
    >>> problem.against_rest(0)
    Problem(name=animals: ant, task=classification, n=6, d=6, test points=6)
    """

    name: str
    classes: tuple[str, ...]
    inputs: DesignMatrix
    labels: np.ndarray
    test: TestSet
    settings: Mapping[str, object] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    transform: InputTransform | None = None
    places: np.ndarray | None = None

    def _summary(self) -> Mapping[str, object]:
        """Return the values that are shown."""
        return {
            "name": self.name,
            "classes": " ".join(self.classes),
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

    def part(self, number: int, loss: Loss) -> Problem:
        """Return the problem of one class that a loss of margins, or of targets, learns."""
        return self.against_rest(number) if loss.acts_on_margins else self.one_hot(number)

    def against_rest(self, number: int) -> Problem:
        """Return the classification of one class against all others."""
        signs = np.where(self.labels == number, 1.0, -1.0)
        design = self.inputs.with_signs(signs)
        part = self._one(number, Task.CLASSIFICATION, design, np.ones(self.n), -1.0)
        return replace(part, signs=signs)

    def one_hot(self, number: int) -> Problem:
        """Return the regression on 1 for one class and 0 for all others."""
        targets = np.where(self.labels == number, 1.0, 0.0)
        return self._one(number, Task.REGRESSION, self.inputs, targets, 0.0)

    def _one(
        self, number: int, task: Task, design: DesignMatrix, targets: np.ndarray, other: float
    ) -> Problem:
        name, test = f"{self.name}: {self.classes[number]}", _OneClass(self.test, number, other)
        settings = {**self.settings, "class": self.classes[number]}
        found = Problem(name, task, design, targets, test, settings, (), self.transform)
        return replace(found, places=self.places)

    def in_user_units(self, w: np.ndarray) -> AffineWeights:
        """Return weights, one column for each class, as weights and intercepts of user's inputs."""
        return (self.transform or InputTransform(None, None)).in_user_units(w)

    def score(self, w: np.ndarray, growing: np.ndarray | None = None) -> Scores:
        """Judge predictors of shape (C, d), or p of them of shape (C, d, p), on the test set.

        Weights that grow without bound are given by their directions `growing`, of the same shape
        as w. Their outputs are compared first, and those of w only where they are equal.
        """
        values, labels = self._outputs(w)
        if growing is not None:
            grown, _ = self._outputs(growing)
            values = np.where(grown == grown.max(axis=1, keepdims=True), values, -np.inf)
        right = share_right(values, labels.astype(int))
        chance, alike = 1 - 1 / len(self.classes), copies_among(self.test)
        return scores_of_classes(1 - right, chance, self.labels, labels, alike=alike)

    def _outputs(self, w: np.ndarray) -> Outputs:
        """Return the test outputs of all classes, shape (m, C, p), and the labels."""
        count = len(self.classes)
        if w.ndim not in (2, 3) or w.shape[:2] != (count, self.d):
            raise ValueError(
                f"w has shape {w.shape}, expected ({count}, {self.d}) or ({count}, {self.d}, p): "
                "give one weight for each class and input"
            )
        columns = w.reshape(count, self.d, -1).transpose(1, 0, 2)
        values, labels = self.test.outputs(columns.reshape(self.d, -1))
        return Outputs(values.reshape(len(labels), count, -1), labels)


def share_right(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return how right the largest outputs are, shape (m, p).

    Parameters
    ----------
    values : ndarray, shape (m, C, p)
        Outputs of p predictors for C classes.
    labels : ndarray, shape (m,)
        Numbers of the classes.

    Returns
    -------
    ndarray
        1 for right, 0 for wrong; 1/k where k outputs are equal and one of them is right, as a
        guess among them would be right once in k times.
    """
    best = values.max(axis=1, keepdims=True) == values
    hit = np.take_along_axis(best, labels[:, None, None], axis=1)[:, 0]
    return np.asarray(hit / best.sum(axis=1))


@dataclass(frozen=True)
class _OneClass:
    """A test set seen by one class: 1 for its members, `other` for the rest."""

    whole: TestSet
    number: int
    other: float

    @property
    def size(self) -> int:
        return self.whole.size

    @property
    def alike(self) -> np.ndarray | None:
        return copies_among(self.whole)

    def outputs(self, w: np.ndarray) -> Outputs:
        values, labels = self.whole.outputs(w)
        return Outputs(values, np.where(labels == self.number, 1.0, self.other))


def make_classes_problem(
    name: str,
    x: Any,
    y: Any,
    x_test: Any,
    y_test: Any,
    settings: Mapping[str, object] | None = None,
    notes: tuple[str, ...] = (),
    *,
    intercept: float = 0.0,
    standardise: bool = False,
) -> ClassesProblem:
    """Check data of several classes and make a `ClassesProblem` of them.

    Parameters
    ----------
    name : str
        What the problem is called in results.
    x : array-like, shape (n, d)
        Inputs, as `make_problem` takes them.
    y : array-like, shape (n,)
        The class of each sample: numbers, words or one-hot rows.
    x_test, y_test : array-like, shapes (m, d) and (m,)
        Test inputs and their classes.
    settings : mapping, optional
        What reproduces the problem.
    notes : tuple of str, optional
        What was changed in the data before.
    intercept, standardise : float and bool, optional
        See `make_problem`.

    Raises
    ------
    ValueError
        For mismatched shapes, NaN or infinite inputs, fewer than two classes, and a class that
        only the test set has.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> x, y = np.eye(6), np.array([2, 3, 5, 2, 3, 5])
    >>> problem = gf.make_classes_problem("primes", x, y, x, y)
    >>> problem.classes, problem.labels
    (('2', '3', '5'), array([0, 1, 2, 0, 1, 2]))
    """
    check_notes(settings, notes)
    check_paired(X=x, y=y)
    check_paired(X_test=x_test, y_test=y_test)
    check_same_columns(X=x, X_test=x_test)
    x, x_test = as_table("X", x), as_table("X_test", x_test)
    found = numbered_labels(as_labels("y", y), as_labels("y_test", y_test))
    labels, codes, names = found.y.astype(int), found.test.astype(int), found.classes
    check_inputs(x, labels)
    check_inputs(x_test, codes, "X_test")
    if x_test.shape[1] != x.shape[1]:
        raise ValueError(
            f"X_test has {x_test.shape[1]} columns, expected {x.shape[1]} as in X: give both the "
            "same inputs"
        )
    return numbered_classes(
        name,
        names,
        (x, labels),
        StoredTestSet(x_test, codes),
        dict(settings or {}),
        notes,
        intercept=intercept,
        standardise=standardise,
    )


def numbered_classes(
    name: str,
    classes: tuple[str, ...],
    train: tuple[Table, np.ndarray],
    test: StoredTestSet,
    settings: Mapping[str, object],
    notes: tuple[str, ...],
    *,
    intercept: float,
    standardise: bool,
    places: np.ndarray | None = None,
) -> ClassesProblem:
    """Make a problem of inputs with numbers of classes, which were checked before."""
    x, labels = train
    transform = InputTransform.fit(x, standardise=standardise, intercept=intercept)
    changes = transform.scale is not None or transform.intercept != 0
    design = transform.apply(x)
    check_inputs(design, labels, "transformed X")
    if is_sparse(design):
        design = nonzero_rows(design)
    check_rows(design, labels, places)
    return ClassesProblem(
        name,
        classes,
        design_matrix(design),
        labels,
        replace(test, inputs=transform.apply(test.inputs)),
        settings,
        (*notes, *transform.notes),
        transform if changes else None,
        places,
    )
