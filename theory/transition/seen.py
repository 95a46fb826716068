"""Which of the changes that predictors promise a net makes: from its start, at its weight decay."""

from __future__ import annotations

import numpy as np

from grokflow.theory.errors import either
from grokflow.theory.transition.scores import Kind, Scores, kind_of
from grokflow.theory.transition.times import Transition


def kind_seen(
    promised: Kind,
    scores: Scores,
    when: Transition,
    lambda_t: np.ndarray,
    along: Scores,
    *,
    is_pressed: bool = False,
    limits: tuple[int, int] = (0, 2),
) -> Kind:
    """Return the kind of the transition that a net makes after its start.

    Parameters
    ----------
    promised : Kind
        What the early and the late predictor differ by.
    scores : Scores
        Test results of the early and the late predictor first.
    when : Transition
        Predicted transition.
    lambda_t : ndarray, shape (m,)
        Times of the quasi-static path; the net is on it from λt = 0 on.
    along : Scores
        Test results along it.
    is_pressed : bool
        Whether weight decay presses the late weights towards zero, see `pressed`.
    limits : tuple of int
        Which of `scores` are the limits of the early and the late predictor for λ → 0.
    """
    if not promised.is_visible:
        return promised
    if is_pressed and kind_of(scores.at(list(limits))) is not promised:
        return Kind.SHRINKING
    ends = float(scores.error[0]), float(scores.error[1])
    return Kind.STARTS_LATE if _starts_late(when, lambda_t, along.error, ends) else promised


def _starts_late(
    when: Transition, lambda_t: np.ndarray, error: np.ndarray, ends: tuple[float, float]
) -> bool:
    """Whether half of the change is done before λt = 0.

    A curve that ends short of half-way to the late predictor, because λ is not small, is judged by
    its own ends.
    """
    if np.isfinite(when.lambda_t):
        return when.lambda_t <= 0
    reached = error[lambda_t >= 0]
    if not len(reached) or lambda_t[0] > 0:
        return False
    own = float(error[0]), float(error[-1])
    return any(_is_past_half(reached, early, late) for early, late in (ends, own) if early != late)


def _is_past_half(error: np.ndarray, early: float, late: float) -> bool:
    return bool(((error - early) / (late - early) >= 0.5).all())


def pressed(
    lam: float, *, zero: float, late: float, least: float, vanished: bool, helps: tuple[str, ...]
) -> str:
    """Say where weight decay holds the late weights nearer to zero than to a fit of the data.

    Parameters
    ----------
    lam : float
        Weight decay λ.
    zero, late, least : float
        Training loss of zero weights, of the late predictor, and the least that weights reach
        without weight decay.
    vanished : bool
        Whether the late weights are zero.
    helps : tuple of str
        What may help beside a smaller λ; empty ones are left out.

    Returns
    -------
    str
        What is found and what helps. It is empty where more than half of the fall of the training
        loss from zero weights to its least value is left at the late predictor.
    """
    if not zero - late < (zero - least) / 2:
        return ""
    weights = "to exactly 0" if vanished else "almost to 0"
    remedies = either("take a smaller lam (--lam)", *helps)
    return (
        f"λ = {lam:g} is large in the units of these data: weight decay presses the late weights "
        f"{weights}, and their training loss is {_percent(late / zero)} of that of zero weights, "
        f"while weights without weight decay reach {_percent(least / zero)}: {remedies}"
    )


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
