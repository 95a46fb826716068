"""Generalisation bounds: Theorems E.2 to E.5 of Lyu et al. (2024), and when they say something.

A bound is a sum of terms, kept apart so that one sees which of them is too large. It is vacuous
where it is at least what holds without any theorem: an error of 1, or the largest output.

How E.4 and E.5 follow from E.2 and E.3. Inputs are ±1 in d dimensions and labels the sign of the
sum of k of them, k odd. That sum is an odd integer, so ``w*``, which has k entries of size 1,
attains margin ``y <w*, x> ≥ 1`` with ``‖w*‖₁ = k`` and ``‖w*‖₂ = √k``. The classifier of smallest
norm with margin 1 lies in the ball of that radius, which does not depend on the sample, and its
empirical margin error at ``ρ = 1`` is zero. E.3 with ``‖x‖_∞ = 1`` bounds the complexity of the L1
ball by ``k √(2 log(2d)/n)``, and with ``‖x‖₂ = √d`` that of the L2 ball by ``√(kd/n)``; E.2 at
``ρ = 1`` does the rest.

The factor of E.2. Symmetrisation gives 2, and contraction by the ramp loss of slope ``1/ρ`` gives
``1/ρ``: together ``2/ρ`` (Mohri et al. 2018, Theorem 5.8). E.4 and E.5 as printed have 4 in front
of the complexity, twice as much: they hold, and are loose by two there. Both factors are offered.

References
----------
Lyu et al. (2024), Appendix E. Mohri, Rostamizadeh, Talwalkar (2018), Foundations of Machine
Learning, Theorems 5.8, 5.10 and Lemma 3.4. Kakade, Sridharan, Tewari (2008).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from grokflow.theory.summary import Summarised

# What multiplies complexity over margin: in E.4 and E.5 as printed, and by Mohri et al. (2018).
PRINTED_FACTOR = 4.0
SHARP_FACTOR = 2.0


@dataclass(frozen=True, repr=False)
class Bound(Summarised):
    """An upper bound on the error of a classifier, term by term.

    Parameters
    ----------
    complexity : float
        The part that grows with the class of functions.
    confidence : float
        The part that grows with the probability ``1 - δ``; 0 where the bound is certain.
    empirical : float
        The part that is measured on the sample.
    trivial : float
        What holds without the theorem: an error of at most 1.

    Examples
    --------
    >>> import grokflow as gf
    >>> bound = gf.max_l1_margin_error(n=10_000, d=100_000, k=3, delta=0.05)
    >>> print(f"{bound.complexity:.2f} + {bound.confidence:.2f} = {bound.value:.2f}")
    0.59 + 0.04 = 0.63
    >>> bound.vacuous
    False
    """

    complexity: float
    confidence: float = 0.0
    empirical: float = 0.0
    trivial: float = 1.0

    def _summary(self) -> Mapping[str, object]:
        """Return the bound and its terms."""
        terms = {name: getattr(self, name) for name in ("complexity", "confidence", "empirical")}
        return {"value": self.value, "vacuous": self.vacuous} | terms

    @property
    def value(self) -> float:
        """The bound: the sum of its terms."""
        return self.complexity + self.confidence + self.empirical

    @property
    def vacuous(self) -> bool:
        """Whether the bound says nothing, being at least the trivial one."""
        return bool(self.value >= self.trivial)


def margin_error(
    complexity: float,
    *,
    n: int,
    delta: float,
    margin: float = 1.0,
    empirical: float = 0.0,
    factor: float = SHARP_FACTOR,
) -> Bound:
    """Bound the probability of error of every function of a class (Theorem E.2).

    With probability at least ``1 - δ`` over n independent samples, every f of the class has
    ``P(y f(x) ≤ 0) ≤ #{y_i f(x_i) < ρ}/n + (factor/ρ) R_S + 3 √(log(2/δ)/2n)``.

    Parameters
    ----------
    complexity : float
        Empirical Rademacher complexity ``R_S`` of the class, or a bound on it.
    n : int
        Number of samples.
    delta : float
        Probability δ with which the bound may fail.
    margin : float
        The margin ρ.
    empirical : float
        Fraction of the samples with margin below ρ, where the ramp loss is positive.
    factor : float
        `SHARP_FACTOR` or `PRINTED_FACTOR`.
    """
    _check(n=n, delta=delta)
    if not (margin > 0 and complexity >= 0 and 0 <= empirical <= 1):
        raise ValueError(
            f"margin {margin}, complexity {complexity}, empirical {empirical} found, expected "
            "margin > 0, complexity ≥ 0 and a fraction: measure them on the sample"
        )
    confidence = 3 * float(np.sqrt(np.log(2 / delta) / (2 * n)))
    return Bound(factor / margin * complexity, confidence, empirical)


def l1_ball_complexity(radius: float, *, n: int, d: int, largest: float = 1.0) -> Bound:
    """Return ``R_S ≤ r x_∞ √(2 log(2d)/n)`` for ``{x ↦ <w, x> : ‖w‖₁ ≤ r}`` (Theorem E.3).

    `largest` is ``x_∞``, the largest ``‖x_i‖_∞``; the trivial bound is the largest output.
    """
    _check(n=n, d=d)
    output = radius * largest
    return Bound(output * float(np.sqrt(2 * np.log(2 * d) / n)), trivial=output)


def l2_ball_complexity(radius: float, *, n: int, largest: float) -> Bound:
    """Return ``R_S ≤ r x_2 / √n`` for ``{x ↦ <w, x> : ‖w‖₂ ≤ r}`` (Theorem E.3).

    `largest` is ``x_2``, the largest ``‖x_i‖₂``; the trivial bound is the largest output.
    """
    _check(n=n)
    output = radius * largest
    return Bound(output / float(np.sqrt(n)), trivial=output)


def max_l1_margin_error(
    *, n: int, d: int, k: int, delta: float, factor: float = PRINTED_FACTOR
) -> Bound:
    """Bound the error of the max-L1-margin classifier on `sparse` data (Theorem E.4).

    It is at most ``4k √(2 log(2d)/n) + 3 √(log(2/δ)/2n)`` with probability ``1 - δ`` over the draw
    of the samples, for x uniform on ±1 and y the sign of the sum of k of the d inputs (Lyu et al.
    2024).

    Parameters
    ----------
    n, d, k : int
        Numbers of samples, of inputs, and of relevant inputs; k is odd.
    delta : float
        Probability δ, between 0 and 1, with which the bound may fail.
    factor : float
        What stands in place of the first 4, for other versions of the theorem.

    Raises
    ------
    ValueError
        For sizes below 1, an even k or one above d, and a δ that is not between 0 and 1.

    Examples
    --------
    >>> import grokflow as gf
    >>> for n in (256, 10_000):
    ...     bound = gf.max_l1_margin_error(n=n, d=100_000, k=3, delta=0.05)
    ...     print(f"{n} samples: {bound.value:.2f}")
    256 samples: 3.96
    10000 samples: 0.63
    """
    _check(n=n, d=d, k=k, delta=delta)
    complexity = l1_ball_complexity(float(k), n=n, d=d).value
    return margin_error(complexity, n=n, delta=delta, factor=factor)


def max_l2_margin_error(
    *, n: int, d: int, k: int, delta: float, factor: float = PRINTED_FACTOR
) -> Bound:
    """Bound the error of the max-L2-margin classifier on `sparse` data (Theorem E.5).

    It is at most ``4 √(kd/n) + 3 √(log(2/δ)/2n)`` with probability ``1 - δ`` over the draw of the
    samples, for x uniform on ±1 and y the sign of the sum of k of the d inputs (Lyu et al. 2024).

    Parameters
    ----------
    n, d, k : int
        Numbers of samples, of inputs, and of relevant inputs; k is odd.
    delta : float
        Probability δ, between 0 and 1, with which the bound may fail.
    factor : float
        What stands in place of the first 4, for other versions of the theorem.

    Raises
    ------
    ValueError
        For sizes below 1, an even k or one above d, and a δ that is not between 0 and 1.

    Examples
    --------
    >>> import grokflow as gf
    >>> for n in (10_000, 10_000_000):
    ...     bound = gf.max_l2_margin_error(n=n, d=100_000, k=3, delta=0.05)
    ...     print(f"{n} samples: {bound.value:.2f}")
    10000 samples: 21.95
    10000000 samples: 0.69
    """
    _check(n=n, d=d, k=k, delta=delta)
    complexity = l2_ball_complexity(float(np.sqrt(k)), n=n, largest=float(np.sqrt(d))).value
    return margin_error(complexity, n=n, delta=delta, factor=factor)


def smallest_n(bound: Callable[[int], Bound]) -> int:
    """Return the smallest number of samples at which a bound says something.

    Parameters
    ----------
    bound : callable
        The bound as a function of n; it falls with n.

    Raises
    ------
    ValueError
        When it says nothing even at 2**62 samples.

    Examples
    --------
    >>> import grokflow as gf
    >>> gf.smallest_n(lambda n: gf.max_l1_margin_error(n=n, d=100_000, k=3, delta=0.05))
    4016
    """
    high = 1
    while bound(high).vacuous:
        high *= 2
        if high > 2**62:
            raise ValueError(
                f"the bound is {bound(high).value:.3g} at 2**63 samples, expected one that falls "
                "below the trivial bound: lower its empirical part"
            )
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if bound(middle).vacuous else (low, middle)
    return high


def _check(
    *, n: int = 1, d: int | None = None, k: int | None = None, delta: float | None = None
) -> None:
    """Refuse sizes for which the theorems are not stated."""
    if n < 1:
        raise ValueError(f"n is {n}, expected at least 1: give the number of samples")
    if d is not None and d < 1:
        raise ValueError(f"d is {d}, expected at least 1: give the number of inputs")
    if k is not None and (k % 2 == 0 or k < 1 or (d is not None and k > d)):
        raise ValueError(f"k is {k}, expected an odd number up to d = {d}: choose another k")
    if delta is not None and not 0 < delta < 1:
        raise ValueError(f"delta is {delta}, expected a number in (0, 1): choose another delta")
