"""A walk of gradient descent: where the net is, and the step it takes next."""

from __future__ import annotations

import copy
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from grokflow.simulations.nets.explicit.step_rule import Optimizer, StepRule
from grokflow.simulations.nets.recorder import Moment, NotFinite, Recorder, to_device
from grokflow.simulations.nets.saved_run import SavedNetRun
from grokflow.simulations.nets.start import NetStart
from grokflow.simulations.runs.work import NetWork
from grokflow.theory.nets.log_losses import log_loss

# Steps between two looks at the clock, the parameters and the progress bar.
_STRETCH = 100


class DescentWalk:
    """The state of training: net, optimiser, generator, and what was recorded.

    Parameters
    ----------
    method : StepRule
        The rule of a step.
    start : NetStart
        The net, which is copied, its scale, and what it learns.
    recorder : Recorder
        What is recorded of it.
    """

    def __init__(self, method: StepRule, start: NetStart, recorder: Recorder) -> None:
        problem = start.problem
        self.method, self.problem, self.recorder = method, problem, recorder
        self.alpha = start.alpha
        self.net = start.scaled_net().to(method.device, method.dtype)
        self.trained = [p for p in self.net.parameters() if p.requires_grad]
        self.optimizer = _optimizer(method, self.trained)
        self.rng = np.random.default_rng(np.random.SeedSequence(method.seed))
        self.x, self.y = (to_device(z, method.device, method.dtype) for z in (problem.x, problem.y))
        self.step, self.log_t, self.seconds = 0, -np.inf, 0.0

    def follow(self, target: int, saved: SavedNetRun, progress: Callable[[float], None]) -> None:
        """Go on to a step and record there, keeping the state every now and then."""
        while self.step < target:
            started = perf_counter()
            end = min(target, self.step + _STRETCH - self.step % _STRETCH)
            for _ in range(end - self.step):
                self.advance()
            self.seconds += perf_counter() - started
            self.check()
            if self.step < target:
                saved.update()
                progress(float(self.step))
        self.record()
        saved.update()
        progress(float(self.step))

    def advance(self) -> None:
        """Take one step."""
        method = self.method
        x, y = self._batch()
        f = self.net(x).reshape(len(x), -1)
        if method.label_noise:
            y = self._noisy(y, f.shape[1])
        self.optimizer.zero_grad()
        size = float(np.log(method.lr))
        if method.log_loss:
            value = log_loss(self.problem.loss, f, y)
            value.backward()  # type: ignore[no-untyped-call]
            size -= float(value.detach())
        else:
            slope = self.problem.loss.gradient(f.detach(), y) / len(y)
            f.backward(slope)
        self.optimizer.step()
        self.step += 1
        if method.log_loss:
            self.log_t = float(np.logaddexp(self.log_t, size))
        else:
            self.log_t = size + float(np.log(self.step))

    def _batch(self) -> tuple[Tensor, Tensor]:
        if self.method.batch is None:
            return self.x, self.y
        rows = torch.from_numpy(self.rng.integers(len(self.y), size=self.method.batch))
        rows = rows.to(self.method.device)
        return self.x[rows], self.y[rows]

    def _noisy(self, y: Tensor, classes: int) -> Tensor:
        """Return targets with fresh label noise."""
        noise = self.method.label_noise
        if y.ndim == 2:
            signs = 2 * self.rng.integers(2, size=tuple(y.shape)) - 1
            return y + torch.from_numpy(noise * signs).to(y)
        changed = torch.from_numpy(self.rng.random(len(y)) < noise).to(y.device)
        if y.is_floating_point():
            return torch.where(changed, -y, y)
        shift = torch.from_numpy(self.rng.integers(1, classes, size=len(y))).to(y.device)
        return torch.where(changed, (y + shift) % classes, y)

    def check(self) -> None:
        """Raise when a parameter is not finite."""
        if not all(bool(torch.isfinite(p).all()) for p in self.trained):
            raise NotFinite

    def record(self) -> None:
        """Record the net as it is."""
        theta = torch.cat([p.detach().double().reshape(-1) for p in self.trained])
        lam = self.method.lam
        slow = lam * float(np.exp(self.log_t)) if lam else 0.0
        moment = Moment(self.step, self.log_t, slow, self.alpha * float(np.exp(-slow)))
        self.recorder.add(moment, theta)

    def state(self) -> dict[str, Any]:
        """Return a copy of everything that decides how training goes on."""
        parts = {"net": self.net.state_dict(), "optimizer": self.optimizer.state_dict()}
        return copy.deepcopy(parts) | {
            "rng": copy.deepcopy(self.rng.bit_generator.state),
            "step": self.step,
            "log_t": self.log_t,
            "seconds": self.seconds,
            "recorder": self.recorder.state(),
        }

    def restore(self, state: Any) -> None:
        """Go back to a state."""
        self.net.load_state_dict(state["net"])
        self.optimizer.load_state_dict(copy.deepcopy(state["optimizer"]))
        self.rng.bit_generator.state = state["rng"]
        self.step, self.log_t, self.seconds = state["step"], state["log_t"], state["seconds"]
        self.recorder.restore(state["recorder"])

    def work(self) -> NetWork:
        """Return what was spent."""
        return NetWork(self.method.optimizer.value, self.step, self.seconds, self.step)


def _optimizer(method: StepRule, trained: list[nn.Parameter]) -> torch.optim.Optimizer:
    rules: dict[Optimizer, type[torch.optim.Optimizer]] = {
        Optimizer.GD: torch.optim.SGD,
        Optimizer.SGD: torch.optim.SGD,
        Optimizer.ADAM: torch.optim.Adam,
        Optimizer.ADAMW: torch.optim.AdamW,
    }
    rule: Any = rules[method.optimizer]
    made: torch.optim.Optimizer = rule(trained, lr=method.lr, weight_decay=method.lam)
    return made
