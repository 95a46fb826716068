"""Types are checked at every call of the package, and shapes where they are annotated.

The import hook of jaxtyping decorates every function. Its check of shapes binds the arguments by
name and costs fifty times as much as a check of types, although few annotations have a shape.
"""

import dataclasses
from functools import partial
from inspect import isclass, isfunction
from typing import get_args, get_type_hints

import jaxtyping

check_shapes = jaxtyping.jaxtyped


def install():
    """Let modules that are imported from now on be checked by `check_types`."""
    jaxtyping.jaxtyped = check_types


def check_types(target=None, *, typechecker):
    """Decorate a function or a class as `jaxtyping.jaxtyped` does, for shapes where it has some."""
    if target is None:
        return partial(check_types, typechecker=typechecker)
    if dataclasses.is_dataclass(target):
        if "__init__" in vars(target):
            target.__init__ = check_types(target.__init__, typechecker=typechecker)
        return target
    hints = resolved(target) if isfunction(target) else {}
    if not isfunction(target) or any(map(has_shape, hints.values())):
        return check_shapes(target, typechecker=typechecker)
    written, target.__annotations__ = target.__annotations__, hints
    checked = typechecker(target)
    target.__annotations__ = checked.__annotations__ = written
    return checked


def resolved(function):
    """Return the annotations as types, but for those that name what is defined later."""

    def stand_in():
        pass

    hints = {}
    for name, annotation in function.__annotations__.items():
        stand_in.__annotations__ = {name: annotation}
        try:
            hints |= get_type_hints(stand_in, function.__globals__, include_extras=True)
        except NameError:
            continue
    return hints


def has_shape(hint):
    """Return whether a shape stands anywhere in a type."""
    if isclass(hint) and issubclass(hint, jaxtyping.AbstractArray):
        return True
    return any(map(has_shape, get_args(hint)))
