"""Drafts from tables and JSON with inputs and outputs, and from questions with answers in documents."""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import zip_longest

from gradschool.data.dates import iso_date
from gradschool.data.documents import Document
from gradschool.data.formats import Form, NoConversation, as_text, conversation_of, detect, plain
from gradschool.data.language import language_of
from gradschool.prepare.draft import Draft, Sink, id_from, unused
from gradschool.prepare.options import PrepareOptions
from gradschool.prepare.recognise import SourceFile
from gradschool.prepare.rows import Columns, file_rows
from gradschool.prepare.texts import HEADING, unreadable
from gradschool.records import Conversation, Message, Note, Progress, Source, Work

PROGRESS_STEP = 10_000  # rows between two progress events
# "Q: …" and "A: …", in bold or not: lists of frequently asked questions without headings.
ASKED = re.compile(r"^\W{0,3}(?:Q|Question|Frage|Pregunta|Domanda|Vraag)\W{0,3}[:.)]\W{0,3}\s*(.+)$", re.MULTILINE)
ANSWERED = re.compile(r"^\W{0,3}(?:A|Answer|Antwort|R|Réponse|Respuesta|Risposta|Antwoord)\W{0,3}[:.)]\W{0,3}\s*", re.M)


def read_pairs(source_file: SourceFile, columns: Columns, options: PrepareOptions, sink: Sink) -> Work[None]:
    """Add a draft for every row; rows without input and output are dropped with a reason."""
    ids: Counter[str] = Counter()
    forms: Counter[str] = Counter()
    for done, row in enumerate(file_rows(source_file)):
        if done % PROGRESS_STEP == 0:
            yield Progress(f"reading {source_file.name}", done, 0, "rows")
        source = Source(source_file.name, row.line)
        value = {"messages": row.value} if isinstance(row.value, list) else row.value
        if not isinstance(value, dict):
            sink.add(unreadable(source, row.trouble or "the row is not an object", source_file.name))
            continue
        form = detect(value, options.columns)
        try:
            if form is None:
                raise NoConversation(f"no known pair of keys among: {', '.join(map(str, value))}")
            sink.add(_draft(value, form, columns, source, ids))
            forms[form.name] += 1
        except NoConversation as error:
            sink.add(unreadable(source, str(error), source_file.name))
    counted = ", ".join(f"{form} ({count})" for form, count in forms.most_common(3))
    yield Note(f"{source_file.name}: {counted or 'no row with an input and an output'}.")


def _draft(value: dict[str, object], form: Form, columns: Columns, source: Source, ids: Counter[str]) -> Draft:
    notes: set[str] = set()
    messages = tuple(conversation_of(value, form, notes))
    keys = {plain(key): key for key in reversed(list(value))}
    name = as_text(value.get(keys["id"]), notes).strip() if "id" in keys else ""
    draft = pair_draft(messages, source, ids, name)
    # A column of the example itself cannot be its group: otherwise each label would be a group.
    used = {plain(key) for key in form.columns()}
    group = (
        as_text(value.get(columns.group), notes).strip() if columns.group and plain(columns.group) not in used else ""
    )
    date = iso_date(as_text(value.get(columns.date), notes)) if columns.date and plain(columns.date) not in used else ""
    for note in sorted(notes):
        draft = draft.noticed("encoding", note)
    return Draft(draft.id, draft.messages, group or draft.id, source, date, draft.changes, drop=draft.drop)


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
