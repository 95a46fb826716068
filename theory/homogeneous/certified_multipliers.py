"""Multipliers of kernel machines: certified, found exactly where rounding is too much."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.linalg import LinAlgError

from grokflow.theory.certificate import Certificate
from grokflow.theory.homogeneous.certificates import (
    kernel_farkas,
    kernel_margin,
    kernel_norm,
    total,
)
from grokflow.theory.numerics.hard_margin import hard_margin, interpolate
from grokflow.theory.numerics.newton import NotConverged
from grokflow.theory.predictor import NotInterpolable, NotResolved, NotSeparable

# Relative gap that a predictor is returned with at most.
_WANTED_GAP = 1e-6


class CertifiedMultipliers(NamedTuple):
    """Multipliers of shape (n,) or (n, p), and what they are proved to be worth."""

    multipliers: np.ndarray
    certificate: Certificate


def margin_multipliers(
    gram: np.ndarray,
    labels: np.ndarray,
    rows: str = "gradients y_i ∇f_i",
    *,
    exact: bool = False,
) -> CertifiedMultipliers:
    """Return the multipliers of the largest margin, certified.

    Parameters
    ----------
    gram : ndarray, shape (n, n)
        The kernel.
    labels : ndarray, shape (n,)
        Signs.
    rows : str
        What is told apart, for the message.
    exact : bool
        Whether no entry of the kernel was rounded.

    Raises
    ------
    NotSeparable
        When it is proved that there is no margin; possible for exact kernels alone.
    NotResolved
        When neither that nor a margin to a relative gap of 1e-6 is proved.
    """
    signed = gram * np.outer(labels, labels)
    mu = np.ones(len(labels))
    try:
        with np.errstate(all="ignore"):
            mu = hard_margin(signed)
    except (NotConverged, LinAlgError, ArithmeticError, ValueError):
        pass
    certificate = kernel_margin(gram, labels, mu)
    if exact and certificate.gap > _WANTED_GAP:
        # Rational arithmetic takes a while to import, and most data do without.
        from grokflow.theory.numerics.exact_answers import Refuted, kernel_least_square

        found = kernel_least_square(signed, np.ones(len(labels)), mu, equal=False)
        if isinstance(found, Refuted):
            raise NotSeparable(kernel_farkas(gram, labels, found.multipliers), rows=rows)
        if found is not None:
            mu, certificate = found.mu, found.certificate
    if certificate.upper == np.inf:
        bound = kernel_farkas(gram, labels, mu).residual
        raise NotResolved(
            f"not resolved in double precision: every unit vector has margin at most {bound:.1e} "
            f"on the {rows}, expected a margin that is told from 0: use the square loss, or fewer "
            "samples"
        )
    if certificate.gap > _WANTED_GAP:
        raise _not_resolved("the largest margin", certificate)
    return CertifiedMultipliers(mu, certificate)


def norm_multipliers(
    gram: np.ndarray, targets: np.ndarray, *, exact: bool = False
) -> CertifiedMultipliers:
    """Return the multipliers of the least norms, certified.

    Shapes: `gram` (n, n), `targets` (n, p) for p independent problems; `exact` says whether no
    entry of the kernel was rounded.

    Raises
    ------
    NotInterpolable
        When it is proved that nothing reaches the targets; possible for exact kernels alone.
    NotResolved
        When neither that nor the least norms to a relative gap of 1e-6 are proved.
    """
    mu = np.zeros_like(targets)
    try:
        with np.errstate(all="ignore"):
            for _ in range(2):
                mu = mu + interpolate(gram, targets - gram @ mu)
    except (LinAlgError, ArithmeticError, ValueError):
        pass
    certificate = kernel_norm(gram, targets, mu)
    if certificate.gap <= _WANTED_GAP:
        return CertifiedMultipliers(mu, certificate)
    if not exact:
        raise _not_resolved("the least interpolant", certificate)
    # Rational arithmetic takes a while to import, and most data do without.
    from grokflow.theory.numerics.exact_answers import Refuted, Rounded, kernel_least_square

    parts = [kernel_least_square(gram, y, y, equal=True) for y in targets.T]
    if any(isinstance(part, Refuted) for part in parts):
        raise NotInterpolable(
            f"no h interpolates the targets (residual {certificate.infeasibility:.1e}), "
            "expected independent gradients or targets that agree where they depend: drop "
            "samples, or widen the model"
        )
    found = [part for part in parts if isinstance(part, Rounded)]
    if len(found) == len(parts):
        certificate = total([part.certificate for part in found])
        if certificate.gap <= _WANTED_GAP:
            return CertifiedMultipliers(np.column_stack([p.mu for p in found]), certificate)
    raise _not_resolved("the least interpolant", certificate)


def _not_resolved(what: str, certificate: Certificate) -> NotResolved:
    return NotResolved(
        f"not resolved in double precision: ½‖h‖² of {what} is between {certificate.lower:.6g} and "
        f"{certificate.upper:.6g}, expected a relative gap of {_WANTED_GAP:.0e}: drop near-copies "
        "of samples, use fewer, or widen the model"
    )
