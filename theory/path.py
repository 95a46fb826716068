"""The quasi-static path: what the flow sits at for every effective scale, as λ → 0.

For λ → 0 the depth-2 diagonal net stays fitted while its effective scale ``β = α² e^{-2λt}``
falls, and its weights trace a path that depends on the data alone, from the max-L2-margin or
min-L2-norm predictor (β → ∞) to the L1 one (β → 0).

* Square loss: the weights minimise the hypentropy at scale β over all interpolants.
* Exponential tails: margins sit at a slowly varying level m. Divided by it, the weights solve a
  complementarity flow, ``Z w ≥ 1``, multipliers non-decreasing and growing only at margin 1; one
  implicit Euler ("catching-up") step is a bounded convex minimisation (Moreau 1977).

With the level m, which the growth rate of the multipliers fixes, the path also says *when*: the
transition is predicted for finite α and λ before anything is simulated.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from theory.dual import Dual, Linear
from theory.l2 import MaxL2Margin, MinL2Norm
from theory.losses import Loss, Square
from theory.mirror import Hypentropy
from theory.newton import minimise
from theory.problems import Problem


@dataclass(frozen=True, eq=False)
class Path:
    """Weights along the quasi-static path, at m decreasing scales β.

    Parameters
    ----------
    log_beta : ndarray, shape (m,)
        Logarithms of the scales β, decreasing.
    multipliers : ndarray, shape (m, n)
        ``a = κp/4``, so that ``w = 2β sinh(4 Xᵀa)``.
    weights : ndarray, shape (d, m)
        The weights; for classification divided by the margin level.
    """

    log_beta: np.ndarray
    multipliers: np.ndarray
    weights: np.ndarray

    def margin_level(self, loss: Loss, lam: float) -> np.ndarray:
        """Return the margin level m at every scale, shape (m,); ones for the square loss.

        The pull on sample i is ``r_i = nλ da_i/ds``; inverted through the loss's tail,
        ``q_i = -log r_i``, and averaged with the weights ``da_i``, it gives the level at which
        the margins sit.
        """
        if isinstance(loss, Square):
            return np.ones_like(self.log_beta)
        slow = -self.log_beta / 2
        growth = np.maximum(np.gradient(self.multipliers, slow, axis=0), 0.0)
        pull = np.clip(self.multipliers.shape[1] * lam * growth, 1e-300, 0.5)
        margins = -np.log(pull)
        if loss.name == "logistic":
            margins = margins + np.log1p(-pull)
        return np.asarray((growth * margins).sum(axis=1) / growth.sum(axis=1))

    def lambda_t(self, alpha: float, lam: float, loss: Loss) -> np.ndarray:
        """Return when the flow passes every scale: ``λt = log α - ½ log(m β)``, shape (m,)."""
        level = np.maximum(self.margin_level(loss, lam), 1e-3)
        return np.asarray(np.log(alpha) - (np.log(level) + self.log_beta) / 2)


def trace(
    problem: Problem,
    log_beta: np.ndarray,
    *,
    tolerance: float = 1e-4,
    progress: Callable[[float], None] = lambda fraction: None,
) -> Path:
    """Follow the quasi-static path over decreasing scales.

    Parameters
    ----------
    problem : Problem
        Separable classification data, or regression data that can be interpolated.
    log_beta : ndarray, shape (m,)
        Decreasing logarithms of the scales β.
    tolerance : float
        Largest violation of ``Z w ≥ 1`` (or ``X w = y``, relative to the largest target).
    progress : callable
        Called with the fraction of scales done.

    Raises
    ------
    NotConverged
        When a step does not converge, which for infeasible data is its only possible end.
    """
    omega = problem.scale
    data = Linear(problem.targets, -np.inf)
    kappas = np.arcsinh(omega / 2 * np.exp(-np.asarray(log_beta)))
    multipliers = np.zeros((len(log_beta), problem.n))
    weights = np.empty((problem.d, len(log_beta)))
    hessian = None
    for i, kappa in enumerate(kappas):
        # In the rich regime a grows linearly in slow time; p = 4a/κ is the unknown.
        guess = (
            _kernel_start(problem) if i == 0 else 4 / kappa * _extrapolate(multipliers, log_beta, i)
        )
        # Multipliers start at zero and never fall; index -1 is still zero at the first scale.
        floor = multipliers[i - 1] if problem.is_classification else -np.inf
        potential = Hypentropy(omega, float(kappa))
        # With more samples than inputs the multipliers are not unique: a proximal term that costs
        # at most a hundredth of the tolerance picks those nearest to the guess.
        ridge = 1e-2 * tolerance / float(np.abs(guess).max())
        found = minimise(
            Dual(problem, data, potential, ridge, guess),
            guess,
            tolerance=tolerance,
            lower=floor * 4 / kappa,
            hessian=hessian,
        )
        hessian = found.hessian
        multipliers[i] = kappa * found.x / 4
        weights[:, i] = potential.weights(problem.inputs.correlate(found.x))
        progress((i + 1) / len(log_beta))
    return Path(np.asarray(log_beta), multipliers, weights)


def _extrapolate(multipliers: np.ndarray, log_beta: np.ndarray, i: int) -> np.ndarray:
    """Guess the multipliers at scale i: like 1/β in the kernel regime, then linear in log β."""
    last = multipliers[i - 1]
    if i == 1:
        return np.asarray(last * np.exp(log_beta[0] - log_beta[1]))
    ratio = (log_beta[i] - log_beta[i - 1]) / (log_beta[i - 1] - log_beta[i - 2])
    return np.asarray(last + ratio * (last - multipliers[i - 2]))


def _kernel_start(problem: Problem) -> np.ndarray:
    """Return the state of the kernel predictor, ``w = ω Xᵀp = Xᵀμ``."""
    predictor = MaxL2Margin() if problem.is_classification else MinL2Norm()
    return predictor.predict(problem).multipliers / problem.scale


def scales(problem: Problem, largest_weight: float, step: float = 0.25) -> np.ndarray:
    """Return ``log β`` from the kernel regime to the rich one, `step` apart in slow time.

    At the first scale the largest weight is a tenth of β; at the last κ exceeds 25, where all but
    the weights of the L1 solution are below e^{-25} of it.
    """
    start = np.log(10 * largest_weight)
    stop = np.log(problem.scale) - 25
    return np.arange(start, stop, -2 * step)
