"""A linearly implicit one-step method that keeps its order with any matrix as the Jacobian.

A W-method with s stages solves ``(1 - γhA) k_i = F(θ + h Σ_j a_ij k_j) + hA Σ_{j<i} γ_ij k_j`` and
returns ``θ + h Σ b_i k_i``. A only has to make it stable, so a Gauss-Newton matrix will do [1]_.
The unknowns ``u = hΓk`` need no product with A (Hairer and Wanner, IV.7).

ROS34PW2 [2]_ has order 3 for any A, also where equations without a time derivative are added
whose own Jacobian is exact; it is L-stable and ends on its last stage, and its embedded solution
has order 2. At equal error ROS2 takes three to six times as many steps.

References
----------
.. [1] Steihaug and Wolfbrandt, Math. Comp. 33 (1979).
.. [2] Rang and Angermann, BIT 45 (2005).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True, eq=False)
class WMethod:
    """Coefficients of a method and of the embedded one that estimates its error.

    Parameters
    ----------
    a : ndarray, shape (s, s)
        Where the stages are taken, strictly lower triangular.
    gamma : ndarray, shape (s, s)
        The implicit part, lower triangular with one number on the diagonal.
    b, b_embedded : ndarray, shape (s,)
        Weights of the solution, and of the solution of lower order.
    order : int
        Order of the embedded solution, for any matrix A; the solution has one more.
    """

    a: np.ndarray
    gamma: np.ndarray
    b: np.ndarray
    b_embedded: np.ndarray
    order: int

    @property
    def stages(self) -> int:
        """Number of stages, each one gradient and one solve."""
        return len(self.b)

    @property
    def diagonal(self) -> float:
        """The number γ."""
        return float(self.gamma[0, 0])

    @cached_property
    def places(self) -> np.ndarray:
        """Stage i is taken at ``θ + Σ_j places_ij u_j``."""
        return np.asarray(self.a @ np.linalg.inv(self.gamma))

    @cached_property
    def couplings(self) -> np.ndarray:
        """The right-hand side of stage i is ``F + Σ_{j<i} couplings_ij u_j / h``."""
        return np.asarray(np.eye(self.stages) / self.diagonal - np.linalg.inv(self.gamma))

    @cached_property
    def weights(self) -> np.ndarray:
        """The step is ``Σ weights_i u_i``."""
        return np.asarray(self.b @ np.linalg.inv(self.gamma))

    @cached_property
    def error_weights(self) -> np.ndarray:
        """The estimated error is ``Σ error_weights_i u_i``."""
        return np.asarray((self.b - self.b_embedded) @ np.linalg.inv(self.gamma))


def _ros34pw2() -> WMethod:
    g = 4.3586652150845900e-01
    a, gamma = np.zeros((4, 4)), g * np.eye(4)
    a[1, 0] = 8.7173304301691801e-01
    a[2, :2] = 8.4457060015369423e-01, -1.1299064236484185e-01
    a[3, 2] = 1.0
    gamma[1, 0] = -8.7173304301691801e-01
    gamma[2, :2] = -9.0338057013044082e-01, 5.4180672388095326e-02
    gamma[3, :3] = 2.4212380706095346e-01, -1.2232505839045147e00, 5.4526025533510214e-01
    b = np.array([2.4212380706095346e-01, -1.2232505839045147e00, 1.5452602553351020e00, g])
    embedded = [3.7810903145819369e-01, -9.6042292212423178e-02, 0.5, 2.1793326075422950e-01]
    return WMethod(a, gamma, b, np.array(embedded), 2)


ROS34PW2 = _ros34pw2()
