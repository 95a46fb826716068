"""Modular arithmetic with corrupted labels."""
