"""One point of the quasi-static path: the weights at one scale, given the multipliers before it.

It is the minimum of a convex function of the multipliers. Newton's method, which needs one Gram
matrix a step, finds it on most data. Where inputs differ much in size it may exchange multipliers
on their bounds for ever; small data are then given to exact quadratic programs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy.linalg import LinAlgError

from grokflow.theory.diagonal.anchored import (
    Anchor,
    AnchoredHypentropy,
    Bound,
    Standing,
    extrapolated,
    nothing_of,
    standing_of,
)
from grokflow.theory.diagonal.deep_mirror import DeepHypentropy, MirrorMap, mirror_map
from grokflow.theory.linear.dual import Constraint, Dual, Moved
from grokflow.theory.linear.prediction import Prediction
from grokflow.theory.linear.problem import Problem
from grokflow.theory.numerics.input_transform import standardising
from grokflow.theory.numerics.margin_steps import Model, minimise_by_programs
from grokflow.theory.numerics.newton import Hessian, NotConverged, ValueGradient, minimise
from grokflow.theory.predictor import NotResolved

# Where margins are held, at a level that is known up to 1/m, a violation so much larger than the
# tolerance still counts if rounding keeps it there.
_SLACK = 10.0
# Multiplications that one quadratic program may take, a second of them.
_PROGRAM = 1e8
# Steps of Newton's method: most points take ten. Where a program can follow, which takes as long
# as a few of them, it need not go on.
_MOST_STEPS, _PATIENT_STEPS = 200, 15
# Times that changes of the multipliers are counted from a new point; two have sufficed.
_ANCHORS = 8
_EPSILON, _TINY = float(np.finfo(np.float64).eps), float(np.finfo(np.float64).tiny)
# Near its largest value a multiplier is the same in double precision over such a step of log β.
_LEAST_STEP = float(np.sqrt(_EPSILON))


class PathPoint(NamedTuple):
    """One point of the path.

    Parameters
    ----------
    standing : Standing
        Its multipliers and coordinates.
    weights : ndarray, shape (d,)
        Its weights.
    residual : float
        Violation of what is held, by these weights, relative to the largest target.
    hessian : Hessian or None
        The last one of Newton's method.
    """

    standing: Standing
    weights: np.ndarray
    residual: float
    hessian: Hessian | None


def path_point(
    problem: Problem,
    potential: MirrorMap,
    start: Standing,
    bound: Bound,
    tolerance: float,
    hessian: Hessian | None,
) -> PathPoint:
    """Return one point of the path, as near to it as rounding lets it be."""
    n, d = problem.inputs.shape
    small = n * min(n, d) ** 2 <= _PROGRAM
    at = PathPoint(start, np.empty(0), np.inf, hessian)
    function = _Dual.at(problem, potential, start, bound)
    if small and n > d:
        at = _by_programs(function, at, tolerance)
        if at.residual <= tolerance:
            return at
    for _ in range(1 if small else _ANCHORS):
        known, new = at.residual, _by_newton(problem, potential, at, bound, tolerance)
        at = new if new.residual < known else at
        if at.residual <= tolerance or at.residual > known / 2:
            break
    if at.residual <= tolerance or not small:
        return at
    return _by_programs(function, at, tolerance)


@dataclass(eq=False)
class Walk:
    """A walk along the path.

    Parameters
    ----------
    problem, depth, omega
        The data, L and the size of a typical weight.
    equal, tolerance
        Which outputs are equal to their targets, not larger, and by how much they may miss them.
    let_go : float
        By how much outputs may miss that a sample is let go at the last point before.
    scales, known : list of float, list of Standing
        ``log β`` of the last points, two at most, and these points.
    early : Prediction or None
        Where the path begins, if there are none.
    targets, hessian, rates
        Targets, Hessian and rates of growth at the last point, where they are known.
    """

    problem: Problem
    depth: int
    omega: float
    equal: np.ndarray
    tolerance: float
    let_go: float
    scales: list[float]
    known: list[Standing]
    early: Prediction | None = None
    targets: np.ndarray | None = None
    hessian: Hessian | None = None
    rates: np.ndarray | None = None

    def to(self, log_beta: float, targets: np.ndarray) -> PathPoint:
        """Go to a smaller scale, where these are the targets.

        A sample that leaves the margin on the way keeps the multiplier that it has then. The step
        is halved until what that may have grown since the last point is less than the tolerance.
        """
        goals = [(log_beta, targets)]
        while goals:
            scale, held = goals[-1]
            potential = mirror_map(self.depth, self.omega, scale)
            found, rates = self._point(potential, scale, held), None
            if np.isfinite(self.let_go):
                found, rates = self._with_rates(found, potential, held)
                if self._missed(found, rates, scale) > self.let_go * np.abs(held).max():
                    before = held if self.targets is None else self.targets
                    goals.append(((self.scales[-1] + scale) / 2, (before + held) / 2))
                    continue
            check_point(self, found, scale)
            self.scales, self.known = [*self.scales[-1:], scale], [*self.known[-1:], found.standing]
            self.hessian, self.targets, self.rates = found.hessian, held, rates
            goals.pop()
        return found

    @property
    def _last(self) -> Standing:
        return self.known[-1] if self.known else nothing_of(self.problem)

    def _point(self, potential: MirrorMap, scale: float, targets: np.ndarray) -> PathPoint:
        """Return the point at a scale, with multipliers no smaller than at the last one."""
        problem, bound = self.problem, Bound(self._last, self.equal)
        if self.known:
            near = np.array([*self.scales, scale])
            start = extrapolated(problem, self.known, near, self.depth, bound)
        else:
            assert self.early is not None
            unit = potential.unit / self.omega  # of weights w = ω Xᵀp = Xᵀμ
            mu, x = unit * self.early.multipliers, unit * self.early.w
            start = standing_of(problem, mu, x, self.depth, bound)
        held = replace(problem, targets=targets)
        return path_point(held, potential, start, bound, self.tolerance, self.hessian)

    def _with_rates(
        self, found: PathPoint, potential: MirrorMap, targets: np.ndarray
    ) -> tuple[PathPoint, np.ndarray]:
        """Return a point with its Hessian, and how fast multipliers that grew grow as log β falls.

        At given multipliers all outputs are proportional to β, and the growth makes up for that. A
        sample has left the margin where its rate is negative.
        """
        problem, multipliers = self.problem, found.standing.multipliers
        dual = _Dual.at(problem, potential, found.standing, Bound(self._last, self.equal)).dual
        ridge = _ridge(multipliers / potential.unit, self.tolerance)
        hessian = replace(dual, ridge=ridge).hessian(np.zeros(problem.n))
        grown, rates = self.equal | (multipliers > self._last.multipliers), np.zeros(problem.n)
        if grown.any():
            rates[grown] = hessian.solve(grown, targets[grown])
        return found._replace(hessian=hessian), potential.unit * rates

    def _missed(self, found: PathPoint, rates: np.ndarray, scale: float) -> float:
        """Return by how much outputs may miss that samples are let go at their largest multiplier.

        A multiplier grows ever more slowly until then, and would fall ever faster afterwards: the
        rate at the end of the step that is on the same side bounds what is missed. So does half
        of the squared step, for rates change by no more than their size as log β changes by one.
        """
        step = self.scales[-1] - scale if self.known else 0.0
        if step <= _LEAST_STEP:
            return 0.0
        multipliers, last = found.standing.multipliers, self._last.multipliers
        known = self.rates
        if known is None:  # of a path that goes on the rates are not kept
            known = np.where(last > self.known[0].multipliers, np.inf, 0.0)
        before = np.where(multipliers <= last, np.maximum(known, 0.0), 0.0)
        grown = np.minimum(step * np.maximum(before, -rates), step**2 / 2 * multipliers)
        assert found.hessian is not None
        unit = mirror_map(self.depth, self.omega, scale).unit
        return float((found.hessian.diagonal * grown)[~self.equal].sum() / unit)


def _ridge(multipliers: np.ndarray, tolerance: float) -> float:
    """Return a curvature that picks the nearest of multipliers that are not unique.

    It costs at most a hundredth of the tolerance.
    """
    return 1e-2 * tolerance / float(np.abs(multipliers).max())


@dataclass(frozen=True, eq=False)
class _Dual:
    """The function whose minimum is the next point, of changes of the multipliers from some point.

    Multipliers are in units of the potential, in which they are of order one at every scale.
    """

    dual: Dual
    potential: MirrorMap
    standing: Standing
    bound: Bound

    @classmethod
    def at(cls, problem: Problem, potential: MirrorMap, standing: Standing, bound: Bound) -> _Dual:
        counted = counted_from(standing.coordinates, potential)
        # What a multiplier adds to its own output tells how much of it is too much: with inputs
        # in different units one number for all rows is far too coarse for some of them.
        response = problem.inputs.gram_diagonal(counted.curvature(np.zeros(problem.d)))
        size = float(np.abs(problem.targets).max())
        unit = size / np.maximum(response, _TINY * max(1.0, size))
        data = Constraint(problem.targets, -np.inf, unit)
        return cls(Dual(problem, data, counted), potential, standing, bound)

    @property
    def multipliers(self) -> np.ndarray:
        return self.standing.multipliers / self.potential.unit

    @cached_property
    def lower(self) -> np.ndarray:
        return np.asarray(self.bound.floor / self.potential.unit - self.multipliers)

    def value_gradient(self, change: np.ndarray) -> ValueGradient:
        return self.dual.value_gradient(change)

    def residual(self, change: np.ndarray, gradient: np.ndarray, lower: np.ndarray) -> float:
        return self.dual.residual(change, gradient, lower)

    def model(self) -> Model:
        x, last, unit = self.dual.problem.inputs.to_array(), self.bound.last, self.potential.unit
        above = (self.standing.x - last.x) / unit
        # Multipliers without a bound have moved too, which is no distance from one.
        above -= (self.bound.equal * (self.standing.multipliers - last.multipliers) / unit) @ x
        scale = np.sqrt(self.dual.potential.curvature(np.zeros(len(above))))
        return Model(x * scale, above * scale)

    def moved(self, step: np.ndarray) -> _Dual:
        return self.at(self.dual.problem, self.potential, self.after(step)[0], self.bound)

    def after(self, change: np.ndarray) -> tuple[Standing, np.ndarray]:
        """Return where a change leads to, and the weights there."""
        unit, move = self.potential.unit, self.dual.problem.inputs.correlate(change)
        standing = self.standing.moved(unit * change, unit * move)
        # What is put on its bound is there exactly, not but for the rounding of the step.
        down = (change <= self.lower) | (standing.multipliers < self.bound.floor)
        multipliers = np.where(down, self.bound.floor, standing.multipliers)
        return standing._replace(multipliers=multipliers), self.dual.potential.weights(move)


def _by_newton(
    problem: Problem, potential: MirrorMap, at: PathPoint, bound: Bound, tolerance: float
) -> PathPoint:
    """Return the point that Newton's method finds in changes of the multipliers from `at`."""
    function = _Dual.at(problem, potential, at.standing, bound)
    multipliers, nothing = function.multipliers, np.zeros(problem.n)
    ridge = _ridge(multipliers, tolerance)
    # Newton's method judges steps whose descent is lost in rounding by their slope. With the whole
    # value, not that of the change alone, it knows them; programs need no more than the change.
    level = function.dual.data.value(multipliers)
    n, d = problem.inputs.shape
    found = minimise(
        replace(function.dual, ridge=ridge, level=level),
        nothing,
        tolerance=tolerance,
        lower=function.lower,
        hessian=at.hessian,
        max_steps=_PATIENT_STEPS if n * min(n, d) ** 2 <= _PROGRAM else _MOST_STEPS,
        strict=False,
    )
    # Without the proximal term the gradient is what the outputs miss the targets by.
    gradient = found.gradient - ridge * found.x
    residual = function.residual(found.x, gradient, function.lower)
    return PathPoint(*function.after(found.x), residual, found.hessian)


