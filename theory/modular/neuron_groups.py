"""Two groups in a sample of ratios: a mixture of two Gaussians in the logarithm, and a threshold.

The inverse participation ratios of trained nets have two modes, with neurons on their way in
between. Both groups get one spread: the likelihood is then bounded, a larger ratio always makes a
periodic neuron more likely, and there is exactly one threshold, where both groups are equally
likely.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Standard deviation below which the values of a group are taken to be equal: one per cent.
_MINIMUM_SPREAD = 0.01
_MOST_PASSES = 1000
# Change of the mean log-likelihood of a value at which the fit has settled.
_SETTLED_CHANGE = 1e-7


@dataclass(frozen=True, eq=False)
class Mixtures:
    """Mixtures fitted to B samples; the group of small values comes first.

    Parameters
    ----------
    upper : ndarray, shape (B,)
        Share of the group of large values.
    means : ndarray, shape (B, 2)
        Means of the logarithms.
    spread : ndarray, shape (B,)
        Standard deviation of the logarithms in both groups.
    log_likelihood, single : ndarray, shape (B,)
        Log-likelihood of the samples under the mixture and under one Gaussian.
    size : int
        Number of values in a sample.
    """

    upper: np.ndarray
    means: np.ndarray
    spread: np.ndarray
    log_likelihood: np.ndarray
    single: np.ndarray
    size: int

    @property
    def preference(self) -> np.ndarray:
        """BIC of one Gaussian minus that of two, shape (B,); positive for two groups."""
        gain = 2 * (self.log_likelihood - self.single)
        return np.asarray(gain - 2 * np.log(self.size))

    @property
    def thresholds(self) -> np.ndarray:
        """Values at which both groups are equally likely, shape (B,); NaN for one group."""
        low, high = self.means.T
        with np.errstate(divide="ignore", invalid="ignore"):
            odds = np.log(self.upper) - np.log1p(-self.upper)
            shift = self.spread**2 * odds / (high - low)
            return np.asarray(np.exp((low + high) / 2 - shift))


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
            "expected at least 4 positive ratios: use more neurons, or train until fewer collapse"
        )
    x = np.log(samples)
    low, high = x.min(axis=1, keepdims=True), x.max(axis=1, keepdims=True)
    parameters = _maximise(x, (x > (low + high) / 2).astype(np.float64))
    likelihood = np.full(len(x), -np.inf)
    moving = np.arange(len(x))
    for _ in range(_MOST_PASSES):
        member, value = _expect(x[moving], parameters[:, moving])
        change, likelihood[moving] = value - likelihood[moving], value
        going = change > _SETTLED_CHANGE * x.shape[1]
        moving, member = moving[going], member[going]
        if not moving.size:
            break
        parameters[:, moving] = _maximise(x[moving], member)
    share, lower, upper, spread = parameters
    one = np.maximum(x.std(axis=1), _MINIMUM_SPREAD)
    single = _log_density(x, x.mean(axis=1), one).sum(axis=1)
    return Mixtures(share, np.stack([lower, upper], 1), spread, likelihood, single, x.shape[1])


def _maximise(x: np.ndarray, member: np.ndarray) -> np.ndarray:
    """Return share of the upper group, both means and the spread, (4, B), from memberships."""
    count = np.clip(member.sum(axis=1), 1e-9, x.shape[1] - 1e-9)
    upper = (member * x).sum(axis=1) / count
    lower = ((1 - member) * x).sum(axis=1) / (x.shape[1] - count)
    apart = member * (x - upper[:, None]) ** 2 + (1 - member) * (x - lower[:, None]) ** 2
    spread = np.maximum(np.sqrt(apart.mean(axis=1)), _MINIMUM_SPREAD)
    return np.stack([count / x.shape[1], lower, upper, spread])


def _expect(x: np.ndarray, parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return memberships of the upper group and the log-likelihood of each row."""
    share, lower, upper, spread = parameters
    first = np.log1p(-share)[:, None] + _log_density(x, lower, spread)
    second = np.log(share)[:, None] + _log_density(x, upper, spread)
    together = np.logaddexp(first, second)
    return np.exp(second - together), together.sum(axis=1)


def _log_density(x: np.ndarray, mean: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Return the logarithm of a Gaussian density, shape (B, n)."""
    scaled = (x - mean[:, None]) / spread[:, None]
    return np.asarray(-(scaled**2) / 2 - np.log(spread * np.sqrt(2 * np.pi))[:, None])
