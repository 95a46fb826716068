"""What the parsers of all commands share: how one is made, numbers and files.

A number that is out of range is bad usage. Nothing heavy is imported here.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

_INFINITE = float("inf")
# Characters of an argument that a message repeats.
_SHOWN = 40

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, without the usage above them.

    What may be given once is refused when it is given again: the last one would win in silence.
    """

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.given: dict[str, str] = {}
        for name, action in ((None, _Store), ("store", _Store), ("store_const", _StoreConst)):
            self.register("action", name, action)

    def parse_known_args(  # type: ignore[override]
        self, *arguments: Any, **settings: Any
    ) -> tuple[argparse.Namespace, list[str]]:
        """Parse, and forget what was given to an earlier call."""
        self.given.clear()
        return super().parse_known_args(*arguments, **settings)

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and where the options are listed, and leave with 2."""
        self.exit(2, f"grokflow: {' '.join(message.split())}: see {self.prog} --help\n")


class _Store(argparse._StoreAction):
    """Take a value, once."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        _take_once(self, parser, option_string, values == getattr(namespace, self.dest, None))
        super().__call__(parser, namespace, values, option_string)


class _StoreConst(argparse._StoreConstAction):
    """Take what an option stands for, once."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        _take_once(self, parser, option_string, self.const == getattr(namespace, self.dest, None))
        super().__call__(parser, namespace, values, option_string)


def _take_once(
    action: argparse.Action, parser: argparse.ArgumentParser, option: str | None, alike: bool
) -> None:
    """Refuse an option where one for the same setting was given before, and said another thing."""
    if option is None:  # what is known by its place
        return
    assert isinstance(parser, Parser)
    before = parser.given.get(action.dest)
    if before and (before == option or not alike):
        beside = "twice" if before == option else f"beside {before}"
        raise argparse.ArgumentError(action, f"given {beside}, expected once: leave one out")
    parser.given[action.dest] = option


def check_settings(arguments: argparse.Namespace) -> None:
    """Refuse two values of one setting, which ``KEY=VALUE`` and short options may give."""
    for names in (("set", "axis"), ("reading",)):
        found: dict[str, str] = {}
        for pair in (pair for name in names for pair in getattr(arguments, name, None) or ()):
            key, _, value = pair.partition("=")
            if not value:
                continue  # what reads it says how it is written
            if key in found:
                raise ValueError(
                    f"{key} is {found[key]} and {value}, expected one value: leave one out"
                )
            found[key] = value


def add_command(
    commands: Commands,
    name: str,
    help_text: str,
    *,
    home: str | None = None,
    epilog: str | None = None,
    description: str | None = None,
) -> argparse.ArgumentParser:
    """Add a command to the parser of all commands.

    Parameters
    ----------
    commands : subparsers
        Where it goes.
    name, help_text : str
        Its name, and one line about it.
    home : str, optional
        Module of `grokflow.commands` whose ``run`` does the work; none for a group of actions.
    epilog, description : str, optional
        Printed as they are; the description is by default the help as a sentence.
    """
    command = commands.add_parser(
        name,
        help=help_text,
        description=description or f"{help_text[0].upper()}{help_text[1:]}.",
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(home=home)
    return command


def add_json(
    command: argparse.ArgumentParser, help_text: str = "write the results as JSON"
) -> None:
    """Add ``--json FILE``."""
    command.add_argument("--json", type=Path, metavar="FILE", help=help_text)


def add_plot(command: argparse.ArgumentParser) -> None:
    """Add ``--plot FILE``."""
    command.add_argument("--plot", type=Path, metavar="FILE", help="picture (.png, .svg, .pdf)")


def add_input_changes(command: argparse.ArgumentParser) -> None:
    """Add ``--intercept`` and ``--standardise``, short for settings of a data file."""
    command.add_argument(
        "--intercept",
        dest="set",
        action="append",
        nargs="?",
        type=_intercept,
        const="1",
        metavar="SIZE",
        help="data files: add a column of SIZE (default 1), which kernel and L1 penalty see like "
        "any input: the larger, the sooner and the more freely the intercept is learned",
    )
    command.add_argument(
        "--standardise",
        dest="set",
        action="append_const",
        const="standardise=1",
        help="data files: centre the inputs and scale them to standard deviation 1, by the "
        "training rows (sparse inputs are scaled only)",
    )


def _intercept(text: str) -> str:
    """Return the setting, as a scan takes it: one size or several."""
    return f"intercept={text}"


def add_reading(command: argparse.ArgumentParser, dest: str = "set") -> None:
    """Add how a data file is read, short for settings of the problem.

    Parameters
    ----------
    command : ArgumentParser
        A command that takes data files.
    dest : str
        Where the settings are collected, as ``KEY=VALUE``.
    """
    files = command.add_argument_group("data files")
    for name, metavar, nargs, words in (
        ("target", "NAME", None, "column that is learned, by name or place (y, target, label)"),
        ("drop", "NAME", "+", "columns that are no inputs"),
        ("na", "WORD", "+", "words that stand for no value, beside NA, ?, - and others"),
        ("positive", "CLASS", None, "learn this class (+1) against all others"),
    ):
        files.add_argument(
            f"--{name}", dest=dest, action=_Setting, metavar=metavar, nargs=nargs, help=words
        )
    for name, choices, words in (
        ("missing", ("drop", "mean"), "drop rows that lack a value, or fill in the column's mean"),
        ("decimal", (".", ","), "decimal mark, where the file leaves it open"),
    ):
        files.add_argument(f"--{name}", dest=dest, action=_Setting, choices=choices, help=words)
    files.add_argument(
        "--categories",
        dest=dest,
        action="append_const",
        const="categories=1",
        help="make an input of 0 and 1 of each word in a column of words",
    )
    if dest == "set":
        files.add_argument(
            "--regression",
            dest="loss",
            action="store_const",
            const="square",
            help="read y as real targets: the same as --loss square",
        )
    command.set_defaults(**{dest: []})


class _Setting(argparse.Action):
    """Add ``KEY=VALUE`` to a list; several values, also of several options, are one setting."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        key = self.option_strings[0].lstrip("-")
        words = [str(word) for word in values] if isinstance(values, list) else [str(values)]
        pairs: list[str] = list(getattr(namespace, self.dest))
        if self.nargs == "+":
            before = [pair for pair in pairs if pair.startswith(f"{key}=")]
            pairs = [pair for pair in pairs if pair not in before]
            words = [pair.partition("=")[2] for pair in before] + words
        setattr(namespace, self.dest, [*pairs, f"{key}={','.join(words)}"])


