"""Seeded problem generators: the data sets of the papers, and sparse regression.

Training data and test blocks come from separate streams spawned from one seed, so that the
number of test points never changes the training set.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from grokflow.theory.arguments import check_count, check_number, check_seed, written
from grokflow.theory.linear.problem import Problem, Task, make_problem
from grokflow.theory.numerics.threads import parallel, thread_count
from grokflow.theory.samples import Outputs

_TEST_BLOCK = 256
# Samples or inputs: a billion of them are more than any machine holds of the other.
_LARGEST = 10**9


@dataclass(frozen=True, eq=False)
class GeneratedTestSet:
    """Test points drawn block by block whenever they are needed, never stored.

    Ten thousand points with 100 000 inputs are 4 GB in single precision; a block is 100 MB and
    lives only while it is multiplied. The same seed gives the same points every time.

    Parameters
    ----------
    size : int
        Number of test points.
    seed : SeedSequence
        Parent of one stream a block.
    draw : callable
        ``draw(rng, rows) -> (inputs, labels)``, inputs of shape (rows, d) in float32.
    threads : int
        Threads that share the blocks; the outputs do not depend on it.
    """

    size: int
    seed: np.random.SeedSequence
    draw: Callable[[np.random.Generator, int], tuple[np.ndarray, np.ndarray]]
    threads: int = field(default_factory=thread_count)

    def outputs(self, w: np.ndarray) -> Outputs:
        """Return the outputs of the weight vectors in the columns of `w`, in single precision.

        The error, 1e-6 of the output's scale, is a thousandth of the sampling error of the test
        set itself.
        """
        rows = [min(_TEST_BLOCK, self.size - i) for i in range(0, self.size, _TEST_BLOCK)]
        seeds = _children(self.seed, len(rows))
        columns = np.asarray(w, dtype=np.float32)

        def block(i: int) -> tuple[np.ndarray, np.ndarray]:
            # SFC64 draws normals twice as fast as PCG64 here; blocks are independent streams.
            rng = np.random.Generator(np.random.SFC64(seeds[i]))
            inputs, labels = self.draw(rng, rows[i])
            return inputs @ columns, labels

        parts = parallel(block, range(len(rows)), self.threads)
        values = np.concatenate([part[0] for part in parts]).astype(np.float64)
        return Outputs(values, np.concatenate([part[1] for part in parts]))


def _children(seed: np.random.SeedSequence, count: int) -> list[np.random.SeedSequence]:
    """Return child seeds without changing the parent's spawn counter."""
    return [
        np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, i)) for i in range(count)
    ]


def sparse(
    *, n: int = 256, d: int = 100_000, k: int = 3, seed: int = 0, n_test: int = 10_000
) -> Problem:
    """Draw uniform ±1 inputs, labelled by the sign of the sum of k of them.

    With the defaults this is Figure 1a of Lyu et al. (2024), which groks.

    Parameters
    ----------
    n, d : int
        Numbers of training samples and of inputs.
    k : int
        Number of relevant inputs, the first k; odd so that no label is zero.
    seed : int
        Seed of everything random.
    n_test : int
        Number of test samples.

    Raises
    ------
    ValueError
        When k is even or larger than d, or a size is below 1.

    Examples
    --------
    >>> import grokflow as gf
    >>> problem = gf.sparse(n=60, d=100, k=3, n_test=100)
    >>> problem
    Problem(name=sparse, task=classification, n=60, d=100, test points=100)
    >>> print(gf.MaxL1Margin().predict(problem).w[:5].round(2) + 0.0)
    [1. 1. 1. 0. 0.]
    """
    _check_sizes(n=n, d=d, k=k, n_test=n_test)
    check_seed(seed)
    if k % 2 == 0 or k > d:
        raise ValueError(f"k is {k}, expected an odd number up to d = {d}: choose another k")
    draw = partial(_signs, d, k)
    train, test = _children(np.random.SeedSequence(seed), 2)
    x, y = draw(np.random.default_rng(train), n)
    settings = {"n": n, "d": d, "k": k, "seed": seed, "n_test": n_test}
    return make_problem(
        "sparse",
        Task.CLASSIFICATION,
        x.astype(np.int8),
        y,
        GeneratedTestSet(n_test, test, draw),
        settings,
    )


def relevant_inputs(problem: Problem) -> int | None:
    """Return k of data that `sparse` draws, and None of all others, whatever they are called."""
    test = problem.test
    if not isinstance(test, GeneratedTestSet) or not isinstance(test.draw, partial):
        return None
    return int(test.draw.args[1]) if test.draw.func is _signs else None


