"""Proved enclosures of flow and path of diagonal nets of depth 2 on one or two samples.

With ``u = v = α`` at the start the net has ``w = 2β sinh(4 Xᵀν)``, ``β = α² e^{-2s}``, and

    λ dν/ds = -l'(q) / n,   q = X w,   ν(0) = 0.

A polynomial p near ν is made in floating point on every piece of the time axis. In ball arithmetic
its residual is at most ρ, and on a tube around it the symmetric part of the Jacobian of the right
hand side is at most -c. The distance e of p from ν then obeys ``λ e' ≤ ρ - c e``, so that it never
exceeds the larger of where it was and ``ρ / c``: the error of the polynomial is proved, whoever
made it. Residuals are Taylor series around the middle of a piece, with the last coefficient taken
over the whole of it (Lagrange's remainder).
"""

from __future__ import annotations

from bisect import bisect_right
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from flint import arb, arb_series, ctx
from numpy.polynomial import Chebyshev, Polynomial
from scipy.special import expit

PRECISION, TERMS, DEGREE = 100, 26, 14
# Radius of the tube, and into how many parts a piece is cut to bound the Jacobian.
TUBE, PARTS = 1e-4, 8

PULL = {
    "square": lambda q, y: 2 * (y - q),
    "logistic": lambda q, y: (-q).exp() / (1 + (-q).exp()),
    "exponential": lambda q, y: (-q).exp(),
}
CURVATURE = {
    "logistic": lambda pull: pull * (1 - pull),
    "exponential": lambda pull: pull,
}
FLOATS = {  # the pull and its derivative
    "square": lambda q, y: (2 * (y - q), np.full_like(q, -2.0)),
    "logistic": lambda q, y: (expit(-q), -expit(q) * expit(-q)),
    "exponential": lambda q, y: (np.exp(-q), -np.exp(-q)),
}
# Chebyshev's points on [-1, 1], and the matrix that differentiates polynomials known there.
NODES = -np.cos(np.pi * np.arange(DEGREE + 1) / DEGREE)
_VALUES = np.polynomial.chebyshev.chebvander(NODES, DEGREE)
_SLOPES = np.column_stack([Chebyshev.basis(k).deriv()(NODES) for k in range(DEGREE + 1)])
DERIVATIVE = np.linalg.solve(_VALUES.T, _SLOPES.T).T


@dataclass(frozen=True)
class Net:
    """Data, one or two samples, with scale of the start, weight decay and loss."""

    x: np.ndarray
    y: np.ndarray
    alpha: float
    lam: float
    loss: str

    def weights(self, s, nu):
        """Return the weights at slow time s, of balls or of series."""
        twice, along = self._reduced(s, nu)
        return [twice * (z.exp() - (-z).exp()) / 2 for z in along]

    def slopes(self, s, nu):
        """Return the symmetric matrix ``dq/dν``."""
        twice, along = self._reduced(s, nu)
        steep = [4 * twice * (z.exp() + (-z).exp()) / 2 for z in along]
        rows = self.x.tolist()
        return [
            [sum(a * b * c for a, b, c in zip(one, other, steep, strict=True)) for other in rows]
            for one in rows
        ]

    def outputs(self, w):
        """Return q of every sample."""
        return [sum(x * v for x, v in zip(row, w, strict=True)) for row in self.x.tolist()]

    def pulls(self, w):
        """Return ``-l'(q)`` of every sample."""
        pairs = zip(self.outputs(w), self.y.tolist(), strict=True)
        return [PULL[self.loss](q, y) for q, y in pairs]

    def _reduced(self, s, nu):
        """Return 2β and ``4 Xᵀν``."""
        columns = self.x.T.tolist()
        along = [4 * sum(x * v for x, v in zip(column, nu, strict=True)) for column in columns]
        return 2 * arb(self.alpha) ** 2 * (-2 * s).exp(), along

    def collocated(self, first, last, start):
        """Return ν at `NODES`, shape (DEGREE + 1, n), by collocation and Newton's method."""
        n, m = len(self.y), DEGREE + 1
        s = (first + last) / 2 + (last - first) / 2 * NODES
        speed = 2 * self.lam / (last - first) * n * DERIVATIVE
        twice = 2 * self.alpha**2 * np.exp(-2 * s)[:, None]
        nu = np.tile(start, (m, 1))
        for _ in range(40):
            along = 4 * nu @ self.x
            pull, bend = FLOATS[self.loss](twice * np.sinh(along) @ self.x.T, self.y)
            miss = speed @ nu - pull
            size = 4 * twice * np.cosh(along)
            slope = bend[:, :, None] * np.einsum("kj,aj,bj->kab", size, self.x, self.x)
            jacobian = np.einsum("kl,ab->kalb", speed, np.eye(n))
            jacobian[np.arange(m), :, np.arange(m), :] -= slope
            miss[0] = nu[0] - start
            jacobian[0] = 0
            jacobian[0, :, 0] = np.eye(n)
            nu = nu - np.linalg.solve(jacobian.reshape(m * n, m * n), miss.ravel()).reshape(m, n)
        return nu


