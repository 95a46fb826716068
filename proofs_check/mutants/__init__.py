"""Mutants: the formulas of claims with one thing changed, which the claims must refute."""
