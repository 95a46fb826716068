"""Text: tables with delimiters, and formats that are something else."""
