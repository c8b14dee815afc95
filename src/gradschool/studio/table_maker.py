"""The examples of a job as a table in a file: found and filtered by SQLite, so that any number of them stays quick."""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from gradschool.data.check import check
from gradschool.data.decided import decided, turns_of
from gradschool.data.issues import Issue
from gradschool.data.labels import classes
from gradschool.data.near_duplicates import near_duplicates
from gradschool.data.read import read_examples
from gradschool.data.split import freeze_split
from gradschool.errors import DataError, ResourceError
from gradschool.files import new_path
from gradschool.job import Job, read_job
from gradschool.preparation import PREPARED
from gradschool.records import Example, Split
from gradschool.run import Run
from gradschool.run_keys import SPLIT
from gradschool.studio import reviewed
from gradschool.visible import shortened

LOOKS = 4  # at the test set, as `prepare` assumes
MAX_PLANNED = 20_000  # examples that are split here; of more, the first climb says how
SHORT = 240  # characters of a text in a line of the table
AT_ONCE = 2_000  # lines that are written together
INDEXED = ("part", "state", "label", "length", "decision", "findings")
COLUMNS = (
    *("n INTEGER PRIMARY KEY", "id TEXT", "question TEXT", "ideal TEXT", "words TEXT", "length INT", "part TEXT"),
    *("label TEXT", "state TEXT", "findings TEXT", "decision TEXT", "source TEXT", "grouped TEXT", "item TEXT"),
    *("messages TEXT", "before TEXT", "why TEXT", "images TEXT"),
)


@dataclass(slots=True)
class Line:
    """One line of the table: an example, or a draft that was left out."""

    id: str
    messages: Sequence[Mapping[str, str]]
    source: str
    grouped: str = ""
    part: str = ""
    label: str = ""
    state: str = "kept"
    decision: str = ""
    item: str = ""
    why: list[dict[str, str]] = field(default_factory=list)
    before: Sequence[Mapping[str, str]] = ()
    images: Sequence[Mapping[str, str]] = ()  # the SHA-256 and the file of each

    def values(self, number: int) -> tuple[Any, ...]:
        """The values of the columns."""
        contents = [str(one.get("content", "")) for one in self.messages]
        asked = [str(one.get("content", "")) for one in self.messages[:-1] if one.get("role") == "user"]
        question, ideal = (asked or contents[-2:-1] or [""])[-1], contents[-1] if contents else ""
        kinds = "".join(f"{kind};" for kind in dict.fromkeys(one["kind"] for one in self.why))
        return (
            *(number, self.id, shortened(question, SHORT), shortened(ideal, SHORT)),
            *("\n".join((self.id, *contents)).lower(), sum(map(len, contents)), self.part),
            *(
                self.label,
                self.state,
                f";{kinds}" if kinds else "",
                self.decision,
                self.source,
                self.grouped,
                self.item,
            ),
            *(json.dumps(value, ensure_ascii=False) for value in (self.messages, self.before, self.why, self.images)),
        )


def make_table(folder: Path, run: str, into: Path) -> Iterator[dict[str, Any]]:
    """Read the examples of a job, with their issues and its review, into a table; yields what it does, then about it.

    The parts are those of a run, or as a climb would split them.
    """
    job = read_job(folder)
    yield {"doing": "Reading the examples"}
    read = read_examples(job.examples, job.settings.data, root=job.folder)
    yield {"doing": f"Checking {len(read.examples):,} examples"}
    reading = decided(read, folder)
    checked = check(reading)
    issues: dict[str, list[Issue]] = defaultdict(list)
    for issue in checked.issues:
        issues[issue.id].append(issue)
    yield {"doing": f"Finding the parts of {len(checked.examples):,} examples"}
    parts, note = _parts(job, checked.examples, run)
    labels = set(classes(checked.examples) or ())
    reviews = {name[1]: row for row in reviewed.rows(folder) if (name := reviewed.name_of(row))[0] == "item"}
    now = {example.id: example for example in reading.examples}  # as decided

    def lines() -> Iterator[Line]:
        for one in read.examples:
            example = now.get(one.id, one)
            yield _line(example, issues[one.id], parts.get(one.id, ""), labels, reviews.pop(one.id, None))
        for key, row in reviews.items():
            yield _left_out(key, row)

    total = len(read.examples) + len(reviews.keys() - {one.id for one in read.examples})
    for written in write_table(into, lines()):
        yield {"doing": "Writing the table", "done": written, "total": total}
    about = [str(issue) for issue in issues[""]]
    prepared = (folder / PREPARED).is_file()
    yield {"note": note, "issues": about[:100], "columns": read.columns, "form": read.form, "prepared": prepared}


