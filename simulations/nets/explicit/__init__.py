"""Explicit steps."""
