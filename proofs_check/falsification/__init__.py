"""The search for the worst instance that a claim ranges over."""
