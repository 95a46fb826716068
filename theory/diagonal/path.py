"""The quasi-static path: what the flow sits at for every effective scale, as λ → 0.

For λ → 0 the diagonal net ``u^L - v^L`` stays fitted while its effective scale
``β = (α e^{-λt})^L`` falls, and its weights trace a path that depends on the data and L alone,
from the max-L2-margin or min-L2-norm predictor (β → ∞) to a KKT point of the ``‖w‖_{2/L}``
problem of Theorem 3.5 or 3.10 (β → 0).

* Square loss: the weights minimise the potential of `grokflow.theory.diagonal.mirror` or
  `grokflow.theory.diagonal.deep_mirror` at
  scale β over all interpolants. As β → 0 the potential of every depth tends to a multiple of
  ``‖w‖₁`` (corrections 1/log(1/β) for L = 2, ``β^{(L-2)/L}`` for L ≥ 3): the path ends at the
  min-L1 interpolant whatever L is. Being sparse, it is a KKT point for L_{2/L} too.
* Exponential tails: margins sit at a slowly varying level m. Divided by it, the weights solve a
  complementarity flow, ``Z w ≥ 1``, multipliers non-decreasing and growing only at margin 1; one
  implicit Euler ("catching-up") step is a bounded convex minimisation (Moreau 1977). For L = 2
  old multipliers are forgotten, for they grow with log(1/β), and the path ends at the
  max-L1-margin. For L ≥ 3 they stay bounded: samples that left the margin keep theirs, and the
  end is a KKT point that depends on the whole path and can have a smaller L1-margin.

With the level m, which the growth rate of the multipliers fixes, the path also says *when*: the
transition is predicted for finite α and λ before anything is simulated.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from grokflow.theory.arguments import check_flag, check_fraction, check_kind
from grokflow.theory.diagonal.anchored import Bound, check_tilt, nothing_of, standing_of
from grokflow.theory.diagonal.deep_mirror import mirror_map
from grokflow.theory.diagonal.path_points import Walk
from grokflow.theory.diagonal.scale import check_depth, kernel_end
from grokflow.theory.linear.l2 import MaxL2Margin, MinL2Norm
from grokflow.theory.linear.prediction import Prediction
from grokflow.theory.linear.problem import Problem, check_problem
from grokflow.theory.losses import Loss, loss_named, with_tail
from grokflow.theory.summary import Summarised
from grokflow.theory.transition.times import falling_scales

# Margins below this level are those of a net that has not fitted the data yet.
_LOWEST_LEVEL = 1e-3
# Logarithms of scales β that are doubles, as are their squares times the sizes of data.
_LEAST, _LARGEST = -700.0, 340.0
# For L ≥ 3 the level appears under a logarithm in its own equation; so many iterations settle it.
_LEVEL_SWEEPS = 20


@dataclass(frozen=True, eq=False, repr=False)
class Path(Summarised):
    """Weights along the quasi-static path, at m decreasing scales β.

    Parameters
    ----------
    log_beta : ndarray, shape (m,)
        Logarithms of the scales β, decreasing.
    multipliers : ndarray, shape (m, n)
        The invariant coordinates: a in ``w = 2β sinh(4 Xᵀa)`` for L = 2, ξ in
        ``w = β ((1 - Xᵀξ)^{-p} - (1 + Xᵀξ)^{-p})`` for L ≥ 3.
    weights : ndarray, shape (d, m)
        The weights; for classification divided by the margin level.
    depth : int
        L.
    margins : bool
        Whether margins are held, whose level m grows as λ falls, rather than outputs.
    samples : int, optional
        Over how many samples the loss is a mean, where not all of them have a multiplier.
    """

    log_beta: np.ndarray
    multipliers: np.ndarray
    weights: np.ndarray
    depth: int = 2
    margins: bool = False
    samples: int | None = None

    def margin_level(self, loss: Loss, lam: float) -> np.ndarray:
        """Return the margin level m at every scale, shape (m,); ones where outputs are held.

        The multipliers grow by ``da_i/ds = c r_i/(nλ)``, with c = 1 for L = 2 and
        ``L (L-2) α(s)^{L-2}`` for L ≥ 3. Inverted through the loss's tail, ``q_i = -log r_i``, and
        averaged with the weights ``da_i``, this gives the level at which the margins sit.

        Raises
        ------
        ValueError
            For a loss of margins without an exponential tail.
        """
        level = np.ones_like(self.log_beta)
        if not (self.margins and len(level)):
            return level
        with_tail(loss, "the time of the transition")
        largest_pull = min(0.5, loss.pull_range.high / 2)
        growth = np.maximum(np.gradient(self.multipliers, -self.log_beta / self.depth, axis=0), 0.0)
        share = growth / growth.sum(axis=1, keepdims=True)
        samples = self.multipliers.shape[1]
        n = self.samples or samples
        for _ in range(_LEVEL_SWEEPS if self.depth > 2 else 1):
            pull = np.clip(n * lam * growth / self._speed(level)[:, None], 1e-300, largest_pull)
            margins = loss.outputs_of_pull(pull, np.ones(samples))
            level = np.maximum((share * margins).sum(axis=1), _LOWEST_LEVEL)
        return level

    def end_level(self, loss: Loss, lam: float) -> float:
        """Return the margin level at the last scale, the usual one where no point is known."""
        if not len(self.log_beta):
            return usual_level(loss, lam) if self.margins else 1.0
        return float(self.margin_level(loss, lam)[-1])

    def _speed(self, level: np.ndarray) -> np.ndarray:
        """Return c of `margin_level`; weights at margin m have scale ``α(s)^L = mβ``."""
        L = self.depth
        if L == 2:
            return np.ones_like(level)
        return np.asarray(L * (L - 2) * np.exp((np.log(level) + self.log_beta) * (L - 2) / L))

    def lambda_t(self, alpha: float, lam: float, loss: Loss) -> np.ndarray:
        """Return when the flow passes every scale: ``λt = log α - (1/L) log(m β)``, shape (m,)."""
        level = self.margin_level(loss_named(loss), lam)
        return np.asarray(np.log(alpha) - (np.log(level) + self.log_beta) / self.depth)

    def part(self, points: slice) -> Path:
        """Return some of the points."""
        return replace(
            self,
            log_beta=self.log_beta[points],
            multipliers=self.multipliers[points],
            weights=self.weights[:, points],
        )

    def continued_by(self, other: Path) -> Path:
        """Return this path continued by another one at smaller scales."""
        return replace(
            self,
            log_beta=np.concatenate([self.log_beta, other.log_beta]),
            multipliers=np.concatenate([self.multipliers, other.multipliers]),
            weights=np.concatenate([self.weights, other.weights], axis=1),
        )


class Holding(NamedTuple):
    """What is held where outputs of some rows are equal to their targets and margins of others not.

    Parameters
    ----------
    equal : ndarray of bool, shape (n,)
        Which rows have outputs equal to their targets; the others have margins of them at least.
    targets : ndarray, shape (m, n)
        Targets at each scale.
    early : Prediction
        Where the path begins.
    """

    equal: np.ndarray
    targets: np.ndarray
    early: Prediction


def trace(
    problem: Problem,
    log_beta: np.ndarray,
    *,
    depth: int = 2,
    tolerance: float = 1e-4,
    locate: bool = True,
    after: Path | None = None,
    holding: Holding | None = None,
    early: Prediction | None = None,
    progress: Callable[[float], None] = lambda fraction: None,
) -> Path:
    """Follow the quasi-static path: the weights of the diagonal net as λ → 0, at falling scales.

    The scale is ``β = (α e^{-λt})^L``. The path runs from the max-L2-margin or min-L2-norm
    predictor at large β to where the net ends at small β.

    Parameters
    ----------
    problem : Problem
        Separable classification data, or regression data that some weights interpolate.
    log_beta : ndarray, shape (m,)
        Falling logarithms of the scales β, from 340, whose β² is a double, down to -700.
    depth : int
        L ≥ 2 of the diagonal net.
    tolerance : float
        Largest violation of ``Z w ≥ 1`` (or ``X w = y``, relative to the largest target), below 1.
    locate : bool
        Whether the path finds the scale at which a sample leaves the margin, between those that are
        asked for, until what its multiplier may still grow there changes its output by less than
        the tolerance. Otherwise it keeps the multiplier of the last scale before, which is faster:
        weights were seen to be off by 1 % with steps of ½ in log β, and by 7 % with steps of 2.
    after : Path, optional
        What is known at larger scales; the path continues from its last point.
    holding : Holding, optional
        What is held, where the task does not say it of all samples alike.
    early : Prediction, optional
        The max-L2-margin of classes, where it is known.
    progress : callable
        Called with the fraction of scales done.

    Returns
    -------
    Path
        Weights of shape (d, m), multipliers of shape (m, n), and ``lambda_t``, which says when the
        flow passes every scale.

    Raises
    ------
    ValueError
        For scales that do not fall or are out of range, and such a tolerance.
    NotSeparable
        With a Farkas certificate, when no linear classifier fits the labels.
    NoPredictor
        When no weights interpolate the targets of a regression.
    NotResolved
        When rounding keeps a point of the path from its tolerance. It adds up from point to point,
        and there are fewer of them with ``locate=False``.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> problem = gf.sparse_regression(n=20, d=50, k=2, n_test=100)
    >>> path = gf.trace(problem, np.linspace(4, -16, 6))
    >>> print(problem.score(path.weights).error.round(2))
    [0.68 0.67 0.06 0.   0.   0.  ]
    >>> print(path.lambda_t(alpha=1e4, lam=1e-4, loss=gf.LOSSES["square"]).round(1))
    [ 7.2  9.2 11.2 13.2 15.2 17.2]
    """
    _check(problem, depth)
    check_flag("locate", locate)
    if after is not None:
        check_kind("after", after, Path, "take what gf.trace returned")
    if holding is not None:
        check_kind("holding", holding, Holding, "leave it out")
    if early is not None:
        check_kind("early", early, Prediction, "take what gf.MaxL2Margin().predict returned")
    before = [] if after is None else after.log_beta.tolist()
    log_beta = falling_scales(log_beta, (_LEAST, min([_LARGEST, *before])))
    check_fraction("tolerance", tolerance, "try 1e-4")
    space = problem.row_space
    if problem.is_classification and holding is None and early is not None:
        equal = np.full(problem.n, False)
        holding = Holding(equal, np.tile(problem.targets, (len(log_beta), 1)), early)
    if problem.is_classification or holding is not None or space.basis is not None:
        kept = tolerance if locate else np.inf
        return _followed(problem, log_beta, depth, (tolerance, kept), after, holding, progress)
    # Outputs are held in any coordinates. Where inputs differ in size by orders, those that move
    # the small ones alone move no large one by the difference of larger numbers.
    graded = space.graded()
    inside = replace(problem, inputs=graded.rows, targets=graded.gather(problem.targets))
    if after is not None:
        known = np.array([graded.gather(row) for row in after.multipliers])
        after = replace(after, multipliers=known)
    path = _followed(inside, log_beta, depth, (tolerance, np.inf), after, None, progress)
    return replace(path, multipliers=np.array([graded.spread(row) for row in path.multipliers]))


def _followed(
    problem: Problem,
    log_beta: np.ndarray,
    depth: int,
    tolerances: tuple[float, float],
    after: Path | None,
    holding: Holding | None,
    progress: Callable[[float], None],
) -> Path:
    """Follow the path in the coordinates of the rows of a problem.

    The tolerances are those of what is held, and of what samples that leave the margin miss.
    """
    equal = holding.equal if holding else np.full(problem.n, not problem.is_classification)
    path = after or no_path(problem, depth, margins=not equal.all())
    first = len(path.log_beta)
    early = None if first else (holding.early if holding else _kernel_predictor(problem))
    # The size of the weights decides in what units the state is of order one; a typical size by
    # the norms of the inputs is far below it where margins are small or units differ.
    w = path.weights[:, -1] if early is None else early.w
    omega = float(np.abs(w).max()) or problem.scale
    bound = Bound(nothing_of(problem), np.full(problem.n, True))
    known = [
        standing_of(problem, row, problem.inputs.correlate(row), depth, bound)
        for row in path.multipliers[-2:]
    ]
    walk = Walk(
        problem, depth, omega, equal, *tolerances, path.log_beta[-2:].tolist(), known, early
    )
    multipliers, weights = (
        np.zeros((len(log_beta), problem.n)),
        np.empty((problem.d, len(log_beta))),
    )
    for i, scale in enumerate(log_beta):
        found = walk.to(float(scale), holding.targets[i] if holding else problem.targets)
        multipliers[i], weights[:, i] = found.standing.multipliers, found.weights
        progress((i + 1) / len(log_beta))
    check_tilt(problem, walk.known[-1], mirror_map(depth, omega, float(scale)).unit)
    return replace(path, log_beta=log_beta, multipliers=multipliers, weights=weights)


def _check(problem: Problem, depth: int) -> None:
    """Refuse what is no problem, and depths that have no mirror map."""
    check_problem(problem)
    check_depth(depth)


def no_path(problem: Problem, depth: int, margins: bool) -> Path:
    """Return the path of which no point is known."""
    nothing = np.empty(0), np.empty((0, problem.n)), np.empty((problem.d, 0))
    return Path(*nothing, depth, margins)


def usual_level(loss: Loss, lam: float) -> float:
    """Return the level of margins to leading order, about ``log(1/λ)``, where no path says more."""
    return max(float(loss.outputs_of_pull(np.array([lam]), np.ones(1))[0]), 1.0)


def resting(w: np.ndarray, log_beta: np.ndarray, depth: int) -> Path:
    """Return the path where only the weights w are held: there at every scale.

    Multipliers, of which nothing depends on then, are left out.
    """
    multipliers = np.empty((len(log_beta), 0))
    return Path(log_beta, multipliers, np.repeat(w[:, None], len(log_beta), axis=1), depth)


def _kernel_predictor(problem: Problem) -> Prediction:
    return (MaxL2Margin() if problem.is_classification else MinL2Norm()).predict(problem)


def scales(
    problem: Problem, largest_weight: float, step: float = 0.25, depth: int = 2
) -> np.ndarray:
    """Return ``log β`` from the kernel regime to the rich one, `step` apart in slow time.

    The first scale is that at which the kernel regime ends. At the last, κ exceeds 25 for L = 2 and
    ``1 - x_ω ~ (β/ω)^{(L-2)/L}`` is 1e-6 for L ≥ 3, so that all but the weights of the late
    predictor have vanished.
    """
    start = kernel_end(largest_weight)
    below = 25.0 if depth == 2 else np.log(1e6) * depth / (depth - 2)
    return np.arange(start, np.log(problem.scale) - below, -depth * step)
