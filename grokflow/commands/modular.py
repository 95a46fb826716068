"""``grokflow modular``: one module an action."""

from __future__ import annotations

import argparse
from importlib import import_module


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked for."""
    return int(import_module(f"grokflow.commands.modular_{arguments.action}").run(arguments))
