"""The kinds of exports: recognize a file by its values, and read it, or the files of its folder together."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

from gradschool.data.encoding import Unreadable, open_text
from gradschool.data.parse import container
from gradschool.data.tables import Row
from gradschool.errors import DataError
from gradschool.json_text import parse_any_json
from gradschool.prepare.chats.assistants import claude, is_claude, is_open_webui, open_webui
from gradschool.prepare.chats.chatgpt import chatgpt_export, is_chatgpt, is_feedback
from gradschool.prepare.chats.discord import discord, is_discord
from gradschool.prepare.chats.signal import is_signal, signal
from gradschool.prepare.chats.slack import is_slack, is_slack_list, slack
from gradschool.prepare.chats.social import is_linkedin, is_meta, linkedin, meta
from gradschool.prepare.chats.teams import graph_messages, is_graph_message, is_skype, skype
from gradschool.prepare.chats.telegram import is_telegram, telegram
from gradschool.prepare.chats.tickets import is_ticket, people_of, ticket
from gradschool.prepare.chats.values import Json
from gradschool.prepare.dialogue import Dialogue
from gradschool.prepare.recognize import SourceFile
from gradschool.prepare.rows import file_rows
from gradschool.records import Source

SAMPLE = 50  # values from which a kind is recognized
MAX_OBJECT = 1 << 30  # bytes of a file with one object, which is read at once
MAX_DEPTH = 3  # at which conversations may be within an object
Values = Iterator[tuple[Json, Source]]
People: TypeAlias = Mapping[str, tuple[str, str]]  # the name and role of each user, by id


@dataclass(frozen=True, slots=True)
class Export:
    """A kind of export: `one` reads a value with a conversation, `many` the messages of one folder."""

    name: str
    recognizes: Callable[[Json], bool]
    one: Callable[[Json, Source], Iterator[Dialogue]] | None = None
    many: Callable[[Values, Path], Iterator[Dialogue]] | None = None


def _nothing(values: Values, folder: Path) -> Iterator[Dialogue]:
    return iter(())


TICKETS = Export("tickets or conversations", is_ticket)
EXPORTS = (
    Export("a ChatGPT export", is_chatgpt, many=chatgpt_export),
    Export("the ratings of a ChatGPT export", is_feedback, many=_nothing),
    Export("a Claude export", is_claude, one=claude),
    Export("an Open WebUI export", is_open_webui, one=open_webui),
    Export("a Facebook or Instagram export", is_meta, many=lambda values, folder: meta(values)),
    Export("a Discord export", is_discord, one=discord),
    Export("a Telegram export", is_telegram, one=telegram),
    Export("a Teams or Skype export", is_skype, one=skype),
    Export("Teams messages", is_graph_message, many=lambda values, folder: graph_messages(values)),
    Export("a Slack export", is_slack, many=slack),
    Export("a list of a Slack export", is_slack_list, many=_nothing),
    Export("a Signal export", is_signal, many=lambda values, folder: signal(values)),
    Export("LinkedIn messages", is_linkedin, many=lambda values, folder: linkedin(values)),
    TICKETS,
)


def export_of(source_file: SourceFile) -> Export | None:
    """The kind of export that most of the first values of a file are; None if it is another kind of file."""
    values: list[Json] = []
    try:
        values += (value for value, _, _ in islice(_values(source_file), SAMPLE))
    except Unreadable:
        if not values:
            raise
    for export in EXPORTS:
        if values and 2 * sum(map(export.recognizes, values)) > len(values):
            return export
    return None


def read_export(files: Sequence[SourceFile], export: Export) -> Iterator[Dialogue]:
    """The dialogues of files of one kind that are in one folder."""
    others: Counter[str] = Counter()
    if export.many:
        known = ((value, source) for value, source, _ in _known(files, export, others))
        yield from export.many(known, files[0].path.resolve().parent)
    else:
        for value, source, people in _known(files, export, others):
            if export is TICKETS:
                yield from ticket(value, source, people)
            elif export.one:
                yield from export.one(value, source)
    for name, count in others.items():
        yield Dialogue("", (), Source(name, 1), left_out={"entries of another kind": count})


def _known(files: Sequence[SourceFile], export: Export, others: Counter[str]) -> Iterator[tuple[Json, Source, People]]:
    """The values of the kind of the export; those of other kinds are counted by file."""
    for file in files:
        for value, source, people in _values(file, export):
            if export.recognizes(value):
                yield value, source, people
            else:
                others[file.name] += 1


def _values(source_file: SourceFile, likely: Export | None = None) -> Iterator[tuple[Json, Source, People]]:
    """The values of a file that may be conversations or messages, each with its place and the users listed with it."""
    for row in _rows(source_file):
        source = Source(source_file.name, row.line)
        if isinstance(row.value, dict) and likely and likely.recognizes(row.value):
            yield row.value, source, {}
        elif isinstance(row.value, dict):
            yield from ((value, source, people) for value, people in _unwrapped(row.value, {}, 0))
        elif isinstance(row.value, list):  # a list in a line: of turns, or of conversations
            for value in row.value if not is_ticket({"messages": row.value}) else [{"messages": row.value}]:
                if isinstance(value, dict):
                    yield value, source, {}


def _unwrapped(value: Json, people: People, depth: int) -> Iterator[tuple[Json, People]]:
    """The value itself if it is of a known kind; else the known values in its lists and objects, at any depth."""
    if depth >= MAX_DEPTH or any(export.recognizes(value) for export in EXPORTS):
        yield value, people
        return
    inner: list[tuple[Json, People]] = []
    listed = people_of(value)
    for content in value.values():
        many = content if isinstance(content, list) else ([content] if isinstance(content, dict) else [])
        if isinstance(content, dict) and len(content) > 1 and all(isinstance(one, dict) for one in content.values()):
            many = list(content.values())  # conversations by id
        sample = [one for one in many if isinstance(one, dict)][:SAMPLE]
        if any(_leads_to_known(one, depth + 1) for one in sample):
            for one in many:
                if isinstance(one, dict):
                    inner += _unwrapped(one, listed, depth + 1)
    yield from inner or [(value, people)]


def _leads_to_known(value: Json, depth: int) -> bool:
    return any(export.recognizes(one) for one, _ in _unwrapped(value, {}, depth) for export in EXPORTS)


def _rows(source_file: SourceFile) -> Iterator[Row]:
    """The rows of a file; a single object is read at once, however long it is."""
    if source_file.kind == "rows":
        try:
            held = container(source_file.path, source_file.name)[0]
        except DataError as error:
            raise Unreadable(f"{error.what} {error.why}") from error
        if held == "JSON objects" and (row := _whole(source_file)):
            yield row
            return
    yield from file_rows(source_file)


def _whole(source_file: SourceFile) -> Row | None:
    """The single object of a file, or None if there are several or it is damaged."""
    if source_file.path.stat().st_size > MAX_OBJECT:
        raise Unreadable("its single JSON object is larger than 1 GB; export it in parts")
    try:
        with open_text(source_file.path, source_file.name) as file:
            value: Any = parse_any_json(file.read())
    except (ValueError, DataError):
        return None
    return Row(1, value)
