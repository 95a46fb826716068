"""What the estimators for scikit-learn share: checked data, one predictor a class, and messages."""

# scikit-learn has no types.
# mypy: disable-error-code="misc, no-untyped-call"
from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import ArrayLike

from grokflow.theory.conversion import as_array
from grokflow.theory.holders import check_no_name, check_sparse, check_unmasked
from grokflow.theory.linear.checks import check_sizes
from grokflow.theory.linear.prediction import Prediction
from grokflow.theory.linear.problem import Problem, Task
from grokflow.theory.merged import rounded_inputs, rounded_vector
from grokflow.theory.numerics.design_matrix import design_matrix
from grokflow.theory.numerics.sparse_matrix import Table, is_sparse, signed_rows
from grokflow.theory.pairing import check_paired
from grokflow.theory.predictor import NotSeparable, Remedy
from grokflow.theory.samples import StoredTestSet

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as error:
    raise ImportError(
        "the estimators need scikit-learn: pip install 'grokflow[sklearn]'"
    ) from error


class _Predictor(Protocol):
    """What `theory` offers: a method with its settings."""

    def predict(self, problem: Problem) -> Prediction: ...


# Sparse inputs of any other format are converted to the first.
_SPARSE = ("csr", "csc")
# What scikit-learn calls labels that are not given.
_NO_LABELS = "no_validation"
# What helps classes that no weights separate, in the words of scikit-learn.
_REMEDIES = {
    Remedy.INTERCEPT: "append a column of ones to X, which helps",
    Remedy.PENALTY: "take gf.L1PenalisedClassifier",
}


class Estimator(ABC, BaseEstimator):
    """What classifiers and regressors share."""

    coef_: np.ndarray

    def __sklearn_tags__(self) -> Any:
        """Say that sparse inputs are accepted."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    @abstractmethod
    def _predictor(self) -> _Predictor:
        """Return the predictor with the estimator's settings."""

    def _checked(self, X: ArrayLike, y: Any = _NO_LABELS, **settings: Any) -> Any:
        """Return arrays as scikit-learn has them, which forgets masks and names of rows."""
        check_unmasked("X", X)
        if is_sparse(X):
            check_sparse("X", X)
            rounded_inputs("X", X)
        else:
            rounded_inputs("X", array := as_array("X", X))
            X = array if hasattr(X, "detach") else X  # scikit-learn knows plain tensors alone
        if not isinstance(y, str) or y != _NO_LABELS:
            check_no_name("y", y)
            check_unmasked("y", y)
            check_paired(X=X, y=y)
            y = as_array("y", y) if hasattr(y, "detach") else y
        return validate_data(self, X, y, dtype=np.float64, accept_sparse=_SPARSE, **settings)

    def _refuse(self, settings: Mapping[str, object]) -> None:
        """Refuse weights of samples, and what no fit knows; None stands for no weights."""
        for name, value in settings.items():
            if name != "sample_weight":
                raise TypeError(f"{type(self).__name__}.fit() has no argument {name!r}")
            if value is not None:
                raise ValueError(
                    "sample_weight is given, expected none, for the theory counts all samples "
                    "alike: repeat rows of X and y that count more, leave out those that do not"
                )

    def _predicted(self, problem: Problem, who: str = "the data") -> Prediction:
        """Predict; where that cannot be, say for whom, with the remedies of an estimator."""
        try:
            return self._predictor().predict(problem)
        except NotSeparable as error:
            error.spell(_REMEDIES, who)
            raise

    def _outputs(self, X: ArrayLike) -> np.ndarray:
        check_is_fitted(self)
        x = self._checked(X, reset=False)
        return np.asarray(x @ self.coef_.T)


class Classifier(ClassifierMixin, Estimator):
    """A linear classifier without intercept."""

    def fit(self, X: ArrayLike, y: ArrayLike, **settings: object) -> Self:
        """Fit one predictor for two classes, or one for each class against the rest.

        Parameters
        ----------
        X : array-like or sparse, shape (n, d)
            Inputs.
        y : array-like, shape (n,)
            Class labels of any kind.
        **settings
            None is known: weights of samples are refused, with what to do instead.

        Raises
        ------
        NotSeparable
            By the margins, when no weights fit the labels (its ``certificate`` proves it).
        """
        self._refuse(settings)
        x, labels = self._checked(X, y)
        check_classification_targets(labels)
        self.classes_ = np.unique(labels)
        if len(self.classes_) < 2:
            raise ValueError(
                f"y holds one class, {self.classes_[0]}, expected at least two: add samples of "
                "another class"
            )
        positive = self.classes_ if len(self.classes_) > 2 else self.classes_[1:]
        signs = [np.where(labels == label, 1.0, -1.0) for label in positive]
        task, ones = Task.CLASSIFICATION, np.ones(len(labels))
        problems = [
            replace(_problem(signed_rows(x, sign), ones, task), signs=sign) for sign in signs
        ]
        several = len(self.classes_) > 2
        who = [f"class {label} and the others" if several else "the data" for label in positive]
        found = [self._predicted(*pair) for pair in zip(problems, who, strict=True)]
        self.coef_ = np.array([prediction.w for prediction in found])
        self.certificate_ = tuple(prediction.certificate for prediction in found)
        return self

    def decision_function(self, X: ArrayLike) -> np.ndarray:
        """Return ``<w, x>``, shape (m,) for two classes, (m, classes) for more."""
        outputs = self._outputs(X)
        return outputs[:, 0] if len(self.classes_) == 2 else outputs

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return the class of every row of `X`."""
        scores = self.decision_function(X)
        codes = (scores > 0).astype(int) if scores.ndim == 1 else scores.argmax(axis=1)
        return np.asarray(self.classes_[codes])


class Regressor(RegressorMixin, Estimator):
    """A linear regression without intercept."""

    def fit(self, X: ArrayLike, y: ArrayLike, **settings: object) -> Self:
        """Fit the predictor to inputs of shape (n, d) and targets of shape (n,).

        No setting is known: weights of samples are refused, with what to do instead.

        Raises
        ------
        NoPredictor
            By the interpolants, when no weights reach the targets.
        """
        self._refuse(settings)
        x, targets = self._checked(X, y, y_numeric=True)
        rounded_vector("y", as_array("y", y).reshape(-1))
        found = self._predicted(_problem(x, targets.astype(np.float64), Task.REGRESSION))
        self.coef_ = found.w
        self.certificate_ = found.certificate
        return self

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return ``<w, x>`` for every row of `X`."""
        return self._outputs(X)


def _problem(design: Table, targets: np.ndarray, task: Task) -> Problem:
    """Build a problem from checked arrays; repeated and zero rows are the predictor's business."""
    check_sizes(design, targets)
    nothing: Any = StoredTestSet(design[:0], targets[:0])
    return Problem("estimator", task, design_matrix(design), targets, nothing)
