"""The command line: parse, call, show. Heavy modules are imported inside the commands that need them."""

import os

# `--help` lists the commands in the order of these imports.
# isort: off
from gradschool.cli import preparing
from gradschool.cli import climbing
from gradschool.cli import running
from gradschool.cli import using
from gradschool.cli import shipping
from gradschool.cli import auditing
from gradschool.cli import serving
from gradschool.cli import studying
from gradschool.cli import bases
from gradschool.cli import fitting
from gradschool.cli import about

# isort: on
from gradschool.cli.app import app, parsed

COMPLETES, COLUMNS = "_GRADSCHOOL_COMPLETE", "COLUMNS"  # environment variables: of Typer's completion, and of Rich


def main() -> None:
    """Run the command line under its installed name, which the shell completes, also for `python -m gradschool`."""
    if COMPLETES in os.environ:  # a shell asks: fish takes each line of a wrapped help text for a suggestion
        os.environ[COLUMNS] = "10000"
    app(prog_name="gradschool")


__all__ = [
    "about",
    "app",
    "auditing",
    "bases",
    "climbing",
    "fitting",
    "main",
    "parsed",
    "preparing",
    "running",
    "serving",
    "shipping",
    "studying",
    "using",
]
