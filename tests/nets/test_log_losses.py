"""The logarithm of a loss, which does not underflow."""

import numpy as np
import pytest
import torch

from grokflow.theory.nets.log_losses import log_loss, vanishing_margin
from grokflow.theory.nets.losses import NET_LOSSES
from tests.nets.example_modules import small_problem


@pytest.mark.parametrize("name", ["exponential", "logistic", "cross-entropy", "square"])
def test_the_logarithm_of_the_loss_has_the_value_and_gradient_of_the_loss(name):
    generator = torch.Generator().manual_seed(0)
    outputs = 4 if name in ("square", "cross-entropy") else 1
    problem = small_problem(name, outputs=outputs)
    f = 3 * torch.randn(24, outputs, generator=generator, dtype=torch.float64)
    f.requires_grad_()
    mean = problem.loss.value(f, problem.y).mean()
    value = log_loss(problem.loss, f, problem.y)
    expected = float(torch.log(mean.detach()))
    assert float(value.detach()) == pytest.approx(expected, rel=1e-13)
    (slope,) = torch.autograd.grad(value, f)
    assert torch.allclose(
        slope, problem.loss.gradient(f.detach(), problem.y) / (24 * mean.detach()), rtol=1e-10
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", ["logistic", "cross-entropy"])
def test_the_logarithm_of_the_loss_is_the_margin_when_that_is_large(name, dtype):
    for margin in (10.0, 19.99, 20.01, 1e4):
        if name == "logistic":
            f, y = torch.tensor([[margin]], dtype=dtype), torch.ones(1, dtype=dtype)
        else:
            f, y = torch.tensor([[0.0, margin]], dtype=dtype), torch.tensor([1])
        f.requires_grad_()
        value = log_loss(NET_LOSSES[name], f, y)
        expected = np.log(np.log1p(np.exp(-margin))) if margin < 100 else -margin
        assert float(value.detach()) == pytest.approx(expected, rel=10 * torch.finfo(dtype).eps)
        (slope,) = torch.autograd.grad(value, f)
        assert float(slope[0, -1]) == pytest.approx(-1, abs=1e-4)
        assert torch.isfinite(slope).all()


@pytest.mark.parametrize(("kind", "bits"), [(np.float32, 24), (np.float64, 53)])
def test_the_probability_of_two_classes_is_1_from_the_margin_on(kind, bits):
    margin = kind(vanishing_margin(bits, [0.0]))
    one, step = kind(1), 2 * np.spacing(margin)
    assert one / (one + np.exp(-(margin + step))) == 1
    assert one / (one + np.exp(-(margin - step))) < 1


def test_classes_that_are_added_at_once_need_a_larger_margin():
    assert vanishing_margin(24, np.zeros(96)) == pytest.approx(np.log(96 * 2.0**24), rel=1e-15)
    assert vanishing_margin(24, [0.0, np.log(2)]) == pytest.approx(np.log(1.5 * 2.0**24))
