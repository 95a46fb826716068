"""The linear predictors of the theory as scikit-learn estimators.

None of them has an intercept, as in the theory: append a column of ones where one is wanted.
Several classes are separated one from the rest; sparse inputs stay sparse. Needs the extra sklearn.
"""

# scikit-learn has no types.
# mypy: disable-error-code="misc, no-untyped-call"
from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import ArrayLike

from grokflow.theory.arguments import check_number, check_positive
from grokflow.theory.conversion import check_no_name, check_unmasked
from grokflow.theory.linear.checks import check_sizes
from grokflow.theory.linear.l1 import MaxL1Margin, MinL1Norm
from grokflow.theory.linear.l2 import MaxL2Margin, MinL2Norm
from grokflow.theory.linear.penalised import L1Penalised
from grokflow.theory.linear.prediction import Prediction
from grokflow.theory.linear.problem import Problem, StoredTestSet, Task
from grokflow.theory.losses import LOSSES, Loss
from grokflow.theory.numerics.design_matrix import design_matrix
from grokflow.theory.numerics.sparse_matrix import Table, signed_rows
from grokflow.theory.pairing import check_paired
from grokflow.theory.predictor import INTERCEPT, REMEDY, NoPredictor

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


class _Estimator(ABC, BaseEstimator):
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
        if not isinstance(y, str) or y != _NO_LABELS:
            check_no_name("y", y)
            check_unmasked("y", y)
            check_paired(X=X, y=y)
        return validate_data(self, X, y, dtype=np.float64, accept_sparse=_SPARSE, **settings)

    def _predicted(self, problem: Problem) -> Prediction:
        """Predict; where that cannot be, the remedies are those of an estimator."""
        try:
            return self._predictor().predict(problem)
        except NoPredictor as error:
            said = str(error).replace(REMEDY, "take gf.L1PenalisedClassifier")
            error.args = (said.replace(INTERCEPT, "append a column of ones to X, which helps"),)
            raise

    def _outputs(self, X: ArrayLike) -> np.ndarray:
        check_is_fitted(self)
        x = self._checked(X, reset=False)
        return np.asarray(x @ self.coef_.T)


