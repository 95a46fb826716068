"""Tasks of classes: modular addition, images of digits, XOR clusters."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from grokflow.simulations.nets.modules import MLP, Activation, SmallCNN, he_start, scaled
from grokflow.simulations.nets.start import NetStart
from grokflow.simulations.nets.tasks.task import (
    SIZE,
    activation_of,
    check_settings,
    seeds,
    split_classes,
)
from grokflow.theory.arguments import check_kind
from grokflow.theory.nets.losses import NET_LOSSES
from grokflow.theory.nets.problem import NetProblem


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
) -> NetStart:
    """Make ``(a, b) → a + b mod p`` from one-hot pairs of size 2p (Lyu et al. 2024, Figure 2).

    Figure 2 has p = 97, fraction 0.4, width 1024, ReLU, cross-entropy and scale 1, 10 or 100, with
    the last layer zero in 2b.

    Parameters
    ----------
    p : int
        Modulus: p² pairs, p classes.
    fraction : float
        Fraction of the pairs that is trained on.
    width : int
        Number of hidden units of ``W2 a(W1 x + b1)``.
    scale : float
        Factor on the weights at the start, which He's rule draws.
    zero_last : int
        1 for ``W2 = 0``, so that the net starts with output 0.
    loss : {"square", "cross-entropy"}
        The loss.
    activation : {"quadratic", "relu", "squared-relu"}
        The nonlinearity a.
    seed : int
        Seed of everything random.

    Examples
    --------
    >>> import grokflow as gf
    >>> start = gf.modular_addition(p=5, fraction=0.8, width=16)
    >>> start.problem.x.shape, start.problem.y.shape, start.problem.x_test.shape
    (torch.Size([20, 10]), torch.Size([20, 5]), torch.Size([5, 10]))
    """
    unit = activation_of(activation)
    settings = {
        "p": p, "fraction": fraction, "width": width, "scale": scale, "zero_last": zero_last,
        "activation": unit.value, "seed": seed,
    }  # fmt: skip
    check_settings(settings)
    if not isinstance(zero_last, int) or zero_last not in (0, 1):
        raise ValueError(f"zero_last is {zero_last!r}, expected 0 or 1: pick one")
    first, second = np.divmod(np.arange(p**2), p)
    x = np.zeros((p**2, 2 * p))
    x[np.arange(p**2), first] = 1
    x[np.arange(p**2), p + second] = 1
    classes = torch.from_numpy((first + second) % p)
    split_seed, start_seed = seeds(seed, 2)
    order = np.random.default_rng(split_seed).permutation(p**2)
    problem = split_classes(
        "modular-addition", loss, torch.from_numpy(x), classes, order, fraction, settings
    )
    net = he_start(
        MLP((2 * p, width, p), unit),
        np.random.default_rng(start_seed),
        scale=scale,
        zero_last=bool(zero_last),
    )
    return NetStart(net, problem)


def digits(
    *,
    fraction: float = 0.1,
    model: str = "mlp",
    width: int = 128,
    depth: int = 2,
    scale: float = 4.0,
    loss: str = "square",
    activation: str = "relu",
    seed: int = 0,
) -> NetStart:
    """Split the 1 797 handwritten digits of scikit-learn: 8 by 8 pixels from 0 to 1, ten classes.

    A large start with weight decay delays generalisation on images (Liu et al., arXiv 2210.01117).

    Parameters
    ----------
    fraction : float
        Fraction of the images that is trained on.
    model : {"mlp", "cnn"}
        A multilayer perceptron, or `grokflow.simulations.nets.modules.SmallCNN`.
    width, depth : int
        Number of hidden units (or channels) in a layer, and of layers of weights of an mlp; a cnn
        has 3.
    scale : float
        Factor on the weights at the start, which He's rule draws.
    loss : {"square", "cross-entropy"}
        The loss.
    activation : {"relu", "squared-relu", "quadratic"}
        The nonlinearity.
    seed : int
        Seed of everything random.

    Examples
    --------
    >>> import grokflow as gf
    >>> start = gf.digits(fraction=0.1, width=16)
    >>> start.problem.x.shape, start.problem.x_test.shape
    (torch.Size([180, 64]), torch.Size([1617, 64]))
    """
    unit = activation_of(activation)
    settings = {
        "fraction": fraction, "model": model, "width": width, "depth": depth, "scale": scale,
        "activation": unit.value, "seed": seed,
    }  # fmt: skip
    check_settings(settings)
    check_kind("model", model, str, "name mlp or cnn")
    images, classes = _digits()
    split_seed, start_seed = seeds(seed, 2)
    order = np.random.default_rng(split_seed).permutation(len(images))
    rng = np.random.default_rng(start_seed)
    net: nn.Module
    if model == "mlp":
        widths = (images.shape[1], *(width,) * (depth - 1), 10)
        net = he_start(MLP(widths, unit), rng, scale=scale)
    elif model == "cnn" and depth == 2:
        images = images.reshape(-1, 1, 8, 8)
        settings["depth"] = 3
        net = scaled(SmallCNN(8, 1, width, 10, unit, rng), scale)
    else:
        raise ValueError(
            f"model is {model!r} with depth {depth}, expected mlp, or cnn without a depth: change "
            "one of them"
        )
    problem = split_classes(
        "digits", loss, torch.from_numpy(images), torch.from_numpy(classes), order, fraction,
        settings,
    )  # fmt: skip
    return NetStart(net, problem)


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
) -> NetStart:
    """Make Gaussian clusters at ±μ₁ (label 1) and ±μ₂ (label -1), some labels flipped [1]_.

    μ₁ and μ₂ are orthogonal, of norm `mu`; the noise in x is standard normal. The net is
    ``Σ a_j relu(<w_j, x>)`` with a_j = ±1/√width fixed.

    Parameters
    ----------
    n, n_test, d : int
        Numbers of training samples, of test samples, and of inputs.
    mu : float
        Distance of the clusters from 0, in standard deviations of the noise.
    noise : float
        Probability that a label is flipped, in both sets.
    width : int
        Number of hidden units.
    scale : float
        Standard deviation of the weights at the start.
    seed : int
        Seed of everything random.

    References
    ----------
    .. [1] Xu, Wang, Frei, Vardi and Hu, ICLR 2024, arXiv 2310.02541.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> start = gf.xor_clusters(n=20, d=50, width=16, n_test=40)
    >>> print(gf.Descent(lr=0.1).run(start, np.array([0, 50])).train_error)
    [0.65 0.  ]
    """
    settings = {
        "n": n, "d": d, "mu": mu, "noise": noise, "width": width, "scale": scale,
        "n_test": n_test, "seed": seed,
    }  # fmt: skip
    check_settings(settings, d=(2.0, SIZE), scale=(0.0, 1e12))
    train, test, start = (np.random.default_rng(s) for s in seeds(seed, 3))
    (x, y), (x_test, y_test) = (
        _xor(rng, size, d, mu, noise) for rng, size in ((train, n), (test, n_test))
    )
    problem = NetProblem("xor", NET_LOSSES["logistic"], x, y, x_test, y_test, settings)
    net = MLP((d, width, 1), Activation.RELU, bias=False)
    with torch.no_grad():
        net.weights[0].copy_(torch.from_numpy(scale * start.standard_normal((width, d))))
        signs = np.where(start.random(width) < 0.5, -1.0, 1.0) / np.sqrt(width)
        net.weights[1].copy_(torch.from_numpy(signs[None]))
    net.weights[1].requires_grad_(False)
    return NetStart(net, problem)


def _xor(
    rng: np.random.Generator, size: int, d: int, mu: float, noise: float
) -> tuple[Tensor, Tensor]:
    """Return inputs and flipped labels; μ₁ and μ₂ lie along the first two axes."""
    which = rng.integers(4, size=size)
    x = rng.standard_normal((size, d))
    x[np.arange(size), which // 2] += mu * (1 - 2 * (which % 2))
    y = np.where(which < 2, 1.0, -1.0) * np.where(rng.random(size) < noise, -1.0, 1.0)
    return torch.from_numpy(x), torch.from_numpy(y)
