"""How kinds are shown: one letter each on a map, and what a kind does not say by itself."""

from __future__ import annotations

from collections.abc import Iterable

from grokflow.theory.transition.scores import Kind

LETTERS = {
    Kind.GROKKING: "G",
    Kind.MISGROKKING: "m",
    Kind.NEITHER: ".",
    Kind.NO_TRANSITION: "=",
    Kind.STARTS_LATE: "s",
    Kind.SHRINKING: "d",
    Kind.NOT_HELD: "n",
}
MEANINGS = {
    Kind.GROKKING: "grokking",
    Kind.MISGROKKING: "misgrokking",
    Kind.NEITHER: "neither, as far as the test set tells",
    Kind.NO_TRANSITION: "no transition, as the data determine the weights",
    Kind.STARTS_LATE: "starts late, as α is so small that the net starts beyond the transition",
    Kind.SHRINKING: "shrinking, as weight decay presses the weights towards zero",
    Kind.NOT_HELD: "early predictor not held: weight decay outweighs the weakest of the inputs",
}


def legend(kinds: Iterable[Kind] = Kind) -> str:
    """Say which letter stands for which kind, in the order of the kinds."""
    shown = set(kinds)
    return ", ".join(f"{LETTERS[kind]} {kind.value}" for kind in Kind if kind in shown)
