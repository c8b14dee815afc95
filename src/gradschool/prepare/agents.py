"""Who the agent is: named, known by role, or the one speaker who answers; decided over all sources together."""

import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from gradschool.data.formats import ROLES, plain
from gradschool.errors import DataError
from gradschool.prepare.dialogue import PROGRAM, Dialogue, Turn
from gradschool.prepare.sessions import by_pauses

DIRECTIONS = {"outbound": "assistant", "outgoing": "assistant", "out": "assistant", "sent": "assistant",
              "inbound": "user", "incoming": "user", "in": "user", "received": "user",
              "requester": "user", "end_user": "user", "end-user": "user", "admin": "assistant", "staff": "assistant",
              "employee": "assistant", "rep": "assistant", "consultant": "assistant", "lead": "user", "buyer": "user",
              "seller": "assistant", "guest": "user", "member": "user", "patient": "user", "student": "user",
              "teacher": "assistant", "tutor": "assistant", "contact": "user"}  # fmt: skip
MOST, FEW = 0.8, 0.25  # of the conversations: the agent speaks in most, and begins few
HALF = 0.5  # of the conversations, which nobody else exceeds
MIN_SESSIONS = 3  # from which it counts who begins them
SHOWN = 6  # speakers in a message


def key(name: str) -> str:
    """A name or role for comparison: without case, spelling of spaces, and forms of characters."""
    return plain(" ".join(unicodedata.normalize("NFKC", name).split()))


def role_word(name: str) -> str:
    """The role that a word such as "customer" names, or empty."""
    return ROLES.get(key(name)) or DIRECTIONS.get(key(name), "")


def _called(turn: Turn) -> set[str]:
    """The normalized names by which the user may name the speaker of a turn."""
    return {key(name) for name in (turn.speaker, *turn.aliases) if name.strip()}


@dataclass(frozen=True, slots=True)
class Agents:
    """The names of the agents; `named` is whether the user gave them."""

    names: frozenset[str] = frozenset()
    named: bool = False
    others: frozenset[str] = frozenset()  # who also answers, but is not named: context, never trained on

    def role_of(self, turn: Turn) -> str:
        """The role of a turn: user, assistant or system."""
        called = _called(turn)
        given = turn.role or role_word(turn.speaker)
        if given in ("system", "tool"):
            return given
        if (self.names | self.others) & called or (self.named and given in self.names):
            return "assistant"
        # Another agent than the named ones is part of the conversation, but `is_trained` leaves its answers out.
        return "assistant" if given == "assistant" else "user"

    def among(self, called: set[str]) -> bool:
        """Whether one of these names, or roles, of a speaker is that of an agent to train on."""
        return bool(self.names & called)

    def is_trained(self, turn: Turn) -> bool:
        """Whether a turn of the assistant is one to train on."""
        if turn.untrained:
            return False
        return not self.named or bool(self.names & (_called(turn) | {turn.role or role_word(turn.speaker)}))


