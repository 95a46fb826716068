"""Data with linear predictors."""
