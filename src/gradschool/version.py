"""The version of gradschool."""

__version__ = "0.1.0"
