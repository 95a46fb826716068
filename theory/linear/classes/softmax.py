"""Cross-entropy of several classes as a loss of margins, and the predictors that it leads to.

With one output for each class, ``-log softmax`` of the right one depends on the margins
``q_ic = <w_{y_i} - w_c, x_i>`` over the other classes c alone,

    l_i = log(1 + Σ_c e^{-q_ic}),    r_ic = -∂l_i/∂q_ic = e^{-q_ic - l_i},

and has an exponential tail in each of them. The margins are linear in all weights together,
``q = Z w`` with n (C-1) rows and C d columns, so that whatever is known of a loss of margins holds
with Z in place of the design and the pulls r_ic in place of ``-l'(q_i)``: the kernel predictor is
the hard margin of Crammer and Singer [1]_, ``min ½ Σ ‖w_c‖²`` with all ``q_ic ≥ 1``, the late limit
has ``Σ ‖w_c‖₁`` instead, and at finite λ the flow ends at the minimiser of
``(1/n) Σ l_i + (λ/2) Σ ‖w_c‖₁``.

References
----------
.. [1] Crammer and Singer, On the algorithmic implementation of multiclass kernel-based vector
   machines, JMLR 2 (2001).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.special import xlog1py, xlogy

from grokflow.theory.certificate import Certificate
from grokflow.theory.errors import either
from grokflow.theory.linear.classes.margins import ClassMargins, class_blocks, class_margins
from grokflow.theory.linear.classes.problem import ClassesProblem
from grokflow.theory.linear.l2 import HINTED, MaxL2Margin
from grokflow.theory.linear.prediction import Prediction, normalised_margin
from grokflow.theory.linear.problem import Problem, Task
from grokflow.theory.losses import LOSSES
from grokflow.theory.numerics.design_matrix import with_column
from grokflow.theory.numerics.input_transform import standardising
from grokflow.theory.objective import Norm, Objective
from grokflow.theory.predictor import NoPredictor, NotResolved
from grokflow.theory.samples import Outputs

# Numbers that the stacked design and its Gram matrix may hold.
_LARGEST = 2**26
# Scales of the smoothed L1 norm, relative to the largest weight: from where all weights move to
# where those that vanish are a billionth.
_SMOOTHING = np.geomspace(0.1, 1e-11, 11)
_NEWTON_STEPS = 500
# Where they end: at a small part of what the smoothing adds to the value, or at its rounding.
_PART_OF_SMOOTHING, _ROUNDING = 1e-2, 1e-14
_GAP = 1e-6


@dataclass(frozen=True)
class _NoTest:
    """Weights of all classes at once are judged by the problem of the classes, not by this one."""

    size: int = 0

    def outputs(self, w: np.ndarray) -> Outputs:
        return Outputs(np.empty((0, w.shape[1])), np.empty(0))


def stacked_problem(problem: ClassesProblem) -> Problem:
    """Return the problem of all margins ``q_ic``: n (C-1) rows of C d inputs, class by class.

    Raises
    ------
    ValueError
        Where it has more entries than are handled.
    """
    n, d, count = problem.n, problem.d, len(problem.classes)
    rows = n * (count - 1)
    if rows * max(rows, count * d) > _LARGEST:
        raise ValueError(
            f"cross-entropy of {problem.name} compares {n} rows with {count - 1} other classes: "
            f"the matrix of these {rows} comparisons, square or with a column for each of "
            f"{count * d} weights, has {rows * max(rows, count * d)} entries, expected at most "
            f"{_LARGEST}: use fewer rows, or the logistic loss, which learns one class after the "
            "other"
        )
    matrix = class_margins(problem.inputs.to_array(), problem.labels, count)
    found = Problem(problem.name, Task.CLASSIFICATION, matrix, np.ones(rows), _NoTest())
    return replace(found, transform=problem.transform)  # messages name what has not been done


def intercept_tells_apart(problem: ClassesProblem) -> bool:
    """Say whether a column of ones gives every sample its own class, by finding weights that do.

    False where these are not looked for: there is a column already, or the samples are many.
    """
    has_one = problem.transform is not None and problem.transform.intercept
    if has_one or problem.n * (len(problem.classes) - 1) > HINTED:
        return False
    size = float(np.sqrt(problem.inputs.mean_square * problem.d)) or 1.0
    inputs = with_column(problem.inputs, np.full(problem.n, size))
    try:
        MaxL2Margin().predict(stacked_problem(replace(problem, inputs=inputs)))
    except NoPredictor:
        return False
    return True


def sample_losses(q: np.ndarray) -> np.ndarray:
    """Return ``l_i`` of margins of shape (..., n, C-1), to full relative accuracy."""
    worst = np.maximum(-q.min(axis=-1), 0.0)
    others = np.exp(-q - worst[..., None]).sum(axis=-1)
    # Where all margins are positive the loss is log(1 + something small).
    return np.asarray(worst + np.log1p(others + np.expm1(-worst)))


def log_pulls(q: np.ndarray) -> np.ndarray:
    """Return ``log r_ic`` of margins of shape (..., n, C-1)."""
    return np.asarray(-q - sample_losses(q)[..., None])


@dataclass(frozen=True)
class L1PenalisedCrossEntropy:
    """The minimiser of ``(1/n) Σ l_i + (λ/2) Σ ‖w_c‖₁``: where diagonal nets of depth 2 end.

    Parameters
    ----------
    lam : float
        Weight decay λ.
    """

    lam: float
    name: str = "L1-penalised cross-entropy"

    def predict(self, stacked: Problem, start: np.ndarray) -> Prediction:
        """Solve by Newton's method, the norm smoothed less and less.

        Parameters
        ----------
        stacked : Problem
            All margins, see `stacked_problem`.
        start : ndarray, shape (C d,)
            Weights of the right size.

        Raises
        ------
        NotResolved
            When the certificate's gap stays above 1e-6.
        """
        z, w, sign = stacked.inputs, start, np.zeros_like(start)
        assert isinstance(z, ClassMargins)
        largest = float(np.abs(start).max())
        for share in _SMOOTHING:
            w, sign = self._minimised(z, w, sign, share * largest)
        r = np.exp(log_pulls(z.combine(w).reshape(z.others.shape)))
        found = certificate(z.to_array(), w, r, self.lam)
        if not found.gap <= _GAP:
            helps = either("raise lam (--lam)", standardising(stacked.transform))
            raise NotResolved(
                f"the L1-penalised cross-entropy at lam = {self.lam:g} is known to a relative "
                f"{found.gap:.1e} only, expected {_GAP:g}: {helps}"
            )
        n = len(r)
        objective = Objective(Norm.L1, LOSSES["logistic"], self.lam / 2)
        margin = normalised_margin(stacked, w, 1)
        return Prediction(self.name, w, r.ravel() / n, margin, found, objective=objective)

    def _minimised(
        self, z: ClassMargins, w: np.ndarray, sign: np.ndarray, size: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Minimise with ``Σ sqrt(w² + size²)`` in place of the norm.

        Its derivative ``w / sqrt(w² + size²)``, a smoothed sign, bends at the scale `size`, so that
        Newton's method on the weights alone takes many small steps. The method of Chan, Golub and
        Mulet (SIAM J. Sci. Comput. 20, 1999) has the sign s as an unknown of its own, with
        ``s sqrt(w² + size²) = w``, which is nearly linear.
        """
        # By so much at most the smoothed norm is above the norm.
        unsettled = self.lam / 2 * size * len(w)
        for _ in range(_NEWTON_STEPS):
            root = np.hypot(w, size)
            value, slope, bend = self._expansion(z, w, size)
            stiffness = (1 - sign * w / root) / root
            bend[np.diag_indices_from(bend)] += self.lam / 2 * stiffness
            step = -_solved(bend, slope)
            fall, length = float(slope @ step), 1.0
            while self._value(z, w + length * step, size) > value + 1e-4 * length * fall:
                length /= 2
                if length < 1e-10:
                    return w, sign
            sign = np.clip(w / root + stiffness * step, -1.0, 1.0)
            w = w + length * step
            if -fall <= max(_PART_OF_SMOOTHING * unsettled, _ROUNDING * value):
                break
        return w, sign

    def _value(self, z: ClassMargins, w: np.ndarray, size: float) -> float:
        losses = sample_losses(z.combine(w).reshape(z.others.shape))
        return float(losses.mean() + self.lam / 2 * np.hypot(w, size).sum())

    def _expansion(
        self, z: ClassMargins, w: np.ndarray, size: float
    ) -> tuple[float, np.ndarray, np.ndarray]:
        """Return value, gradient and Hessian."""
        q = z.combine(w).reshape(z.others.shape)
        r, n, root = np.exp(log_pulls(q)), len(q), np.hypot(w, size)
        slope = self.lam / 2 * w / root - z.correlate(r.ravel()) / n
        # The probabilities p of all classes bend the loss by diag(p) - p pᵀ, that of a sample's own
        # class being one less the pulls.
        missing, sample = r.sum(axis=1), np.arange(n)
        p = np.zeros((n, z.count))
        p[sample[:, None], z.others], p[sample, z.labels] = r, 1 - missing
        bends = -p[:, :, None] * p[:, None]
        bends[:, np.arange(z.count), np.arange(z.count)] += p
        bends[sample, z.labels, z.labels] = missing * (1 - missing)
        return self._value(z, w, size), slope, class_blocks(z.x, bends / n)


