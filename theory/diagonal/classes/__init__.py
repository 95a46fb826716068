"""Diagonal nets of several classes: one for each against the rest, or one of several outputs."""
