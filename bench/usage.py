"""A parser of command lines whose help is the script's docstring."""

import argparse
import sys
from pathlib import Path


def documented(docstring: str | None) -> argparse.ArgumentParser:
    """A parser with this description, printed as it is written, for a script that `python -m` runs."""
    name = ".".join(("bench", Path(sys.argv[0]).stem)).removesuffix(".__main__")
    return argparse.ArgumentParser(
        prog=f"python -m {name}", description=docstring, formatter_class=argparse.RawDescriptionHelpFormatter
    )
