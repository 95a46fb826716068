"""Command lines that differ from another one in some options."""


def replaced(base, options):
    """Return a line with options in place of those of the same name, which are given once."""
    pairs = zip(base[::2], base[1::2], strict=True)
    return [*(word for pair in pairs if pair[0] not in options for word in pair), *options]
