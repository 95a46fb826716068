"""The hypotheses of the theory on a module, measured: homogeneity (A3.1) and zero output (A3.2)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from grokflow.theory.nets.jacobian_blocks import JacobianBlocks
from grokflow.theory.nets.module_map import ModuleMap
from grokflow.theory.predictor import NoPredictor

# None is a power of two, for which floating point would be homogeneous by itself.
_SCALES = (0.6, 1.5, 3.0)
# Rounding errors of a sum are at most its length times eps, and hardly ever 100 eps.
_ROUNDING = 100 * np.finfo(float).eps


def degree_of_homogeneity(blocks: JacobianBlocks, x: Tensor) -> float:
    """Measure L with ``f(cθ; x) = c^L f(θ; x)`` from log-ratios of outputs at three scales c.

    The ratios are taken at a generic θ, the module's own with every tensor perturbed by its own
    size, because f vanishes at θ̄. They must agree, and so must Euler's identity
    ``⟨∇f, θ⟩ = L f``, to a hundred roundings of ``⟨|∇f|, |θ|⟩``.

    Parameters
    ----------
    blocks : JacobianBlocks
        The outputs of the module and their gradients.
    x : Tensor, shape (m, ...)
        Inputs on which it is measured.

    Raises
    ------
    ValueError
        For modules that are not homogeneous, or whose outputs do not have the gradient that they
        should have (rounded, signed or detached ones).
    """
    theta = generic_parameters(blocks.net)
    values = blocks.evaluate(theta, x).cpu().numpy()
    radial, reach = (part.cpu().numpy() for part in blocks.sensitivity(theta, x))
    if not reach.any():
        raise ValueError(
            "the gradient of every output is zero at generic parameters, expected differentiable "
            "outputs that depend on them: return them before rounding, sign or detach"
        )
    allowed = _ROUNDING * float(reach.max())
    scaled = [blocks.evaluate(c * theta, x).cpu().numpy() for c in _SCALES]
    powers = _powers(values, scaled)
    degree = _rounded(float(np.median(powers)))
    pairs = zip(_SCALES, scaled, strict=True)
    errors = [float(np.abs(other / c**degree - values).max()) for c, other in pairs]
    if not (degree > 0 and max(errors) <= allowed):
        raise ValueError(
            f"the module is not homogeneous: scaling its parameters by {list(_SCALES)} scales its "
            f"outputs by the powers {powers.round(3).tolist()}, expected one power L > 0: remove "
            "normalisation, and biases other than the first layer's"
        )
    if not np.abs(radial - degree * values).max() <= allowed:
        raise ValueError(
            "the outputs have other gradients than their scaling implies (Euler), expected "
            "differentiable outputs: return them before rounding, sign or detach"
        )
    return degree


def _powers(values: np.ndarray, scaled: list[np.ndarray]) -> np.ndarray:
    """Return ``log(f(cθ) / f(θ)) / log c`` for every scale c, f projected on f(θ)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.array([np.sum(other * values) for other in scaled]) / np.sum(values**2)
        return np.asarray(np.log(ratios) / np.log(_SCALES))


def check_zero_output(blocks: JacobianBlocks, x: Tensor) -> None:
    """Refuse a module with ``f(θ̄; x) ≠ 0`` (A3.2), beyond a hundred roundings.

    Raises
    ------
    NoPredictor
        For such a module: its flow exists, and has no early predictor.
    """
    theta = blocks.net.theta
    values = blocks.evaluate(theta, x).abs().cpu().numpy()
    if values.any():
        excess = values - _ROUNDING * blocks.sensitivity(theta, x).reach.cpu().numpy()
        at, which = np.unravel_index(int(np.argmax(excess)), excess.shape)
        if excess[at, which] > 0:
            raise NoPredictor(
                f"output {which} of input {at} is {values[at, which]:.3g} at the start, expected 0 "
                "(A3.2): wrap the module in Symmetrised, or set its last layer to zero"
            )


def generic_parameters(net: ModuleMap) -> Tensor:
    """Return the module's parameters, each tensor perturbed by its own size (1 where it is zero).

    The perturbation is one fixed draw: it only has to avoid the zeros of f.
    """
    rng = np.random.default_rng(0)
    pieces = [part.cpu().numpy().ravel() for part in net.parts(net.theta).values()]
    perturbed = [
        piece + (np.sqrt(np.mean(piece**2)) or 1.0) * rng.standard_normal(piece.size)
        for piece in pieces
    ]
    return torch.from_numpy(np.concatenate(perturbed)).to(net.theta)


def _rounded(degree: float) -> float:
    """Return the integer that `degree` is to nine digits, or itself."""
    near = round(degree) if np.isfinite(degree) else degree
    return float(near) if abs(degree - near) < 1e-9 else degree