def _by_programs(function: _Dual, found: PathPoint, tolerance: float) -> PathPoint:
    """Return a point that Newton's method is kept from, or what it found where that is nearer."""
    try:
        with np.errstate(all="ignore"):
            end = minimise_by_programs(function, tolerance)
    except (NotConverged, LinAlgError, ValueError):
        return found
    nothing = np.zeros_like(end.lower)
    residual = end.residual(nothing, end.value_gradient(nothing).gradient, end.lower)
    if not residual < found.residual:
        return found
    return PathPoint(*end.after(nothing), residual, found.hessian)


def counted_from(at: np.ndarray | Anchor, potential: MirrorMap) -> Moved | AnchoredHypentropy:
    """Return the potential with coordinates counted from a point, in its own units."""
    if isinstance(at, Anchor):
        assert isinstance(potential, DeepHypentropy)
        return AnchoredHypentropy(at, potential.depth, potential.log_beta, potential.unit)
    return Moved(potential, at / potential.unit)


def check_point(walk: Walk, found: PathPoint, log_beta: float) -> None:
    """Refuse a point of the path at which rounding keeps Newton's method from its end.

    Parameters
    ----------
    walk : Walk
        The walk, with the violation that is wanted at most.
    found : PathPoint
        The point.
    log_beta : float
        Logarithm of its scale.

    Raises
    ------
    NotResolved
        Where what is held is missed by more.
    """
    margins = not walk.equal.all()
    allowed = _SLACK * walk.tolerance if margins else walk.tolerance
    if not found.residual <= allowed:
        held = "margins" if margins else "outputs"
        raise NotResolved.but_followed(
            f"the {held} on the way from the early to the late weights are known to "
            f"{found.residual:.1e} in double precision at log β = {log_beta:.1f}, expected "
            f"{allowed:.1e}",
            standardising(walk.problem.transform),
        )
