"""The table of a job's examples: made by a child when it is needed, and asked here for a page at a time."""

import json
import sqlite3
import threading
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradschool.durable import make_folder
from gradschool.errors import UsageError
from gradschool.files import read_json, sha256_of, write_json
from gradschool.job import read_job
from gradschool.json_text import parse_json
from gradschool.prepare.folder import REVIEW
from gradschool.studio.heavy import Heavy
from gradschool.studio.replies import NotFound

PAGE = 100  # lines in one reply
MAX_LABELS = 60  # that the filter offers
SORTS = {"": "n", "shortest": "length, n", "longest": "length DESC, n"}
EXACT = ("part", "state", "label", "decision")  # filters by an equal value
LISTED = ("n", "id", "question", "ideal", "length", "part", "label", "state", "findings", "decision", "source")


@dataclass(frozen=True, slots=True)
class Table:
    """A table that is up to date: its file, and what is known of the whole."""

    file: Path
    about: dict[str, Any]

    def page(self, asked: Mapping[str, str], page: int) -> dict[str, Any]:
        """The lines that fit the filters, a page of them, and how many there are."""
        where, values = _where(asked)
        order = SORTS.get(asked.get("sort", ""), "n")
        with closing(self._open()) as table:
            (fitting,) = table.execute(f"SELECT count(*) FROM rows {where}", values).fetchone()
            found = table.execute(
                f"SELECT {', '.join(LISTED)} FROM rows {where} ORDER BY {order} LIMIT {PAGE} OFFSET {page * PAGE}",
                values,
            ).fetchall()
        rows = [dict(zip(LISTED, row, strict=True)) for row in found]
        for row in rows:
            row["findings"] = [kind for kind in row["findings"].split(";") if kind]
        return {"rows": rows, "fitting": fitting, "pages": -(-fitting // PAGE)}

    def counts(self) -> dict[str, Any]:
        """How many lines there are, and how many of each value that can be filtered by."""
        with closing(self._open()) as table:
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
        with closing(self._open()) as table:
            found = table.execute(f"SELECT {', '.join(names)} FROM rows WHERE n = ?", (number,)).fetchone()
        if found is None:
            raise NotFound("This example is not in the table any more.", "The data has changed.", "reload the page.")
        line = dict(zip(names, found, strict=True))
        for name in ("messages", "before", "why"):
            line[name] = parse_json(line[name])
        return line

    def decided(self, number: int, decision: str, messages: list[dict[str, str]] | None) -> None:
        """Show a decision in the table, which the review has already."""
        with closing(self._open(writes=True)) as table:
            table.execute("UPDATE rows SET decision = ? WHERE n = ?", (decision, number))
            if messages is not None:
                text = json.dumps(messages, ensure_ascii=False)
                table.execute("UPDATE rows SET messages = ? WHERE n = ?", (text, number))
            table.commit()

    def _open(self, *, writes: bool = False) -> sqlite3.Connection:
        return sqlite3.connect(f"{self.file.as_uri()}?mode={'rw' if writes else 'ro'}", uri=True)


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


class Tables:
    """The tables of jobs, each made anew when its data has changed."""

    def __init__(self, state: Path, heavy: Heavy) -> None:
        self._folder, self._heavy = state / "tables", heavy
        self._one = threading.Lock()

    def of(self, job: Path, run: str = "") -> Table:
        """The table of a job, with the parts of a run if one is named; it may take a while to make."""
        name = sha256_of([str(job), run])[:20]
        file, about_file = self._folder / f"{name}.sqlite", self._folder / f"{name}.json"
        with self._one:
            key = _key(job, run)
            about = _about(about_file)
            if about.get("key") != key or not file.is_file():
                make_folder(self._folder)
                [made] = self._heavy.ask("table", job=str(job), run=run, into=str(file))
                about = made | {"key": key}
                write_json(about_file, about)
        return Table(file, about)

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
    paths = [job / "job.toml", job / REVIEW, *read_job(job).examples]
    files = [file for path in paths for file in (sorted(path.rglob("*")) if path.is_dir() else [path])]
    stats = [(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files if file.is_file()]
    return sha256_of([run, stats])
