"""Random small problems for flows of diagonal nets, of all kinds that tables of people have."""

from dataclasses import dataclass

import numpy as np

from grokflow.theory.linear.problem import Problem, Task, make_problem
from grokflow.theory.losses import LOSSES
from grokflow.theory.samples import StoredTestSet

DEPTHS = (2, 3, 4, 5, 6, 8)
LOG_ALPHAS = (-1.0, 0.0, 0.5, 1.0, 2.0, 3.0, 4.0, 6.0)
LOG_LAMS = (-8.0, -6.0, -4.0, -3.0, -2.0, -1.0)
SHAPES = ((1, 1), (1, 3), (2, 2), (2, 5), (3, 6), (3, 3), (5, 5), (2, 1), (4, 2), (6, 3), (10, 4))
DATA = ("plain", "ties", "duplicates", "rank", "near", "columns", "rows", "wide")
TARGETS = ("planted", "noisy", "partly")
# Half of the decades over which sizes of columns are drawn. Those of "wide" ones are beyond what
# the documentation promises, and rows span half as many as columns.
SPREAD, WIDE = 2.0, 6.0


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A flow to be judged: what it learns, from where, and which kinds it belongs to."""

    problem: Problem
    loss: str
    depth: int
    alpha: float
    lam: float
    data: str
    targets: str

    @property
    def times(self) -> np.ndarray:
        """Slow times before, at and after the transition."""
        turn = np.log(max(self.alpha, 1.0))
        after = turn + np.array([0.3, 1.0, 3.0])
        times = np.concatenate([[0.1, 0.5], turn * np.array([0.5, 0.9]), after])
        return np.unique(times[times > 0])

    @property
    def shape(self) -> str:
        """How many samples there are beside inputs."""
        n, d = self.problem.inputs.shape
        return "n < d" if n < d else "n = d" if n == d else "n > d"


def drawn(rng: np.random.Generator) -> Drawn:
    """Draw a flow."""
    loss, depth = str(rng.choice(list(LOSSES))), int(rng.choice(DEPTHS))
    alpha, lam = 10.0 ** rng.choice(LOG_ALPHAS), 10.0 ** rng.choice(LOG_LAMS)
    data, targets = str(rng.choice(DATA)), str(rng.choice(TARGETS))
    x = _inputs(rng, data)
    y = _targets(rng, x, targets, classes=loss != "square")
    if targets == "partly":
        x, y = _with_separable_samples(rng, x, y)
    task = Task.REGRESSION if loss == "square" else Task.CLASSIFICATION
    problem = make_problem("drawn", task, x, y, StoredTestSet(x, y))
    return Drawn(
        problem=problem, loss=loss, depth=depth, alpha=alpha, lam=lam, data=data, targets=targets
    )


def _inputs(rng: np.random.Generator, data: str) -> np.ndarray:
    """Return inputs of a kind, no sample of which is zero."""
    n, d = SHAPES[rng.integers(len(SHAPES))]
    x = rng.standard_normal((n, d))
    if data == "ties":
        x = rng.integers(-1, 2, (n, d)).astype(float)
        x[~x.any(axis=1), 0] = 1.0
    if data == "duplicates":
        x[n // 2 :] = x[: n - n // 2]
    if data == "rank":
        x = rng.standard_normal((n, 1)) @ rng.standard_normal((1, d))
    if data == "near":
        x[-1] = x[0] + 10.0 ** -rng.integers(2, 6) * rng.standard_normal(d)
    if data in ("columns", "wide"):
        far = WIDE if data == "wide" else SPREAD
        x = x * 10.0 ** rng.uniform(-far, far, d)
    if data == "rows":
        x = x * 10.0 ** rng.uniform(-SPREAD / 2, SPREAD / 2, (n, 1))
    return x


def _targets(rng: np.random.Generator, x: np.ndarray, kind: str, *, classes: bool) -> np.ndarray:
    """Return targets that sparse weights fit, or such with noise."""
    n, d = x.shape
    q = x @ ((rng.random(d) < 0.6) * rng.standard_normal(d) + 0.1)
    noisy = kind != "planted"
    if classes:
        return np.where(q > 0, 1.0, -1.0) * np.where(noisy & (rng.random(n) < 0.3), -1.0, 1.0)
    return np.asarray(q + (0.5 * np.abs(q).mean() * rng.standard_normal(n) if noisy else 0.0))


def _with_separable_samples(
    rng: np.random.Generator, x: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Append samples that have an input of their own, whatever the others are."""
    (n, d), more = x.shape, int(rng.integers(1, 3))
    wide = np.zeros((n + more, d + 1))
    wide[:n, :d] = x
    wide[n:, :d] = rng.standard_normal((more, d))
    labels = np.concatenate([y, np.abs(y[:1]).repeat(more)])
    wide[n:, d] = 10.0 ** rng.uniform(-2, 1, more)
    return wide, labels
