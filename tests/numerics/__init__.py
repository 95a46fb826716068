"""Solvers that know no model."""
