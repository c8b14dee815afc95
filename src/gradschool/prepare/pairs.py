"""Tables and JSON with inputs and outputs into examples, and documents into questions with the answers below them."""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import zip_longest

from gradschool.data.documents import Document
from gradschool.data.formats import Form, NoConversation, as_text, conversation_of, detect, plain
from gradschool.data.language import language_of
from gradschool.prepare.draft import Draft, Sink, id_from, unused
from gradschool.prepare.options import PrepareOptions
from gradschool.prepare.recognise import SourceFile
from gradschool.prepare.rows import Columns, file_rows
from gradschool.prepare.texts import HEADING, iso_date, unreadable
from gradschool.records import Conversation, Message, Note, Progress, Source, Work

EVERY = 10_000  # rows between two reports of progress
# "Q: …" and "A: …", in bold or not, as frequently asked questions are written without headings.
ASKED = re.compile(r"^\W{0,3}(?:Q|Question|Frage|Pregunta|Domanda|Vraag)\W{0,3}[:.)]\W{0,3}\s*(.+)$", re.MULTILINE)
ANSWERED = re.compile(r"^\W{0,3}(?:A|Answer|Antwort|R|Réponse|Respuesta|Risposta|Antwoord)\W{0,3}[:.)]\W{0,3}\s*", re.M)


def read_pairs(source_file: SourceFile, columns: Columns, options: PrepareOptions, sink: Sink) -> Work[None]:
    """Put every row with an input and an output into the sink; what is no such row is accounted for."""
    ids: Counter[str] = Counter()
    forms: Counter[str] = Counter()
    for done, row in enumerate(file_rows(source_file)):
        if done % EVERY == 0:
            yield Progress(f"reading {source_file.name}", done, 0, "rows")
        source = Source(source_file.name, row.line)
        value = {"messages": row.value} if isinstance(row.value, list) else row.value
        if not isinstance(value, dict):
            sink.add(unreadable(source, row.trouble or "the row is no object", source_file.name))
            continue
        form = detect(value, options.columns)
        try:
            if form is None:
                raise NoConversation(f"no known pair of keys among: {', '.join(map(str, value))}")
            sink.add(_draft(value, form, columns, source, ids))
            forms[form.name] += 1
        except NoConversation as error:
            sink.add(unreadable(source, str(error), source_file.name))
    told = ", ".join(f"{form} ({count})" for form, count in forms.most_common(3))
    yield Note(f"{source_file.name}: {told or 'no row with an input and an output'}.")


def _draft(value: dict[str, object], form: Form, columns: Columns, source: Source, ids: Counter[str]) -> Draft:
    notes: set[str] = set()
    messages = tuple(conversation_of(value, form, notes))
    keys = {plain(key): key for key in reversed(list(value))}
    name = as_text(value.get(keys["id"]), notes).strip() if "id" in keys else ""
    draft = pair_draft(messages, source, ids, name)
    # Columns that say what the example is must not name its group: else one label would be one group.
    used = {plain(key) for key in form.columns()}
    group = (
        as_text(value.get(columns.group), notes).strip() if columns.group and plain(columns.group) not in used else ""
    )
    date = iso_date(as_text(value.get(columns.date), notes)) if columns.date and plain(columns.date) not in used else ""
    for note in sorted(notes):
        draft = draft.noticed("encoding", note)
    return Draft(draft.id, draft.messages, group or draft.id, source, date, draft.changes, drop=draft.drop)


def pair_draft(messages: Conversation, source: Source, ids: Counter[str], name: str = "") -> Draft:
    """The draft of a conversation; `ids` counts the ids that are taken."""
    id_ = unused(name or id_from("row", *(message.content for message in messages)), ids)
    draft = Draft(id_, messages, id_, source)
    if not messages or messages[-1].role != "assistant":
        return draft.dropped("no answer", "its last message is not the assistant's")
    if not draft.ideal.strip():
        return draft.dropped("empty", "the answer is empty")
    return draft if draft.asked.strip() else draft.dropped("empty", "nothing is asked")


def questions_in(document: Document) -> Iterator[tuple[str, str, int]]:
    """Questions of a document with the text below each, and their line: headings that ask, or "Q:" and "A:"."""
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
    """Put the questions that a document answers into the sink; returns how many there were."""
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
