"""One-line mutations of the code, each with the tests that have to fail for it."""
