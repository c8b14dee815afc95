"""The command line: parse, call, show. Heavy modules are imported inside the commands that need them."""

from functools import partial

# `--help` lists the commands in the order of these imports.
# isort: off
from gradschool.cli import preparing
from gradschool.cli import climbing
from gradschool.cli import running
from gradschool.cli import using
from gradschool.cli import shipping
from gradschool.cli import serving
from gradschool.cli import bases
from gradschool.cli import fitting
from gradschool.cli import about

# isort: on
from gradschool.cli.app import app, parsed

main = partial(app, prog_name="gradschool")  # also for `python -m gradschool`: the shell completes what is installed

__all__ = [
    "about",
    "app",
    "bases",
    "climbing",
    "fitting",
    "main",
    "parsed",
    "preparing",
    "running",
    "serving",
    "shipping",
    "using",
]
