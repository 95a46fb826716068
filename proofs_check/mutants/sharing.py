"""Which results of a laboratory a formula enters: a mutant needs only those anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from grokflow.proofs_check.laboratory import Laboratory
from grokflow.proofs_check.mutants.formulas import Formula, noting

Result = TypeVar("Result")


@dataclass(eq=False)
class WatchedLaboratory(Laboratory):
    """A laboratory that notes which formulas are used on the way to which of its results."""

    _used: dict[tuple[object, ...], set[object]] = field(default_factory=dict)
    _under_way: list[set[object]] = field(default_factory=list)

    def remember(self, key: tuple[object, ...], run: Callable[[], Result]) -> Result:
        """Return the result of an experiment, and note what has been used for it."""
        used = self._used.setdefault(key, set())
        self._under_way.append(used)
        try:
            result = super().remember(key, run)
        finally:
            self._under_way.pop()
        # What is used for a result is used for all that are made of it.
        if self._under_way:
            self._under_way[-1].update(used)
        return result

    @contextmanager
    def watching(self, formulas: Sequence[Formula]) -> Iterator[None]:
        """Note which of these formulas are used in this block."""
        with ExitStack() as stack:
            for formula in formulas:
                stack.enter_context(noting(formula, self._note).in_place())
            yield

    def without(self, owner: object) -> Laboratory:
        """Return a laboratory that remembers the results for which this formula is not used."""
        kept = {key: value for key, value in self._done.items() if owner not in self._used[key]}
        return Laboratory(self.seed, _done=kept)

    def _note(self, owner: object) -> None:
        if self._under_way:
            self._under_way[-1].add(owner)
