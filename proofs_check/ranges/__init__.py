"""Hypothesis strategies of what claims range over, by kinds; `strategies` has them all."""
