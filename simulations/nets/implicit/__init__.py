"""Linearly implicit flows."""
