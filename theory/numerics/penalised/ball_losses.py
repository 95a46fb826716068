"""Losses and their conjugates on balls: numbers with proved bounds on their error."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from grokflow.theory.losses import LOSSES, Exponential, Logistic, Loss, Square
from grokflow.theory.numerics.rational import arb, fmpq

# Exponents beyond this have no use, and more digits than memory.
_FAR = 100_000


class BallLoss(NamedTuple):
    """A loss and its conjugate on balls, and the nearest point of the conjugate's domain."""

    value: Callable[[arb, arb], arb]
    conjugate: Callable[[arb, arb], arb]
    clip: Callable[[fmpq], fmpq]
    lowest: int | None = None

    def holds(self, outputs: list[fmpq]) -> bool:
        """Whether no output is so low that its loss cannot be written down."""
        return self.lowest is None or min(outputs) > self.lowest


def entropy(u: arb) -> arb:
    """Return ``u log u``; 0 at 0."""
    return arb(0) if u.is_zero() else u * u.log()


def _entropy_of_rest(u: arb) -> arb:
    """Return ``(1 - u) log(1 - u)``, with all digits also where u is small; 0 at 1."""
    return arb(0) if (1 - u).is_zero() else (1 - u) * (-u).log1p()


def exponential(x: arb) -> arb:
    """Return ``e^x``; below x = -1e5 the ball of radius 2^-1e5, which rationals can hold."""
    if x < -_FAR:
        return arb(0, arb(2) ** -_FAR)
    if not x < _FAR:
        raise ValueError(
            f"an output is {float(-x.mid()):.3g}, expected more than {-_FAR}: pass weights with a "
            "smaller loss"
        )
    return x.exp()


_BALL_LOSSES: dict[type[Loss], BallLoss] = {
    Exponential: BallLoss(
        lambda q, _: exponential(-q),
        lambda u, _: entropy(u) - u,
        lambda u: max(u, fmpq(0)),
        -_FAR,
    ),
    Logistic: BallLoss(
        lambda q, _: exponential(-q).log1p(),
        lambda u, _: entropy(u) + _entropy_of_rest(u),
        lambda u: min(max(u, fmpq(0)), fmpq(1)),
        -_FAR,
    ),
    Square: BallLoss(
        lambda q, target: (q - target) ** 2,
        lambda u, target: u**2 / 4 - u * target,
        lambda u: u,
    ),
}


def ball_loss(loss: Loss) -> BallLoss:
    """Return the loss on balls; ValueError for one that is not known in exact arithmetic."""
    if type(loss) not in _BALL_LOSSES:
        raise ValueError(
            f"loss is {loss.name!r}, expected one of {', '.join(LOSSES)}, which are known in exact "
            "arithmetic: pick one"
        )
    return _BALL_LOSSES[type(loss)]
