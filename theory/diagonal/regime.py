"""What the data hold the weights to while weight decay moves them: the regime of a problem.

For λ → 0 a diagonal net soon reaches weights at which its loss is least, and then moves slowly
among them. What these are depends on data and loss alone:

* *separable* classes: margins grow without bound, and what is held is ``Z w ≥ m``, m the level of
  the margins;
* *interpolated* targets: ``X w = y``;
* *inconsistent* targets and *overlapping* classes: ``X w = q*``, q* the outputs at which the loss
  is least. The slow motion is that of interpolation with targets q*: with ``X = Q R`` and
  ``q* = Q c`` the weights follow the quasi-static path of the regression ``R w = c``;
* *partly separable* classes: both, ``R w = c`` on the samples that overlap among themselves, and
  ``Z w ≥ m`` on the others.

Where ``X w = q*`` has one solution only, there is nothing to move: no transition. Nor is there
where q* is zero, for weights of zero have it at every scale.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import NamedTuple

import numpy as np

from grokflow.theory.diagonal.partly.ends import early_of
from grokflow.theory.diagonal.partly.split import Parts, split
from grokflow.theory.diagonal.scale import kernel_end
from grokflow.theory.linear.checks import rescaling
from grokflow.theory.linear.l2 import MaxL2Margin, MinL2Norm
from grokflow.theory.linear.least_loss.predictor import MinLoss, in_row_space, least_coordinates
from grokflow.theory.linear.penalised import L2Penalised
from grokflow.theory.linear.prediction import Prediction
from grokflow.theory.linear.problem import Problem, Task
from grokflow.theory.linear.row_space import RowSpace
from grokflow.theory.losses import LOSSES, ConcordantLoss, Loss
from grokflow.theory.numerics.input_transform import standardising
from grokflow.theory.predictor import NoPredictor, NotResolved
from grokflow.theory.transition.seen import pressed

# Roundings of a residual, beside those of the outputs: targets that differ by less are fitted.
_ROUNDING = float(np.finfo(np.float64).eps)
# The scale depends on the logarithm of the level only: the second of these is 1 % from the third.
_LEVEL_SWEEPS = 3
# Mean of an input over its root mean square up to which it is called centred: three quarters of its
# square are its variance.
_CENTRED = 0.5
# Root mean square of targets below which they are called small.
_SMALL = 0.5


class Regime(Enum):
    """What the data and the loss hold the weights to, once the net is trained.

    Examples
    --------
    >>> import grokflow as gf
    >>> problem = gf.sparse_regression(n=20, d=50, k=2, n_test=100)
    >>> found = gf.forecast(problem, alpha=1e4, lam=1e-4, loss=gf.LOSSES["square"])
    >>> found.regime is gf.Regime.INTERPOLATED
    True
    """

    SEPARABLE = "separable classes"
    INTERPOLATED = "targets that some weights fit"
    INCONSISTENT = "targets that no weights fit"
    OVERLAPPING = "classes that overlap"
    PARTLY = "classes of which a part is separable and the others overlap"


class Shrinking(NamedTuple):
    """What keeps late weights from a fit, in words, and whether that is weight decay."""

    remark: str
    is_pressed: bool


def shrinking(
    problem: Problem, loss: Loss, lam: float, late: np.ndarray, without_decay: np.ndarray | None
) -> Shrinking:
    """Say where weight decay holds the late weights nearer to zero than to a fit of the data.

    Where only the mean of real targets is missed, by inputs that hardly have one, that is said
    instead: a smaller λ fits it by weights that generalise to nothing.

    Parameters
    ----------
    problem, loss, lam
        The data, the loss, and the weight decay λ.
    late : ndarray, shape (d,)
        Weights of the late predictor.
    without_decay : ndarray, shape (d,), or None
        Weights at which the loss is least; None where some weights bring it as near to 0 as wanted.

    Returns
    -------
    Shrinking
        What is found and what helps; empty where the late weights fit, see `pressed`.
    """
    helps = _rescaling(problem), standardising(problem.transform)

    def said(shifted: bool) -> str:
        def loss_at(w: np.ndarray) -> float:
            outputs = problem.inputs.combine(w)
            shift = np.mean(problem.targets - outputs) if shifted else 0.0
            return float(loss.value(outputs + shift, problem.targets).mean())

        return pressed(
            lam,
            zero=loss_at(np.zeros(problem.d)),
            late=loss_at(late),
            least=0.0 if without_decay is None else loss_at(without_decay),
            vanished=not late.any(),
            helps=(" and ".join(filter(None, helps)),),
        )

    found = said(shifted=False)
    mean = _missed_mean(problem, late) if found else ""
    if mean and not said(shifted=True):
        return Shrinking(mean, is_pressed=False)
    return Shrinking(found, is_pressed=bool(found))


def _rescaling(problem: Problem) -> str:
    """Return the advice to rescale real targets, which is empty where they are not small.

    Larger targets make a given λ smaller beside the loss.
    """
    if np.sqrt(np.mean(problem.targets**2)) >= _SMALL:
        return ""
    return rescaling(is_classification=problem.is_classification)


def _missed_mean(problem: Problem, late: np.ndarray) -> str:
    """Say how much of the mean of real targets inputs without much of a mean miss."""
    if problem.is_classification:
        return ""
    squares, ones = problem.inputs.column_squares, np.ones(problem.n)
    sizes = np.sqrt(squares * problem.n)
    sums = np.abs(problem.inputs.correlate(ones))
    most = float(np.divide(sums, sizes, out=np.zeros_like(sums), where=sizes > 0).max())
    if most > _CENTRED:
        return ""
    missed = float(np.mean(problem.targets - problem.inputs.combine(late)))
    return (
        f"the late weights miss {missed:.4g} of the training targets' mean "
        f"{problem.targets.mean():.4g}, for the mean of each input is at most {most:.2g} of its "
        "size: subtract the mean from the targets, or add an intercept, intercept=1.0 "
        "(--intercept)"
    )


@dataclass(frozen=True, eq=False)
class Held:
    """What holds the weights, and the early predictor, which is first held by it.

    Parameters
    ----------
    regime : Regime
        Which of the cases it is.
    problem : Problem
        The margins or outputs that are held; its quasi-static path is that of the flow.
    early : Prediction
        Of the weights that are held, those of least L2-norm.
    determined : bool
        Whether the weights stay what they are: there are no others, or they are zero.
    parts : Parts, optional
        Both parts of partly separable classes. `early` has margins of 1 on the separable one then;
        those of the flow depend on λ.
    """

    regime: Regime
    problem: Problem
    early: Prediction
    determined: bool = False
    parts: Parts | None = None

    @property
    def is_fitted(self) -> bool:
        """Whether weights bring the loss as near to 0 as wanted."""
        return self.regime in (Regime.SEPARABLE, Regime.INTERPOLATED)

    @classmethod
    def outputs(cls, regime: Regime, problem: Problem, early: Prediction) -> Held:
        """Return the case in which outputs are held, rather than margins."""
        stays = problem.row_space.fills_inputs or not early.w.any()
        return cls(regime, problem, early, bool(stays))


def held_weights(problem: Problem, loss: Loss) -> Held:
    """Decide what data and loss hold the weights to, with a proof or a bound for every answer.

    Parameters
    ----------
    problem : Problem
        Classes, for a loss of margins or of targets; real targets, for one of targets.
    loss : Loss
        Loss of the flow.

    Raises
    ------
    NotSeparable
        For classes that no weights separate, by a loss without ``concordance``.
    NotResolved
        Where double precision does not decide.
    ValueError
        For a loss of margins on real targets.
    """
    if loss.acts_on_margins:
        if not problem.is_classification:
            raise ValueError(
                f"loss is {loss.name} on real targets, expected a loss of targets: take the "
                "square loss, or labels of two classes"
            )
        return _held_margins(problem, loss)
    return _held_outputs(replace(problem, task=Task.REGRESSION), loss)


def _held_margins(problem: Problem, loss: Loss) -> Held:
    """Return the case of a loss of margins, the one place that decides between them.

    Samples that are independent are separable. Of others the minimum of the loss is looked for:
    where there is one the classes overlap. Where rounding hides whether there is one, some samples
    may be separable and the others not. What is left is separable, or refused with the reason.
    """
    if isinstance(loss, ConcordantLoss) and problem.row_space.basis is not None:
        try:
            return _held_least_loss(problem, loss, Regime.OVERLAPPING)
        except NotResolved:
            parts = split(problem, loss)
            if parts is not None:
                return Held(Regime.PARTLY, parts.problem, early_of(parts, 1.0), parts=parts)
        except NoPredictor:
            pass  # some weights classify every sample
    return Held(Regime.SEPARABLE, problem, MaxL2Margin().predict(problem))


def _held_outputs(problem: Problem, loss: Loss) -> Held:
    """Return the case of a loss of targets: interpolated, or inconsistent."""
    space = problem.row_space
    if space.basis is None:
        early = MinL2Norm().predict(problem)
        return Held.outputs(Regime.INTERPOLATED, problem, early)
    square = LOSSES["square"]
    assert isinstance(square, ConcordantLoss)
    c = least_coordinates(problem, square)
    if (np.abs(space.basis @ c - problem.targets) <= _residual_rounding(space, c)).all():
        inside = in_row_space(problem, c)
        return Held.outputs(Regime.INTERPOLATED, inside, MinL2Norm().predict(inside))
    if not isinstance(loss, ConcordantLoss):
        raise NotResolved(
            f"no weights fit the targets, and loss {loss.name} has no `concordance`, expected one: "
            "give it this member, or take the square loss"
        )
    return _held_least_loss(problem, loss, Regime.INCONSISTENT)


def _residual_rounding(space: RowSpace, c: np.ndarray) -> np.ndarray:
    """Return what rounding may leave of ``Q c`` at targets that are fitted, shape (n,).

    Where the factors are known to half of the digits, their own errors are counted. Nearly
    dependent inputs lose more: there, what is missed is not taken for rounding.
    """
    assert space.basis is not None
    n, rank = space.basis.shape
    found = rank * np.sqrt(n) * _ROUNDING * (np.abs(space.basis) @ np.abs(c))
    known = np.sqrt(_ROUNDING) * np.linalg.norm(space.basis, axis=1)
    if space.rounding is not None and (space.rounding <= known).any():
        found = found + space.rounding * np.linalg.norm(c)
    return np.asarray(found)


def _held_least_loss(problem: Problem, loss: ConcordantLoss, regime: Regime) -> Held:
    """Return the case of a finite minimum of the loss."""
    c = least_coordinates(problem, loss)
    early = MinLoss(loss).at(problem, c)
    return Held.outputs(regime, in_row_space(problem, c), early)


def early_at(
    problem: Problem, held: Held, loss: Loss, *, alpha: float, lam: float, depth: int
) -> Prediction:
    """Return the early predictor at this α and λ, of which that of `held` is the limit for λ → 0.

    Only margins that grow make a difference. It is the kernel predictor at the scale at which the
    kernel regime ends: where the path begins, or α itself where the start is beyond that.

    Parameters
    ----------
    problem : Problem
        The data.
    held : Held
        What holds the weights, from `held_weights`.
    loss : Loss
        Loss of the flow.
    alpha, lam, depth : float, float, int
        Scale of the start, weight decay and L.
    """
    if held.regime is not Regime.SEPARABLE:
        return held.early
    largest, level = float(np.abs(held.early.w).max()), 1.0
    try:
        for _ in range(_LEVEL_SWEEPS):
            ends = kernel_end(level * largest) / depth
            scale = min(float(np.log(alpha)), ends)
            early = kernel_predictor(problem, loss, depth=depth, lam=lam, log_scale=scale)
            level = float(np.abs(early.w).max()) / largest
    except NotResolved:
        return held.early
    return early


def kernel_predictor(
    problem: Problem, loss: Loss, *, depth: int, lam: float, log_scale: float
) -> Prediction:
    """Return the weights in the kernel regime at this λ and scale α(s).

    In slow time ``w' = -L w + (2 L² α(s)^{2L-2} / λ) Σ r_i x_i / n`` there, and the weights are all
    but at rest: at the minimiser of the mean loss plus ``(ε/2) ‖w‖²`` with
    ``ε = λ / (2 L α(s)^{2L-2})``. The hard margin is its direction for ε → 0 alone. At this λ
    margins differ by one part in their level, and so do the outputs that classes compare.

    Raises
    ------
    NotResolved
        As by `L2Penalised`.
    """
    return L2Penalised(loss, kernel_decay(depth, lam, log_scale)).predict(problem)


def kernel_decay(depth: int, lam: float, log_scale: float) -> float:
    """Return the ε of `kernel_predictor`."""
    return float(np.exp(np.log(lam / (2 * depth)) - (2 * depth - 2) * log_scale))
