"""Tests.front_door."""
