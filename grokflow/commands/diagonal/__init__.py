"""Diagonal nets u^l - v^l."""
