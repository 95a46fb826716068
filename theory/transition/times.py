"""Transition times: what theory predicts to leading order, and how one is read off a curve.

**Definition.** Let E_early and E_late be the test errors of the early and the late predictor.
The *progress* of a curve E(t) is ``(E - E_early) / (E_late - E_early)``: 0 at the early, 1 at the
late predictor, whichever of them is better. The transition time t* is the first time after which
the progress stays at or above ½ (until the end of the record), and the width is the time from the
last moment at or below ¼ to the moment from which it stays at or above ¾. The definition is the
same for grokking and misgrokking, and it ignores what happens before the early predictor is
reached.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from grokflow.theory.arguments import check_positive, check_range
from grokflow.theory.conversion import as_vector

# Progress that is rounding: a mean of wrong samples may rest half-way between two others, and one
# sample in 10⁸ is more than this.
_ROUNDING = 1e-9


class Transition(NamedTuple):
    """When the test error goes from early to late, and over what time.

    Parameters
    ----------
    lambda_t : float
        The slow time λt* at which the test error is half-way; NaN where there is no transition.
    width : float
        The slow time that the change takes from a quarter to three quarters; NaN likewise.

    Examples
    --------
    >>> import grokflow as gf
    >>> problem = gf.sparse_regression(n=20, d=50, k=2, n_test=100)
    >>> found = gf.forecast(problem, alpha=1e4, lam=1e-4, loss=gf.LOSSES["square"])
    >>> lambda_t, width = found.transition
    >>> print(f"at λt = {lambda_t:.1f}, {width:.1f} wide")
    at λt = 10.4, 0.7 wide
    """

    lambda_t: float
    width: float


class Quarters(NamedTuple):
    """When a quarter, half and three quarters of a change are done for good; NaN where never."""

    quarter: float
    half: float
    three_quarters: float

    @property
    def transition(self) -> Transition:
        """The time of half of the change, and the time between its quarters."""
        return Transition(self.half, self.three_quarters - self.quarter)

    def later(self, by: float) -> Quarters:
        """Return the same with times that are later."""
        return Quarters(*(when + by for when in self))


#: No times: of a change that is not seen, or whose curve is not known.
NEVER = Quarters(float("nan"), float("nan"), float("nan"))


class Window(NamedTuple):
    """The two slow times between which the theory places the transition.

    They are those of Theorems 3.4 and 3.5 of Lyu et al. (2024), at any fixed c between 0 and 1.

    Parameters
    ----------
    early : float
        ``λT_c^- = (1 - c) log α``, when the early predictor still holds.
    late : float
        ``λT_c^+ = (1 + c) log α``, when the late predictor holds.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> log_alpha, c = np.log(1e4), 0.1
    >>> window = gf.Window(early=(1 - c) * log_alpha, late=(1 + c) * log_alpha)
    >>> print(f"from λt = {window.early:.2f} to {window.late:.2f}")
    from λt = 8.29 to 10.13
    """

    early: float
    late: float


class StepTransition(NamedTuple):
    """The same as `Transition`, counted in steps of training; NaN where there is none."""

    step: float
    width: float


class Stage(NamedTuple):
    """From when to when a curve is on its way; NaN where the record does not hold it."""

    start: float
    end: float


def leading_order(alpha: float) -> float:
    """Return ``λ t* = log α``, the transition to leading order (Theorems 3.4 and 3.5)."""
    return float(np.log(alpha))


def log_beta_at(lambda_t: np.ndarray, alpha: float) -> np.ndarray:
    """Return ``log β`` where the flow of a depth-2 net is at λt: ``β = (α e^{-λt})²``."""
    return np.asarray(2 * (np.log(alpha) - lambda_t))


def shifted_time(log_beta: np.ndarray) -> np.ndarray:
    """Return ``λt - log α`` at which the flow has come to β, ``-½ log β``."""
    return np.asarray(-log_beta / 2)


def level_delay(level: np.ndarray) -> np.ndarray:
    """Return by how much earlier the flow is there when margins have the level m, ``½ log m``."""
    return np.asarray(np.log(level) / 2)


def window(alpha: float, c: float) -> Window:
    """Return the slow times λT_c^- and λT_c^+ of Theorems 3.4 and 3.5.

    Parameters
    ----------
    alpha : float
        Scale of the start.
    c : float
        Any positive number; the kernel regime is before λT_c^- for c between 0 and 1.

    Examples
    --------
    >>> import grokflow as gf
    >>> early, late = gf.window(alpha=1e4, c=0.1)
    >>> print(f"from λt = {early:.2f} to {late:.2f}")
    from λt = 8.29 to 10.13
    """
    check_positive("alpha", alpha)
    check_positive("c", c)
    return Window((1 - c) * leading_order(alpha), (1 + c) * leading_order(alpha))


def falling_scales(log_beta: np.ndarray, bounds: tuple[float, float]) -> np.ndarray:
    """Return logarithms of scales β that fall, each of them within bounds.

    Parameters
    ----------
    log_beta : ndarray, shape (m,)
        The logarithms, m ≥ 1.
    bounds : (float, float)
        The least and the largest one that is accepted.

    Raises
    ------
    ValueError
        In one line, for anything else.

    Examples
    --------
    >>> import numpy as np
    >>> from grokflow.theory.transition.times import falling_scales
    >>> falling_scales(np.array([2, 0]), (-700.0, 340.0))
    array([2., 0.])
    """
    scales = as_vector("log_beta", log_beta)
    if not scales.size:
        raise ValueError("log_beta is empty, expected at least one scale: pass log_beta=[0.0]")
    for scale in (scales.max(), scales.min()):
        check_range("log_beta", float(scale), bounds)
    if (rising := np.flatnonzero(np.diff(scales) >= 0)).size:
        i = int(rising[0])
        raise ValueError(
            f"log_beta goes from {scales[i]:g} to {scales[i + 1]:g}, expected scales that fall, "
            "as time goes on: sort them, np.unique(log_beta)[::-1]"
        )
    return scales


def crossing(times: np.ndarray, error: np.ndarray, early: float, late: float) -> Transition:
    """Read the transition off a curve; see the module's definition.

    Parameters
    ----------
    times : ndarray, shape (m,)
        Increasing times.
    error : ndarray, shape (m,)
        Test error at those times.
    early, late : float
        Test errors of the early and the late predictor.

    Returns
    -------
    Transition
        Both fields in the unit of `times`; NaN where the curve does not cross.
    """
    return quarters(times, error, early, late).transition


def quarters(times: np.ndarray, error: np.ndarray, early: float, late: float) -> Quarters:
    """Read off a curve, as `crossing` does, when each quarter of the change is done."""
    if early == late:
        return NEVER
    progress = (np.asarray(error) - early) / (late - early)
    return Quarters(*(_last_upcrossing(times, progress, level) for level in (0.25, 0.5, 0.75)))


def stage(
    times: np.ndarray, error: np.ndarray, early: float, late: float, *, level: float
) -> Stage:
    """Return when the progress, as `crossing` has it, passes `level` and 1 - `level` for good."""
    if early == late:
        return Stage(np.nan, np.nan)
    progress = (np.asarray(error) - early) / (late - early)
    return Stage(*(_last_upcrossing(times, progress, at) for at in (level, 1 - level)))


def _last_upcrossing(times: np.ndarray, progress: np.ndarray, level: float) -> float:
    """Return when the progress rises through `level` for good, by linear interpolation."""
    below = np.flatnonzero(progress < level - _ROUNDING)
    if below.size == 0 or below[-1] == len(times) - 1:
        return float("nan")
    i = below[-1]
    fraction = (level - progress[i]) / (progress[i + 1] - progress[i])
    return float(times[i] + min(fraction, 1.0) * (times[i + 1] - times[i]))
