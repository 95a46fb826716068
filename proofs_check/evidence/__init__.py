"""How evidence is judged."""