def certificate(z: np.ndarray, w: np.ndarray, r: np.ndarray, lam: float) -> Certificate:
    """Bound the least penalised cross-entropy from weights and pulls alone.

    For pulls ``r_i ≥ 0`` with ``Σ_c r_ic ≤ 1`` Fenchel's inequality reads ``l_i ≥ -r_i·q_i + H_i``,
    with H the entropy of ``(r_i, 1 - Σ_c r_ic)``. Where ``‖Zᵀr/n‖∞ ≤ λ/2`` the terms in w cannot be
    negative together, and ``(1/n) Σ H_i`` is below every value; r is scaled down to that.
    """
    n, eps = len(r), np.finfo(float).eps
    q, sizes = z @ w, np.abs(z) @ np.abs(w)
    # Each margin is known to so much, by which its loss can change relative to itself.
    doubt = eps * (z.shape[1] + 8) * (1 + float(sizes.max()))
    losses = sample_losses(q.reshape(n, -1))
    upper = float(losses.mean() + lam / 2 * np.abs(w).sum()) * (1 + 2 * doubt)
    flat = r.ravel()
    pressed = np.abs(z.T @ flat) + eps * (z.shape[0] + 2) * (np.abs(z).T @ flat)
    held = r * min(1.0, lam / 2 * n / (float(pressed.max()) * (1 + 4 * eps)))
    # Rounding may make the pulls of a sample add up to more than one.
    held = held / np.maximum(held.sum(axis=1, keepdims=True) * (1 + 4 * eps), 1.0)
    total = held.sum(axis=1)
    entropy = -xlogy(held, held).sum(axis=1) - xlog1py(1 - total, -total)
    lower = float(entropy.mean()) * (1 - eps * (n + 4 * r.shape[1] + 16))
    return Certificate(lower, upper, 0.0)


def _solved(bend: np.ndarray, slope: np.ndarray) -> np.ndarray:
    """Solve with a Hessian that is positive but for rounding."""
    scale = 1 / np.sqrt(np.maximum(np.diagonal(bend), np.finfo(float).tiny))
    scaled = bend * scale * scale[:, None]
    for ridge in (1e-14, 1e-12, 1e-10, 1e-8):
        try:
            factor = cho_factor(scaled + ridge * np.eye(len(scale)))
        except np.linalg.LinAlgError:
            continue
        return np.asarray(scale * cho_solve(factor, scale * slope))
    return np.asarray(scale**2 * slope)
