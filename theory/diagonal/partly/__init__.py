"""Classes of which some samples can be classified ever better, while the others overlap."""
