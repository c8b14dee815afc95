"""Read files of examples in any common form, and report how each column was interpreted."""

import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from gradschool.data.assessments import assessments_of
from gradschool.data.column_names import INPUTS, OUTPUTS
from gradschool.data.columns import Form
from gradschool.data.conversation import RowReading
from gradschool.data.dates import ISO, day_first, iso_date
from gradschool.data.encoding import repair
from gradschool.data.example_files import example_files
from gradschool.data.findings import Findings
from gradschool.data.formats import (
    CONVERSATIONS,
    MarkedBad,
    NoConversation,
    as_text,
    keys_by_name,
    left_out_reasoning,
    plain,
)
from gradschool.data.guess import columns_shown, options_to_name
from gradschool.data.issues import Issue, Kind, carried
from gradschool.data.normalize import normalized_messages, normalized_question
from gradschool.data.parse import TABLES, container, rows
from gradschool.data.picture_folders import classes_of, read_classes
from gradschool.data.pictures import Pictures, columns_of
from gradschool.data.reading import Reading as Reading
from gradschool.data.row_reader import SAMPLE, RowReader, UnknownForm, reader_of
from gradschool.data.tables import Row, without_nothing
from gradschool.data.wrapped import entries
from gradschool.errors import DataError, nearest
from gradschool.reasoning import field_of
from gradschool.records import Example, Source
from gradschool.settings import Data

SHOWN = 3  # problems that an error message lists
ASSESSMENT = "assessment of the answer"  # the use of a column
FIX = (
    "name the columns with data.input_column and data.output_column in job.toml "
    "(--input-column and --output-column), or rename them in the file."
)


class _Collector:
    """Collects examples, issues and counts while a file is read."""

    def __init__(self, name: str, stem: str, reader: RowReader, ids: set[str], *, table: bool) -> None:
        self.name, self.stem, self.reader, self.table = name, stem, reader, table
        self.data = reader.data
        self.examples: list[Example] = []
        self.issues: list[Issue] = []
        self.forms: Counter[str] = Counter()
        self.columns: dict[str, str] = {}
        self.keys: dict[str, None] = {}  # all keys, in order of appearance
        self.findings = Findings(name)
        self.lost = self.seen = 0
        self.bad: list[str] = []  # questions whose answers are marked as bad
        self._ids = ids
        self._made: Counter[str] = Counter()

    def add(self, row: Row) -> None:
        source = Source(f"{self.name} [{row.sheet}]" if row.sheet else self.name, row.line)
        if row.remark:
            self.issues.append(Issue("layout", source, "kept", repair(row.remark)[0]))
            return
        self.seen += row.lines
        if row.trouble:
            self._drop(source, row, NoConversation(row.trouble))
            return
        for value in entries(row.value):
            try:
                self._add(value, row, source)
            except NoConversation as error:
                self._drop(source, row, error)
                if isinstance(error, MarkedBad):
                    self.columns |= {repair(key)[0]: ASSESSMENT for key in _marked_bad(value)}
                    with suppress(NoConversation):  # without a question, it has no partner
                        self.bad.append(normalized_messages(self.reader.question(value).messages))

    def _add(self, value: Any, row: Row, source: Source) -> None:
        if not isinstance(value, dict):
            raise NoConversation(f"an object with keys was expected, not a value of type {type(value).__name__}")
        self.keys |= dict.fromkeys(repair(key)[0] for key in value)
        words: dict[str, str] = {}
        if self.table:
            value, words = without_nothing(value)
        try:
            form, reading = self.reader.read(value)
        except UnknownForm as error:
            raise NoConversation(row.shape) if row.shape else error from None
        if row.shape and form.output and form.output not in value:
            raise NoConversation(row.shape)
        if form.output in words:
            text = f"`{form.output}` is {words[form.output]!r}, which programs write for an empty cell"
            self.issues.append(Issue("empty answer", source, "dropped", repair(text)[0]))
            return
        self._keep(value, form, reading, source)

    def _drop(self, source: Source, row: Row, error: NoConversation) -> None:
        if not isinstance(error, MarkedBad) and not (row.sheet and isinstance(error, UnknownForm)):
            self.lost += row.lines
        self.issues.append(Issue(error.kind, source, "dropped", repair(str(error))[0]))

    def _keep(self, value: Mapping[str, Any], form: Form, reading: RowReading, source: Source) -> None:
        notes = set(reading.notes)
        keys = keys_by_name(value)
        group_key = keys.get(plain(self.data.group_column or "group"))
        group = as_text(value[group_key], notes).strip() if group_key else ""
        id_ = self._id(as_text(value[keys["id"]], notes).strip() if "id" in keys else "", source)
        date_key = keys.get(plain(self.data.date_column or "date"))
        date = as_text(value[date_key], notes).strip() if date_key else ""
        self.examples.append(Example(id_, reading.messages, group or id_, source, date, reading.other_answers))
        self.forms[form.name] += 1
        named = {group_key: "group", date_key: "date"} | {keys.get("id"): "id"}
        used = {key: part for key, part in named.items() if key} | form.columns()
        assessments = {one.key.partition(".")[0]: ASSESSMENT for one in reading.assessments}
        if field := field_of({key: value[key] for key in value if key not in used and key not in assessments}):
            notes.add(left_out_reasoning(field))
        for key in value:
            part, shown = used.get(key) or assessments.get(key, "not used"), repair(key)[0]
            if part != "not used" or shown not in self.columns:
                self.columns[shown] = part
        self.findings.add(value, form, reading, self.examples[-1], used)
        self.columns |= dict.fromkeys((repair(key)[0] for key in self.reader.pictures.columns or ()), "image")
        for note in sorted(note for note in notes if not self.findings.collects(note)):
            kind: Kind = "tool calls" if note.startswith("calls tools") else "encoding"
            kind = "reasoning" if note.startswith("reasoning") else kind
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


