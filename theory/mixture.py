"""Two groups in a sample of ratios: a mixture of two Gaussians in the logarithm, and a threshold.

The inverse participation ratios of trained nets have two modes; the threshold between memorising
and periodic neurons is where both groups are equally likely.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Standard deviation below which the values of a group are taken to be equal: one per cent.
_LEAST_SPREAD = 0.01
_PASSES = 1000
# Change of the mean log-likelihood of a value at which the fit has settled.
_SETTLED = 1e-7


@dataclass(frozen=True, eq=False)
class Mixtures:
    """Mixtures fitted to B samples; the group of small values comes first.

    Parameters
    ----------
    weights, means, spreads : ndarray, shape (B, 2)
        Shares, and means and standard deviations of the logarithms.
    log_likelihood, single : ndarray, shape (B,)
        Log-likelihood of the samples under the mixture and under one Gaussian.
    size : int
        Number of values in a sample.
    """

    weights: np.ndarray
    means: np.ndarray
    spreads: np.ndarray
    log_likelihood: np.ndarray
    single: np.ndarray
    size: int

    @property
    def preference(self) -> np.ndarray:
        """BIC of one Gaussian minus that of two, shape (B,); positive for two groups."""
        gain = 2 * (self.log_likelihood - self.single)
        return np.asarray(gain - 3 * np.log(self.size))

    @property
    def thresholds(self) -> np.ndarray:
        """Values at which both groups are equally likely, shape (B,).

        The crossing of the two weighted densities between the means, or the geometric middle
        where one density lies above the other all the way.
        """
        (m0, m1), (s0, s1) = self.means.T, self.spreads.T
        a = 1 / s1**2 - 1 / s0**2
        b = 2 * (m0 / s0**2 - m1 / s1**2)
        with np.errstate(divide="ignore"):
            odds = np.log(self.weights[:, 0] * s1) - np.log(self.weights[:, 1] * s0)
        c = m1**2 / s1**2 - m0**2 / s0**2 + 2 * odds
        root = np.sqrt(np.maximum(b**2 - 4 * a * c, 0))
        # The stable form of the two roots, which also holds for equal spreads, a = 0.
        q = -(b + np.where(b < 0, -root, root)) / 2
        with np.errstate(divide="ignore", invalid="ignore"):
            candidates = np.stack([c / q, q / a])
        inside = (candidates > m0) & (candidates < m1)
        found = np.where(inside[1], candidates[1], (m0 + m1) / 2)
        return np.asarray(np.exp(np.where(inside[0], candidates[0], found)))


def fit_mixtures(samples: np.ndarray) -> Mixtures:
    """Fit two groups to each row of positive values, shape (B, n), by expectation-maximisation.

    The start splits a row at the middle of the range of its logarithms, so that the fit is a
    function of the values alone.

    Raises
    ------
    ValueError
        For fewer than four values, or values that are not positive.
    """
    if samples.shape[-1] < 4 or not (samples > 0).all():
        raise ValueError(
            f"{samples.shape[-1]} values found, the least {samples.min(initial=np.inf):g}, "
            "expected at least 4 positive ratios: leave out collapsed neurons, or train less long"
        )
    x = np.log(samples)
    low, high = x.min(axis=1, keepdims=True), x.max(axis=1, keepdims=True)
    upper = (x > (low + high) / 2).astype(np.float64)
    parameters = np.stack(_maximise(x, upper))
    likelihood = np.full(len(x), -np.inf)
    moving = np.arange(len(x))
    for _ in range(_PASSES):
        member, value = _expect(x[moving], *parameters[:, moving])
        change, likelihood[moving] = value - likelihood[moving], value
        moving, member = moving[go := change > _SETTLED * x.shape[1]], member[go]
        if not moving.size:
            break
        parameters[:, moving] = _maximise(x[moving], member)
    one = _maximise(x, np.zeros_like(x))
    single = _log_density(x, *(part[:, :1] for part in one)).sum(axis=1)
    order = np.argsort(parameters[1], axis=-1, kind="stable")
    weights, means, spreads = (np.take_along_axis(part, order, axis=1) for part in parameters)
    return Mixtures(weights, means, spreads, likelihood, single, x.shape[1])


def _maximise(x: np.ndarray, upper: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return shares, means and spreads, each (B, 2), for memberships of the upper group."""
    moments = []
    for member in (1 - upper, upper):
        weight = np.maximum(member.sum(axis=1), 1e-12)
        mean = (member * x).sum(axis=1) / weight
        variance = (member * (x - mean[:, None]) ** 2).sum(axis=1) / weight
        moments.append((weight / x.shape[1], mean, np.maximum(np.sqrt(variance), _LEAST_SPREAD)))
    weights, means, spreads = (np.stack(part, axis=1) for part in zip(*moments, strict=True))
    return weights, means, spreads


def _expect(
    x: np.ndarray, weights: np.ndarray, means: np.ndarray, spreads: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return memberships of the upper group and the log-likelihood of each row."""
    lower, upper = (
        _log_density(x, *(part[:, i : i + 1] for part in (weights, means, spreads))) for i in (0, 1)
    )
    together = np.logaddexp(lower, upper)
    return np.exp(upper - together), together.sum(axis=1)


def _log_density(
    x: np.ndarray, weight: np.ndarray, mean: np.ndarray, spread: np.ndarray
) -> np.ndarray:
    """Return the logarithm of a weighted Gaussian density, shape (B, n)."""
    scaled = (x - mean) / spread
    return np.asarray(np.log(weight / spread) - (scaled**2 + np.log(2 * np.pi)) / 2)
