"""Gradient descent, SGD, Adam and AdamW as the papers run them, on any torch module.

One step of size η under weight decay λ advances the slow time by λη. What is recorded therefore
lies on the same axis as the gradient flow.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, fields
from enum import Enum
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from simulations.checkpoint import Checkpoint, fingerprint
from simulations.net_trajectory import NetTrajectory, Record
from theory.log_losses import log_loss
from theory.net_losses import SquaredError
from theory.net_problems import NetProblem

# Steps between two looks at the clock, the parameters and the progress bar.
_STRETCH = 100
# Samples evaluated at once for records.
_CHUNK = 8192


class Optimizer(Enum):
    """The rule of a step; momentum is always off.

    The gradient of weight decay, λθ, is part of the gradient (coupled), except for AdamW, which
    multiplies θ by 1 - ηλ instead. For plain gradients both are the same.
    """

    GD = "gd"
    SGD = "sgd"
    ADAM = "adam"
    ADAMW = "adamw"


class DescentStopped(RuntimeError):
    """Training left the finite numbers; ``trajectory`` holds the part before, with the net."""

    def __init__(self, message: str, trajectory: NetTrajectory) -> None:
        super().__init__(message)
        self.trajectory = trajectory


class DescentInterrupted(KeyboardInterrupt):
    """Ctrl-C; ``trajectory`` holds what was reached."""

    def __init__(self, trajectory: NetTrajectory) -> None:
        super().__init__()
        self.trajectory = trajectory


@dataclass(frozen=True, kw_only=True)
class Descent:
    """Method settings: minimise ``L + (λ/2) ‖θ‖²`` step by step.

    Parameters
    ----------
    lr : float
        Step size η.
    lam : float
        Weight decay λ.
    optimizer : Optimizer
        The rule of a step.
    batch : int or None
        Samples a step, drawn with replacement; None for all of them.
    label_noise : float
        Noise on the targets of every step, drawn afresh: real targets move by ± this number,
        classes change to another one with this probability.
    log_loss : bool
        Step η/L instead of η: descent on log L, for nets without weight decay (Lyu et al. 2024,
        Figure 4). Goes on when L underflows.
    dtype : torch.dtype
        float32 or float64.
    device : str
        Where torch computes.
    seed : int
        Seed of batches and label noise.
    """

    lr: float
    lam: float = 0.0
    optimizer: Optimizer = Optimizer.GD
    batch: int | None = None
    label_noise: float = 0.0
    log_loss: bool = False
    dtype: torch.dtype = torch.float64
    device: str = "cpu"
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse settings that mean nothing."""
        if not 0 < self.lr < np.inf:
            raise ValueError(f"lr is {self.lr}, expected a finite number above 0: choose another")
        for name in ("lam", "label_noise"):
            value = getattr(self, name)
            if not 0 <= value < np.inf:
                raise ValueError(f"{name} is {value}, expected 0 or more: choose another")
        if self.batch is not None and self.batch < 1:
            raise ValueError(f"batch is {self.batch}, expected at least 1: choose a larger one")
        if (self.optimizer is Optimizer.SGD and self.batch is None) or (
            self.optimizer is Optimizer.GD and self.batch is not None
        ):
            raise ValueError(
                f"batch is {self.batch} for {self.optimizer.value}, expected a size for sgd and "
                "none for gd: change one of them"
            )
        if self.log_loss and (self.lam or self.optimizer not in (Optimizer.GD, Optimizer.SGD)):
            raise ValueError(
                f"log_loss with lam {self.lam:g} and {self.optimizer.value}, expected lam 0 and gd "
                "or sgd: the step η/L is for training without weight decay"
            )
        if self.dtype not in (torch.float32, torch.float64):
            raise ValueError(f"dtype is {self.dtype}, expected float32 or float64: choose one")

    def run(
        self,
        net: nn.Module,
        problem: NetProblem,
        steps: np.ndarray,
        *,
        checkpoint: Checkpoint | None = None,
        progress: Callable[[float], None] = lambda fraction: None,
    ) -> NetTrajectory:
        """Train a copy of `net` and record it after the given numbers of steps.

        Parameters
        ----------
        net : nn.Module
            The net at its start, θ(0).
        problem : NetProblem
            What it learns.
        steps : ndarray of int
            Increasing numbers of steps, 0 for the start; the last is the end. See
            `record_steps`.
        checkpoint : Checkpoint or None
            Where the state is kept. An earlier run with the same settings is continued, bit for
            bit as if it had not been interrupted; the end may be later than it was.
        progress : callable
            Called with the fraction of steps taken.

        Raises
        ------
        DescentStopped
            When parameters or outputs are NaN or infinite.
        DescentInterrupted
            On Ctrl-C. Both carry what was reached, and the checkpoint then holds it.
        ValueError
            For steps that do not increase, and checkpoints of other runs.
        """
        due = _checked_steps(steps)
        _check_labels(self.label_noise, problem)
        run = _Run(self, net, problem)
        settings = self._settings(net, problem)
        if checkpoint is not None and (saved := checkpoint.load(settings)) is not None:
            if saved["step"] > due[-1]:
                raise ValueError(
                    f"{checkpoint.path} is at step {saved['step']}, expected at most {due[-1]}: "
                    "ask for more steps, or choose another file"
                )
            run.restore(saved)
        recorded = run.records[-1].step if run.records else -1
        pending = [int(step) for step in due if step >= run.step and step > recorded]
        keeper = _Keeper(checkpoint, settings, run)
        try:
            for step in pending:
                run.follow(step, keeper, lambda done: progress(done / max(1, int(due[-1]))))
        except KeyboardInterrupt:
            keeper.write()
            raise DescentInterrupted(keeper.trajectory()) from None
        except _NotFinite:
            keeper.write()
            raise DescentStopped(
                f"training left the finite numbers after step {keeper.state['step']} of "
                f"{due[-1]}: lower lr (now {self.lr:g}), or use float64",
                keeper.trajectory(),
            ) from None
        keeper.keep()
        keeper.write()
        progress(1.0)
        return keeper.trajectory()

    def _settings(self, net: nn.Module, problem: NetProblem) -> dict[str, object]:
        """Return what decides the course of a run, as JSON holds it."""
        own = {field.name: getattr(self, field.name) for field in fields(self)}
        own |= {"optimizer": self.optimizer.value, "dtype": str(self.dtype).removeprefix("torch.")}
        return own | {
            "problem": {"name": problem.name, **problem.settings},
            "loss": problem.loss.name,
            "start": fingerprint(net, problem),
        }


