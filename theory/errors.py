"""Errors that travel between processes whole, and remedies as their messages join them."""

from __future__ import annotations

from typing import Any


def either(*remedies: str) -> str:
    """Join remedies to one of which any may help; those that are empty are left out.

    Parameters
    ----------
    remedies : str
        What may help, the most likely first.
    """
    return ", or ".join(filter(None, remedies))


class WholeError(BaseException):
    """An error that is pickled as it is, whatever arguments it was made from.

    Python makes a pickled error anew from its message alone, which fails where the error was made
    from something else, and loses what it carries beside the message. Other errors inherit from
    this class first, and from the kind of error that they are second.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        """Return how the error is made again: its class, its message and its attributes."""
        return _restored_error, (type(self), self.args, dict(vars(self)))


def _restored_error(
    kind: type[BaseException], arguments: tuple[object, ...], attributes: dict[str, object]
) -> BaseException:
    """Return the error without asking its constructor."""
    error = kind.__new__(kind, *arguments)
    error.args = arguments
    vars(error).update(attributes)
    return error
