"""``grokflow check``: the statements of a certificate file, in exact arithmetic."""

from __future__ import annotations

import argparse

from grokflow.checker import check


def run(arguments: argparse.Namespace) -> int:
    """Run the program that checks, which reads nothing but the file."""
    return check.main(arguments.file)
