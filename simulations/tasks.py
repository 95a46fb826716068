"""Tasks on which nets grok, with the nets of the papers, seeded.

Training set, test set, noise and weights come from separate streams of one seed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from simulations.nets import MLP, Activation, Committee, he_start
from theory.net_losses import NET_LOSSES, NetLoss
from theory.net_problems import NetProblem


@dataclass(frozen=True, eq=False)
class Task:
    """A problem and the net that learns it, at its start."""

    problem: NetProblem
    net: nn.Module


def modular_addition(
    *,
    p: int = 29,
    fraction: float = 0.4,
    width: int = 128,
    scale: float = 1.0,
    zero_last: int = 1,
    loss: str = "square",
    activation: str = "quadratic",
    seed: int = 0,
) -> Task:
    """Make ``(a, b) → a + b mod p`` from one-hot pairs of size 2p (Lyu et al., Figure 2).

    Figure 2 has p = 97, fraction 0.4, width 1024, ReLU, cross-entropy and scale 1, 10 or 100, the
    last layer zero in 2b.

    Parameters
    ----------
    p : int
        Modulus: p² pairs, p classes.
    fraction : float
        Fraction of the pairs that is trained on.
    width : int
        Hidden units of ``W2 a(W1 x + b1)``.
    scale : float
        Factor on the He start.
    zero_last : int
        1 for ``W2 = 0``, so that the net starts with output 0.
    loss, activation : str
        cross-entropy or square; relu, squared-relu or quadratic.
    seed : int
        Seed of everything random.
    """
    _check_sizes(p=(p, 2), width=(width, 1))
    unit = _activation(activation)
    first, second = np.divmod(np.arange(p**2), p)
    x = np.zeros((p**2, 2 * p))
    x[np.arange(p**2), first] = 1
    x[np.arange(p**2), p + second] = 1
    classes = torch.from_numpy((first + second) % p)
    split_seed, start_seed = _seeds(seed, 2)
    order = np.random.default_rng(split_seed).permutation(p**2)
    settings = {
        "p": p, "fraction": fraction, "width": width, "scale": scale, "zero_last": zero_last,
        "activation": unit.value, "seed": seed,
    }  # fmt: skip
    problem = _split_classes(
        "modular-addition", loss, torch.from_numpy(x), classes, order, fraction, settings
    )
    net = he_start(
        MLP((2 * p, width, p), unit),
        np.random.default_rng(start_seed),
        scale=scale,
        zero_last=bool(zero_last),
    )
    return Task(problem, net)


def digits(
    *,
    fraction: float = 0.1,
    width: int = 128,
    depth: int = 2,
    scale: float = 4.0,
    loss: str = "square",
    activation: str = "relu",
    seed: int = 0,
) -> Task:
    """Split the 1 797 handwritten digits of scikit-learn, 8 by 8 pixels in 0..1, ten classes.

    A large start with weight decay delays generalisation on images (Liu et al., 2210.01117).

    Parameters
    ----------
    fraction : float
        Fraction of the images that is trained on.
    width, depth : int
        Hidden units a layer, and layers of weights.
    scale : float
        Factor on the He start.
    loss, activation : str
        cross-entropy or square; relu, squared-relu or quadratic.
    seed : int
        Seed of everything random.
    """
    _check_sizes(width=(width, 1), depth=(depth, 2))
    unit = _activation(activation)
    images, classes = _digits()
    split_seed, start_seed = _seeds(seed, 2)
    order = np.random.default_rng(split_seed).permutation(len(images))
    settings = {
        "fraction": fraction, "width": width, "depth": depth, "scale": scale,
        "activation": unit.value, "seed": seed,
    }  # fmt: skip
    problem = _split_classes(
        "digits", loss, torch.from_numpy(images), torch.from_numpy(classes), order, fraction,
        settings,
    )  # fmt: skip
    widths = (images.shape[1], *(width,) * (depth - 1), 10)
    return Task(
        problem, he_start(MLP(widths, unit), np.random.default_rng(start_seed), scale=scale)
    )


def _digits() -> tuple[np.ndarray, np.ndarray]:
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise ValueError(
            "the digits come with scikit-learn, expected it to be installed: "
            "pip install 'grokflow[sklearn]'"
        ) from None
    images, classes = load_digits(return_X_y=True)
    return images / 16.0, classes.astype(np.int64)


def xor_clusters(
    *,
    n: int = 120,
    d: int = 2000,
    mu: float = 11.0,
    noise: float = 0.1,
    width: int = 256,
    scale: float = 1e-4,
    n_test: int = 1000,
    seed: int = 0,
) -> Task:
    """Gaussian clusters at ±μ₁ (label 1) and ±μ₂ (label -1), some labels flipped [1]_.

    μ₁ and μ₂ are orthogonal, of norm `mu`; the noise in x is standard normal. The net is
    ``Σ a_j relu(<w_j, x>)`` with a_j = ±1/√width fixed.

    Parameters
    ----------
    n, n_test, d : int
        Training and test samples, inputs.
    mu : float
        Distance of the clusters from 0.
    noise : float
        Probability that a label is flipped, in both sets.
    width : int
        Hidden units.
    scale : float
        Standard deviation of the weights at the start.
    seed : int
        Seed of everything random.

    References
    ----------
    .. [1] Xu, Wang, Frei, Vardi and Hu, ICLR 2024, arXiv 2310.02541.
    """
    _check_sizes(n=(n, 1), d=(d, 2), n_test=(n_test, 1), width=(width, 1))
    _check_range("noise", noise, 0.0, 0.5)
    _check_range("mu", mu, 0.0, 1e6)
    train, test, start = (np.random.default_rng(s) for s in _seeds(seed, 3))
    (x, y), (x_test, y_test) = (
        _xor(rng, size, d, mu, noise) for rng, size in ((train, n), (test, n_test))
    )
    settings = {
        "n": n, "d": d, "mu": mu, "noise": noise, "width": width, "scale": scale,
        "n_test": n_test, "seed": seed,
    }  # fmt: skip
    problem = NetProblem("xor", NET_LOSSES["logistic"], x, y, x_test, y_test, settings)
    net = MLP((d, width, 1), Activation.RELU, bias=False)
    with torch.no_grad():
        net.weights[0].copy_(torch.from_numpy(scale * start.standard_normal((width, d))))
        signs = np.where(start.random(width) < 0.5, -1.0, 1.0) / np.sqrt(width)
        net.weights[1].copy_(torch.from_numpy(signs[None]))
    net.weights[1].requires_grad_(False)
    return Task(problem, net)


def _xor(
    rng: np.random.Generator, size: int, d: int, mu: float, noise: float
) -> tuple[Tensor, Tensor]:
    """Return inputs and flipped labels; μ₁ and μ₂ lie along the first two axes."""
    which = rng.integers(4, size=size)
    x = rng.standard_normal((size, d))
    x[np.arange(size), which // 2] += mu * (1 - 2 * (which % 2))
    y = np.where(which < 2, 1.0, -1.0) * np.where(rng.random(size) < noise, -1.0, 1.0)
    return torch.from_numpy(x), torch.from_numpy(y)


def polynomial(
    *,
    n: int = 250,
    d: int = 40,
    width: int = 100,
    alpha: float = 1.0,
    epsilon: float = 0.25,
    n_test: int = 1000,
    seed: int = 0,
) -> Task:
    """Regress ``½ <β, x>²``, ``x ~ N(0, I/d)``, with a two-layer quadratic net [1]_.

    The linear part of the activation makes the first fit a linear one that does not generalise.

    Parameters
    ----------
    n, n_test, d : int
        Training and test samples, inputs. ``β`` is standard normal with ‖β‖² = d.
    width : int
        Hidden units of `simulations.nets.Committee`.
    alpha, epsilon : float
        Scale of the output, and strength of the quadratic part.
    seed : int
        Seed of everything random.

    References
    ----------
    .. [1] Kumar, Bordelon, Gershman and Pehlevan, ICLR 2024, arXiv 2310.06110.
    """
    _check_sizes(n=(n, 1), d=(d, 1), n_test=(n_test, 1), width=(width, 1))
    _check_range("alpha", alpha, 1e-12, 1e12)
    _check_range("epsilon", epsilon, 0.0, 1e6)
    target, train, test, start = _seeds(seed, 4)
    beta = np.random.default_rng(target).standard_normal(d)
    beta *= np.sqrt(d) / np.linalg.norm(beta)
    (x, y), (x_test, y_test) = (
        _quadratic(np.random.default_rng(s), size, beta) for s, size in ((train, n), (test, n_test))
    )
    settings = {
        "n": n, "d": d, "width": width, "alpha": alpha, "epsilon": epsilon, "n_test": n_test,
        "seed": seed,
    }  # fmt: skip
    problem = NetProblem("polynomial", NET_LOSSES["square"], x, y, x_test, y_test, settings)
    return Task(problem, Committee(d, width, alpha=alpha, epsilon=epsilon, seed=start))


def _quadratic(rng: np.random.Generator, size: int, beta: np.ndarray) -> tuple[Tensor, Tensor]:
    x = rng.standard_normal((size, len(beta))) / np.sqrt(len(beta))
    return torch.from_numpy(x), torch.from_numpy((x @ beta)[:, None] ** 2 / 2)


def teacher_student(
    *, n: int = 50, d: int = 100, outputs: int = 1, n_test: int = 1000, seed: int = 0
) -> Task:
    """Draw a linear student of a linear teacher, Gaussian inputs and weights [1]_.

    `theory.teacher_student` has the losses of gradient descent in closed form.

    Parameters
    ----------
    n, n_test, d, outputs : int
        Training and test samples, inputs, outputs.
    seed : int
        Seed of everything random. Teacher and student are drawn with entries N(0, 1/(2d)), so
        that their difference has variance 1/d.

    References
    ----------
    .. [1] Levi, Beck and Bar-Sinai, ICLR 2024, arXiv 2310.16441.
    """
    _check_sizes(n=(n, 1), d=(d, 1), outputs=(outputs, 1), n_test=(n_test, 1))
    teacher, student, train, test = (np.random.default_rng(s) for s in _seeds(seed, 4))
    weight = teacher.standard_normal((d, outputs)) / np.sqrt(2 * d)
    x, x_test = (
        torch.from_numpy(rng.standard_normal((size, d)))
        for rng, size in ((train, n), (test, n_test))
    )
    y, y_test = (inputs @ torch.from_numpy(weight) for inputs in (x, x_test))
    settings = {"n": n, "d": d, "outputs": outputs, "n_test": n_test, "seed": seed}
    problem = NetProblem("teacher-student", NET_LOSSES["square"], x, y, x_test, y_test, settings)
    net = MLP((d, outputs), Activation.RELU, bias=False)
    with torch.no_grad():
        draw = student.standard_normal((outputs, d)) / np.sqrt(2 * d)
        net.weights[0].copy_(torch.from_numpy(draw))
    return Task(problem, net)


def _split_classes(
    name: str,
    loss: str,
    x: Tensor,
    classes: Tensor,
    order: np.ndarray,
    fraction: float,
    settings: Mapping[str, object],
) -> NetProblem:
    """Train on the first `fraction` of `order`, test on the rest."""
    if not 0 < fraction < 1:
        raise ValueError(f"fraction is {fraction}, expected 0 to 1, both excluded: change it")
    count = round(fraction * len(order))
    if not 0 < count < len(order):
        raise ValueError(
            f"fraction {fraction} of {len(order)} samples leaves {count} to train on and "
            f"{len(order) - count} to test on, expected some of each: change it"
        )
    judge, y = _judged(loss, classes)
    train, test = torch.from_numpy(order[:count]), torch.from_numpy(order[count:])
    return NetProblem(name, judge, x[train], y[train], x[test], y[test], {**settings, "loss": loss})


def _judged(loss: str, classes: Tensor) -> tuple[NetLoss, Tensor]:
    """Return the loss with its targets: the classes, or their one-hot rows."""
    if loss == "cross-entropy":
        return NET_LOSSES[loss], classes
    if loss == "square":
        return NET_LOSSES["one-hot square"], nn.functional.one_hot(classes).double()
    raise ValueError(f"loss is {loss!r}, expected cross-entropy or square: choose one")


def _activation(name: str) -> Activation:
    names = [unit.value for unit in Activation]
    if name not in names:
        raise ValueError(f"activation is {name!r}, expected one of {', '.join(names)}: pick one")
    return Activation(name)


def _check_sizes(**sizes: tuple[int, int]) -> None:
    for name, (value, least) in sizes.items():
        if value < least:
            raise ValueError(
                f"{name} is {value}, expected at least {least}: choose a larger {name}"
            )


def _check_range(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ValueError(f"{name} is {value}, expected {low:g} to {high:g}: choose another {name}")


def _seeds(seed: int, count: int) -> list[int]:
    """Return seeds of independent streams."""
    if seed < 0:
        raise ValueError(f"seed is {seed}, expected at least 0: choose another seed")
    return [int(s) for s in np.random.SeedSequence(seed).generate_state(count)]


TASKS: dict[str, Callable[..., Task]] = {
    "modular-addition": modular_addition,
    "xor": xor_clusters,
    "digits": digits,
    "polynomial": polynomial,
    "teacher-student": teacher_student,
}
