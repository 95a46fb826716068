"""How the bias of a linear classifier settles where one class has more samples than the other.

The samples of a class are at the distance γ from the best plane, n₊ on one side and n₋ on the
other, under the logistic loss. The bias first takes the sides' log odds ``log(n₊/n₋)``, and as the
margin ``m = γ‖w‖`` grows it falls to half of that [1]_, so that test inputs nearer to the plane are
right only when m has outgrown it. As γ → 0 the pulls of both sides are equal all along,
``n₊/(1 + e^{m+b}) = n₋/(1 + e^{m-b})``, which gives m as a function of the bias b, and the time is
the integral of dm over ``2γ²`` times the pull.

References
----------
.. [1] Das, Vedantam and Lakshminarayanan 2026, arXiv 2602.08302.
"""

from __future__ import annotations

import numpy as np


def last_bias(positive: int, negative: int) -> float:
    """Return the bias to which the flow tends, from the support vectors of each side."""
    return float(np.log(positive / negative) / 2)


def margin_at(bias: float, ratio: float) -> float:
    """Return the margin ``γ‖w‖`` as γ → 0 when the bias is between half of ``log ratio`` and all.

    The ratio is n₊/n₋, above 1.
    """
    return float(np.log((ratio - 1) / (np.exp(bias) - ratio * np.exp(-bias))))


def bias_time(bias: float, positive: int, negative: int, gamma: float) -> float:
    """Return the time at which the bias has fallen to `bias`, to leading order in γ, from 0.

    The flow is that of the sum of the losses; `positive` is the larger side.
    """
    ratio = positive / negative
    passed = time_integral(np.exp(2 * bias), ratio) - time_integral(ratio**2, ratio)
    return float(passed / (2 * positive * gamma**2))


def time_integral(odds: float, ratio: float) -> float:
    """Return an antiderivative of ``(1 + e^{m+b}) dm`` as a function of ``e^{2b}``."""
    above = odds - ratio
    logs = np.log(odds) - (ratio + 1) * np.log(above)
    return float(logs / 2 + ratio * (ratio - 1) / above)
