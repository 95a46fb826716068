"""Ranges of settings: how a value is drawn, and what is simpler than a value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

Value = int | float | str


@runtime_checkable
class Range(Protocol):
    """The values that a setting may have."""

    def draw(self, rng: np.random.Generator) -> Value:
        """Draw a value."""

    def simpler(self, value: Value) -> list[Value]:
        """Return values to try in place of this one, the simplest first."""


@dataclass(frozen=True)
class Whole:
    """Whole numbers, drawn uniformly in the logarithm; smaller is simpler."""

    low: int
    high: int

    def draw(self, rng: np.random.Generator) -> Value:
        """Draw a value."""
        return round(float(np.exp(rng.uniform(np.log(self.low), np.log(self.high)))))

    def simpler(self, value: Value) -> list[Value]:
        """Return the smallest, then half the way back to the value, and so on."""
        step, found = int(value) - self.low, []
        while step > 0:
            found.append(int(value) - step)
            step //= 2
        return list(found)


@dataclass(frozen=True)
class Largest(Whole):
    """Whole numbers of which a search takes the largest, and shrinking fewer."""

    def draw(self, rng: np.random.Generator) -> Value:
        """Return the largest."""
        return self.high


@dataclass(frozen=True)
class Real:
    """Real numbers, drawn uniformly or uniformly in the logarithm; fewer digits are simpler."""

    low: float
    high: float
    logarithmic: bool = False

    def draw(self, rng: np.random.Generator) -> Value:
        """Draw a value."""
        if self.logarithmic:
            return float(np.exp(rng.uniform(np.log(self.low), np.log(self.high))))
        return float(rng.uniform(self.low, self.high))

    def simpler(self, value: Value) -> list[Value]:
        """Return the ends of the range, then the value rounded to one digit and to two."""
        rounded = [self.low, self.high, float(f"{value:.1g}"), float(f"{value:.2g}")]
        kept = [x for x in dict.fromkeys(rounded) if self.low <= x <= self.high]
        return list(kept[: kept.index(value)] if value in kept else kept)


@dataclass(frozen=True)
class Choice:
    """A few values, the simplest first."""

    values: tuple[Value, ...]

    def draw(self, rng: np.random.Generator) -> Value:
        """Draw a value."""
        return self.values[int(rng.integers(len(self.values)))]

    def simpler(self, value: Value) -> list[Value]:
        """Return the values before this one."""
        return list(self.values[: self.values.index(value)])


@dataclass(frozen=True)
class Seed:
    """Seeds; zero is simplest."""

    def draw(self, rng: np.random.Generator) -> Value:
        """Draw a seed."""
        return int(rng.integers(2**31))

    def simpler(self, value: Value) -> list[Value]:
        """Return the first few seeds before this one."""
        return list(range(min(int(value), 4)))
