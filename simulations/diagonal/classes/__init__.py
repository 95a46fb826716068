"""The flows of several classes: one net for each, or one of several outputs."""
