"""Statements of Lyu et al., appendices C and D, about the kernel regime and its end."""