@dataclass(frozen=True)
class Piece:
    """A polynomial of ``(s - mid) / half`` for each ν, and how far ν is from them at most."""

    mid: float
    half: float
    coefficients: list[list[float]]
    error: arb | None = None

    @classmethod
    def of(cls, net, first, last, start):
        """Return the piece from one time to another that begins at `start`, but for rounding."""
        nodes = net.collocated(first, last, start)
        powers = [
            Chebyshev(np.linalg.solve(_VALUES, v)).convert(kind=Polynomial).coef.tolist()
            for v in nodes.T
        ]
        return cls((first + last) / 2, (last - first) / 2, powers)

    def time(self, tau):
        return self.mid + self.half * tau

    def at(self, tau):
        """Return the polynomials at a ball or series."""
        found = []
        for c in self.coefficients:
            value = c[-1] + 0 * tau
            for x in reversed(c[:-1]):
                value = value * tau + x
            found.append(value)
        return found

    def tube(self, tau, radius):
        return [v + arb(0, radius) for v in self.at(tau)]


def size(values):
    return sum((v * v for v in values), arb(0)).sqrt()


@contextmanager
def terms(count):
    """Compute power series to so many terms."""
    before, ctx.cap = ctx.cap, count
    try:
        yield
    finally:
        ctx.cap = before


@terms(TERMS)
def residual(net, piece):
    """Return a bound on ``|λ p' + l'(q(p)) / n|`` over a piece."""

    def series(base):
        tau = arb_series([base, 1])
        pulls = net.pulls(net.weights(piece.time(tau), piece.at(tau)))
        rates = [
            v.derivative() * (arb(net.lam) / piece.half) for v in piece.at(arb_series([base, 1]))
        ]
        parts = [rate - pull / len(net.y) for rate, pull in zip(rates, pulls, strict=True)]
        return [part.coeffs() + [arb(0)] * (TERMS - len(part.coeffs())) for part in parts]

    middle, whole = series(arb(0)), series(arb(0, 1))
    last = TERMS - 2  # a derivative has one coefficient less
    return size(
        sum(map(abs, a[:last]), arb(0)) + abs(b[last]) for a, b in zip(middle, whole, strict=True)
    )


def least_eigenvalue(matrix):
    """Return a lower bound on the eigenvalues of a positive matrix of one or two rows."""
    if len(matrix) == 1:
        return matrix[0][0]
    (a, b), (_, c) = matrix
    return (a * c - b * b) / (a + c)  # the product of both over their sum is below each


