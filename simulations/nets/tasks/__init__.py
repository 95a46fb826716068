"""Tasks for nets."""
