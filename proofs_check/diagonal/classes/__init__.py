"""Claims about more than two classes."""
