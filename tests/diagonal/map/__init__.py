"""Where flows of diagonal nets are right, refused or wrong, over random small problems."""
