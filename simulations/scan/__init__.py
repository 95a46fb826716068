"""Scans over settings."""
