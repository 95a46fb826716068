"""Statements about convex predictors that an independent program can check."""
