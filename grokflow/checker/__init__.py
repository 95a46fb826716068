"""A program of its own that checks certificate files: it imports nothing of the package."""
