"""Hard margins and interpolation in the span of the training features, without any proof.

The early predictors live in the span of n feature vectors, so an n×n Gram matrix decides them,
whether the features are the inputs of a linear model or the gradients of a net. It squares the
condition of the features; where that is too much, and the features themselves are at hand, they are
factored instead. What is returned is to be certified; nothing here says that it is good.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve, eigh, lstsq, qr, solve_triangular
from scipy.optimize import nnls
from scipy.special import expit

from grokflow.theory.numerics.newton import NotConverged
from grokflow.theory.numerics.rounding import power_of_two

# Where the solver stops: a relative gap, or a margin this far below the size of the data.
_RELATIVE_GAP = 1e-10
_NO_MARGIN = 1e-9

# First proximal term relative to a diagonal entry, and how long to try before another method.
_RIDGE = 1e-2
_PROXIMAL_STEPS = 12
_PIVOT_TRIES = 6

_NEWTON_STEPS = 30


def hard_margin(gram: np.ndarray) -> np.ndarray:
    """Solve ``min ½ μᵀKμ - 1ᵀμ : μ ≥ 0``, the dual of the largest margin.

    The features are first scaled to similar lengths. Proximal points on μ by block pivoting; where
    that does not end, nonnegative least squares. Where no margin exists the multipliers, shape
    (n,), are large and combine the features to nearly nothing.

    Parameters
    ----------
    gram : ndarray, shape (n, n)
        Inner products of the features, each multiplied by its label.

    Raises
    ------
    NotConverged
        When neither method ends.
    """
    scaled, lengths = _unit_diagonal(gram)
    targets = lengths.min() / lengths
    mu = _proximal_pivoting(scaled, targets)
    if mu is None:
        mu = least_distance(_square_root(scaled), targets)
    return np.asarray(mu / lengths / lengths.min())


def interpolate(gram: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return the least-norm μ with ``Kμ = y``, or nearest to it, at features of unit length.

    Shapes: `gram` (n, n), `targets` and the result (n,) or (n, C).
    """
    scaled, lengths = _unit_diagonal(gram)
    columns = lengths.reshape(-1, *[1] * (targets.ndim - 1))
    return np.asarray(lstsq(scaled, targets / columns, lapack_driver="gelsy")[0] / columns)


