"""Drafts from tables and JSON with inputs and outputs, and from questions with answers in documents."""

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import zip_longest
from typing import Any

from gradschool.data.assessments import Assessment, bad_up_to
from gradschool.data.columns import Form, is_reply
from gradschool.data.conversation import RowReading
from gradschool.data.dates import iso_date
from gradschool.data.documents import Document
from gradschool.data.encoding import Unreadable
from gradschool.data.findings import Findings
from gradschool.data.formats import MarkedBad, NoConversation, as_text, keys_by_name, plain
from gradschool.data.language import language_of
from gradschool.data.row_reader import RowReader
from gradschool.data.tables import without_nothing
from gradschool.data.ticks import Ticks
from gradschool.data.unread_columns import UnreadColumns
from gradschool.data.wrapped import entries
from gradschool.prepare.analysis import BAD
from gradschool.prepare.bylines import Divided
from gradschool.prepare.draft import Draft, Sink, id_from, unused
from gradschool.prepare.options import PrepareOptions
from gradschool.prepare.recognize import SourceFile
from gradschool.prepare.rows import Columns, all_rows, file_rows, pair_reader
from gradschool.prepare.texts import unreadable
from gradschool.prepare.titles import HEADING
from gradschool.records import Conversation, Message, Note, Progress, Source, Work

PROGRESS_STEP = 10_000  # rows between two progress events
# "Q: …" and "A: …", in bold or not: lists of frequently asked questions without headings.
ASKED = re.compile(r"^\W{0,3}(?:Q|Question|Frage|Pregunta|Domanda|Vraag)\W{0,3}[:.)]\W{0,3}\s*(.+)$", re.MULTILINE)
ANSWERED = re.compile(r"^\W{0,3}(?:A|Answer|Antwort|R|Réponse|Respuesta|Risposta|Antwoord)\W{0,3}[:.)]\W{0,3}\s*", re.M)


def read_pairs(
    source_file: SourceFile, columns: Columns, options: PrepareOptions, sink: Sink, divided: Divided
) -> Work[None]:
    """Add a draft for every row; rows without input and output and bad answers are dropped with a reason."""
    ids: Counter[str] = Counter()
    forms: Counter[str] = Counter()
    reader = pair_reader(source_file, options)
    if reader.guessed:
        yield Note(f"{source_file.name}: {reader.guessed}.", "warning")
    limits, ticks = _scales(source_file, reader)
    unread, notes = UnreadColumns(), Counter[str]()
    for done, row in enumerate(all_rows(source_file)):
        if done % PROGRESS_STEP == 0:
            yield Progress(f"reading {source_file.name}", done, 0, "rows")
        source = Source(source_file.name, row.line)
        if row.remark:
            yield Note(f"{source} {row.remark}.", "warning")
            continue
        for value in entries(row.value):
            try:
                if not isinstance(value, dict):
                    raise NoConversation(row.trouble or "the row is not an object")
                form, reading = reader.read(without_nothing(value)[0])
                draft = _draft(value, form, reading, columns, source, ids, limits)
                lack = ticks.missing(Ticks().add(value))
                draft = draft.dropped(BAD, lack) if lack and not draft.drop else draft
                draft = replace(draft, rejected=reader.rejected(value))
                divided.add(value, columns.author, draft, sink)
                forms[form.name] += 1
                unread.add(value, _read_keys(value, form, reading, columns), graded=is_reply(form))
                notes.update(filter(Findings.collects, reading.notes))
            except MarkedBad as error:
                bad = _marked_bad(value, reader, columns, source, ids)
                bad = bad or unreadable(source, str(error), source_file.name, BAD)
                sink.add(bad.dropped(BAD, str(error)))
            except NoConversation as error:
                sink.add(unreadable(source, str(error), source_file.name))
    counted = ", ".join(f"{form} ({count})" for form, count in forms.most_common(3))
    yield Note(f"{source_file.name}: {counted or 'no row with an input and an output'}.")
    counts = (f"{note.partition(': ')[2]} ({count} rows)" for note, count in notes.items())
    for text in (*(text for _, text in unread.remarks()), *counts):
        yield Note(f"{source_file.name}: {text}.", "warning")


def _read_keys(value: Mapping[str, Any], form: Form, reading: RowReading, columns: Columns) -> set[str]:
    """The keys of a row that have a use."""
    named = {plain(key) for key in (columns.group, columns.date, columns.id, columns.author) if key}
    assessed = {one.key.partition(".")[0] for one in reading.assessments}
    return {*form.columns(), *assessed, *(key for key in value if plain(key) in named)}


