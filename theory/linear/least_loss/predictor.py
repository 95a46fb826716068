"""Where the loss itself is least: least squares, and the logistic fit of overlapping classes.

Without weight decay the flow ends where the mean loss is least. Its outputs ``q* = Xw`` are
unique, for the losses are strictly convex; of the weights that have them the flow from a large
scale takes those of least L2-norm. Only the r coordinates c of the outputs ``q = Q c`` in the row
space ``X = Q R`` matter, and Newton's method finds them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import LinAlgError, qr, solve_triangular

from grokflow.theory.certificate import Certificate
from grokflow.theory.linear.l2 import WANTED_GAP
from grokflow.theory.linear.least_loss.distance import (
    distance_to_least,
    min_loss,
    unit_of_targets,
)
from grokflow.theory.linear.least_loss.reached import resolved
from grokflow.theory.linear.prediction import Prediction, normalised_margin
from grokflow.theory.linear.problem import Problem, Task, check_problem
from grokflow.theory.linear.row_space import RowSpace, least_norm
from grokflow.theory.losses import ConcordantLoss, set_loss
from grokflow.theory.numerics.design_matrix import DesignMatrix
from grokflow.theory.numerics.penalised.orthogonal import by_size
from grokflow.theory.numerics.rounding import UNIT
from grokflow.theory.objective import Norm, Objective
from grokflow.theory.predictor import NoPredictor, NotResolved

# Newton's method doubles its digits at each step once it is near; before, margins grow by one a
# step at least, and pulls on margins of this many are below rounding.
_NEWTON_STEPS = 100
# Newton steps taken once the loss itself no longer shows any progress.
_POLISHING_STEPS = 2
# Rows or columns that are compared with each other, where a message is to name copies.
_COMPARED = 2000
# Cosine from which two of them are nearly copies: they differ by a millionth.
_ALIKE = 1 - 1e-12


@dataclass(frozen=True)
class MinLoss:
    """The minimiser of the mean loss, without weight decay; of several, that of least L2-norm.

    It is the early predictor of diagonal nets on data that no weights fit: targets that do not
    agree, labels that overlap. For the square loss it is that of least squares.

    Parameters
    ----------
    loss : ConcordantLoss
        Loss l of the flow.

    Examples
    --------
    Three measurements of one weight:

    >>> import numpy as np
    >>> import grokflow as gf
    >>> x, y = np.array([[1.0], [1.0], [2.0]]), np.array([1.0, 2.0, 2.0])
    >>> problem = gf.make_problem("noisy", gf.Task.REGRESSION, x, y, gf.StoredTestSet(x, y))
    >>> found = gf.MinLoss(gf.LOSSES["square"]).predict(problem)
    >>> print(found.w.round(3), found.certificate.gap < 1e-12)
    [1.167] True
    """

    loss: ConcordantLoss

    def __post_init__(self) -> None:
        """Take a loss by its name."""
        set_loss(self)

    @property
    def name(self) -> str:
        """What the predictor is called in results."""
        return f"min-{self.loss.name}-loss"

    def predict(self, problem: Problem) -> Prediction:
        """Minimise by Newton's method, and bound the distance from the minimum.

        Inputs, or samples, that combine others up to rounding are taken to do so. Weights of 1e14
        may make something of the rest, even classify every sample: the certificate counts them,
        and is bounded by 0 from below where nothing is left to be proved.

        Raises
        ------
        NoPredictor
            When some weights classify every sample, so that the loss falls for ever.
        NotResolved
            When double precision does not show that there is a minimum, or better weights than
            zero.
        """
        check_problem(problem, margins=self.loss.name if self.loss.acts_on_margins else None)
        return self.at(problem, least_coordinates(problem, self.loss))

    def at(self, problem: Problem, coordinates: np.ndarray) -> Prediction:
        """Return the predictor, once `least_coordinates` are known.

        Raises
        ------
        NotResolved
            When weights of zero are better, or as good for all that is proved.
        """
        w = least_norm(problem.row_space.rows, coordinates)
        if not np.isfinite(w).all():
            raise NotResolved(
                f"the weights of the least {self.loss.name} loss are beyond double precision, "
                "expected at most 1e308: leave out samples that are orders smaller than the others"
            )
        pulls = self.loss.descent(problem.inputs.combine(w), problem.targets) / problem.n
        margin = normalised_margin(problem, w, 2)
        certificate = min_loss(problem, w, self.loss)
        _check_gain(problem, self.loss, certificate)
        objective = Objective(Norm.L2, self.loss, 0.0)
        return Prediction(self.name, w, pulls, margin, certificate, objective=objective)


@np.errstate(over="ignore")
def _check_gain(problem: Problem, loss: ConcordantLoss, certificate: Certificate) -> None:
    """Refuse weights whose loss rounding leaves above that of weights of zero, or unknown.

    Where the gap is small they are as good as any: targets may be such that none are better.
    """
    at_zero = float(loss.value(np.zeros(problem.n), problem.targets).mean())
    if certificate.upper < at_zero or certificate.gap <= WANTED_GAP:
        return
    raise NotResolved(
        f"not resolved in double precision: the least mean {loss.name} loss is between "
        f"{certificate.lower:.6g} and {min(certificate.upper, at_zero):.6g}, which weights of zero "
        "have, expected weights with less: leave out samples or inputs that are larger or smaller "
        "than the others by many orders"
    )


def in_row_space(problem: Problem, coordinates: np.ndarray) -> Problem:
    """Return the regression ``R w = c`` that asks for the outputs ``Q c``, in r samples."""
    rows = problem.row_space.rows
    return replace(problem, task=Task.REGRESSION, inputs=rows, targets=coordinates)


@np.errstate(over="ignore", invalid="ignore")  # what overflows is not resolved
def least_coordinates(problem: Problem, loss: ConcordantLoss) -> np.ndarray:
    """Return the coordinates c, shape (r,), of the outputs ``Q c`` at which the loss is least.

    Raises
    ------
    NoPredictor
        When some weights classify every sample.
    NotResolved
        When double precision does not show that there is a minimum.
    """
    space = problem.row_space
    if space.basis is None:
        if loss.acts_on_margins:
            raise _falls_for_ever(loss)
        return problem.targets
    if not loss.descent(np.zeros(problem.n), problem.targets).any():
        return np.zeros(space.rank)
    unit = unit_of_targets(problem, loss)
    targets = problem.targets / unit
    c = _newton(space, targets, loss)
    rounding = _coordinate_rounding(space, c)
    outputs = space.basis @ c
    if loss.acts_on_margins and _classifies(space, c):
        raise _falls_for_ever(loss)
    distance = distance_to_least(resolved(space), targets, loss, outputs, rounding)
    if distance is None:
        helps = "classes that overlap in every direction: take the square loss, or fewer inputs"
        if not loss.acts_on_margins:
            helps = _what_to_leave_out(problem.inputs)
        raise NotResolved(
            f"double precision does not show that the {loss.name} loss has a minimum, expected "
            f"{helps}"
        )
    # Pulls that balance at zero leave nothing but rounding, and outputs of which no sign is known.
    nothing = (np.abs(outputs) <= distance.outputs).all()
    return np.zeros_like(c) if nothing else unit * c


def _what_to_leave_out(inputs: DesignMatrix) -> str:
    """Say whether inputs or samples copy others, and so what is to be left out."""
    table = np.asarray(inputs.to_array()) if max(inputs.shape) <= _COMPARED else np.empty((0, 0))
    if _has_near_copies(table.T):
        return "independent inputs: leave out copies of others with drop=NAME (--drop NAME)"
    if _has_near_copies(table):
        return (
            "independent samples: some have nearly the same inputs, so leave out rows of the data "
            "that copy others"
        )
    return (
        "independent samples and inputs: leave out rows that nearly combine others, or inputs that "
        "do, with drop=NAME (--drop NAME)"
    )


def _has_near_copies(rows: np.ndarray) -> bool:
    """Whether two rows are nearly multiples of each other; rows of zeros are none."""
    if not rows.size:
        return False
    sizes = np.abs(rows).max(axis=1)
    units = rows[sizes > 0] / sizes[sizes > 0, None]
    units = units / np.linalg.norm(units, axis=1)[:, None]
    return bool((np.triu(np.abs(units @ units.T), 1) > _ALIKE).any())


def _classifies(space: RowSpace, c: np.ndarray) -> bool:
    """Whether all margins ``Q c`` are positive, whatever rounding did to Q and to them."""
    assert space.basis is not None and space.rounding is not None
    error = _coordinate_rounding(space, c) + space.rounding * float(np.linalg.norm(c))
    return bool((space.basis @ c > error).all())


def _coordinate_rounding(space: RowSpace, c: np.ndarray) -> np.ndarray:
    """Bound what rounding may have changed in the outputs ``Q c``, Q itself taken as exact."""
    assert space.basis is not None
    return np.asarray((space.rank + 2) * UNIT * (np.abs(space.basis) @ np.abs(c)))


def _falls_for_ever(loss: ConcordantLoss) -> NoPredictor:
    return NoPredictor(
        f"the {loss.name} loss has no minimum, for some weights classify every sample; expected "
        "classes that overlap: take the max-L2-margin, or the square loss"
    )


def _newton(space: RowSpace, targets: np.ndarray, loss: ConcordantLoss) -> np.ndarray:
    """Minimise the mean of the losses of ``q = Q c``; ends early where every margin is positive."""
    basis, c, polishing = space.basis, np.zeros(space.rank), 0
    assert basis is not None
    for _ in range(_NEWTON_STEPS):
        q = basis @ c
        # Margins so large grow without end, on samples that can be classified ever better.
        endless = float(np.abs(q).max()) * UNIT**0.5 > 1
        if loss.acts_on_margins and (endless or _classifies(space, c)):
            break
        # Nothing is left of the loss of margins above 700, which some samples of classes that
        # barely overlap have.
        curvature = np.maximum(loss.curvature(q, targets), np.finfo(float).tiny)
        value = float(loss.value(q, targets).mean())
        step, slope = _step(basis, loss.descent(q, targets), curvature)
        polishing += slope <= 8 * UNIT * value
        length = 1.0
        while polishing == 0 and length > UNIT:
            trial = float(loss.value(q + length * (basis @ step), targets).mean())
            if trial <= value - length * slope / 4:
                break
            length /= 2
        c = c + length * step
        if polishing > _POLISHING_STEPS or not np.isfinite(c).all():
            break
    return c


def _step(basis: np.ndarray, pulls: np.ndarray, curvature: np.ndarray) -> tuple[np.ndarray, float]:
    """Return Newton's step and by how much the mean loss falls along it to first order.

    It solves the least squares problem ``√h (Q δ - u/h)``, which does not square the condition.
    """
    root = np.sqrt(curvature)
    weighted = root[:, None] * basis
    rows = by_size(weighted)
    orthonormal, triangle, order = qr(
        weighted[rows], mode="economic", pivoting=True, check_finite=False
    )
    along = orthonormal.T @ (pulls / root)[rows]
    step = np.empty_like(along)
    try:
        step[order] = solve_triangular(triangle, along, check_finite=False)
    except LinAlgError:
        return np.full_like(along, np.nan), 0.0
    return step, float(along @ along) / len(pulls)
