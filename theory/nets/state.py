"""What can be measured of a net along its training, each computed only when asked for.

All functions take the net as a function of its parameters (`grokflow.theory.nets.module_map`) and θ
itself.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from grokflow.theory.homogeneous import kkt
from grokflow.theory.homogeneous.comparisons import effective_rank as effective_rank_of
from grokflow.theory.homogeneous.comparisons import relative_distance
from grokflow.theory.nets.losses import NetLoss, TargetForm
from grokflow.theory.nets.module_map import ModuleMap
from grokflow.theory.nets.problem import NetProblem


def normalised_margin(loss: NetLoss, f: Tensor, y: Tensor) -> float:
    """Return the least margin: of ``y f``, or of the class over all others; NaN for regression."""
    if loss.target_form is TargetForm.VALUES:
        return float("nan")
    return float(_margins(loss, f, y).min())


def _margins(loss: NetLoss, f: Tensor, y: Tensor) -> Tensor:
    """Return margins, shape (m, 1) or (m, C - 1)."""
    if loss.target_form is not TargetForm.CLASSES:
        return y[:, None] * f
    others = torch.ones_like(f, dtype=torch.bool).scatter_(1, y[:, None], False)
    return (f.gather(1, y[:, None]) - f)[others].view(len(f), -1)


def stationarity(net: ModuleMap, problem: NetProblem, theta: Tensor) -> kkt.Stationarity:
    """Return how far θ is from a KKT point of (R1), margins of at least 1, or (R2), ``f = y``.

    It is invariant under ``θ → cθ`` for homogeneous nets, so that θ need not be scaled to
    margin one. The gradients of all margins are held, mC rows of P numbers.
    """
    rows = net.jacobian(theta, problem.x)
    margins = None
    if problem.loss.target_form is not TargetForm.VALUES:
        f = net.outputs(theta, problem.x)
        rows = _margin_gradients(problem, rows.view(*f.shape, -1))
        margins = _margins(problem.loss, f, problem.y).reshape(-1).cpu().numpy()
    # The triangular factor of [gradients, θ] says all: its size is that of the data.
    factor = torch.linalg.qr(torch.column_stack([rows.T, theta]), mode="r").R.cpu().numpy()
    return kkt.stationarity(factor[:, :-1], factor[:, -1], margins)


def kkt_bound(loss: NetLoss, pull: Tensor, theta: Tensor) -> float:
    """Return ``min_c ‖θ + c ∇L‖ / ‖θ‖``, an upper bound of the KKT residual for one gradient.

    The multipliers are those of the loss, ``-c l'(f)``, as in the proof of Lemma C.12: of one
    sign for losses of margins, whose c ≥ 0. `pull` is a multiple of ``-∇L``.
    """
    along, square = float(pull @ theta), float(pull @ pull)
    if square == 0 or (along < 0 and loss.target_form is not TargetForm.VALUES):
        return 1.0
    return float((theta - along / square * pull).norm() / theta.norm())


def _margin_gradients(problem: NetProblem, rows: Tensor) -> Tensor:
    """Return the gradients of the margins from those of the outputs, shape (m, C, P)."""
    m, c, count = rows.shape
    if problem.loss.target_form is not TargetForm.CLASSES:
        return problem.y[:, None] * rows[:, 0]
    index = problem.y[:, None]
    others = torch.ones((m, c), dtype=torch.bool, device=rows.device).scatter_(1, index, False)
    chosen = rows.gather(1, index[:, :, None].expand(m, 1, count))
    return (chosen - rows)[others]


def kernel_drift(net: ModuleMap, theta: Tensor, x: Tensor, scale: float) -> float:
    """Return ``‖K(θ/scale) - K(θ̄)‖_F / ‖K(θ̄)‖_F`` with the kernel K on x.

    With ``scale = α e^{-λt}`` it stays 0 while θ does nothing but decay.
    """
    start, now = (net.jacobian(at, x) for at in (net.theta, theta / scale))
    reference = start @ start.T
    return float((now @ now.T - reference).norm() / reference.norm())


def departure(net: ModuleMap, theta: Tensor, scale: float) -> float:
    """Return ``‖θ/(α e^{-λt}) - θ̄‖``, small exactly in the kernel regime (Lemma C.5)."""
    return float((theta / scale - net.theta).norm())


def end_of_kernel_regime(lambda_t: np.ndarray, departures: np.ndarray, threshold: float) -> float:
    """Return the first time at which the departure exceeds `threshold`; NaN if it never does.

    Lemma C.5 bounds the departure by ``O(α^{-L} log A) e^{Lλt}``: the logarithm is interpolated.
    """
    above = np.flatnonzero(departures > threshold)
    if not above.size:
        return float("nan")
    i = int(above[0])
    if i == 0:
        return float(lambda_t[0])
    low, high = np.log(departures[i - 1 : i + 1])
    fraction = (np.log(threshold) - low) / (high - low)
    return float(lambda_t[i - 1] + fraction * (lambda_t[i] - lambda_t[i - 1]))


def distance_to(outputs: Tensor, predicted: np.ndarray, normalised: bool) -> float:
    """Return the relative distance of outputs from those of a predictor.

    Parameters
    ----------
    outputs : Tensor, shape (k, C)
        Outputs of the net.
    predicted : ndarray, shape (k,) or (k, C)
        Outputs of the predictor (`grokflow.theory.homogeneous.kernel_machine`).
    normalised : bool
        Compare directions only, as Theorem 3.4 does for classification.
    """
    return relative_distance(outputs.cpu().numpy(), predicted, normalised)


def effective_rank(matrix: Tensor) -> float:
    """Return the effective rank of a matrix, see `grokflow.theory.homogeneous.comparisons`."""
    return effective_rank_of(torch.linalg.svdvals(matrix).cpu().numpy())


def parameter_ranks(net: ModuleMap, theta: Tensor) -> dict[str, float]:
    """Return the effective rank of every parameter with rows and columns, by its name.

    Convolution kernels count as matrices with one row for each output channel.
    """
    tensors = net.parts(theta)
    return {
        name: effective_rank(value.reshape(len(value), -1))
        for name, value in tensors.items()
        if value.ndim > 1
    }
