"""Claims checked at many seeds."""
