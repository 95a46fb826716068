"""Losses of nets: closed forms against autograd; problems refuse what cannot be learned."""

import pytest
import torch

from grokflow.theory.nets.losses import NET_LOSSES
from grokflow.theory.nets.problem import NetProblem


def targets(name, m, c, generator):
    if name == "square":
        return torch.randn(m, c, generator=generator, dtype=torch.float64)
    classes = torch.randint(0, c, (m,), generator=generator)
    if name == "cross-entropy":
        return classes
    if name == "one-hot square":
        return torch.nn.functional.one_hot(classes, c).to(torch.float64)
    return torch.sign(torch.randn(m, generator=generator, dtype=torch.float64))


@pytest.mark.parametrize("name", NET_LOSSES)
def test_gradient_and_curvature_are_the_derivatives_of_the_value(name):
    generator = torch.Generator().manual_seed(0)
    loss, c = NET_LOSSES[name], 1 if name in ("logistic", "exponential") else 4
    f = torch.randn(5, c, generator=generator, dtype=torch.float64)
    v = torch.randn(5, c, generator=generator, dtype=torch.float64)
    y = targets(name, 5, c, generator)
    f.requires_grad_()
    (slope,) = torch.autograd.grad(loss.value(f, y).sum(), f)
    assert torch.allclose(loss.gradient(f, y), slope, rtol=1e-12, atol=1e-14)
    (product,) = torch.autograd.grad((loss.gradient(f, y) * v).sum(), f)
    assert torch.allclose(loss.curvature(f, y, v), product, rtol=1e-12, atol=1e-14)
    assert loss.errors(f, y).shape == (5,)


def test_errors_count_wrong_predictions():
    f = torch.tensor([[2.0], [-1.0]], dtype=torch.float64)
    y = torch.tensor([1.0, 1.0], dtype=torch.float64)
    assert NET_LOSSES["logistic"].errors(f, y).tolist() == [0, 1]
    wide = torch.tensor([[0.0, 1.0], [3.0, 1.0]], dtype=torch.float64)
    assert NET_LOSSES["cross-entropy"].errors(wide, torch.tensor([1, 1])).tolist() == [0, 1]


def test_bad_samples_are_refused():
    x, y = torch.ones(3, 2, dtype=torch.float64), torch.ones(3, 1, dtype=torch.float64)
    loss = NET_LOSSES["square"]
    with pytest.raises(ValueError, match="3 samples and 2 targets"):
        NetProblem("p", loss, x, y[:2], x, y)
    with pytest.raises(ValueError, match="NaN or infinity"):
        NetProblem("p", loss, x, y * float("nan"), x, y)
    with pytest.raises(ValueError, match="no samples"):
        NetProblem("p", loss, x[:0], y[:0], x, y)
    assert NetProblem("p", loss, x, y, x, y).m == 3
