"""Tests.claims."""
