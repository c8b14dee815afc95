"""Divide long chats into sessions by their pauses, and bound the history that one example shows."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import takewhile

from gradschool.prepare.dialogue import Dialogue, Turn, iso
from gradschool.records import Source

PAUSE = 4 * 3600.0  # seconds without a message after which a session ends
LONG_PAUSE = 7 * 24 * 3600.0  # after which it ends even if the last question has no answer: what follows is no answer
MAX_WHOLE = 250  # turns of a conversation that is no chat, up to which it is one session
MAX_TURNS, MAX_UNDATED = 24, 8  # of a session of a chat, with times and without; it ends at the next question
HISTORY_TURNS, HISTORY_CHARACTERS = 40, 8_000  # shown before an answer


def by_pauses(dialogue: Dialogue) -> Iterator[Sequence[Turn]]:
    """The parts of a dialogue between pauses; without times, between the empty lines of its file."""
    dated = any(turn.at is not None for turn in dialogue.turns)
    part: list[Turn] = []
    for turn in dialogue.turns:
        if part and dialogue.chat and (_pause(part[-1], turn) > PAUSE if dated else turn.apart):
            yield part
            part = []
        part.append(turn)
    if part:
        yield part


def _pause(before: Turn, after: Turn) -> float:
    return abs(after.at - before.at) if before.at is not None and after.at is not None else 0.0


def sessions(dialogue: Dialogue, role_of: Callable[[Turn], str]) -> Iterator[Dialogue]:
    """The sessions of a chat, or of a very long conversation, each a dialogue; any other dialogue as it is.

    Each begins with the system messages at the start of the whole. A session ends with a pause after a turn of the
    agent, so that no answer loses its question; with a long pause; and after many turns. A chat without times is
    divided at empty lines if each part begins with a question.
    """
    if not dialogue.chat and len(dialogue.turns) <= MAX_WHOLE:
        yield dialogue
        return
    roles = [role_of(turn) for turn in dialogue.turns]
    dated = any(turn.at is not None for turn in dialogue.turns)
    most = MAX_TURNS if dated else MAX_UNDATED
    paragraphs = not dated and _divides(dialogue, roles)
    system = list(takewhile(lambda turn: role_of(turn) == "system", dialogue.turns))
    part: list[Turn] = []
    for number, (turn, role) in enumerate(zip(dialogue.turns, roles, strict=True)):
        if part and _ends(part, turn, roles[number - 1], role, paragraphs, most):
            yield _session(dialogue, part)
            part = list(system)
        part.append(turn)
    if part:
        yield _session(dialogue, part)


def _ends(part: Sequence[Turn], turn: Turn, before: str, role: str, paragraphs: bool, most: int) -> bool:
    pause = _pause(part[-1], turn)
    if pause > LONG_PAUSE:
        return True
    if before != "assistant":
        return False
    return pause > PAUSE or (paragraphs and turn.apart) or (len(part) >= most and role == "user")


def _divides(dialogue: Dialogue, roles: Sequence[str]) -> bool:
    """Whether the empty lines of a chat without times are between exchanges, not within them."""
    apart = [number for number, turn in enumerate(dialogue.turns) if turn.apart and number]
    whole = sum(roles[number] == "user" and roles[number - 1] == "assistant" for number in apart)
    return bool(apart) and whole > 0.8 * len(apart)


def _session(dialogue: Dialogue, turns: Sequence[Turn]) -> Dialogue:
    date = (iso(turns[-1].at) or dialogue.date) if dialogue.date else ""
    source = Source(dialogue.source.file, turns[0].line or dialogue.source.line)
    return replace(dialogue, turns=tuple(turns), date=date, source=source, chat=False)


def recent(lengths: Sequence[int]) -> int:
    """The first of the turns before an answer that its example shows, given their lengths in characters."""
    first, total = len(lengths), 0
    while first and len(lengths) - first < HISTORY_TURNS:
        total += lengths[first - 1]
        if total > HISTORY_CHARACTERS and first < len(lengths):
            break
        first -= 1
    return first
