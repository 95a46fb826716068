"""Claims: every statement of the theory as a test that could fail."""
