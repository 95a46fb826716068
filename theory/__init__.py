"""Formulas, bounds, solvers of the theory's equations and their certificates."""