def contraction(net, piece):
    """Return a lower bound on -λ times the largest eigenvalue of the Jacobian, over a tube."""
    least = arb("inf")
    for k in range(PARTS):
        tau = arb((2 * k + 1) / PARTS - 1, 1 / PARTS)
        s, nu = piece.time(tau), piece.tube(tau, TUBE)
        slopes = net.slopes(s, nu)
        found = least_eigenvalue(slopes) / len(net.y)
        if net.loss == "square":
            found *= 2
        else:
            assert len(net.y) == 1, "of more samples the Jacobian is not symmetric"
            found *= CURVATURE[net.loss](net.pulls(net.weights(s, nu))[0])
        least = least.min(found)
    return least


@dataclass(frozen=True)
class EnclosedFlow:
    """The pieces of a flow that is enclosed at every slow time."""

    net: Net
    edges: list[float]
    pieces: list[Piece]

    def weights(self, first, last=None):
        """Return balls that hold the weights at one time, or between two times of one piece."""
        at = min(bisect_right(self.edges, first) - 1, len(self.pieces) - 1)
        piece = self.pieces[at]
        with ctx.workprec(PRECISION):
            s = arb(first) if last is None else arb(first).union(arb(last))
            nu = [v + arb(0, piece.error.upper()) for v in piece.at((s - piece.mid) / piece.half)]
            return self.net.weights(s, nu)


def enclose(net, end, longest=0.125):
    """Enclose the flow until slow time `end`; pieces grow from the time that the fit takes."""
    edges = [0.0, 1e-2 * net.lam / float(8 * net.alpha**2 * (net.x**2).sum())]
    while edges[-1] < end:
        edges.append(edges[-1] + min(edges[-1] / 3, longest))
    # Of few digits, so that the middles and halves of pieces are doubles exactly.
    edges = [float(np.float32(edge)) for edge in edges]
    pieces, last, error = [], [arb(0)] * len(net.y), arb(0)
    with ctx.workprec(PRECISION):
        for first, second in pairwise(edges):
            piece = Piece.of(net, first, second, np.array([float(v.mid()) for v in last]))
            jump = size(a - b for a, b in zip(piece.at(arb(-1)), last, strict=True))
            start, rho, c = error + jump, residual(net, piece), contraction(net, piece)
            assert c > 0
            reach = start.max(rho / c)
            assert reach < TUBE, f"the tube is left: {reach} at {first}"
            left = (-2 * piece.half * c / net.lam).exp()
            error = (start * left + rho / c * (1 - left)).upper()
            last = piece.at(arb(1))
            pieces.append(replace(piece, error=arb(reach.upper())))
    return EnclosedFlow(net, edges, pieces)


def path_weights(net, log_beta, slack, tube):
    """Return balls that hold the weights of the path of the square loss at scale β.

    They also hold all weights of its form whose outputs miss the targets by `slack` at most: the
    outputs rise by c at least for each unit of ν, in a tube around a ν found in floating point.
    """
    still = replace(net, alpha=1.0)
    s, nu = -log_beta / 2, np.zeros(len(net.y))
    for scale in [*np.arange(8.0, log_beta, -0.25), log_beta]:  # down from the linear regime
        for _ in range(10):
            twice, along = 2 * np.exp(scale), 4 * nu @ net.x
            slope = (net.x * 4 * twice * np.cosh(along)) @ net.x.T
            nu = nu + np.linalg.solve(slope, net.y - net.x @ (twice * np.sinh(along)))
    with ctx.workprec(PRECISION):
        time, exact = arb(s), [arb(v) for v in nu.tolist()]
        outputs = still.outputs(still.weights(time, exact))
        miss = size(q - y for q, y in zip(outputs, net.y.tolist(), strict=True))
        steepness = least_eigenvalue(still.slopes(time, [v + arb(0, tube) for v in exact]))
        reach = (miss + slack) / steepness
        assert reach < tube, f"the tube is left: {reach}"
        return still.weights(time, [v + arb(0, reach.upper()) for v in exact])