def _scales(source_file: SourceFile, reader: RowReader) -> tuple[dict[str, float], Ticks]:
    """The highest bad rating of each key whose numbers are a known scale in this file, and its columns of ticks."""
    numbers: dict[str, list[float]] = {}
    ticks = Ticks()
    with suppress(Unreadable):  # the reading that follows reports it
        for row in file_rows(source_file):
            for value in entries(row.value) if row.value is not None else ():
                ticks.add(value if isinstance(value, dict) else {})
                for one in numbers_in(reader, value):
                    numbers.setdefault(one.key, []).append(one.number)
    limits = {key: bad_up_to(key, found) for key, found in numbers.items()}
    return {key: limit for key, limit in limits.items() if limit is not None}, ticks


def numbers_in(reader: RowReader, value: Any) -> list[Assessment]:
    """The assessments of a row that are numbers, if they judge its answer."""
    if not isinstance(value, dict):
        return []
    try:
        form, reading = reader.read(value)
    except NoConversation:
        return []
    return numbers_of(form, reading)


def numbers_of(form: Form, reading: RowReading) -> list[Assessment]:
    """The assessments of a reading that are numbers, if they judge its answer."""
    return [one for one in reading.assessments if one.meaning == "number" and (one.of_answer or is_reply(form))]


def _draft(
    value: dict[str, Any],
    form: Form,
    reading: RowReading,
    columns: Columns,
    source: Source,
    ids: Counter[str],
    limits: Mapping[str, float],
) -> Draft:
    keys = keys_by_name(value)
    notes: set[str] = set()
    name = as_text(value.get(keys["id"]), notes).strip() if "id" in keys else ""
    draft = pair_draft(reading.messages, source, ids, name)
    # A column of the example itself cannot be its group: otherwise each label would be a group.
    used = {plain(key) for key in form.columns()}
    group = (
        as_text(value.get(columns.group), notes).strip() if columns.group and plain(columns.group) not in used else ""
    )
    date = iso_date(as_text(value.get(columns.date), notes)) if columns.date and plain(columns.date) not in used else ""
    for note in sorted(note for note in reading.notes | notes if not Findings.collects(note)):
        draft = draft.noticed("encoding", note)
    bad = [one for one in numbers_of(form, reading) if one.number <= limits.get(one.key, -math.inf)]
    if bad:
        draft = draft.dropped(BAD, f"{bad[0]}: the answer is rated as bad")
    return replace(draft, group=group or draft.id, date=date, other_answers=reading.other_answers)


def _marked_bad(
    value: dict[str, Any], reader: RowReader, columns: Columns, source: Source, ids: Counter[str]
) -> Draft | None:
    """The draft of a row whose answer is marked as bad, for a pair with a good one; None if it has no conversation."""
    try:
        form, reading = reader.unjudged(without_nothing(value)[0])
        return _draft(value, form, reading, columns, source, ids, {})
    except NoConversation:
        return None


def pair_draft(messages: Conversation, source: Source, ids: Counter[str], name: str = "") -> Draft:
    """The draft of a conversation; `ids` counts the used ids."""
    id_ = unused(name or id_from("row", *(message.content for message in messages)), ids)
    draft = Draft(id_, messages, id_, source)
    if not messages or messages[-1].role != "assistant":
        return draft.dropped("no answer", "its last message is not from the assistant")
    if not draft.ideal.strip():
        return draft.dropped("empty", "the answer is empty")
    return draft if draft.asked.strip() else draft.dropped("empty", "the question is empty")


def questions_in(document: Document) -> Iterator[tuple[str, str, int]]:
    """The questions of a document with answer and line: headings with a question mark, or "Q:" and "A:"."""
    text = document.text
    headings = list(HEADING.finditer(text))
    asked = [heading for heading in headings if heading[2].rstrip("* ").endswith("?")]
    if asked:
        starts = [heading.start() for heading in headings]
        for heading in asked:
            end = next((start for start in starts if start > heading.start()), len(text))
            answer = ANSWERED.sub("", text[heading.end() : end].strip(), count=1).strip()
            if answer:
                yield heading[2].strip("* "), answer, 1 + text.count("\n", 0, heading.start())
        return
    found = list(ASKED.finditer(text))
    for question, following in zip_longest(found, found[1:]):
        below = text[question.end() : following.start() if following else len(text)]
        answer = ANSWERED.sub("", below.strip(), count=1).strip()
        if answer:
            yield question[1].strip("* "), answer, 1 + text.count("\n", 0, question.start())


def read_questions(source_file: SourceFile, document: Document, sink: Sink) -> int:
    """Add a draft for each question with an answer in a document; returns their number."""
    ids: Counter[str] = Counter()
    count = 0
    for question, answer, line in questions_in(document):
        messages = (Message("user", question), Message("assistant", answer))
        draft = pair_draft(messages, Source(source_file.name, line), ids)
        sink.add(
            Draft(draft.id, messages, source_file.name, draft.source, language=language_of(answer), drop=draft.drop)
        )
        count += 1
    return count