def least_norm(x: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return w of least norm with ``Xw = y``, and μ with ``Xᵀμ = w``, from X itself, refined."""
    lengths = row_lengths(x)
    scaled, wanted = x / lengths[:, None], targets / lengths
    q, r, order = _independent(scaled)
    w, mu = np.zeros(x.shape[1]), np.zeros(len(x))
    for _ in range(3):
        w = w + q @ _solve_triangle(r, wanted[order] - scaled[order] @ w, transposed=True)
        mu[order] += _solve_triangle(r, q.T @ (w - scaled.T @ mu))
    return w, mu / lengths


def constrained_least_norm(
    x: np.ndarray, targets: np.ndarray, equal: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return w of least norm with ``Xw = t`` in some rows and ``Xw ≥ t`` in others, and μ.

    Parameters
    ----------
    x : ndarray, shape (n, d)
        The rows.
    targets : ndarray, shape (n,)
        t.
    equal : ndarray of bool, shape (n,)
        In which rows outputs are equal to t.

    Raises
    ------
    NotConverged
        When it is not found which of the other rows are.
    """
    active = binding_rows(x, targets, equal)
    w, mu = np.zeros(x.shape[1]), np.zeros(len(x))
    if active.any():
        w, mu[active] = least_norm(x[active], targets[active])
    return w, mu


def binding_rows(x: np.ndarray, targets: np.ndarray, equal: np.ndarray) -> np.ndarray:
    """Return which rows decide the answer of `constrained_least_norm`, as a mask of shape (n,)."""
    free, wanted, active = x[~equal], targets[~equal], equal.copy()
    if equal.any() and not equal.all():
        # What the others ask for beyond that, of weights that leave the equalities alone.
        wanted = wanted - free @ least_norm(x[equal], targets[equal])[0]
        across = qr(x[equal].T, mode="economic")[0]
        free = free - (free @ across) @ across.T
    if (wanted > 0).any():
        root, lengths = margin_root(free)
        active[~equal] = least_distance(root, wanted * lengths.min() / lengths) > 0
    return active


def independent_rows(x: np.ndarray) -> list[int]:
    """Return the indices of rows that are independent, and span the others, up to rounding."""
    # Which rows they are does not depend on the units of the columns.
    scaled = x / row_lengths(x.T)
    return sorted(_independent(scaled / row_lengths(scaled)[:, None])[2].tolist())


def margin_root(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return C of shape (n, r), ``C Cᵀ`` the Gram matrix of scaled rows, and the lengths."""
    lengths = row_lengths(x)
    triangle = qr((x / lengths[:, None]).T, mode="r")[0]
    return np.ascontiguousarray(triangle[: min(x.shape)].T), lengths


def least_distance(root: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return multipliers of ``min ½‖v‖² : C v ≥ t`` (Lawson and Hanson 1974, ch. 23).

    Minimise ``‖Cᵀμ‖²/n + (tᵀμ - 1)²`` over μ ≥ 0. The minimum is ``γ²/(γ² + n)`` with γ the largest
    margin: it vanishes where there is none.
    """
    size = np.sqrt(len(root))
    system = np.vstack([root.T / size, targets])
    target = np.append(np.zeros(root.shape[1]), 1.0)
    try:
        mu, distance = nnls(system, target, maxiter=10 * len(root) + 100)
    except RuntimeError as error:
        raise NotConverged(
            f"hard margin of {len(root)} samples: {error}: scale the features to similar norms, or "
            "drop near-copies of samples"
        ) from None
    if distance < _NO_MARGIN:
        return np.asarray(mu)
    return _refined(root @ root.T, targets, mu / distance**2 / size**2)


def balanced_multipliers(z: np.ndarray) -> np.ndarray:
    """Return the pulls of the logistic loss at its minimiser: μ > 0 with ``Zᵀμ`` nearly zero.

    They are all positive where no weights separate the data even weakly, which is where the loss
    has a minimiser; elsewhere they mean nothing.
    """
    columns = row_lengths(z.T)
    scaled = z / columns
    w = np.zeros(z.shape[1])
    for _ in range(_NEWTON_STEPS):
        pull = expit(-(scaled @ w))
        hessian = (scaled.T * (pull * (1 - pull))) @ scaled
        w = w + lstsq(hessian, scaled.T @ pull, lapack_driver="gelsy")[0]
    return np.asarray(expit(-(scaled @ w)))


def row_lengths(x: np.ndarray) -> np.ndarray:
    """Return powers of two near the lengths of the rows, 1 for rows of zeros."""
    powers = power_of_two(np.abs(x).max(axis=1))
    return np.asarray(powers * power_of_two(np.linalg.norm(x / powers[:, None], axis=1)))


def _independent(scaled: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Factor independent rows, ``X_S = RᵀQᵀ``, chosen by pivoting; return Q, R and S."""
    q, r, order = qr(scaled.T, mode="economic", pivoting=True)
    size = np.abs(np.diagonal(r))
    rank = int((size > size.max(initial=0.0) * max(scaled.shape) * np.finfo(float).eps).sum())
    return q[:, :rank], r[:rank, :rank], order[:rank]


def _unit_diagonal(gram: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the matrix with a diagonal of order one, and the lengths that it was divided by."""
    lengths = power_of_two(np.sqrt(np.diagonal(gram)))
    return gram / lengths / lengths[:, None], lengths


def _solve_triangle(r: np.ndarray, rhs: np.ndarray, transposed: bool = False) -> np.ndarray:
    return np.asarray(solve_triangular(r, rhs, trans="T" if transposed else "N"))


def _proximal_pivoting(gram: np.ndarray, targets: np.ndarray) -> np.ndarray | None:
    """Return the multipliers, or those of a Farkas certificate; None where pivoting cycles.

    The proximal term makes the matrix definite where there are more samples than inputs; a
    hundredth of it at each step makes the iteration superlinear. Where no margin exists the
    multipliers grow without bound along ``Zᵀμ ≈ 0``.
    """
    n, size = len(gram), np.trace(gram) / len(gram)
    mu, free, ridge = np.zeros(n), np.ones(n, dtype=bool), _RIDGE
    for _ in range(_PROXIMAL_STEPS):
        matrix = gram / size
        matrix[np.diag_indices(n)] += ridge
        found = _block_pivoting(matrix, targets + ridge * mu, free)
        if found is None:
            return None
        mu, free = found, found > 0
        outputs = gram @ mu / size
        square, total = float(mu @ outputs), float(targets @ mu)
        if np.sqrt(max(square, 0.0)) <= _NO_MARGIN * total * np.sqrt(n):
            return np.asarray(mu / size)
        least = max(float((outputs / targets).min()), 0.0)
        if 1 - (least * total / square) ** 2 <= _RELATIVE_GAP:
            return np.asarray(mu / least / size)
        ridge = max(ridge / 100, 1e-10)
    return None


def _block_pivoting(matrix: np.ndarray, pull: np.ndarray, free: np.ndarray) -> np.ndarray | None:
    """Minimise ``½ μᵀMμ - pᵀμ`` over μ ≥ 0 by exchanging all wrong signs at once.

    Portugal, Júdice and Vicente (1994): unknowns that come out negative become zero, zeros with a
    negative derivative become free. From n/5 to n unknowns change places in the first steps and
    the count of wrong signs falls to none in about ten; None where it stops falling.
    """
    fewest, tries = len(pull) + 1, _PIVOT_TRIES
    rounding = 1e-12 * np.abs(pull).max()
    while tries:
        mu = np.zeros(len(pull))
        block = matrix[np.ix_(free, free)]
        try:
            factor = cho_factor(block, lower=True, overwrite_a=True, check_finite=False)
        except LinAlgError:
            return None
        mu[free] = cho_solve(factor, pull[free], check_finite=False)
        wrong = np.where(free, mu < 0, matrix @ mu - pull < -rounding)
        count = int(wrong.sum())
        if count == 0:
            return mu
        fewest, tries = (count, _PIVOT_TRIES) if count < fewest else (fewest, tries - 1)
        free = free ^ wrong
    return None


def _refined(gram: np.ndarray, targets: np.ndarray, mu: np.ndarray) -> np.ndarray:
    """Solve again for the targets on the support, where that keeps the multipliers positive."""
    support = mu > 0
    block = gram[np.ix_(support, support)]
    for _ in range(2):
        miss = targets[support] - block @ mu[support]
        new = mu[support] + lstsq(block, miss, lapack_driver="gelsy")[0]
        if (new <= 0).any():
            break
        mu = mu.copy()
        mu[support] = new
    return mu


def _square_root(gram: np.ndarray) -> np.ndarray:
    """Return C with ``C Cᵀ = gram``, dropping directions below rounding."""
    values, vectors = eigh(gram)
    keep = values > values[-1] * len(gram) * np.finfo(float).eps
    return np.asarray(vectors[:, keep] * np.sqrt(values[keep]))
