"""Synthetic tasks, one module per family; every generator draws only from a `Source`, so a seed fixes the text."""
