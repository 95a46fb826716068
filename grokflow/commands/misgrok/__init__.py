"""Grokflow.commands.misgrok."""
