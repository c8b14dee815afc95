"""Try the table of an index that others built in a child process: at some files, LanceDB ends the process.

Before, its files are checked: those of any index, since a table that names other places can be read without an error.
An index that was built here, or was tried before, is remembered by the hash of its table, and not tried again.
"""

from contextlib import suppress
from pathlib import Path

from pydantic import TypeAdapter

from gradschool.bounded import Limits, Stopped, replies
from gradschool.errors import DamagedError, GradschoolError
from gradschool.files import hash_of
from gradschool.ground.table_files import check_files
from gradschool.remembered import Remembered

CHILD = "gradschool.ground.table_child"
LIMITS = Limits(seconds=60, memory=8_000_000_000, waiting=300.0)
MOST = 1_000  # indexes that are remembered
READABLE: Remembered[tuple[str, ...]] = Remembered(
    "indexes.json",  # the SHA-256 of tables that can be read
    TypeAdapter(tuple[str, ...]),
    (),
    "indexes are then tried once more",
)


def remember_table(table: Path) -> None:
    """Remember that a table can be read, if anything can be remembered here."""
    digest = hash_of(table)
    with suppress(GradschoolError):
        READABLE.change(lambda known: (*(one for one in known if one != digest), digest)[-MOST:])


def try_table(folder: Path, table: Path, limits: Limits = LIMITS) -> None:
    """Raise DamagedError if the table of an index is not only its own files, or cannot be read within the limits."""
    try:
        check_files(table)
    except (OSError, ValueError) as error:
        raise _incomplete(folder, f"It cannot be searched safely: {error}.") from error
    with suppress(GradschoolError):
        if hash_of(table) in READABLE.read():
            return
    try:
        for _ in replies(CHILD, {"folder": str(folder.resolve())}, b"", limits):
            pass
    except Stopped as stopped:
        why = stopped.sentence("Reading its table with LanceDB", limits.of(0), limits)
        raise _incomplete(folder, why) from stopped
    remember_table(table)


def _incomplete(folder: Path, why: str) -> DamagedError:
    return DamagedError(f"{folder} is not a complete index.", why, "rebuild it from the documents.")