class _Classifier(ClassifierMixin, _Estimator):
    """A linear classifier without intercept."""

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit one predictor for two classes, or one for each class against the rest.

        Parameters
        ----------
        X : array-like or sparse, shape (n, d)
            Inputs.
        y : array-like, shape (n,)
            Class labels of any kind.

        Raises
        ------
        NotSeparable
            By the margins, when no weights fit the labels (its ``certificate`` proves it).
        """
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
        found = [self._predicted(problem) for problem in problems]
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


class _Regressor(RegressorMixin, _Estimator):
    """A linear regression without intercept."""

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit the predictor to inputs of shape (n, d) and targets of shape (n,).

        Raises
        ------
        NoPredictor
            By the interpolants, when no weights reach the targets.
        """
        x, targets = self._checked(X, y, y_numeric=True)
        found = self._predicted(_problem(x, targets.astype(np.float64), Task.REGRESSION))
        self.coef_ = found.w
        self.certificate_ = found.certificate
        return self

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return ``<w, x>`` for every row of `X`."""
        return self._outputs(X)


class MaxL2MarginClassifier(_Classifier):
    """The classifier of largest L2-margin, for scikit-learn.

    Its weights solve ``min ½‖w‖²`` with ``y_i <w, x_i> ≥ 1``.
    This is the hard-margin support vector machine without intercept.

    Attributes
    ----------
    coef_ : ndarray, shape (1, d) or (classes, d)
        Weights.
    classes_ : ndarray
        The labels; two classes are told apart by the sign of one output.
    certificate_ : tuple of Certificate
        Bounds on the optimum, one for each row of ``coef_``.

    Examples
    --------
    >>> import grokflow as gf
    >>> x, y = [[2.0, 1.0], [1.0, -1.0], [-1.0, 2.0]], ["up", "up", "down"]
    >>> found = gf.MaxL2MarginClassifier().fit(x, y)
    >>> print(found.coef_.round(3))
    [[ 0.667 -0.333]]
    >>> found.certificate_[0].gap < 1e-6
    True
    """

    def _predictor(self) -> MaxL2Margin:
        return MaxL2Margin()


class MaxL1MarginClassifier(_Classifier):
    """The classifier of largest L1-margin, for scikit-learn.

    Its weights solve ``min ‖w‖₁`` with ``y_i <w, x_i> ≥ 1``. It has no intercept; attributes are
    as in `MaxL2MarginClassifier`.

    Parameters
    ----------
    gap : float
        Certified relative duality gap at which to stop.

    Examples
    --------
    >>> import grokflow as gf
    >>> x, y = [[1.0, 0.0], [2.0, 1.0], [-1.0, 2.0]], ["up", "up", "down"]
    >>> found = gf.MaxL1MarginClassifier().fit(x, y)
    >>> print(found.coef_.round(2) + 0.0)
    [[1. 0.]]
    >>> print(found.predict([[3.0, 1.0]]))
    ['up']
    """

    def __init__(self, *, gap: float = 1e-7) -> None:
        self.gap = gap

    def _predictor(self) -> MaxL1Margin:
        return MaxL1Margin(gap=_positive("gap", self.gap))


class L1PenalisedClassifier(_Classifier):
    """The minimiser of ``(1/n) Σ l(y_i <w, x_i>) + (λ/2) ‖w‖₁``, for scikit-learn.

    It is where the flow at weight decay λ ends, and exists for any data. There is no intercept;
    attributes are as in `MaxL2MarginClassifier`.

    Parameters
    ----------
    lam : float
        Weight decay λ of the flow, twice the L1 strength.
    loss : {"logistic", "exponential", "square"} or Loss
        Loss l of the flow; the square loss acts on the margin, ``(y <w, x> - 1)²``. Any other
        `Loss` is given as an object.
    gap : float
        Certified relative duality gap at which to stop.

    Examples
    --------
    >>> import grokflow as gf
    >>> x, y = [[2.0, 1.0], [1.0, -1.0], [-1.0, 2.0]], ["up", "up", "down"]
    >>> found = gf.L1PenalisedClassifier(lam=0.1).fit(x, y)
    >>> print(found.coef_.round(2), found.score(x, y))
    [[ 2.24 -0.37]] 1.0
    """

    def __init__(
        self, lam: float = 1e-3, loss: str | Loss = "logistic", *, gap: float = 1e-7
    ) -> None:
        self.lam = lam
        self.loss = loss
        self.gap = gap

    def _predictor(self) -> L1Penalised:
        if isinstance(self.loss, Loss):
            return _penalised(self.loss, self)
        if not isinstance(self.loss, str) or self.loss not in LOSSES:
            raise ValueError(
                f"loss is {self.loss!r}, expected one of {', '.join(LOSSES)}, or a Loss: pick one"
            )
        return _penalised(LOSSES[self.loss], self)


class MinL2NormRegressor(_Regressor):
    """The interpolant of least L2-norm, for scikit-learn: ``min ½‖w‖²`` with ``<w, x_i> = y_i``.

    There is no intercept.

    Attributes
    ----------
    coef_ : ndarray, shape (d,)
        Weights.
    certificate_ : Certificate
        Bounds on the optimum.

    Examples
    --------
    >>> import grokflow as gf
    >>> found = gf.MinL2NormRegressor().fit([[1.0, 2.0, 0.0]], [5.0])
    >>> print(found.coef_.round(2) + 0.0)
    [1. 2. 0.]
    """

    def _predictor(self) -> MinL2Norm:
        return MinL2Norm()


class MinL1NormRegressor(_Regressor):
    """The interpolant of least L1-norm, for scikit-learn: ``min ‖w‖₁`` with ``<w, x_i> = y_i``.

    There is no intercept; attributes are as in `MinL2NormRegressor`.

    Parameters
    ----------
    gap : float
        Certified relative duality gap at which to stop.

    Examples
    --------
    >>> import grokflow as gf
    >>> found = gf.MinL1NormRegressor().fit([[1.0, 2.0, 0.0]], [4.0])
    >>> print(found.coef_.round(2) + 0.0)
    [0. 2. 0.]
    """

    def __init__(self, *, gap: float = 1e-7) -> None:
        self.gap = gap

    def _predictor(self) -> MinL1Norm:
        return MinL1Norm(gap=_positive("gap", self.gap))


class L1PenalisedRegressor(_Regressor):
    """The minimiser of ``(1/n) Σ (<w, x_i> - y_i)² + (λ/2) ‖w‖₁``, for scikit-learn.

    There is no intercept; attributes are as in `MinL2NormRegressor`.

    Parameters
    ----------
    lam : float
        Weight decay λ of the flow, twice the L1 strength.
    gap : float
        Certified relative duality gap at which to stop.

    Examples
    --------
    >>> import grokflow as gf
    >>> found = gf.L1PenalisedRegressor(lam=0.8).fit([[1.0, 2.0, 0.0]], [4.0])
    >>> print(found.coef_.round(2) + 0.0)
    [0.   1.95 0.  ]
    """

    def __init__(self, lam: float = 1e-3, *, gap: float = 1e-7) -> None:
        self.lam = lam
        self.gap = gap

    def _predictor(self) -> L1Penalised:
        return _penalised(LOSSES["square"], self)


def _problem(design: Table, targets: np.ndarray, task: Task) -> Problem:
    """Build a problem from checked arrays; repeated and zero rows are the predictor's business."""
    check_sizes(design, targets)
    nothing: Any = StoredTestSet(design[:0], targets[:0])
    return Problem("estimator", task, design_matrix(design), targets, nothing)


def _penalised(loss: Loss, settings: L1PenalisedClassifier | L1PenalisedRegressor) -> L1Penalised:
    return L1Penalised(loss, _positive("lam", settings.lam), gap=_positive("gap", settings.gap))


def _positive(name: str, value: Any) -> float:
    check_number(name, value)
    check_positive(name, float(value))
    return float(value)
