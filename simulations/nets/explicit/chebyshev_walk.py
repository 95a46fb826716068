"""Where a net is on its flow, the direction in which the loss is sharpest, and the step."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from grokflow.simulations.nets.explicit.chebyshev_rule import ChebyshevRule
from grokflow.simulations.nets.explicit.chebyshev_steps import chebyshev_step, stages_for
from grokflow.simulations.nets.recorder import Exhausted, Moment, NotFinite, Recorder, to_device
from grokflow.simulations.nets.saved_run import SavedNetRun
from grokflow.simulations.nets.start import NetStart
from grokflow.simulations.runs.work import NetWork
from grokflow.theory.nets.log_losses import exact_mean_loss

# Gradients between two looks at sharpness and loss, and looks between two states that are kept.
_STRETCH, _LOOKS = 10, 10
# Power iterations at the start; later one a look.
_FIRST = 20
# The first step times sharpness, and the largest over the time so far, both for a longest step of
# one: what happens at first, at all orders of magnitude of t, is resolved as finely as the rest.
_CAREFUL, _GROWTH = 50.0, 25.0
# More stages than this let rounding grow.
_MOST_STAGES = 200
# A stretch over which the loss rises by this factor, from λ at least, is taken again as if the
# loss were twice as sharp; every one that is accepted takes back a tenth of that.
_RISE, _HALF, _RECOVERY = 2.0, 0.5, 1.1
# Below this part of what the sharpness allows, something else is wrong.
_SMALLEST = 2.0**-20
# Rows with fewer entries than this that are not zero are multiplied as sparse ones.
_SPARSE = 0.1


class Backup(NamedTuple):
    """A state to go back to."""

    s: float
    step: int
    weights: list[Tensor]


class ChebyshevWalk:
    """The state of `grokflow.simulations.nets.explicit.chebyshev_flow.ChebyshevFlow`.

    Parameters
    ----------
    method : ChebyshevRule
        The rule of a step.
    start : NetStart
        The net, which is copied, its scale, and what it learns.
    recorder : Recorder
        What is recorded of it.
    """

    def __init__(self, method: ChebyshevRule, start: NetStart, recorder: Recorder) -> None:
        started = perf_counter()
        problem = start.problem
        self.method, self.problem, self.recorder = method, problem, recorder
        self.alpha = start.alpha
        self.net = start.scaled_net().to(method.device, method.dtype)
        self.trained = [p for p in self.net.parameters() if p.requires_grad]
        self.x, self.y = (to_device(z, method.device, method.dtype) for z in (problem.x, problem.y))
        self.rows = sparse_rows_if_faster(self.net, self.x)
        self.s, self.step, self.spent, self.products, self.rejected = 0.0, 0, 0, 0, 0
        self.caution = 1.0
        rng = np.random.default_rng(0)
        self.sharpest = [
            torch.from_numpy(rng.standard_normal(tuple(p.shape))).to(p) for p in self.trained
        ]
        for _ in range(_FIRST):
            self.loss, self.sharpness = self._look()
        self.first = min(_CAREFUL * method.longest, method.part) / self.sharpness
        self.seconds = perf_counter() - started

    def follow(self, target: float, saved: SavedNetRun, progress: Callable[[float], None]) -> None:
        """Go on to a slow time and record there, keeping the state every now and then."""
        looks = 0
        while self.s < target:
            started = perf_counter()
            self._stretch(target)
            self.seconds += perf_counter() - started
            looks += 1
            if looks % _LOOKS == 0:
                saved.update()
                progress(self.s)
        self.record()
        saved.update()
        progress(self.s)

    def _stretch(self, end: float) -> None:
        """Take a few steps, none beyond `end`; go back if the loss rises as no flow does."""
        before, spent = self._backup(), self.spent
        while self.s < end and self.spent < spent + _STRETCH:
            size, left = self._size(), (end - self.s) / self.method.lam
            self._advance(min(size, left))
            self.s = end if size >= left else self.s + self.method.lam * size
            self.step += 1
        if self.spent >= self.method.max_steps:
            self._go_back(before)
            raise Exhausted
        loss, sharpness = self._look()
        if np.isfinite(sharpness) and loss <= _RISE * max(self.loss, self.method.lam):
            self.loss, self.sharpness = loss, sharpness
            self.caution = min(1.0, _RECOVERY * self.caution)
            return
        self._go_back(before)
        self.rejected += 1
        self.caution *= _HALF
        if self.caution < _SMALLEST:
            raise NotFinite

    def _backup(self) -> Backup:
        return Backup(self.s, self.step, [p.detach().clone() for p in self.trained])

    def _go_back(self, backup: Backup) -> None:
        self.s, self.step = backup.s, backup.step
        with torch.no_grad():
            for p, value in zip(self.trained, backup.weights, strict=True):
                p.copy_(value)

    def _size(self) -> float:
        """Return the step size that is allowed now."""
        method = self.method
        early = self.first + _GROWTH * method.longest * self.s / method.lam
        stable = self._safety() * chebyshev_step(_MOST_STAGES).reach / self.sharpness
        return min(early, method.longest / method.lam, stable)

    def _safety(self) -> float:
        """Return the part of what is stable that is taken."""
        return self.caution * self.method.part / 2

    def _advance(self, size: float) -> None:
        """Take one step, of as many stages as the sharpness asks for."""
        needed = size * self.sharpness / self._safety()
        stages = chebyshev_step(min(stages_for(needed), _MOST_STAGES)).stages
        older = [p.detach().clone() for p in self.trained]
        for last, before, slope in stages:
            slopes = self._slopes()
            pull, decay = slope * size, slope * size * self.method.lam
            with torch.no_grad():
                for p, old, rise in zip(self.trained, older, slopes, strict=True):
                    newest = (last - decay) * p + before * old - pull * rise
                    old.copy_(p)
                    p.copy_(newest)
        self.spent += len(stages)

    def _slopes(self) -> Sequence[Tensor]:
        """Return the gradient of the loss; that of a tiny loss is exact through its logarithm."""
        return torch.autograd.grad(self._value(self._outputs()), self.trained)

    def _outputs(self) -> Tensor:
        outputs: Tensor = self.net(self.rows)
        return outputs.reshape(len(self.x), -1)

    def _value(self, f: Tensor) -> Tensor:
        return exact_mean_loss(self.problem.loss, f, self.y)

    def _look(self) -> tuple[float, float]:
        """Return the loss and, by one power iteration, the sharpness."""
        f = self._outputs()
        # Jᵀw is linear in w, and its derivative in w is J.
        w = torch.zeros_like(f, requires_grad=True)
        rows = torch.autograd.grad(f, self.trained, w, create_graph=True)
        (pushed,) = torch.autograd.grad(rows, w, self.sharpest, retain_graph=True)
        bent = self.problem.loss.curvature(f.detach(), self.y, pushed) / len(f)
        image = torch.autograd.grad(f, self.trained, bent)
        before, after = _norm(self.sharpest), _norm(image)
        if 0 < after < np.inf:
            self.sharpest = [v / after for v in image]
        self.products += 1
        return float(self._value(f.detach())), after / before + self.method.lam

    def complaint(self) -> str:
        """Say why it cannot go on, and what to change."""
        if self.caution < _SMALLEST:
            return "the loss rises or is not finite however short the steps: use float64"
        return f"{self.spent} gradients were not enough: allow more (now {self.method.max_steps})"

    def record(self) -> None:
        """Record the net as it is."""
        theta = torch.cat([p.detach().double().reshape(-1) for p in self.trained])
        log_t = float(np.log(self.s / self.method.lam)) if self.s else float("-inf")
        self.recorder.add(
            Moment(self.step, log_t, self.s, self.alpha * float(np.exp(-self.s))), theta
        )

    _NUMBERS = (
        "s", "step", "spent", "products", "rejected", "caution", "loss", "sharpness", "first",
        "seconds",
    )  # fmt: skip

    def state(self) -> dict[str, Any]:
        """Return a copy of everything that decides how descent goes on."""
        numbers = {name: getattr(self, name) for name in self._NUMBERS}
        return numbers | {
            "net": copy.deepcopy(self.net.state_dict()),
            "sharpest": list(self.sharpest),
            "recorder": self.recorder.state(),
        }

    def restore(self, state: Any) -> None:
        """Go back to a state."""
        for name in self._NUMBERS:
            setattr(self, name, state[name])
        self.net.load_state_dict(state["net"])
        self.sharpest = list(state["sharpest"])
        self.recorder.restore(state["recorder"])

    def work(self) -> NetWork:
        """Return what was spent; a look takes a product."""
        return NetWork(
            self.method.name,
            self.spent,
            self.seconds,
            self.step,
            rejected=self.rejected,
            products=self.products,
        )


def sparse_rows_if_faster(net: nn.Module, x: Tensor) -> Tensor:
    """Return the rows as sparse ones where that saves work and the net takes them.

    One-hot pairs are multiplied by a layer in a tenth of the time.
    """
    if x.ndim != 2 or x.is_cuda or float((x != 0).double().mean()) > _SPARSE:
        return x
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # torch calls its sparse rows a beta
        rows = x.to_sparse_csr()
    try:
        with torch.no_grad():
            same = torch.allclose(net(rows), net(x))
    except RuntimeError:  # torch has no sparse form of what this net does
        return x
    return rows if same else x


def _norm(vector: Sequence[Tensor]) -> float:
    return float(np.sqrt(sum(float(v.double().square().sum()) for v in vector)))
