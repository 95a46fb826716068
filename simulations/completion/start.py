"""From where a factorisation is followed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from grokflow.theory.arguments import ALPHA_RANGE, check_data, check_range
from grokflow.theory.completion.flow_equations import CompletionSystem
from grokflow.theory.completion.problem import CompletionProblem

_SIGMA_RANGE = (0.0, 1e6)


@dataclass(frozen=True, eq=False)
class CompletionStart:
    """The matrix ``W = UUᵀ - VVᵀ`` at ``U = V = α I`` or near it, and what it learns.

    Parameters
    ----------
    problem : CompletionProblem
        Measurements that some symmetric matrix meets.
    alpha : float
        Scale α.
    sigma : float
        Standard deviation σ of ``U_ij, V_ij ~ N(α 1{i=j}, σ²)`` (Lyu et al. 2024, Theorem 3.12); 0
        for the exact start.
    rng : Generator or None
        Draws the start where σ > 0, once: all flows from this start share the draw.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> problem, rng = gf.completion(d=5, fraction=0.6), np.random.default_rng(0)
    >>> start = gf.CompletionStart(problem, alpha=10.0, sigma=0.1, rng=rng)
    >>> gf.CompletionFlow(lam=0.1).run(start, np.array([0.0, 1.0])).matrices.shape
    (2, 5, 5)
    """

    problem: CompletionProblem
    alpha: float
    sigma: float = 0.0
    rng: np.random.Generator | None = None

    def __post_init__(self) -> None:
        """Refuse other problems, and scales in which double precision does not hold the state."""
        check_data(self.problem, CompletionProblem)
        check_scale(self.alpha, self.sigma)
        if self.sigma > 0 and self.rng is None:
            raise ValueError(
                f"sigma is {self.sigma:g} and rng is None, expected a generator for the "
                "start: pass rng=np.random.default_rng(seed)"
            )

    @cached_property
    def _noise(self) -> np.ndarray | None:
        """The perturbations of U and V, shape (2, d, d), or None for the exact start."""
        if self.rng is None or self.sigma == 0:
            return None
        d = self.problem.d
        return np.asarray(self.sigma * self.rng.standard_normal((2, d, d)))

    def state(self, system: CompletionSystem) -> np.ndarray:
        """Return the state at time 0; sums and differences are formed without cancellation."""
        d = self.problem.d
        total, difference = 2 * self.alpha * np.eye(d), np.zeros((d, d))
        if self._noise is not None:
            noise_u, noise_v = self._noise
            total, difference = total + noise_u + noise_v, noise_u - noise_v
        return system.start(total, difference)


def check_scale(alpha: float, sigma: float = 0.0) -> None:
    """Refuse a scale or a perturbation that no flow starts from, before there is a problem."""
    check_range("alpha", alpha, ALPHA_RANGE)
    check_range("sigma", sigma, _SIGMA_RANGE)
