"""Periodic neurons that solve modular arithmetic, in closed form.

With a quadratic activation, neuron k contributes to the logit of class q at (m, n)

``½ A³ cos(2πσ (q - m - n)/p)``, which adds up to one at q = m + n, and terms whose phases differ
from neuron to neuron and average out, as long as the output phase is the sum of the input phases.
A rule ``F(f₁(m) + f₂(n))`` is this addition in coordinates of its own.

The papers print ``A = (2/N)^{-1/3}``; the mean peak logit ``½ N A³`` is one for ``(2/N)^{+1/3}``.

References
----------
Gromov, "Grokking modular arithmetic", arXiv 2301.02679, equations 7 and 8, section 4.3.
Doshi, Das, He, Gromov, "To grok or not to grok", ICLR 2024, arXiv 2310.13061, equation 3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from grokflow.theory.modular.net import ModularWeights
from grokflow.theory.modular.operations import Operation
from grokflow.theory.summary import Summarised


@dataclass(frozen=True, eq=False, repr=False)
class PeriodicNeurons(Summarised):
    """Frequencies and phases of N neurons.

    Parameters
    ----------
    frequencies : ndarray of int, shape (N,)
        σ, in periods per modulus.
    phi, psi : ndarray, shape (N,)
        Phases φ and ψ of the two input weights, in radians.
    chi : ndarray, shape (N,)
        Phase χ of the output weights; ``φ + ψ`` in the solution.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> neurons = gf.PeriodicNeurons.aligned(phi=np.array([0.0, 1.0]), psi=np.array([2.0, 0.0]))
    >>> print(neurons.frequencies, neurons.chi, neurons.mismatch)
    [1 2] [2. 1.] [0. 0.]
    """

    frequencies: np.ndarray
    phi: np.ndarray
    psi: np.ndarray
    chi: np.ndarray

    @classmethod
    def aligned(cls, phi: np.ndarray, psi: np.ndarray) -> PeriodicNeurons:
        """Return neurons with the frequencies 1, …, N and ``χ = φ + ψ``."""
        return cls(np.arange(1, len(phi) + 1), phi, psi, phi + psi)

    @property
    def mismatch(self) -> np.ndarray:
        """Return ``φ + ψ - χ`` in (-π, π], shape (N,)."""
        return np.asarray(np.angle(np.exp(1j * (self.phi + self.psi - self.chi))))


def unit_amplitude(width: int) -> float:
    """Return ``A = (2/N)^{1/3}``, with which the mean peak logit is one."""
    if width < 1:
        raise ValueError(f"width is {width}, expected at least 1: choose a larger one")
    return float((2 / width) ** (1 / 3))


def periodic_solution(
    operation: Operation, p: int, neurons: PeriodicNeurons, *, amplitude: float | None = None
) -> ModularWeights:
    """Return the quadratic net whose neurons are cosines, which solves an operation in closed form.

    Products mod p have no logarithm for a factor zero: one more neuron answers those pairs, with
    logit one, or four where both factors are zero. A class that the outer function F of the rule
    reaches from several sums adds up their outputs, and one that F does not reach has none.

    Parameters
    ----------
    operation : Operation
        The rule.
    p : int
        Modulus; prime for products.
    neurons : PeriodicNeurons
        N frequencies and phases.
    amplitude : float, optional
        Amplitude A of all weights; by default ``(2/N)^{1/3}``, with which the logit of the right
        class is one on average.

    Returns
    -------
    ModularWeights
        With N neurons, or N + 1 for products.

    Examples
    --------
    The logits of 3 + 6 = 2 mod 7:

    >>> import numpy as np
    >>> import grokflow as gf
    >>> phases = np.random.default_rng(0).uniform(0, 2 * np.pi, (2, 4000))
    >>> net = gf.periodic_solution(gf.operation("addition"), 7, gf.PeriodicNeurons.aligned(*phases))
    >>> print(net.outputs(np.array([3]), np.array([6])).round(1) + 0.0)
    [[ 0.  -0.1  1.   0.   0.   0.   0. ]]
    """
    modulus, first, second, outer = operation.coordinates(p)
    size = unit_amplitude(len(neurons.phi)) if amplitude is None else amplitude
    turn = 2 * np.pi * neurons.frequencies[:, None] / modulus
    u = size * np.cos(turn * first + neurons.phi[:, None])
    v = size * np.cos(turn * second + neurons.psi[:, None])
    peaks = size * np.cos(turn * np.arange(modulus) + neurons.chi[:, None])
    w = np.zeros((p, len(u)))
    np.add.at(w, outer, peaks.T)
    if modulus == p:
        return ModularWeights(u, v, w)
    zero = int(operation.outer(np.zeros(1, dtype=np.int64), p)[0])
    absent = np.vstack([first < 0, second < 0])
    u, v = np.where(absent[0], 0, u), np.where(absent[1], 0, v)
    answer = (np.arange(p) == zero)[:, None]
    return ModularWeights(
        np.vstack([u, absent[:1]]), np.vstack([v, absent[1:]]), np.hstack([w, answer])
    )


def expected_square_error(frequencies: np.ndarray, modulus: int) -> float:
    """Return the mean squared error over pairs and classes, in the mean over random phases.

    For independent uniform φ, ψ, for ``χ = φ + ψ``, unit amplitude and one-to-one F it is

    ``(4/N) (1 + z/16) + Σ_s (1/p - c_s)²``

    with z the share of neurons with 2σ = 0 mod p and c_s the share with σ = ±s, half for each.
    The first term is the spread of the terms that average out, the second their bias, zero when
    every frequency is taken equally often: then the error is 4/N up to a part in 16p.
    """
    width = len(frequencies)
    counts = np.bincount(frequencies % modulus, minlength=modulus) / width
    shares = (counts + counts[-np.arange(modulus)]) / 2
    still = float(np.mean(2 * frequencies % modulus == 0))
    return float(4 / width * (1 + still / 16) + np.sum((1 / modulus - shares) ** 2))


def error_bound(width: int, p: int) -> float:
    """Return ``(p - 1) Φ(-√(N/8))``, a bound on the misclassified fraction.

    The difference between the logits of the right and of a wrong class has mean 1 and variance 8/N
    to leading order (see `expected_square_error`), and its lower tail lies below the Gaussian one
    from N = 8 on. This is measured, not proved: 0 is √(N/8) standard deviations from the mean, too
    far for the central limit theorem. The p - 1 wrong classes are added up. Since ``Φ(-x) ≤
    exp(-x²/2)/2`` the bound is below one half from N = 16 ln p on.
    """
    return (p - 1) * rate_bound(float(width))


def rate_bound(width: float) -> float:
    """Return ``Φ(-√(N/8))``, which bounds how often a wrong class is above the right one."""
    return float(ndtr(-np.sqrt(width / 8)))
