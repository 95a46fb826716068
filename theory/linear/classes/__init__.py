"""More than two classes: one problem for each of them, and what they are worth together."""