def _marked_bad(row: Mapping[str, Any]) -> set[str]:
    """The keys of a row that mark its answer as bad."""
    return {one.key.partition(".")[0] for one in assessments_of(row) if one.meaning == "bad"}


def read_examples(
    paths: Path | Sequence[Path], data: Data, name: str | None = None, root: Path | None = None
) -> Reading:
    """Read examples in any common form, detected by content: messages, pairs, alpaca, sharegpt, as JSON or a table.

    `paths` are files, folders of files, or patterns such as `data/*.csv`. Lines that cannot be read are reported and
    skipped; no line takes more than 8 MB of memory. `name` is what the user calls a single file. Images are files in
    the folder of their file of examples, or in `root`, the job's folder; a folder with one sub-folder of images for
    each class gives an example for each image. Raises DataError if a file does not exist, is not text, has no known
    form, or if more than half of its lines cannot be read.
    """
    ids: set[str] = set()
    named = [paths] if isinstance(paths, Path) else list(paths)
    pictured = {path: found for path in named if path.is_dir() and (found := classes_of(path))}
    files, issues = example_files([path for path in named if path not in pictured])
    readings = [read_classes(path, found, ids) for path, found in pictured.items()]
    readings += [
        _read_file(path, data, name if name and len(files) == 1 else shown, ids, root) for shown, path in files.items()
    ]
    if len(readings) == 1 and not issues:
        return readings[0]
    forms = dict.fromkeys(reading.form for reading in readings)
    return Reading(
        [example for reading in readings for example in reading.examples],
        f"{', '.join(forms)} in {len(readings)} {'files' if not pictured else 'places'}",
        {column: part for reading in reversed(readings) for column, part in reading.columns.items()},
        [*issues, *(issue for reading in readings for issue in reading.issues)],
    )


def _read_file(path: Path, data: Data, name: str, ids: set[str], root: Path | None) -> Reading:
    held, delimiter = container(path, name, data)
    sample = sample_of(rows(path, name, held, delimiter, data))
    pictures = Pictures(tuple(dict.fromkeys((path.parent, root or path.parent))))
    pictures = replace(pictures, columns=columns_of(sample, data, pictures))
    reader = replace(reader_of(pictures.without(sample, data), data), pictures=pictures)
    found = _Collector(name, repair(path.stem)[0], reader, ids, table=held in TABLES)
    with carried(found.issues):
        for row in rows(path, name, held, delimiter, data):
            found.add(row)
        _demand_columns(found, data)
    examples, issues = found.findings.settled(found.examples)
    issues = [*found.issues, *_partners(found, examples, issues), *issues]
    with carried(issues):
        if not examples or found.lost * 2 > found.seen:
            raise _refusal(found, issues, sample)
    if reader.guessed:
        issues.insert(0, Issue("guessed columns", Source(name, 1), "kept", repair(str(reader.guessed))[0]))
    columns = {key: found.columns[key] for key in found.keys if key in found.columns}
    forms = found.forms.most_common()
    words = forms[0][0] if len(forms) == 1 else ", ".join(f"{form} ({count})" for form, count in forms)
    return Reading(_dated(examples), f"{words} in {held}", columns, issues)


