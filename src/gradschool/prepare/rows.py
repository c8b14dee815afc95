"""Read tables, JSON and workbooks row by row, and detect their content: turns, pairs or texts."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

from gradschool.data.encoding import Unreadable
from gradschool.data.formats import CONTENT_KEYS, CONVERSATIONS, ROLE_KEYS, NoConversation, keys_by_name, plain
from gradschool.data.guess import columns_shown, options_to_name
from gradschool.data.parse import container, rows
from gradschool.data.row_reader import SAMPLE, RowReader, reader_of
from gradschool.data.tables import Row
from gradschool.data.wrapped import entries
from gradschool.errors import DataError
from gradschool.prepare.options import PrepareOptions
from gradschool.prepare.recognize import SourceFile

RowKind = Literal["turns", "pairs", "texts", "unknown"]
TURN_LISTS = (*CONVERSATIONS, "comments", "replies", "posts", "transcript", "log", "events", "history", "interactions")
SPEAKERS = (*ROLE_KEYS, "sender_type", "direction", "author_id", "user", "name", "type", "participant")
MESSAGE_KEYS = (*CONTENT_KEYS, "body", "comment", "reply", "plain_body")
CONVERSATION_IDS = (
    *("conversation_id", "conversation", "ticket_id", "ticket", "thread_id", "thread", "case_id", "case", "chat_id"),
    *("session_id", "session", "dialogue_id", "dialog_id", "call_id", "issue_id"),
)
TEXTS = ("text", "body", "content", "article", "post", "letter", "note", "markdown", "message", "essay")
TITLES = ("title", "subject", "heading", "headline", "name", "topic")
DATES = (
    "date",
    "created",
    "created_at",
    "published",
    "published_at",
    "sent",
    "sent_at",
    "timestamp",
    "time",
    "updated",
)
AUTHORS = (
    *("author", "author_name", "written_by", "writer", "byline", "by", "posted_by", "creator", "poster", "author_id"),
    *("username", "user_name", "autor", "verfasser", "verfasserin", "auteur", "autore", "autora", "schrijver"),
)
GROUPS = ("group", "thread", "thread_id", "series", "topic", "document", "doc", "category", "customer")


@dataclass(frozen=True, slots=True)
class Columns:
    """The detected kind of a file's rows, and the key of each part, as the file spells it."""

    kind: RowKind
    conversation: str = ""  # turns: what names the conversation
    speaker: str = ""
    text: str = ""  # turns and texts
    title: str = ""
    date: str = ""
    group: str = ""
    id: str = ""
    author: str = ""  # texts and pairs of a style


def file_rows(source_file: SourceFile) -> Iterator[Row]:
    """The rows of a table, JSON file or workbook, with line numbers; raises Unreadable if it is malformed."""
    return (row for row in all_rows(source_file) if not row.remark)


def all_rows(source_file: SourceFile) -> Iterator[Row]:
    """The rows of a file, and remarks on its layout."""
    try:
        held, delimiter = container(source_file.path, source_file.name)
        yield from rows(source_file.path, source_file.name, held, delimiter)
    except DataError as error:
        raise Unreadable(f"{error.what} {error.why}") from error


def columns_of(source_file: SourceFile, options: PrepareOptions) -> Columns:
    """Detect the columns of a file from its first rows and from the columns that the user names."""
    first = [value for value in _first(source_file) if isinstance(value, dict | list)]
    values = [{"messages": value} if isinstance(value, list) else value for value in first]
    if not values:
        return Columns("unknown")
    keys = _keys_of_all(values)
    common = {
        "date": _named(keys, options.date_column, DATES),
        "group": _named(keys, options.columns.group_column or "", GROUPS),
        "id": keys.get("id", ""),
        "author": _named(keys, "", AUTHORS) if options.purpose == "style" else "",
    }
    by_turn = _by_turn(values, keys)
    if by_turn and options.purpose != "skill" and not options.text_column:
        return Columns("turns", **(by_turn | {"date": common["date"]}))
    pairs = _has_pairs(values, options)
    title = next((keys[word] for word in TITLES if word in keys), "")
    text = _named(keys, options.text_column, TEXTS) or _longest(values, keys, {title, *common.values()})
    if options.purpose == "style" and text and (options.text_column or not pairs):
        group = "" if common["group"] == title and not options.columns.group_column else common["group"]
        return Columns(
            "texts", text=text, title=title, date=common["date"], group=group, id=common["id"], author=common["author"]
        )
    return Columns("pairs" if pairs else "unknown", **common)


