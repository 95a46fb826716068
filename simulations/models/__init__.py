"""What the kinds of models have in common, one object for each kind, and where they register."""
