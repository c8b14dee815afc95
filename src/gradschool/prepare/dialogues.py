"""Drafts from dialogues, chats and tickets: each turn of the agent, with the turns before it."""

import itertools
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gradschool.data.encoding import open_text
from gradschool.data.formats import ROLES, plain
from gradschool.errors import DataError
from gradschool.prepare.draft import Change, Draft, Sink, id_from, unused
from gradschool.prepare.options import PrepareOptions
from gradschool.prepare.recognise import TURN, SourceFile
from gradschool.prepare.rows import Columns, file_rows, speaker_of, text_of
from gradschool.records import Conversation, Message, Note, Progress, Source, Work

SAMPLE = 2_000  # dialogues from which the agent is detected
PROGRESS_STEP = 2_000  # dialogues between two progress events
DIRECTIONS = {"outbound": "assistant", "outgoing": "assistant", "out": "assistant", "sent": "assistant",
              "inbound": "user", "incoming": "user", "in": "user", "received": "user",
              "requester": "user", "end_user": "user", "end-user": "user", "admin": "assistant", "staff": "assistant",
              "employee": "assistant", "rep": "assistant", "consultant": "assistant", "lead": "user", "buyer": "user",
              "seller": "assistant", "guest": "user", "member": "user", "patient": "user", "student": "user",
              "teacher": "assistant", "tutor": "assistant"}  # fmt: skip
