"""Drafts from dialogues, chats and tickets: each turn of the agent, with the turns before it."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from gradschool.data.encoding import Unreadable
from gradschool.errors import DataError
from gradschool.prepare.agents import Agents, Census, decided, role_word
from gradschool.prepare.chats.exports import Export, read_export
from gradschool.prepare.chats.values import name_in, plain_text, time_in
from gradschool.prepare.dialogue import Dialogue, Turn, iso
from gradschool.prepare.draft import Change, Draft, Sink, id_from, unused
from gradschool.prepare.options import PrepareOptions
from gradschool.prepare.recognize import SourceFile
from gradschool.prepare.rows import Columns, file_rows
from gradschool.prepare.sessions import HISTORY_CHARACTERS, recent, sessions
from gradschool.prepare.transcripts.notices import written
from gradschool.prepare.transcripts.read import read_transcript
from gradschool.records import Conversation, Message, Note, Progress, Source, Work

PROGRESS_STEP = 2_000  # dialogues between two progress events
SHOWN = 6  # speakers in a note


@dataclass(frozen=True, slots=True)
class DialogueSource:
    """Files that give dialogues together, what they are, and a function that reads them from the start."""

    name: str
    what: str
    read: Callable[[], Iterator[Dialogue]]


def transcript_source(file: SourceFile, agents: Sequence[str]) -> DialogueSource:
    """The dialogues of a text file; `agents` are the names that the user gives."""
    return DialogueSource(file.name, "a conversation transcript", lambda: read_transcript(file.path, file.name, agents))


def export_sources(files: Sequence[tuple[SourceFile, Export]]) -> list[DialogueSource]:
    """The dialogues of exports; files of one kind in one folder that belong together are read together."""
    together: dict[tuple[str, str], tuple[list[SourceFile], Export]] = {}
    for file, export in files:
        place = str(file.path.parent) if export.many else str(file.path)
        together.setdefault((export.name, place), ([], export))[0].append(file)
    return [_export_source(group, export) for group, export in together.values()]


def _export_source(files: Sequence[SourceFile], export: Export) -> DialogueSource:
    more = f" and {len(files) - 1} more" if len(files) > 1 else ""
    return DialogueSource(f"{files[0].name}{more}", export.name, lambda: read_export(files, export))


def turns_source(file: SourceFile, columns: Columns) -> DialogueSource:
    """The dialogues of a table with a turn in each row."""
    return DialogueSource(file.name, "turns in rows", lambda: _from_turns(file, columns))


def _from_turns(file: SourceFile, columns: Columns) -> Iterator[Dialogue]:
    """Rows grouped by conversation, each in order of time if all its rows have one.

    Without conversations it is a chat, in which a messenger writes of media and of who came or left.
    """
    turns: defaultdict[str, list[Turn]] = defaultdict(list)
    dates: dict[str, str] = {}
    missing = notices = 0
    for row in file_rows(file):
        if not isinstance(row.value, dict):
            continue
        name = name_in(row.value.get(columns.conversation)) if columns.conversation else file.name
        text = plain_text(row.value.get(columns.text))
        if not name or not text:
            missing += 1
            continue
        if not columns.conversation and not (text := written(text)):
            notices += 1
            continue
        given = row.value.get(columns.date) if columns.date else None
        turns[name].append(Turn(name_in(row.value.get(columns.speaker)), text, at=time_in(given), line=row.line))
        dates[name] = str(given or "")
    for name, spoken in turns.items():
        source = Source(file.name, spoken[0].line)
        if all(turn.at is not None for turn in spoken):
            spoken.sort(key=lambda turn: turn.at or 0.0)
        date = iso(spoken[-1].at) or dates[name]
        chat = not columns.conversation
        yield Dialogue("" if chat else name, tuple(spoken), source, date, chat=chat)
    left_out = {"rows without a text or a conversation": missing, "messages without text of their sender": notices}
    if any(left_out.values()):
        yield Dialogue("", (), Source(file.name, 1), left_out=left_out)


def read_dialogues(
    sources: Sequence[DialogueSource], options: PrepareOptions, sink: Sink, meet: Callable[[str], None] = lambda _: None
) -> Work[None]:
    """Add a draft for every turn of the agent, with the turns before it; a dialogue or a session is a group.

    Who the agent is is decided over all sources together. `meet` is called with the name of every other speaker.
    """
    census = Census()
    for source in sources:
        left_out: Counter[str] = Counter()
        count = 0
        for dialogue in _readable(source):
            if isinstance(dialogue, Note):
                yield dialogue
                continue
            if count % PROGRESS_STEP == 0:
                yield Progress(f"reading {source.name}", count, 0, "dialogues")
            count += bool(dialogue.turns)
            census.add(dialogue)
            left_out.update(dialogue.left_out or {})
        yield Note(f"{source.name}: {source.what}; {count} dialogues.")
        if listed := ", ".join(f"{number} {what}" for what, number in left_out.most_common() if number):
            yield Note(f"{source.name}: {listed} left out.")
    agents = decided(census, options.agents)
    yield from _introduce(census, agents, meet)
    ids: Counter[str] = Counter()
    for source in sources:
        for done, dialogue in enumerate(one for one in _readable(source) if isinstance(one, Dialogue)):
            if done % PROGRESS_STEP == 0:
                yield Progress("reading dialogues", done, 0, "dialogues")
            for session in sessions(dialogue, agents.role_of):
                name = unused(session.id if session.id and not dialogue.chat else _id(session), ids)
                for draft in drafts_of(replace(session, id=name), agents):
                    sink.add(draft)


def _readable(source: DialogueSource) -> Iterator[Dialogue | Note]:
    """The dialogues of a source, and a warning where it cannot be read further."""
    try:
        yield from source.read()
    except (Unreadable, OSError) as error:
        yield Note(f"{source.name} cannot be read completely: {error}", "warning")
    except DataError as error:
        yield Note(f"{source.name} cannot be read completely: {error.what} {error.why}", "warning")


def _introduce(census: Census, agents: Agents, meet: Callable[[str], None]) -> Work[None]:
    """Show who is trained on and who is not; every speaker but the agents gets a pseudonym."""
    spoken = sorted(census.turns.items(), key=lambda pair: (-pair[1], pair[0]))
    ours: list[str] = []
    others: list[str] = []
    for name, count in spoken:
        shown = f"{census.shown[name] or '(no name)'} ({count})"
        ours_too = agents.among(census.called[name])
        (ours if ours_too and name in census.people else others).append(shown)
        if not ours_too and not role_word(name):
            meet(census.shown[name])
    if spoken:
        yield Note(f"Training on the turns of {_few(ours)}; the other speakers are {_few(others) or 'none'}.")
    called = set[str]().union(*census.called.values())
    if silent := sorted(agents.names - called):
        yield Note(f"{', '.join(silent)}: named with --agent, but has no turn.", "warning")


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _id(dialogue: Dialogue) -> str:
    return id_from("dialogue", json.dumps([[turn.speaker, turn.text] for turn in dialogue.turns]))


@dataclass(slots=True)
class _Joined:
    """Consecutive turns of one role as one message, and why it is no answer to train on (empty if it is one)."""

    role: str
    turns: list[Turn]
    trained: list[Turn]
    why: str = ""

    def message(self, most: int | None = None) -> Message:
        """The message; an answer has the words of the agent alone, and a question at most so many characters."""
        turns = self.trained or self.turns
        if most is not None and self.role == "user":
            turns = turns[-max(1, len(turns) - recent([len(turn.text) for turn in turns])) :]
        return Message(self.role, "\n".join(turn.text for turn in turns))


def _joined(dialogue: Dialogue, agents: Agents) -> list[_Joined]:
    blocks: list[_Joined] = []
    for turn in dialogue.turns:
        role = agents.role_of(turn)
        if not blocks or blocks[-1].role != role:
            blocks.append(_Joined(role, [], []))
        blocks[-1].turns.append(turn)
        if role == "assistant" and agents.is_trained(turn):
            blocks[-1].trained.append(turn)
        else:
            blocks[-1].why = turn.untrained or "another agent than the named ones wrote it"
    return blocks


def drafts_of(dialogue: Dialogue, agents: Agents) -> Iterator[Draft]:
    """One draft for each answer of the agent; consecutive turns of one role are joined, unanswered ends removed.

    An example shows the turns before its answer up to a bound, so that a long dialogue gives examples in proportion.
    """
    blocks = _joined(dialogue, agents)
    messages = tuple(block.message(HISTORY_CHARACTERS) for block in blocks)
    asked = next((number for number, block in enumerate(blocks) if block.role == "user"), len(blocks))
    answers = [number for number, block in enumerate(blocks) if block.role == "assistant" and number > asked]
    people = tuple((turn.speaker, "") for turn in dialogue.turns if turn.speaker and not role_word(turn.speaker))
    blank = Draft(
        id=f"{dialogue.id}-0",
        messages=messages or (Message("user", ""),),
        group=dialogue.id,
        source=dialogue.source,
        date=dialogue.date,
        people=tuple(dict.fromkeys(people)),
    )
    if not answers:
        yield replace(blank, messages=_shown(blank.messages, len(blank.messages) - 1)[0]).dropped(
            "no answer", "the agent never answers in it"
        )
        return
    for place, number in enumerate(answers, 1):
        shown, hidden = _shown(messages, number)
        changes: list[Change] = []
        if len(blocks[number].trained) > 1:
            changes.append(Change("joined turns", "\n".join(turn.text for turn in blocks[number].trained[1:])))
        if hidden:
            changes.append(Change("shortened history", f"{hidden} earlier messages are not shown"))
        if number == answers[-1] and len(messages) > number + 1:
            changes.append(Change("open end", "\n".join(m.content for m in messages[number + 1 :])))
        source = Source(dialogue.source.file, blocks[number].turns[0].line or dialogue.source.line)
        draft = replace(blank, id=f"{dialogue.id}-{place}", messages=shown, changes=tuple(changes), source=source)
        yield draft if blocks[number].trained else draft.dropped("not to train on", blocks[number].why)


def _shown(messages: Conversation, number: int) -> tuple[Conversation, int]:
    """The messages up to `number` that an example shows, system messages first, and how many it does not show."""
    before = messages[:number]
    first = recent([len(message.content) for message in before])
    while first and first < number - 1 and before[first].role != "user":
        first += 1
    system = tuple(message for message in before[:first] if message.role == "system")
    return (*system, *messages[first : number + 1]), first - len(system)
