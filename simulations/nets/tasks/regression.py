"""Tasks with real targets: a polynomial, and a linear teacher."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from grokflow.simulations.nets.modules import MLP, Activation, Committee
from grokflow.simulations.nets.start import NetStart
from grokflow.simulations.nets.tasks.task import check_settings, seeds
from grokflow.theory.nets.losses import NET_LOSSES
from grokflow.theory.nets.problem import NetProblem


def polynomial(
    *,
    n: int = 250,
    d: int = 40,
    width: int = 100,
    alpha: float = 1.0,
    epsilon: float = 0.25,
    n_test: int = 1000,
    seed: int = 0,
) -> NetStart:
    """Regress ``½ <β, x>²``, ``x ~ N(0, I/d)``, with a two-layer quadratic net [1]_.

    The linear part of the activation makes the first fit a linear one that does not generalise.

    Parameters
    ----------
    n, n_test, d : int
        Numbers of training samples, of test samples, and of inputs. ``β`` is standard normal, with
        ‖β‖² = d.
    width : int
        Number of hidden units of `grokflow.simulations.nets.modules.Committee`.
    alpha, epsilon : float
        Scale of the output, and strength of the quadratic part of the activation.
    seed : int
        Seed of everything random.

    References
    ----------
    .. [1] Kumar, Bordelon, Gershman and Pehlevan, ICLR 2024, arXiv 2310.06110.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> start = gf.polynomial(n=20, d=5, width=16, n_test=40)
    >>> trajectory = gf.Descent(lr=1.0).run(start, np.array([0, 100]))
    >>> print(trajectory.train_loss.round(2))
    [0.75 0.31]
    """
    settings = {
        "n": n, "d": d, "width": width, "alpha": alpha, "epsilon": epsilon, "n_test": n_test,
        "seed": seed,
    }  # fmt: skip
    check_settings(settings)
    target, train, test, start = seeds(seed, 4)
    beta = np.random.default_rng(target).standard_normal(d)
    beta *= np.sqrt(d) / np.linalg.norm(beta)
    (x, y), (x_test, y_test) = (
        _quadratic(np.random.default_rng(s), size, beta) for s, size in ((train, n), (test, n_test))
    )
    problem = NetProblem("polynomial", NET_LOSSES["square"], x, y, x_test, y_test, settings)
    return NetStart(Committee(d, width, alpha=alpha, epsilon=epsilon, seed=start), problem)


def _quadratic(rng: np.random.Generator, size: int, beta: np.ndarray) -> tuple[Tensor, Tensor]:
    x = rng.standard_normal((size, len(beta))) / np.sqrt(len(beta))
    return torch.from_numpy(x), torch.from_numpy((x @ beta)[:, None] ** 2 / 2)


def teacher_student(
    *, n: int = 50, d: int = 100, outputs: int = 1, n_test: int = 1000, seed: int = 0
) -> NetStart:
    """Draw a linear student of a linear teacher, with Gaussian inputs and weights [1]_.

    `grokflow.theory.nets.linear_student` has the losses of gradient descent in closed form.

    Parameters
    ----------
    n, n_test, d, outputs : int
        Numbers of training samples, of test samples, of inputs, and of outputs.
    seed : int
        Seed of everything random. Teacher and student are drawn with entries N(0, 1/(2d)), so that
        their difference has variance 1/d.

    References
    ----------
    .. [1] Levi, Beck and Bar-Sinai, ICLR 2024, arXiv 2310.16441.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> start = gf.teacher_student(n=20, d=10, n_test=50)
    >>> print(gf.Descent(lr=0.1).run(start, np.array([0, 10, 100])).test_loss.round(2))
    [1.16 0.14 0.  ]
    """
    settings = {"n": n, "d": d, "outputs": outputs, "n_test": n_test, "seed": seed}
    check_settings(settings)
    teacher, student, train, test = (np.random.default_rng(s) for s in seeds(seed, 4))
    weight = teacher.standard_normal((d, outputs)) / np.sqrt(2 * d)
    x, x_test = (
        torch.from_numpy(rng.standard_normal((size, d)))
        for rng, size in ((train, n), (test, n_test))
    )
    y, y_test = (inputs @ torch.from_numpy(weight) for inputs in (x, x_test))
    problem = NetProblem("teacher-student", NET_LOSSES["square"], x, y, x_test, y_test, settings)
    net = MLP((d, outputs), Activation.RELU, bias=False)
    with torch.no_grad():
        draw = student.standard_normal((outputs, d)) / np.sqrt(2 * d)
        net.weights[0].copy_(torch.from_numpy(draw))
    return NetStart(net, problem)
