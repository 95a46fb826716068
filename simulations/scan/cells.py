"""One cell of a scan: which problem, which model, and what it is filed under.

A cell is plain data: two numbers α and λ, the model, and the settings of a problem by name, so
that it can be sent to another process or machine and hashed. Its seed goes to the problem's
generator as it is: cells that differ in α, λ or the model alone share their data, and
``grokflow simulate PROBLEM --set seed=...`` shows any of them. Nothing depends on the order of the
cells or on who works on them.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

from grokflow.simulations.models.bound import ModelSettings
from grokflow.simulations.models.options import settings_of
from grokflow.simulations.models.registry import exact_model_named, names
from grokflow.simulations.runs.code import key_of
from grokflow.simulations.tables.formats import looks_like_file

Value = float | int | str


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A problem and a model at one α and λ.

    Parameters
    ----------
    problem : str
        A preset, ``completion``, a data file, or ``module:function`` of one's own.
    data : tuple of (name, value)
        Every setting of the problem but its seed, sorted by name.
    seed : int
        Seed of the problem.
    alpha, lam : float
        Initial scale and weight decay.
    depth : int
        L of the diagonal net; 2 for completion.
    loss : str
        Name of the loss.
    sigma : float
        Perturbation of the start of completion.
    method : str
        ``shift``: by the shift law where it is exact enough; ``direct``: simulated; ``audit``:
        both, and compared.
    """

    problem: str
    data: tuple[tuple[str, Value], ...]
    seed: int
    alpha: float
    lam: float
    depth: int = 2
    loss: str = "logistic"
    sigma: float = 0.0
    method: str = "shift"

    def settings(self) -> dict[str, Value]:
        """Return everything that decides the result but the code."""
        own = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "data"}
        return dict(self.data) | own

    def model_settings(self) -> ModelSettings:
        """Return the settings of the model."""
        return ModelSettings(
            lam=self.lam, loss=self.loss, depth=self.depth, sigma=self.sigma, seed=self.seed
        )

    def key(self) -> str:
        """Return the name under which the store files the cell: a hash of settings and code."""
        return key_of(self.settings())


@lru_cache(maxsize=2)
def make_problem_of(
    problem: str, data: tuple[tuple[str, Value], ...], seed: int, loss: str | None
) -> Any:
    """Draw or read the data of a cell; the last ones are kept.

    The loss decides what the labels of a file are; None leaves it to the file.
    """
    settings = {name: value for name, value in data if name != "sha256"}
    maker = _maker(problem, None if loss is None else loss == "square")
    if "seed" in inspect.signature(maker).parameters:
        settings["seed"] = seed
    return maker(**settings)


def full_data(problem: str, settings: Mapping[str, Value]) -> tuple[tuple[str, Value], ...]:
    """Return the settings of the problem, defaults filled in, and a digest of a data file.

    Raises
    ------
    ValueError
        For a problem or a setting that does not exist, or a value of another type.
    """
    known = data_keys(problem)
    for name in settings:
        if name not in known:
            raise ValueError(
                f"{problem} has no key {name!r}, expected {', '.join(known)}: pick one"
            )
    full = {
        name: _as_type(name, settings.get(name, default), default)
        for name, default in known.items()
        if settings.get(name, default) is not None
    }
    if looks_like_file(problem):
        full["sha256"] = _digest(Path(problem))
    return tuple(sorted(full.items()))


def data_keys(problem: str) -> dict[str, Value | None]:
    """Return the settings of a problem that can be scanned, with their defaults."""
    known = settings_of(_maker(problem))
    return {name: value for name, value in known.items() if name != "seed"}


def _maker(problem: str, regression: bool | None = None) -> Callable[..., Any]:
    """Return the function that makes the problem; None leaves it to a file what its labels are."""
    if model := exact_model_named(problem):
        return model.maker(problem, regression)
    module, _, name = problem.partition(":")
    if name:
        made: Callable[..., Any] = getattr(import_module(module), name)
        return made
    raise ValueError(
        f"problem is {problem!r}, expected {', '.join(names(trained=False))}, a data file or "
        "module:function: there is no such problem or file, so check the name"
    )


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ValueError(f"cannot read {path} ({error.strerror}): check the name") from error


def _as_type(name: str, value: Value | None, default: Value | None) -> Value:
    """Return `value` in the type of the default."""
    if isinstance(value, str) or value is None:
        if value is None or isinstance(default, (int, float)):
            raise ValueError(f"{name} is {value!r}, expected a number: give one")
        return value
    if isinstance(default, float):
        return float(value)
    if value != int(value):
        raise ValueError(f"{name} is {value}, expected a whole number: round it")
    return bool(value) if isinstance(default, bool) else int(value)