def record_steps(last: int, count: int = 200) -> np.ndarray:
    """Return 0 and about `count` numbers of steps up to `last`, half of them equally spaced.

    The other half is spaced logarithmically.
    """
    if last < 1 or count < 2:
        raise ValueError(
            f"{last} steps and {count} records found, expected at least 1 and 2: ask for more"
        )
    halves = np.geomspace(1, last, count // 2), np.linspace(0, last, count - count // 2)
    return np.unique(np.rint(np.concatenate(halves)).astype(np.int64))


class _NotFinite(Exception):
    """A parameter is NaN or infinite."""


class _Run:
    """The state of training: net, optimiser, generator, and what was recorded."""

    def __init__(self, method: Descent, net: nn.Module, problem: NetProblem) -> None:
        self.method, self.problem = method, problem
        self.net = copy.deepcopy(net).to(method.device, method.dtype)
        self.trained = [p for p in self.net.parameters() if p.requires_grad]
        if not self.trained:
            raise ValueError("the net has no trainable parameters, expected some: add a layer")
        self.optimizer = _optimizer(method, self.trained)
        self.rng = np.random.default_rng(np.random.SeedSequence(method.seed))
        self.x, self.y = self._moved(problem.x), self._moved(problem.y)
        self.x_test, self.y_test = self._moved(problem.x_test), self._moved(problem.y_test)
        self.step, self.log_t, self.seconds = 0, -np.inf, 0.0
        self.records: list[Record] = []

    def _moved(self, tensor: Tensor) -> Tensor:
        dtype = self.method.dtype if tensor.is_floating_point() else tensor.dtype
        return tensor.to(self.method.device, dtype)

    def follow(self, target: int, keeper: _Keeper, progress: Callable[[float], None]) -> None:
        """Go on to a step and record there, keeping the state every now and then."""
        while self.step < target:
            started = perf_counter()
            end = min(target, self.step + _STRETCH - self.step % _STRETCH)
            for _ in range(end - self.step):
                self.advance()
            self.seconds += perf_counter() - started
            self.check()
            if self.step < target:
                keeper.keep()
                progress(float(self.step))
        self.records.append(self.record())
        keeper.keep()
        progress(float(self.step))

    def advance(self) -> None:
        """Take one step."""
        method = self.method
        x, y = self._batch()
        f = _matrix(self.net(x))
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
            f.backward(slope)  # type: ignore[no-untyped-call]
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
            return y + self._moved(torch.from_numpy(noise * signs))
        changed = torch.from_numpy(self.rng.random(len(y)) < noise).to(y.device)
        if y.is_floating_point():
            return torch.where(changed, -y, y)
        shift = torch.from_numpy(self.rng.integers(1, classes, size=len(y))).to(y.device)
        return torch.where(changed, (y + shift) % classes, y)

    def check(self) -> None:
        """Raise when a parameter is not finite."""
        if not all(bool(torch.isfinite(p).all()) for p in self.trained):
            raise _NotFinite

    def record(self) -> Record:
        """Measure the net on both sets."""
        loss = self.problem.loss
        with torch.no_grad():
            f, f_test = self._outputs(self.x), self._outputs(self.x_test)
            if not bool(torch.isfinite(f).all()):
                raise _NotFinite
            squares = [float((p.double() ** 2).sum()) for p in self.trained]
            return Record(
                self.step,
                self.log_t,
                _mean(loss.errors(f, self.y)),
                _mean(loss.errors(f_test, self.y_test)),
                _mean(loss.value(f, self.y)),
                _mean(loss.value(f_test, self.y_test)),
                float(log_loss(loss, f, self.y)),
                float(np.sqrt(sum(squares))),
            )

    def _outputs(self, x: Tensor) -> Tensor:
        return torch.cat([_matrix(self.net(part)) for part in torch.split(x, _CHUNK)])

    def state(self) -> dict[str, Any]:
        """Return a copy of everything that decides how training goes on."""
        parts = {"net": self.net.state_dict(), "optimizer": self.optimizer.state_dict()}
        return copy.deepcopy(parts) | {
            "rng": copy.deepcopy(self.rng.bit_generator.state),
            "step": self.step,
            "log_t": self.log_t,
            "seconds": self.seconds,
            "records": [tuple(record) for record in self.records],
        }

    def restore(self, state: Any) -> None:
        """Go back to a state."""
        self.net.load_state_dict(state["net"])
        self.optimizer.load_state_dict(copy.deepcopy(state["optimizer"]))
        self.rng.bit_generator.state = state["rng"]
        self.step, self.log_t, self.seconds = state["step"], state["log_t"], state["seconds"]
        self.records = [Record(*record) for record in state["records"]]


class _Keeper:
    """The last good state of a run, in memory and, every so often, in the checkpoint."""

    def __init__(
        self, checkpoint: Checkpoint | None, settings: dict[str, object], run: _Run
    ) -> None:
        self.checkpoint, self.settings, self.run = checkpoint, settings, run
        self.state = run.state()
        self.written = perf_counter()

    def keep(self) -> None:
        """Keep the present state; write it when the last one written is old enough."""
        self.state = self.run.state()
        if self.checkpoint and perf_counter() - self.written >= self.checkpoint.seconds:
            self.write()

    def write(self) -> None:
        """Write the state that was kept."""
        if self.checkpoint:
            self.checkpoint.save(self.settings, self.state)
            self.written = perf_counter()

    def trajectory(self) -> NetTrajectory:
        """Return the curves up to the state that was kept, with the net in it."""
        run = self.run
        run.restore(self.state)
        return NetTrajectory.of(
            run.records,
            run.method.lam,
            classification=type(run.problem.loss) is not SquaredError,
            net=run.net,
            settings=self.settings,
            gradient_evaluations=run.step,
            seconds=run.seconds,
        )


def _optimizer(method: Descent, trained: list[nn.Parameter]) -> torch.optim.Optimizer:
    rules: dict[Optimizer, type[torch.optim.Optimizer]] = {
        Optimizer.GD: torch.optim.SGD,
        Optimizer.SGD: torch.optim.SGD,
        Optimizer.ADAM: torch.optim.Adam,
        Optimizer.ADAMW: torch.optim.AdamW,
    }
    rule: Any = rules[method.optimizer]
    made: torch.optim.Optimizer = rule(trained, lr=method.lr, weight_decay=method.lam)
    return made


def _matrix(f: Tensor) -> Tensor:
    """Return outputs of shape (m,) or (m, C) as (m, C)."""
    return f.reshape(len(f), -1)


def _mean(values: Tensor) -> float:
    return float(values.double().mean())


def _checked_steps(steps: np.ndarray) -> np.ndarray:
    due = np.asarray(steps)
    whole = due.size > 0 and due.dtype.kind in "iu"
    if not whole or due[0] < 0 or (np.diff(due) <= 0).any():
        raise ValueError(
            "steps must be whole numbers that increase from 0 or later: use record_steps"
        )
    return due


def _check_labels(noise: float, problem: NetProblem) -> None:
    if problem.y.ndim == 1 and noise >= 1:
        raise ValueError(
            f"label_noise is {noise}, expected a probability below 1 for classes: lower it"
        )
