"""The table of a job's examples: made by a child when it is needed, and asked here for a page at a time."""

import json
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradschool.data.review_rows import REVIEW
from gradschool.durable import make_folder
from gradschool.errors import ResourceError, UsageError
from gradschool.files import disk_errors, read_json, sha256_of, write_json
from gradschool.job import read_job
from gradschool.json_text import parse_json
from gradschool.preparation import PREPARED
from gradschool.studio.heavy import Heavy
from gradschool.studio.replies import NotFound, Working

PAGE = 100  # lines in one reply
MOMENT = 0.7  # seconds that a page waits for a table before it shows how far it is
MAX_LABELS = 60  # that the filter offers
SORTS = {"": "n", "shortest": "length, n", "longest": "length DESC, n"}
EXACT = ("part", "state", "label", "decision")  # filters by an equal value
LISTED = (
    *("n", "id", "question", "ideal", "length", "part", "label", "state", "findings", "decision", "source"),
    "images",
)


@dataclass(frozen=True, slots=True)
class Table:
    """A table that is up to date: its file, and what is known of the whole."""

    file: Path
    about: dict[str, Any]

    def page(self, asked: Mapping[str, str], page: int) -> dict[str, Any]:
        """The lines that fit the filters, a page of them, and how many there are."""
        where, values = _where(asked)
        order = SORTS.get(asked.get("sort", ""), "n")
        with self._open() as table:
            (fitting,) = table.execute(f"SELECT count(*) FROM rows {where}", values).fetchone()
            found = table.execute(
                f"SELECT {', '.join(LISTED)} FROM rows {where} ORDER BY {order} LIMIT {PAGE} OFFSET {page * PAGE}",
                values,
            ).fetchall()
        rows = [dict(zip(LISTED, row, strict=True)) for row in found]
        for row in rows:
            row["images"] = parse_json(row["images"])
            row["findings"] = [kind for kind in row["findings"].split(";") if kind]
        return {"rows": rows, "fitting": fitting, "pages": -(-fitting // PAGE)}

    def counts(self) -> dict[str, Any]:
        """How many lines there are, and how many of each value that can be filtered by."""
        with self._open() as table:
            (total,) = table.execute("SELECT count(*) FROM rows").fetchone()
            found: dict[str, Any] = {"total": total}
            for name in EXACT:
                counted = table.execute(f"SELECT {name}, count(*) FROM rows GROUP BY {name} ORDER BY 2 DESC").fetchall()
                found[name] = [pair for pair in counted if pair[0]][:MAX_LABELS]
            kinds: Counter[str] = Counter()
            for listed, count in table.execute("SELECT findings, count(*) FROM rows GROUP BY findings"):
                for kind in filter(None, listed.split(";")):
                    kinds[kind] += count
        return found | {"findings": kinds.most_common()}

    def line(self, number: int) -> dict[str, Any]:
        """One line with its whole conversation."""
        names = (*LISTED, "grouped", "item", "messages", "before", "why")
        with self._open() as table:
            found = table.execute(f"SELECT {', '.join(names)} FROM rows WHERE n = ?", (number,)).fetchone()
        if found is None:
            raise NotFound("This example is not in the table any more.", "The data has changed.", "reload the page.")
        line = dict(zip(names, found, strict=True))
        for name in ("messages", "before", "why", "images"):
            line[name] = parse_json(line[name])
        return line

    def decided(self, number: int, decision: str, messages: list[dict[str, str]] | None) -> None:
        """Show a decision in the table, which the review has already."""
        with self._open(writes=True) as table:
            table.execute("UPDATE rows SET decision = ? WHERE n = ?", (decision, number))
            if messages is not None:
                text = json.dumps(messages, ensure_ascii=False)
                table.execute("UPDATE rows SET messages = ? WHERE n = ?", (text, number))
            table.commit()

    @contextmanager
    def _open(self, *, writes: bool = False) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(f"{self.file.as_uri()}?mode={'rw' if writes else 'ro'}", uri=True)) as table:
                yield table
        except sqlite3.Error as error:  # a full disk, or a file that was removed or damaged
            with suppress(OSError):
                self.file.unlink()
            raise ResourceError(
                "The table of the examples cannot be used.",
                f"SQLite says: {error}.",
                "free some space if the disk is full, and reload the page: the table is made again.",
            ) from error


def _where(asked: Mapping[str, str]) -> tuple[str, list[str | int]]:
    parts: list[str] = []
    values: list[str | int] = []
    for name in EXACT:
        if value := asked.get(name):
            parts.append(f"{name} = ?")
            values.append("" if value == "none" and name == "decision" else value)
    if kind := asked.get("finding"):
        parts.append("findings LIKE ? ESCAPE '\\'")
        values.append(f"%;{_escaped(kind)};%")
    for word in asked.get("search", "").lower().split()[:12]:
        parts.append("words LIKE ? ESCAPE '\\'")
        values.append(f"%{_escaped(word)}%")
    for name, sign in (("min", ">="), ("max", "<=")):
        if text := asked.get(name):
            if not text.isascii() or not text.isdecimal() or len(text) > 9:
                raise UsageError(f"{text[:20]!r} is not a length.", "", "write a number of characters.")
            parts.append(f"length {sign} ?")
            values.append(int(text))
    return (f"WHERE {' AND '.join(parts)}" if parts else ""), values


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


@dataclass(slots=True)
class Making:
    """A table that is being made: how far it is, and then the error that ended it, if one did."""

    key: str  # of the data
    began: float
    progress: dict[str, Any]
    ended: threading.Event
    error: Exception | None = None


class Tables:
    """The tables of jobs, each made anew when its data has changed."""

    def __init__(self, state: Path, heavy: Heavy) -> None:
        self._folder, self._heavy = state / "tables", heavy
        self._lock = threading.Lock()
        self._making: dict[str, Making] = {}

    def of(self, job: Path, run: str = "") -> Table:
        """The table of a job, with the parts of a run if one is named.

        If it must be made first, and that takes longer than a moment, raises Working, which says how far it is.
        """
        name = sha256_of([str(job), run])[:20]
        file, about_file = self._folder / f"{name}.sqlite", self._folder / f"{name}.json"
        for _ in range(2):
            key, about = _key(job, run), _about(about_file)
            if about.get("key") == key and file.is_file():
                return Table(file, about)
            with self._lock:
                before = self._making.get(name)
                if before is None or (before.ended.is_set() and before.key != key):
                    made = Making(key, time.monotonic(), {"doing": "Starting"}, threading.Event())
                    self._making[name] = made
                    asked = {"job": str(job), "run": run, "into": str(file)}
                    threading.Thread(target=self._make, args=(name, about_file, key, asked), daemon=True).start()
                making = self._making[name]
            if making.ended.wait(MOMENT):
                with self._lock:
                    self._making.pop(name, None)
                if making.error:
                    raise making.error
        raise Working(making.progress | {"seconds": round(time.monotonic() - making.began, 1)})

    def _make(self, name: str, about_file: Path, key: str, asked: dict[str, str]) -> None:
        making = self._making[name]
        try:
            with disk_errors(self._folder):
                make_folder(self._folder)
            for reply in self._heavy.each("table", **asked):
                if "doing" in reply:
                    making.progress = reply
                else:
                    write_json(about_file, reply | {"key": key})
        except Exception as error:  # whoever asked for the table gets it
            making.error = error
        finally:
            making.ended.set()

    def keep(self, job: Path, run: str, table: Table) -> None:
        """Say that a table shows the review as it is now, after a decision was written into both."""
        write_json(table.file.with_suffix(".json"), table.about | {"key": _key(job, run)})


def _about(file: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = read_json(file)
        return found if isinstance(found, dict) else {}
    except (OSError, ValueError):
        return {}


def _key(job: Path, run: str) -> str:
    """A hash of what the table is made of: the names, sizes and times of the files."""
    paths = [job / "job.toml", job / REVIEW, job / PREPARED, *read_job(job).examples]
    files = [file for path in paths for file in (sorted(path.rglob("*")) if path.is_dir() else [path])]
    stats = [(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files if file.is_file()]
    return sha256_of([run, stats, LISTED])