def _signs(d: int, k: int, rng: np.random.Generator, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw inputs ±1, and the sign of the sum of the first k."""
    bits = np.frombuffer(rng.bytes(rows * ((d + 7) // 8)), dtype=np.uint8).reshape(rows, -1)
    inputs = np.unpackbits(bits, axis=1, count=d).astype(np.float32)
    inputs *= 2
    inputs -= 1
    return inputs, np.sign(inputs[:, :k].sum(axis=1)).astype(np.float64)


def gaussian_margin(
    *,
    n: int = 32,
    d: int = 100_000,
    gamma: float = 25.0,
    seed: int = 0,
    n_test: int = 10_000,
    sparsity: int = 0,
) -> Problem:
    """Draw two Gaussian classes that are pushed apart along one direction.

    ``x = z + (γ/2) sign(<z, w*>) w*`` with z standard normal and w* a unit vector, labelled by
    ``sign(<z, w*>)``. Inputs are rounded to single precision. With the defaults this is Figure 1b
    of Lyu et al. (2024), which misgroks.

    Parameters
    ----------
    n, d : int
        Numbers of training samples and of inputs.
    gamma : float
        Gap γ between the classes along w*, in standard deviations of the noise.
    seed : int
        Seed of everything random.
    n_test : int
        Number of test samples.
    sparsity : int
        Number of nonzero entries of w*; 0 for a dense direction, as in the paper.

    Raises
    ------
    ValueError
        When a size is below 1, the gap is negative, or `sparsity` is larger than d.

    Examples
    --------
    >>> import grokflow as gf
    >>> problem = gf.gaussian_margin(n=20, d=50, gamma=25.0, n_test=100)
    >>> problem
    Problem(name=gaussian-margin, task=classification, n=20, d=50, test points=100)
    >>> found = gf.MaxL2Margin().predict(problem)
    >>> print(f"half of the gap is 12.5, the largest margin {found.margin:.1f}")
    half of the gap is 12.5, the largest margin 12.9
    """
    _check_sizes(n=n, d=d, n_test=n_test)
    check_seed(seed)
    check_number("gamma", gamma)
    check_count("sparsity", sparsity, 0)
    if not 0 <= gamma <= _LARGEST:
        raise ValueError(f"gamma is {written(gamma)}, expected a number ≥ 0: choose another gamma")
    if not 0 <= sparsity <= d:
        raise ValueError(f"sparsity is {sparsity}, expected 0 to d = {d}: choose another value")
    direction_seed, train, test = _children(np.random.SeedSequence(seed), 3)
    direction = np.zeros(d)
    support = sparsity or d
    direction[:support] = np.random.default_rng(direction_seed).standard_normal(support)
    direction = (direction / np.linalg.norm(direction)).astype(np.float32)
    draw = partial(_classes, direction, gamma)
    x, y = draw(np.random.default_rng(train), n)
    settings = {"n": n, "d": d, "gamma": gamma, "seed": seed, "n_test": n_test}
    if sparsity:
        settings["sparsity"] = sparsity
    return make_problem(
        "gaussian-margin",
        Task.CLASSIFICATION,
        x,
        y,
        GeneratedTestSet(n_test, test, draw),
        settings,
    )


def _classes(
    direction: np.ndarray, gamma: float, rng: np.random.Generator, rows: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draw Gaussian inputs, γ further apart along a unit vector, and their sides of it."""
    inputs = rng.standard_normal((rows, len(direction)), dtype=np.float32)
    labels = np.where(inputs @ direction >= 0, np.float32(1), np.float32(-1))
    for i in range(rows):  # row by row: an outer product would double the memory
        inputs[i] += np.float32(gamma / 2) * labels[i] * direction
    return inputs, labels.astype(np.float64)


def sparse_regression(
    *,
    n: int = 64,
    d: int = 400,
    k: int = 3,
    noise: float = 0.0,
    seed: int = 0,
    n_test: int = 10_000,
) -> Problem:
    """Draw Gaussian inputs with targets that are the sum of k of them.

    Parameters
    ----------
    n, d, k : int
        Numbers of training samples, of inputs, and of relevant inputs, which are the first k.
    noise : float
        Standard deviation of the Gaussian noise on training targets; test targets have none.
    seed : int
        Seed of everything random.
    n_test : int
        Number of test samples.

    Raises
    ------
    ValueError
        When a size is below 1, k is larger than d, or the noise is negative.

    Examples
    --------
    >>> import grokflow as gf
    >>> problem = gf.sparse_regression(n=20, d=50, k=2, n_test=100)
    >>> problem
    Problem(name=sparse-regression, task=regression, n=20, d=50, test points=100)
    >>> print(gf.MinL1Norm().predict(problem).w[:4].round(3) + 0.0)
    [1. 1. 0. 0.]
    """
    _check_sizes(n=n, d=d, k=k, n_test=n_test)
    check_seed(seed)
    check_number("noise", noise)
    if k > d:
        raise ValueError(f"k is {k}, expected at most d = {d}: choose a smaller k")
    if not 0 <= noise <= _LARGEST:
        raise ValueError(f"noise is {written(noise)}, expected a number ≥ 0: choose another noise")
    draw = partial(_sums, d, k)
    train, test, noise_seed = _children(np.random.SeedSequence(seed), 3)
    x, y = draw(np.random.default_rng(train), n)
    y = y + noise * np.random.default_rng(noise_seed).standard_normal(n)
    settings = {"n": n, "d": d, "k": k, "noise": noise, "seed": seed, "n_test": n_test}
    return make_problem(
        "sparse-regression",
        Task.REGRESSION,
        x.astype(np.float64),
        y,
        GeneratedTestSet(n_test, test, draw),
        settings,
    )


def _sums(d: int, k: int, rng: np.random.Generator, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw Gaussian inputs, and the sum of the first k."""
    inputs = rng.standard_normal((rows, d), dtype=np.float32)
    return inputs, inputs[:, :k].sum(axis=1, dtype=np.float64)


def _check_sizes(**sizes: int) -> None:
    for name, value in sizes.items():
        check_count(name, value)
        if value > _LARGEST:
            shown = written(value)
            raise ValueError(f"{name} is {shown}, expected at most {_LARGEST}: choose fewer")


PRESETS: dict[str, Callable[..., Problem]] = {
    "sparse": sparse,
    "gaussian-margin": gaussian_margin,
    "sparse-regression": sparse_regression,
}
