"""The losses of the theory, as functions of a margin or of an output, with their conjugates.

`LOSSES` holds them by name. Losses of classes act on the margin ``q = y f``; the square loss
acts on the output and on its target. All of them are given for one sample; the objective
averages them over n samples. Another loss is any object that has the members of `Loss`; nothing
depends on its name.

Examples
--------
>>> import numpy as np
>>> import grokflow as gf
>>> margins = np.array([-1.0, 0.0, 5.0])
>>> for name in ("exponential", "logistic", "square"):
...     print(name, gf.LOSSES[name].value(margins, np.ones(3)).round(2))
exponential [2.72 1.   0.01]
logistic [1.31 0.69 0.01]
square [ 4.  1. 16.]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from scipy.special import expit, xlog1py, xlogy

from grokflow.theory.pull_ranges import PullRange

_ANY, _POSITIVE, _BELOW_ONE = PullRange(), PullRange(0.0), PullRange(0.0, 1.0)


@runtime_checkable
class Loss(Protocol):
    """A convex, once differentiable loss of the outputs ``q`` of the samples, one by one.

    Outputs are margins ``y f`` for classes, or predictions of real targets. A loss of your own is
    a class with these members; it needs no base class and no registration, and the member
    `pull_range` shows one in full. Arrays ``q``, ``u`` and ``targets`` broadcast against each
    other; losses of margins ignore ``targets``.

    The penalised predictors accept every such loss. Flows, and the times of the quasi-static path,
    accept every loss of targets, but of the losses of margins only those that have an exponential
    tail, see `gf.TailedLoss`.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> loss, margins = gf.LOSSES["logistic"], np.array([0.0, 5.0])
    >>> isinstance(loss, gf.Loss), loss.acts_on_margins
    (True, True)
    >>> print("loss", loss.value(margins, np.ones(2)).round(3))
    loss [0.693 0.007]
    >>> print("pull", loss.descent(margins, np.ones(2)).round(3))
    pull [0.5   0.007]
    """

    @property
    def name(self) -> str:
        """What the loss is called in results."""

    @property
    def acts_on_margins(self) -> bool:
        """Whether q is a margin, for classes; otherwise it is the prediction of a real target."""

    @property
    def largest_curvature_at_zero(self) -> float:
        """The second derivative at q = 0, which sets the time in which the data are fitted."""

    @property
    def pull_range(self) -> PullRange:
        """The pulls that some output has.

        Examples
        --------
        A loss of one's own, the hinge loss with a quadratic corner. It is zero beyond margin 1, so
        that its pulls are the numbers from 0 to 1, the ends included:

        >>> from dataclasses import dataclass
        >>> import numpy as np
        >>> import grokflow as gf
        >>> @dataclass(frozen=True)
        ... class SmoothedHinge:
        ...     name: str = "smoothed hinge"
        ...     acts_on_margins: bool = True
        ...     largest_curvature_at_zero: float = 1.0
        ...     pull_range: gf.PullRange = gf.PullRange(0.0, 1.0, attained=True)
        ...     def value(self, q, targets):
        ...         u = self.descent(q, targets)
        ...         return u * (1 - q) - u**2 / 2
        ...     def descent(self, q, targets):
        ...         return np.clip(1 - q, 0.0, 1.0)
        ...     def curvature(self, q, targets):
        ...         return np.where((q >= 0) & (q <= 1), 1.0, 0.0)
        ...     def conjugate(self, u, targets):
        ...         return np.where((u >= 0) & (u <= 1), u**2 / 2 - u, np.inf)
        ...     def outputs_of_pull(self, u, targets):
        ...         return 1 - u
        >>> problem = gf.sparse(n=20, d=50, k=3, seed=0, n_test=10)
        >>> found = gf.L1Penalised(SmoothedHinge(), lam=0.1).predict(problem)
        >>> found.certificate.gap < 1e-6
        True
        """

    def value(self, q: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return the loss of every sample."""

    def descent(self, q: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return ``-dl/dq``, the pull on every output."""

    def curvature(self, q: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return ``d²l/dq²``; at outputs where it jumps, the larger of its two values."""

    def conjugate(self, u: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return ``sup_q (-u q - l(q))``, infinite outside `pull_range`."""

    def outputs_of_pull(self, u: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return q with ``-dl/dq = u``: the inverse of `descent`, with positive curvature there."""


@runtime_checkable
class TailedLoss(Loss, Protocol):
    """A loss with an exponential tail, whose pull is known by its logarithm however small it is.

    Without one the margins of a classifier stop growing before λ matters, so that neither the
    flow at large α nor the time of its transition is what the theory describes.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> gf.LOSSES["logistic"].log_descent(np.array([1000.0]))
    array([-1000.])
    """

    def log_descent(self, q: np.ndarray) -> np.ndarray:
        """Return ``log(-dl/dq)``."""

    def tail(self, q: np.ndarray) -> np.ndarray:
        """Return ``-d log(-dl/dq)/dq``, the curvature relative to the pull: 1 for large q."""


@runtime_checkable
class ConcordantLoss(Loss, Protocol):
    """A loss whose curvature changes in proportion to itself: ``|dh/dq| ≤ c h``, h = d²l/dq².

    Then curvature and slope at one point bound how far the minimum of a mean of such losses is,
    and prove that there is one [1]_. For the square loss c is 0, for exponential tails 1.

    References
    ----------
    .. [1] Bach, Self-concordant analysis for logistic regression, Electron. J. Stat. 4 (2010).

    Examples
    --------
    >>> import grokflow as gf
    >>> {name: loss.concordance for name, loss in gf.LOSSES.items()}
    {'exponential': 1.0, 'logistic': 1.0, 'square': 0.0}
    """

    @property
    def concordance(self) -> float:
        """The factor c."""


def with_tail(loss: Loss, purpose: str) -> TailedLoss:
    """Return the loss, or refuse one whose pull is not known by its logarithm.

    Raises
    ------
    ValueError
        That names what the loss lacks for this purpose.
    """
    if isinstance(loss, TailedLoss):
        return loss
    missing = [member for member in ("log_descent", "tail") if not hasattr(loss, member)]
    raise ValueError(
        f"loss is {loss.name} without {' and '.join(missing)}, expected an exponential tail for "
        f"{purpose}: give it these methods, or take the logistic loss"
    )


@dataclass(frozen=True)
class Exponential:
    """``exp(-q)``: the loss of the classification theorems."""

    name: str = "exponential"
    acts_on_margins: bool = True
    largest_curvature_at_zero: float = 1.0
    pull_range: PullRange = _POSITIVE
    concordance: float = 1.0

    def value(self, q: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return ``exp(-q)``; beyond 1e43 it saturates, so that a wild trial step stays finite."""
        return np.asarray(np.exp(np.minimum(-q, 100.0)))

    def descent(self, q: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return ``exp(-q)``."""
        return self.value(q, targets)

    def curvature(self, q: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return ``exp(-q)``."""
        return self.value(q, targets)

    def log_descent(self, q: np.ndarray) -> np.ndarray:
        """Return ``-q``."""
        return np.asarray(-q)

    def tail(self, q: np.ndarray) -> np.ndarray:
        """Return 1."""
        return np.ones_like(q)

    def conjugate(self, u: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return ``u log u - u`` for u ≥ 0."""
        return np.where(u >= 0, xlogy(u, np.maximum(u, 0)) - u, np.inf)

    def outputs_of_pull(self, u: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return ``-log u``."""
        return np.asarray(-np.log(u))


@dataclass(frozen=True)
class Logistic:
    """``log(1 + exp(-q))``: the loss of the classification experiments."""

    name: str = "logistic"
    acts_on_margins: bool = True
    largest_curvature_at_zero: float = 0.25
    pull_range: PullRange = _BELOW_ONE
    concordance: float = 1.0

    def value(self, q: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return ``log(1 + exp(-q))`` without overflow."""
        return np.asarray(np.logaddexp(0.0, -q))

    def descent(self, q: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return ``1 / (1 + exp(q))``, to full relative accuracy for large q."""
        return np.asarray(expit(-q))

    def curvature(self, q: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return ``expit(q) expit(-q)``."""
        return np.asarray(expit(q) * expit(-q))

    def log_descent(self, q: np.ndarray) -> np.ndarray:
        """Return ``-log(1 + exp(q))``."""
        return np.asarray(-np.logaddexp(0.0, q))

    def tail(self, q: np.ndarray) -> np.ndarray:
        """Return ``1 / (1 + exp(-q))``."""
        return np.asarray(expit(q))

    def conjugate(self, u: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return ``u log u + (1-u) log(1-u)`` for u in [0, 1]."""
        inside = (u >= 0) & (u <= 1)
        v = np.clip(u, 0, 1)
        return np.where(inside, xlogy(v, v) + xlog1py(1 - v, -v), np.inf)

    def outputs_of_pull(self, u: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return ``log((1 - u) / u)``."""
        return np.asarray(np.log1p(-u) - np.log(u))


@dataclass(frozen=True)
class Square:
    """``(q - target)²``, without the factor one half, as the paper writes it."""

    name: str = "square"
    acts_on_margins: bool = False
    largest_curvature_at_zero: float = 2.0
    pull_range: PullRange = _ANY
    concordance: float = 0.0

    def value(self, q: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return ``(q - target)²``."""
        return np.asarray((q - targets) ** 2)

    def descent(self, q: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return ``2 (target - q)``."""
        return np.asarray(2 * (targets - q))

    def curvature(self, q: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return 2."""
        return np.full_like(q, 2.0)

    def conjugate(self, u: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return ``u²/4 - u target``."""
        return np.asarray(u**2 / 4 - u * targets)

    def outputs_of_pull(self, u: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return ``target - u/2``."""
        return np.asarray(targets - u / 2)


LOSSES: dict[str, Loss] = {loss.name: loss for loss in (Exponential(), Logistic(), Square())}


def loss_named(loss: object) -> Loss:
    """Return a loss, which may be given by its name; ValueError for what is neither."""
    if isinstance(loss, str) and loss in LOSSES:
        return LOSSES[loss]
    if isinstance(loss, Loss):
        return loss
    given = repr(loss) if isinstance(loss, str) else f"a {type(loss).__name__}"
    raise ValueError(
        f"loss is {given}, expected {', '.join(LOSSES)}, or an object with the members of gf.Loss: "
        "pick one"
    )


def set_loss(settings: object) -> None:
    """Replace the name of a loss by the loss, in settings that are being made."""
    object.__setattr__(settings, "loss", loss_named(vars(settings)["loss"]))