def _partners(found: _Collector, examples: Sequence[Example], issues: Sequence[Issue]) -> list[Issue]:
    """How many of the answers that are marked as bad have a good one to the same question."""
    rated = {issue.id for issue in issues if issue.kind == "marked as bad" and issue.severity == "dropped"}
    bad = [*found.bad, *(normalized_question(example) for example in found.examples if example.id in rated)]
    good = {normalized_question(example) for example in examples} if bad else set()
    paired = sum(question in good for question in bad)
    if not paired:
        return []
    text = (
        f"{paired} of {len(bad)} answers marked as bad have a good answer to the same question; a climb does not "
        "train on such pairs (`gradschool prepare` writes them into pairs.jsonl)"
    )
    return [Issue("marked as bad", Source(found.name, 1), "kept", text)]


def sample_of(found: Iterable[Row]) -> list[dict[str, Any]]:
    """The entries in the first rows of a file, as objects."""
    values = (row.value for row in found if row.value is not None)
    try:
        first = list(islice(values, SAMPLE))
    except DataError:  # the reading that follows reports it
        return []
    return [entry for value in first for entry in islice(entries(value), SAMPLE) if isinstance(entry, dict)]


def _dated(examples: list[Example]) -> list[Example]:
    """The examples with their dates in ISO 8601; dates that are not understood stay as they are."""
    first = day_first([example.date for example in examples])
    return [
        example
        if not example.date or ISO.fullmatch(example.date)
        else replace(example, date=iso_date(example.date, day_first=first) or example.date)
        for example in examples
    ]


def _demand_columns(found: _Collector, data: Data) -> None:
    """Raise DataError if a column that the job names is missing: the examples would silently differ."""
    known = {plain(key) for key in found.keys}
    for setting in ("input_column", "output_column", "group_column", "date_column"):
        column = getattr(data, setting)
        if column and found.keys and plain(column) not in known:
            raise DataError(
                f"data.{setting} = {column!r}: {found.name} has no such column.",
                f"It has {', '.join(found.keys)}.",
                nearest(column, found.keys),
            )


def _refusal(found: _Collector, issues: Sequence[Issue], sample: Sequence[Mapping[str, Any]]) -> DataError:
    if not found.seen:
        return DataError(f"{found.name} has no examples.", "It has a beginning but no entries.", "add examples.")
    dropped = [issue for issue in issues if issue.severity == "dropped"]
    kind = Counter(issue.kind for issue in dropped).most_common(1)[0][0]
    if kind == "unknown form" and len(found.keys) == 1:
        (key,) = found.keys
        return DataError(
            f"{found.name} has one column, {key!r}.",
            "An example needs two: an input, and its ideal answer.",
            "add a column with the ideal answers (or with the questions). For texts of one author, without questions: "
            f"gradschool prepare {shlex.quote(found.name)} --for style --into letters --text-column {shlex.quote(key)}",
        )
    if kind == "unknown form":
        return DataError(
            f"The form of {found.name} is unknown.",
            f"Its keys are: {_listed(found.keys)}.\n{repair(columns_shown(sample[:5]))[0]}\n"
            f"Known keys are, for conversations: {_listed(CONVERSATIONS)};\n"
            f"for the input: {_listed(INPUTS)};\nfor the ideal answer: {_listed(OUTPUTS)}.",
            f"{FIX} For example: {repair(options_to_name(sample))[0]}",
        )
    listed = "\n".join(f"  {issue.source}: {issue.text}" for issue in dropped[:SHOWN])
    if found.lost * 2 <= found.seen:
        return DataError(
            f"No row of {found.name} can be used: all {len(dropped)} are left out.",
            listed,
            "correct these. A column that is wrongly taken for an assessment of the answers can be renamed or removed.",
        )
    return DataError(
        f"{found.lost} of {found.seen} lines of {found.name} cannot be read, more than half.",
        listed,
        "correct these; examples are one JSON object per line, a JSON list, or a CSV with a header.",
    )


def _listed(words: Iterable[str], most: int = 30) -> str:
    listed = list(dict.fromkeys(words))
    return ", ".join(listed[:most]) + (", …" if len(listed) > most else "")
