"""gradschool turns a general language model into a specialist, on the user's own machine, and proves it."""

__version__ = "0.1.0"
