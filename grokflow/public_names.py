"""Where the public names live: the stub of the package is the only list of them.

Type checkers and editors read ``__init__.pyi`` anyway; the package reads it too, when it is first
asked for a name, so that there is no second list to keep in step.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module


@cache
def homes() -> dict[str, str]:
    """Return every public name with the module, or the package, that it is imported from."""
    import ast
    import pkgutil

    stub = ast.parse(pkgutil.get_data("grokflow", "__init__.pyi") or b"")
    return {
        alias.name: str(node.module)
        for node in stub.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def load(name: str) -> object:
    """Import a public name, or the module of that name, from its home.

    Raises
    ------
    AttributeError
        When there is no such name; it says which ones are spelled like it.
    """
    if name not in homes():
        raise AttributeError(_unknown(name))
    defined = vars(import_module(homes()[name]))
    return defined[name] if name in defined else import_module(f"{homes()[name]}.{name}")


def _unknown(name: str) -> str:
    """Say that there is no such name, and what to do."""
    from difflib import get_close_matches

    near = get_close_matches(name, homes(), cutoff=0.5)
    remedy = f"perhaps {' or '.join(near)}" if near else "dir(grokflow) lists them"
    return f"grokflow has no {name!r}, expected one of its {len(homes())} public names: {remedy}"
