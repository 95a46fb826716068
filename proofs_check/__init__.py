"""Claims: statements of the theory as tests that could fail."""