def write_table(into: Path, lines: Iterable[Line]) -> Iterator[int]:
    """Write lines into a new table, which replaces an old one; yields how many are written."""
    insert = f"INSERT INTO rows VALUES ({', '.join('?' * len(COLUMNS))})"
    numbered = ((number, line.values(number)) for number, line in enumerate(lines))
    try:
        with new_path(into) as temporary, closing(sqlite3.connect(temporary)) as table:
            table.execute("PRAGMA journal_mode = OFF")
            table.execute(f"CREATE TABLE rows ({', '.join(COLUMNS)})")
            while written := list(islice(numbered, AT_ONCE)):
                table.executemany(insert, (values for _, values in written))
                yield written[-1][0] + 1
            for column in INDEXED:
                table.execute(f"CREATE INDEX by_{column} ON rows ({column})")
            table.commit()
    except sqlite3.Error as error:  # of a full disk, too
        raise ResourceError(
            "The table of the examples could not be written.",
            f"SQLite says: {error}.",
            "free some space on the disk of the studio's folder, and reload the page.",
        ) from error


def _parts(job: Job, examples: Sequence[Example], run: str) -> tuple[dict[str, str], str]:
    """The part of each example by its id, and how it is known."""
    split: Split | None = Run.open(Path(run)).saved(SPLIT) if run else None
    if split:
        note = f"The parts are those of the run {Path(run).name}."
    elif len(examples) > MAX_PLANNED:
        return {}, "The parts are known after the first climb."
    else:
        try:
            near = near_duplicates(examples, job.settings.data.near_duplicate)
            split = freeze_split(examples, job.settings.split, job.settings.goal, near, LOOKS)
        except DataError as error:
            return {}, f"The examples cannot be split yet: {error.what} {error.why}"
        note = "The parts are as a climb would split the examples now; it may leave out some that are too long."
    names = ("train", "validation", "test")
    return {id_: name for name in names for id_ in getattr(split, name)}, note


def _line(example: Example, issues: Sequence[Issue], part: str, labels: set[str], row: dict[str, Any] | None) -> Line:
    ideal = example.ideal.strip()
    line = Line(
        example.id,
        [{"role": one.role, "content": one.content} for one in example.messages],
        str(example.source),
        example.group if example.group != example.id else "",
        part,
        ideal if ideal in labels else "",
        "dropped" if any(issue.severity == "dropped" for issue in issues) else "kept",
        item=example.id,
        why=[{"kind": issue.kind, "text": issue.text} for issue in issues],
        images=[{"sha256": image.sha256, "file": image.file} for image in example.images],
    )
    if row:
        _review(line, row)
    return line


def _left_out(key: str, row: dict[str, Any]) -> Line:
    line = Line(key, [], str(row.get("source", "")), state="dropped", item=key)
    messages = [one for one in row.get("messages") or () if isinstance(one, dict)]
    line.messages = [{"role": str(one.get("role", "")), "content": str(one.get("content", ""))} for one in messages]
    _review(line, row)
    return line


def _review(line: Line, row: dict[str, Any]) -> None:
    """Add what the review says of an example."""
    line.decision = str(row.get("decision") or "")
    if row.get("action") in ("dropped", "changed", "noticed") and line.state == "kept":
        line.state = str(row["action"])
    found = [one for one in row.get("why") or () if isinstance(one, dict)]
    line.why += [{"kind": str(one.get("kind", "")), "text": str(one.get("text", ""))} for one in found]
    before = [one for one in row.get("before") or () if isinstance(one, dict)]
    line.before = before if turns_of(before) != turns_of(list(line.messages)) else []
