"""Read a file of examples in any common form, and report how each column was interpreted."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradschool.data.encoding import repair
from gradschool.data.formats import (
    CONVERSATIONS,
    INPUTS,
    OUTPUTS,
    Form,
    NoConversation,
    UnknownRole,
    as_text,
    conversation_of,
    detect,
    plain,
)
from gradschool.data.issues import Issue, Kind
from gradschool.data.parse import Row, container, rows
from gradschool.errors import DataError, nearest
from gradschool.records import Example, Source
from gradschool.settings import Data

SHOWN = 3  # problems that an error message lists
FIX = (
    "name the columns with data.input_column and data.output_column in job.toml "
    "(--input-column and --output-column), or rename them in the file."
)


@dataclass(frozen=True, slots=True)
class Reading:
    """The content of a file of examples.

    `form` is the detected form ("prompt/completion in JSON lines"), `columns` the use of each column or key, `issues`
    the lines that could not be read or had to be repaired.
    """

    examples: list[Example]
    form: str
    columns: dict[str, str]
    issues: list[Issue]


class _Collector:
    """Collects examples, issues and counts while a file is read."""

    def __init__(self, name: str, stem: str, data: Data) -> None:
        self.name, self.stem, self.data = name, stem, data
        self.examples: list[Example] = []
        self.issues: list[Issue] = []
        self.forms: Counter[str] = Counter()
        self.columns: dict[str, str] = {}
        self.keys: dict[str, None] = {}  # all keys, in order of appearance
        self.lost = self.seen = 0
        self._ids: set[str] = set()
        self._made: Counter[str] = Counter()

    def add(self, row: Row) -> None:
        source = Source(self.name, row.line)
        self.seen += row.lines
        try:
            if row.trouble:
                raise NoConversation(row.trouble)
            value = {"messages": row.value} if isinstance(row.value, list) else row.value
            if not isinstance(value, dict):
                raise NoConversation(f"an object with keys was expected, not a value of type {type(value).__name__}")
            self.keys |= dict.fromkeys(repair(key)[0] for key in value)
            form = detect(value, self.data)
            if form is None:
                self.lost += 1
                found = ", ".join(repair(key)[0] for key in value) or "none"
                self.issues.append(Issue("unknown form", source, "dropped", f"no known pair of keys among: {found}"))
                return
            self._keep(value, form, source)
        except NoConversation as error:
            self.lost += row.lines
            kind: Kind = "unknown role" if isinstance(error, UnknownRole) else "unreadable"
            self.issues.append(Issue(kind, source, "dropped", str(error)))

    def _keep(self, value: Mapping[str, Any], form: Form, source: Source) -> None:
        notes: set[str] = set()
        messages = conversation_of(value, form, notes)
        keys = {plain(key): key for key in reversed(list(value))}
        group_key = keys.get(plain(self.data.group_column or "group"))
        group = as_text(value[group_key], notes).strip() if group_key else ""
        id_ = self._id(as_text(value[keys["id"]], notes).strip() if "id" in keys else "", source)
        date_key = keys.get(plain(self.data.date_column or "date"))
        date = as_text(value[date_key], notes).strip() if date_key else ""
        self.examples.append(Example(id_, messages, group or id_, source, date))
        self.forms[form.name] += 1
        named = {group_key: "group", date_key: "date"}
        used = {key: part for key, part in named.items() if key} | form.columns()
        for key in value:
            part, shown = used.get(key, "id" if plain(key) == "id" else "not used"), repair(key)[0]
            if part != "not used" or shown not in self.columns:
                self.columns[shown] = part
        for note in sorted(notes):
            kind: Kind = "tool calls" if note.startswith("calls tools") else "encoding"
            self.issues.append(Issue(kind, source, "kept", note, id_))

    def _id(self, given: str, source: Source) -> str:
        if given and given not in self._ids:
            self._ids.add(given)
            return given
        made = f"{self.stem}-{source.line}"
        base = made
        while made in self._ids:  # several entries on one line
            self._made[base] += 1
            made = f"{base}-{self._made[base] + 1}"
        self._ids.add(made)
        if given:
            self.issues.append(Issue("repeated id", source, "kept", f"the id {given!r} is taken; called {made}", made))
        return made


def read_examples(path: Path, data: Data, name: str | None = None) -> Reading:
    """Read examples in any common form, detected by content: messages, pairs, alpaca, sharegpt, as JSON or a table.

    Lines that cannot be read are reported and skipped; no line takes more than 8 MB of memory. `name` is what the user
    calls the file. Raises DataError if the file does not exist, is not text, has no known form, or if more than half
    of its lines cannot be read.
    """
    name = name or path.name
    held, delimiter = container(path, name)
    found = _Collector(name, repair(path.stem)[0], data)
    for row in rows(path, name, held, delimiter):
        found.add(row)
    _demand_columns(found)
    if not found.examples or found.lost * 2 > found.seen:
        raise _refusal(found)
    forms = found.forms.most_common()
    words = forms[0][0] if len(forms) == 1 else ", ".join(f"{form} ({count})" for form, count in forms)
    return Reading(found.examples, f"{words} in {held}", found.columns, found.issues)


def _demand_columns(found: _Collector) -> None:
    """Raise DataError if a column that the job names is missing: the examples would silently differ."""
    known = {plain(key) for key in found.keys}
    for setting in ("input_column", "output_column", "group_column", "date_column"):
        column = getattr(found.data, setting)
        if column and found.keys and plain(column) not in known:
            raise DataError(
                f"data.{setting} = {column!r}: {found.name} has no such column.",
                f"It has {', '.join(found.keys)}.",
                nearest(column, found.keys),
            )


def _refusal(found: _Collector) -> DataError:
    if not found.seen:
        return DataError(f"{found.name} has no examples.", "It has a beginning but no entries.", "add examples.")
    kinds = Counter(issue.kind for issue in found.issues if issue.severity == "dropped")
    if kinds.most_common(1)[0][0] == "unknown form":
        return DataError(
            f"The form of {found.name} is unknown.",
            f"Its keys are: {_listed(found.keys)}.\nKnown keys are, for conversations: {_listed(CONVERSATIONS)};\n"
            f"for the input: {_listed(INPUTS)};\nfor the ideal answer: {_listed(OUTPUTS)}.",
            FIX,
        )
    first = [issue for issue in found.issues if issue.severity == "dropped"][:SHOWN]
    return DataError(
        f"{found.lost} of {found.seen} lines of {found.name} cannot be read, more than half.",
        "\n".join(f"  {issue.source}: {issue.text}" for issue in first),
        "correct these; examples are one JSON object per line, a JSON list, or a CSV with a header.",
    )


def _listed(words: Iterable[str], most: int = 30) -> str:
    listed = list(words)
    return ", ".join(listed[:most]) + (", …" if len(listed) > most else "")