@dataclass(slots=True)
class Census:
    """Who speaks in the dialogues, who begins them, and who is known by role."""

    turns: Counter[str] = field(default_factory=Counter)
    shown: dict[str, str] = field(default_factory=dict)  # as the file spells it
    called: dict[str, set[str]] = field(default_factory=dict)  # all names and the role of each speaker
    assistants: set[str] = field(default_factory=set)  # names that are agents by role
    people: set[str] = field(default_factory=set)  # names whose turns a program did not write all
    chats: Counter[str] = field(default_factory=Counter)  # speakers by conversation, of those without roles
    chat_count: int = 0
    present: Counter[str] = field(default_factory=Counter)  # by session
    begun: Counter[str] = field(default_factory=Counter)
    session_count: int = 0
    opposite: set[str] = field(default_factory=set)  # the others in conversations with a known customer
    doubtful: dict[str, None] = field(default_factory=dict)  # labels that may be speakers, in the order of the sources

    def add(self, dialogue: Dialogue) -> None:
        """Count one dialogue."""
        self.doubtful |= dict.fromkeys(dialogue.doubtful)
        names = [key(turn.speaker) for turn in dialogue.turns]
        self.turns.update(names)
        for turn, name in zip(dialogue.turns, names, strict=True):
            self.shown.setdefault(name, turn.speaker)
            self.called.setdefault(name, set()).update(_called(turn), {turn.role or role_word(turn.speaker)})
        dialogue = replace(dialogue, turns=tuple(turn for turn in dialogue.turns if turn.untrained != PROGRAM))
        self.people.update(key(turn.speaker) for turn in dialogue.turns)
        roles = {key(turn.speaker): turn.role or role_word(turn.speaker) for turn in dialogue.turns}
        agents = {name for name, role in roles.items() if role == "assistant"}
        self.assistants |= agents
        unknown = {name for name, role in roles.items() if not role}
        if agents or not unknown:
            return
        if "user" in roles.values():
            self.opposite |= unknown
            return
        if len(unknown) < 2:
            return
        self.chat_count += 1
        self.chats.update(unknown)
        for part in by_pauses(dialogue) if not dialogue.unopened else ():
            said = {key(turn.speaker) for turn in part}
            if len(said & unknown) > 1:
                self.session_count += 1
                self.present.update(said & unknown)
                self.begun[key(part[0].speaker)] += 1

    def listed(self) -> str:
        """The speakers with the number of their turns, the most frequent first."""
        ordered = sorted(self.turns.items(), key=lambda pair: (-pair[1], pair[0]))
        shown = ", ".join(f"{self.shown[name] or '(no name)'} ({count})" for name, count in ordered[:SHOWN])
        return shown + (f" and {len(ordered) - SHOWN} more" if len(ordered) > SHOWN else "")


def decided(census: Census, named: Sequence[str]) -> Agents:
    """Decide who the agent is, given who speaks where; the same on every run.

    The agents are those that the user names; those whom the files call so; those who talk with a customer whom the
    files call so; the one speaker of most conversations, of which nobody else is in more than half; or the one who is
    in most sessions and begins few of them. Raises DataError if none of these decides, or if no named agent speaks.
    """
    known = census.assistants | census.opposite
    if named:
        names = frozenset(map(key, named))
        if not names & set().union(*census.called.values()):
            raise DataError(
                f"None of {', '.join(named)} has a turn.", f"The speakers are {census.listed()}.", "correct --agent."
            )
        return Agents(names, named=True, others=frozenset(known))
    if census.doubtful:
        labels = list(census.doubtful)
        raise DataError(
            f"It is not clear which labels are speakers: {', '.join(labels[:SHOWN])}.",
            "Each of them is at the same places of the text, where somebody answers.",
            "name the agent with --agent; the other labels are then part of what is said.",
        )
    if not census.chat_count:
        if not known and census.turns:
            raise _unclear(census)
        return Agents(frozenset(known))
    return Agents(frozenset(known | {_answerer(census)}))


def _answerer(census: Census) -> str:
    """The agent of the conversations without roles."""
    count = census.chat_count
    if count > 1:
        everywhere = [name for name, chats in census.chats.items() if chats >= MOST * count]
        if len(everywhere) == 1 and all(
            chats <= HALF * count for name, chats in census.chats.items() if name not in everywhere
        ):
            return everywhere[0]
    total = census.session_count
    if total >= MIN_SESSIONS:
        fit = [name for name, n in census.present.items() if n >= MOST * total and census.begun[name] <= FEW * total]
        if len(fit) == 1:
            return fit[0]
    raise _unclear(census)


def _unclear(census: Census) -> DataError:
    return DataError(
        "The agent cannot be detected.",
        f"The speakers are {census.listed()}; no role, and no speaker who alone answers, shows which one to train on.",
        "name the agent with --agent; repeat it for several agents.",
    )