def _keys_of_all(values: list[dict[str, Any]]) -> dict[str, str]:
    """The keys of all rows by their plain names; of keys with one plain name, the first."""
    keys: dict[str, str] = {}
    for value in values:
        keys |= {name: key for name, key in keys_by_name(value).items() if name not in keys}
    return keys


def pair_reader(source_file: SourceFile, options: PrepareOptions) -> RowReader:
    """The reader of the rows of a file with inputs and outputs."""
    return reader_of([value for value in _first(source_file) if isinstance(value, dict)], options.columns)


def _has_pairs(values: list[dict[str, Any]], options: PrepareOptions) -> bool:
    """Whether any row gives a conversation; for a skill, the columns may be guessed from their contents."""
    reader = reader_of(values, options.columns)
    if reader.guessed and options.purpose != "skill":
        reader = RowReader(options.columns)
    return any(_is_read(reader, value) for value in values)


def _is_read(reader: RowReader, value: dict[str, Any]) -> bool:
    try:
        reader.read(value)
    except NoConversation:
        return False
    return True


def not_recognized(source_file: SourceFile) -> str:
    """Why the rows of a file are not read: their columns, and the options that name them."""
    values = [value for value in _first(source_file) if isinstance(value, dict)]
    shown = f" They have these columns:\n{columns_shown(values[:5])}\n" if values else " "
    return (
        f"{source_file.name} is skipped: its rows are not recognized as dialogues, pairs or texts.{shown}"
        f"Name the columns, for example {options_to_name(values)}, or --text-column for texts of one author."
    )


def _first(source_file: SourceFile) -> list[Any]:
    """The values of the first rows; raises Unreadable if not even one can be read."""
    values: list[Any] = []
    try:
        for row in islice(file_rows(source_file), SAMPLE):
            values += islice(entries(row.value), SAMPLE) if row.value is not None else []
    except Unreadable:
        if not values:
            raise
    return values


def _named(keys: Mapping[str, str], given: str, usual: tuple[str, ...]) -> str:
    if given:
        return keys.get(plain(given), "")
    return next((keys[word] for word in usual if word in keys), "")


def _by_turn(values: list[dict[str, Any]], keys: Mapping[str, str]) -> dict[str, str]:
    """The columns of a table with one turn per row; empty if no conversation has several rows."""
    conversation = next((keys[word] for word in CONVERSATION_IDS if word in keys), "")
    speaker = next((keys[word] for word in SPEAKERS if word in keys and keys[word] != conversation), "")
    text = next((keys[word] for word in MESSAGE_KEYS if word in keys and keys[word] not in (conversation, speaker)), "")
    if not (conversation and speaker and text):
        return {}
    named = [str(value.get(conversation, "")) for value in values]
    if len(values) > 1 and len(set(named)) == len(named):
        return {}
    return {"conversation": conversation, "speaker": speaker, "text": text}


def messages_in(source_file: SourceFile) -> Columns | None:
    """The columns of a table whose rows are the messages of one chat: who, when and what; None for other tables."""
    values = [value for value in _first(source_file) if isinstance(value, dict)]
    keys = _keys_of_all(values)
    speaker = next((keys[word] for word in (*SPEAKERS, "sender_name", "username") if word in keys), "")
    text = next((keys[word] for word in MESSAGE_KEYS if word in keys and keys[word] != speaker), "")
    date = _named(keys, "", DATES)
    named = [str(value.get(speaker, "")) for value in values]
    if not (speaker and text and date) or not 1 < len(set(named)) < len(named):
        return None
    return Columns("turns", speaker=speaker, text=text, date=date)


def _longest(values: list[dict[str, Any]], keys: Mapping[str, str], taken: set[str]) -> str:
    """The column with the most words, if it has 20 or more on average."""
    lengths = {
        key: sum(len(str(value.get(key) or "").split()) for value in values) / len(values)
        for key in keys.values()
        if key not in taken
    }
    best = max(lengths, key=lambda key: lengths[key], default="")
    return best if best and lengths[best] >= 20 else ""
