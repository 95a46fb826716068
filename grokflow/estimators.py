"""The linear predictors of the theory as scikit-learn estimators.

None of them has an intercept, as in the theory: append a column of ones where one is wanted.
Several classes are separated one from the rest; sparse inputs stay sparse. Needs the extra sklearn.
"""

# scikit-learn has no types.
# mypy: disable-error-code="misc, no-untyped-call"
from __future__ import annotations

from typing import Any

from grokflow.estimator_bases import Classifier, Regressor
from grokflow.theory.arguments import check_number, check_positive
from grokflow.theory.linear.l1 import MaxL1Margin, MinL1Norm
from grokflow.theory.linear.l2 import MaxL2Margin, MinL2Norm
from grokflow.theory.linear.penalised import L1Penalised
from grokflow.theory.losses import LOSSES, Loss


class MaxL2MarginClassifier(Classifier):
    """The classifier of largest L2-margin, for scikit-learn.

    Its weights solve ``min ½‖w‖²`` with ``y_i <w, x_i> ≥ 1``.
    This is the hard-margin support vector machine without intercept: a column of ones, appended to
    X, has one as its weight. There is no `gap` to choose, as there is for L1-norms: the weights are
    solved to rounding, and refused where their gap is above 1e-7.

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
    The last input is the column of ones, and the last weight the intercept:

    >>> import numpy as np
    >>> import grokflow as gf
    >>> x, y = np.array([[1.0, 1.0], [2.0, 1.0], [4.0, 1.0]]), ["down", "down", "up"]
    >>> found = gf.MaxL2MarginClassifier().fit(x, y)
    >>> print(found.coef_.round(3))
    [[ 1. -3.]]
    >>> found.certificate_[0].gap < 1e-6
    True
    """

    def _predictor(self) -> MaxL2Margin:
        return MaxL2Margin()


class MaxL1MarginClassifier(Classifier):
    """The classifier of largest L1-margin, for scikit-learn.

    Its weights solve ``min ‖w‖₁`` with ``y_i <w, x_i> ≥ 1``. There is no intercept but the
    weight of a column of ones, as in `MaxL2MarginClassifier`, whose attributes it has.

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


class L1PenalisedClassifier(Classifier):
    """The minimiser of ``(1/n) Σ l(y_i <w, x_i>) + (λ/2) ‖w‖₁``, for scikit-learn.

    It is where the flow at weight decay λ ends, and exists for any data. There is no intercept
    but the weight of a column of ones, as in `MaxL2MarginClassifier`, whose attributes it has.

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


class MinL2NormRegressor(Regressor):
    """The interpolant of least L2-norm, for scikit-learn: ``min ½‖w‖²`` with ``<w, x_i> = y_i``.

    There is no intercept: a column of ones, appended to X, has one as its weight. There is no `gap`
    to choose, as there is for L1-norms: the weights are solved to rounding, and refused where their
    gap is above 1e-7.

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


class MinL1NormRegressor(Regressor):
    """The interpolant of least L1-norm, for scikit-learn: ``min ‖w‖₁`` with ``<w, x_i> = y_i``.

    There is no intercept but the weight of a column of ones, appended to X; attributes are as in
    `MinL2NormRegressor`.

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


class L1PenalisedRegressor(Regressor):
    """The minimiser of ``(1/n) Σ (<w, x_i> - y_i)² + (λ/2) ‖w‖₁``, for scikit-learn.

    There is no intercept but the weight of a column of ones, appended to X; attributes are as in
    `MinL2NormRegressor`.

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


def _penalised(loss: Loss, settings: L1PenalisedClassifier | L1PenalisedRegressor) -> L1Penalised:
    return L1Penalised(loss, _positive("lam", settings.lam), gap=_positive("gap", settings.gap))


def _positive(name: str, value: Any) -> float:
    check_number(name, value)
    check_positive(name, float(value))
    return float(value)
