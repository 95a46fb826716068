"""Claims about data beyond separable classes and targets that some weights fit."""
