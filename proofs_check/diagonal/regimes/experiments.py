"""The net ``u² - v²`` on data that no weights fit, followed in all of u and v.

Nothing of the theory is used: neither the reduction to the samples nor the mirror map. The
equations of u and v are integrated by LSODA with their own Jacobian.
"""

from __future__ import annotations

import numpy as np
from scipy.integrate import solve_ivp

from grokflow.proofs_check import strategies
from grokflow.proofs_check.laboratory import Laboratory, remembered
from grokflow.theory.diagonal.regime import Held, Regime, held_weights
from grokflow.theory.linear.problem import Problem, Task, make_problem
from grokflow.theory.losses import LOSSES, Loss
from grokflow.theory.samples import StoredTestSet

# Sizes of the data: n samples of d inputs whose rows have rank r.
SAMPLES, INPUTS, RANK = 40, 24, 6
# Labels that are made wrong, so that the classes overlap: of 40 points in 6 dimensions with 8 wrong
# labels hardly any can be separated.
_WRONG = 8

START = 10.0
LAMS: tuple[float, ...] = tuple(np.geomspace(1e-2, 1e-4, 9).tolist())
TIMES = np.log(START) + np.linspace(-0.5, 5.0, 221)
# Local error of a step in u and v, and what is known of ``u² - v²``: at the start both squares are
# START², and cancel. A tolerance of 1e-12 changes no weights of the drawn data by more than half.
_RTOL = 1e-11
ACCURACY = _RTOL * START**2


# Data that no weights fit, for every loss: what the claims about them range over.
STRATEGIES = {
    loss.name: strategies.overlapping if loss.acts_on_margins else strategies.inconsistent
    for loss in LOSSES.values()
}


@remembered
def data(laboratory: Laboratory, loss: str, inputs: int = INPUTS, rank: int = RANK) -> Problem:
    """Draw noisy targets for the square loss, and classes with wrong labels for the others."""
    rng = np.random.default_rng(np.random.SeedSequence(laboratory.seed, spawn_key=(inputs, rank)))
    # Orthonormal directions: every one of them is learned at its own λ, and none far below 1e-4.
    directions = np.linalg.qr(rng.standard_normal((inputs, rank)))[0].T
    x = rng.standard_normal((SAMPLES, rank)) @ directions * np.sqrt(inputs / rank)
    signal = x[:, 0] + x[:, 1]
    if LOSSES[loss].acts_on_margins:
        y = np.where(rng.permutation(SAMPLES) < _WRONG, -1.0, 1.0) * np.sign(signal)
        task = Task.CLASSIFICATION
    else:
        y, task = signal + rng.standard_normal(SAMPLES), Task.REGRESSION
    return make_problem("beyond", task, x, y, StoredTestSet(x, y))


def held(laboratory: Laboratory, loss: str) -> Held:
    """Return what `data` hold the weights to.

    Raises
    ------
    ValueError
        Where some weights fit them, or separate some of the samples, or where the weights stay
        what they are.
    """
    found = held_weights(data(laboratory, loss), LOSSES[loss])
    if found.determined or found.regime not in (Regime.INCONSISTENT, Regime.OVERLAPPING):
        stay = " that determine the weights" * found.determined
        raise ValueError(
            f"{found.regime.value}{stay} found, expected data that no weights fit, and weights "
            "that move: draw anew"
        )
    return found


@remembered
def flow(
    laboratory: Laboratory, loss: str, lam: float, inputs: int = INPUTS, rank: int = RANK
) -> np.ndarray:
    """Return the weights of the flow on `data` at `TIMES`, shape (d, m)."""
    return unreduced(data(laboratory, loss, inputs, rank), LOSSES[loss], lam)


def unreduced(problem: Problem, loss: Loss, lam: float) -> np.ndarray:
    """Follow u and v from `START` to `TIMES`, and return ``u² - v²``, shape (d, m)."""
    x, n, d = problem.inputs.to_array(), problem.n, problem.d

    def slope(theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the outputs, and the derivative of the loss by the weights."""
        outputs = x @ (theta[:d] ** 2 - theta[d:] ** 2)
        return outputs, -x.T @ loss.descent(outputs, problem.targets) / n

    def velocity(_: float, theta: np.ndarray) -> np.ndarray:
        gradient = slope(theta)[1]
        pull = np.concatenate([gradient, -gradient])
        return np.asarray(-2 * pull * theta / lam - theta)

    def jacobian(_: float, theta: np.ndarray) -> np.ndarray:
        outputs, gradient = slope(theta)
        hessian = (x.T * loss.curvature(outputs, problem.targets) / n) @ x
        signed = theta * np.repeat([1.0, -1.0], d)
        matrix = -4 * np.outer(signed, signed) * np.tile(hessian, (2, 2)) / lam
        matrix[np.diag_indices(2 * d)] -= 2 * np.concatenate([gradient, -gradient]) / lam + 1
        return np.asarray(matrix)

    found = solve_ivp(
        velocity,
        (0.0, TIMES[-1]),
        np.full(2 * d, START),
        method="LSODA",
        t_eval=TIMES,
        jac=jacobian,
        rtol=_RTOL,
        atol=1e-3 * _RTOL,
    )
    if not found.success:
        raise RuntimeError(f"LSODA stopped: {found.message}, expected the end of the flow")
    return np.asarray(found.y[:d] ** 2 - found.y[d:] ** 2)
