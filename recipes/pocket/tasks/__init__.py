"""Synthetic tasks, one module per kind; generators draw only from a `Source`, so a seed determines the text."""