def number(text: str) -> float:
    """Parse a finite number above 0."""
    return float(
        _parsed(text, float, lambda value: 0 < value < _INFINITE, "a finite number above 0")
    )


def share(text: str) -> float:
    """Parse a finite number of at least 0."""
    expected = "a finite number of at least 0"
    return float(_parsed(text, float, lambda value: 0 <= value < _INFINITE, expected))


def count(text: str) -> int:
    """Parse a whole number of at least 1."""
    return int(_parsed(text, int, lambda value: value >= 1, "a whole number of at least 1"))


def seed(text: str) -> int:
    """Parse a whole number of at least 0."""
    return int(_parsed(text, int, lambda value: value >= 0, "a whole number of at least 0"))


# More would not end; a mistyped end is refused before anything is computed.
_MOST_SEEDS = 10_000


def seeds(text: str) -> list[int]:
    """Parse ``FIRST:END``, which leaves END out, or whole numbers between commas."""
    ends = text.split(":") if ":" in text else []
    found = [seed(part) for part in ends or text.split(",")]
    if ends:
        found = list(range(*found[:2])) if len(ends) == 2 and found[1] <= _MOST_SEEDS else []
    if not found or len(set(found)) < len(found):
        raise argparse.ArgumentTypeError(
            f"{text!r} found, expected FIRST:END with FIRST below END, or different seeds such as "
            "0,3,7: for example 0:20"
        )
    return found


def whole(text: str) -> int:
    """Parse a whole number."""
    return int(_parsed(text, int, lambda value: True, "a whole number"))


def real(text: str) -> float:
    """Parse a finite number."""
    return float(_parsed(text, float, lambda value: abs(value) < _INFINITE, "a finite number"))


def _parsed(
    text: str,
    kind: Callable[[str], float],
    accepts: Callable[[float], bool],
    expected: str,
) -> float:
    """Return a number in range; what is none is refused in one line."""
    try:
        value = kind(text)
    except ValueError:
        value = float("nan")
    if value != value or not accepts(value):
        shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
        raise argparse.ArgumentTypeError(f"{shown} found, expected {expected}")
    return value