SEPARATOR = re.compile(
    r"\s*(?:[-=*_#]{3,}.*|(?:#\s*)?(?:conversation|chat|ticket|dialogue|session)\s+#?\d+\s*:?\s*)", re.I
)


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn, with the speaker as named in the file."""

    speaker: str
    text: str


@dataclass(frozen=True, slots=True)
class Dialogue:
    """A conversation with its origin."""

    id: str
    turns: tuple[Turn, ...]
    source: Source
    date: str = ""


@dataclass(frozen=True, slots=True)
class Roles:
    """The role of each speaker, by normalized name."""

    role_of: dict[str, str]

    def of(self, speaker: str) -> str:
        """The role of a speaker; unknown speakers are users."""
        return self.role_of.get(plain(speaker), "user")


def dialogues_of(source_file: SourceFile, columns: Columns) -> Iterator[Dialogue]:
    """All dialogues of a file, in order; rows with single turns are grouped by conversation."""
    if source_file.kind == "transcript":
        yield from _transcripts(source_file)
    elif columns.kind == "turns":
        yield from _from_turns(source_file, columns)
    else:
        for row in file_rows(source_file):
            value = {columns.turns: row.value} if isinstance(row.value, list) else row.value
            if isinstance(value, dict):
                yield _dialogue(source_file, row.line, value, columns)


def _dialogue(source_file: SourceFile, line: int, value: dict[str, Any], columns: Columns) -> Dialogue:
    listed = value.get(columns.turns)
    turns = [
        Turn(speaker_of(turn), text_of(turn))
        for turn in (listed if isinstance(listed, list) else [])
        if isinstance(turn, dict) and not _internal(turn)
    ]
    # A ticket has the customer's first message outside its comments.
    opening = next((str(value[key]) for key in ("description", "question", "body") if value.get(key)), "")
    if opening.strip() and plain(columns.turns) in ("comments", "replies", "posts", "events", "interactions"):
        requester = next(
            (str(value[key]) for key in ("requester_id", "requester", "customer") if value.get(key)), "user"
        )
        if not turns or turns[0].text.strip() != opening.strip():
            turns.insert(0, Turn(requester, opening))
    given = str(value.get(columns.id) or "") if columns.id else ""
    date = str(value.get(columns.date) or "") if columns.date else ""
    return Dialogue(given, tuple(turn for turn in turns if turn.text.strip()), Source(source_file.name, line), date)


def _internal(turn: dict[str, Any]) -> bool:
    """Whether a turn is an internal note that the customer never sees."""
    return turn.get("public") is False or turn.get("internal") is True or turn.get("private") is True


def _from_turns(source_file: SourceFile, columns: Columns) -> Iterator[Dialogue]:
    turns: defaultdict[str, list[Turn]] = defaultdict(list)
    first: dict[str, int] = {}
    dates: dict[str, str] = {}
    for row in file_rows(source_file):
        if not isinstance(row.value, dict):
            continue
        name = str(row.value.get(columns.conversation) or "").strip()
        text = str(row.value.get(columns.text) or "")
        if not name or not text.strip():
            continue
        first.setdefault(name, row.line)
        turns[name].append(Turn(str(row.value.get(columns.speaker) or ""), text))
        if columns.date:
            dates[name] = str(row.value.get(columns.date) or "")
    for name, spoken in turns.items():
        yield Dialogue(name, tuple(spoken), Source(source_file.name, first[name]), dates.get(name, ""))


def _transcripts(source_file: SourceFile) -> Iterator[Dialogue]:
    """Conversations in a text: lines that begin with a speaker; a rule or a heading separates conversations."""
    turns: list[Turn] = []
    start = 1
    with open_text(source_file.path, source_file.name) as file:
        for number, raw in enumerate(file, 1):
            line = raw.strip()
            if SEPARATOR.fullmatch(line) and not TURN.match(line):
                if turns:
                    yield Dialogue("", tuple(turns), Source(source_file.name, start))
                turns, start = [], number + 1
            elif spoken := TURN.match(line):
                turns.append(Turn(spoken[1].strip(), line[spoken.end() - 1 :].strip()))
            elif line and turns:
                turns[-1] = replace(turns[-1], text=f"{turns[-1].text}\n{line}")
    if turns:
        yield Dialogue("", tuple(turns), Source(source_file.name, start))


def roles_of(dialogues: Iterable[Dialogue], agents: Sequence[str]) -> Roles:
    """Detect the agent: the named speakers, known labels, or the speaker who answers in nearly all dialogues.

    Raises DataError if the agent cannot be detected, or if no named agent ever speaks.
    """
    seen: Counter[str] = Counter()
    answers: Counter[str] = Counter()
    total = 0
    for dialogue in dialogues:
        total += 1
        speakers = [plain(turn.speaker) for turn in dialogue.turns]
        seen.update(set(speakers))
        answers.update({second for first, second in itertools.pairwise(speakers) if first == speakers[0]})
    if agents:
        named = {plain(agent) for agent in agents}
        if not named & seen.keys() and total < SAMPLE:
            raise DataError(
                f"None of {', '.join(agents)} has a turn.",
                f"The speakers are {_listed(seen)}.",
                "correct --agent.",
            )
        return Roles({"system": "system"} | dict.fromkeys(named, "assistant"))
    known = {name: ROLES.get(name) or DIRECTIONS.get(name, "") for name in seen}
    if "assistant" not in known.values():
        if len(seen) == 2 and total > 1:
            likely = max(seen, key=lambda name: answers[name])
        else:
            likely = max(seen, key=lambda name: seen[name], default="")
        sure = bool(likely) and seen[likely] >= 0.8 * total and list(seen.values()).count(seen[likely]) <= 2
        if not sure or (len(seen) == 2 and answers[likely] <= answers[next(name for name in seen if name != likely)]):
            raise DataError(
                "The agent cannot be detected.",
                f"The speakers are {_listed(seen)}.",
                "name the agent with --agent; repeat it for several agents.",
            )
        known[likely] = "assistant"
    return Roles({name: role or "user" for name, role in known.items()})


def _listed(seen: Counter[str], most: int = 6) -> str:
    return ", ".join(f"{name or '(nobody)'} ({count})" for name, count in seen.most_common(most))


def read_dialogues(source_file: SourceFile, columns: Columns, options: PrepareOptions, sink: Sink) -> Work[None]:
    """Add a draft for every turn of the agent, with the turns before it; a dialogue is a group."""
    first: list[Dialogue] = []
    for dialogue in dialogues_of(source_file, columns):
        first.append(dialogue)
        if len(first) >= SAMPLE:
            break
    roles = roles_of(first, options.agents)
    agents = sorted(name for name, role in roles.role_of.items() if role == "assistant")
    yield Note(f"{source_file.name}: dialogues; training on the turns of {', '.join(agents)}.")
    ids: Counter[str] = Counter()
    for done, dialogue in enumerate(dialogues_of(source_file, columns)):
        if done % PROGRESS_STEP == 0:
            yield Progress("reading dialogues", done, 0, "dialogues")
        name = unused(dialogue.id or _id(dialogue), ids)
        for draft in drafts_of(replace(dialogue, id=name), roles):
            sink.add(draft)


def _id(dialogue: Dialogue) -> str:
    return id_from("dialogue", json.dumps([[turn.speaker, turn.text] for turn in dialogue.turns]))


def drafts_of(dialogue: Dialogue, roles: Roles) -> Iterator[Draft]:
    """One draft for each turn of the agent; consecutive turns of one role are joined, unanswered ends removed."""
    messages, joined = _joined(dialogue, roles)
    answers = [number for number, message in enumerate(messages) if message.role == "assistant"]
    asked = next((number for number, message in enumerate(messages) if message.role == "user"), len(messages))
    answers = [number for number in answers if number > asked]
    people = tuple((turn.speaker, "") for turn in dialogue.turns if plain(turn.speaker) not in ROLES)
    blank = Draft(
        id=f"{dialogue.id}-0",
        messages=messages or (Message("user", ""),),
        group=dialogue.id,
        source=dialogue.source,
        date=dialogue.date,
        people=tuple(dict.fromkeys(people)),
    )
    if not answers:
        yield blank.dropped("no answer", "the agent never answers in it")
        return
    for place, number in enumerate(answers, 1):
        changes: list[Change] = []
        if joined[number]:
            changes.append(Change("joined turns", joined[number]))
        if number == answers[-1] and len(messages) > number + 1:
            changes.append(Change("open end", "\n".join(m.content for m in messages[number + 1 :])))
        yield replace(blank, id=f"{dialogue.id}-{place}", messages=messages[: number + 1], changes=tuple(changes))


def _joined(dialogue: Dialogue, roles: Roles) -> tuple[Conversation, list[str]]:
    """The messages with consecutive turns of one role joined, and the text joined to each."""
    messages: list[Message] = []
    joined: list[str] = []
    for turn in dialogue.turns:
        role = roles.of(turn.speaker)
        if messages and messages[-1].role == role:
            messages[-1] = Message(role, f"{messages[-1].content}\n{turn.text}")
            joined[-1] = f"{joined[-1]}\n{turn.text}".strip()
        else:
            messages.append(Message(role, turn.text))
            joined.append("")
    return tuple(messages), joined
