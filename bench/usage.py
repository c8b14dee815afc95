"""A parser of command lines whose help is the script's docstring."""

import argparse


def documented(docstring: str | None) -> argparse.ArgumentParser:
    """A parser with this description, printed as it is written."""
    return argparse.ArgumentParser(description=docstring, formatter_class=argparse.RawDescriptionHelpFormatter)
