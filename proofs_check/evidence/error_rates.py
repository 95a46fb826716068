"""How often a check refutes a true statement: what the report says beside each derivation."""

from __future__ import annotations

from grokflow.proofs_check.evidence.judging import FALSE_REFUTATIONS

NO_CHANCE = (
    "no chance enters: the allowance bounds what rounding, integration and solvers change, and a "
    "true statement is never refuted"
)
EXTRAPOLATED = (
    "the interval of the extrapolation holds the limit of at least 99.9 % of 10 000 curves drawn "
    "from the family of corrections that the derivation names (a test draws them)"
)
SAMPLED = (
    "the samples refute a true statement with a probability of at most "
    f"{FALSE_REFUTATIONS:g}, at any number of seeds"
)
