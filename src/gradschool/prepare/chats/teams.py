"""Microsoft Teams and Skype: messages of the Graph API, and the messages.json of a personal export."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from gradschool.prepare.chats.values import Json, name_in, objects, plain_text, time_in
from gradschool.prepare.dialogue import PROGRAM, Dialogue, Turn, iso
from gradschool.records import Source


def is_graph_message(value: Json) -> bool:
    """Whether a value is a message of the Graph API."""
    return "createdDateTime" in value and isinstance(value.get("body"), dict) and "from" in value


def graph_messages(values: Iterable[tuple[Json, Source]]) -> Iterator[Dialogue]:
    """The messages by chat, or by thread of a channel."""
    chats: defaultdict[str, list[Turn]] = defaultdict(list)
    threads: set[str] = set()
    first: dict[str, Source] = {}
    left_out: Counter[str] = Counter()
    for value, source in values:
        for message in (value, *objects(value.get("replies"))):
            thread = name_in(message.get("replyToId")) or (
                name_in(value.get("id")) if value.get("channelIdentity") else ""
            )
            chat = thread or name_in(message.get("chatId"))
            turn = _graph_turn(message)
            if turn is None:
                left_out["notices and messages without text"] += 1
                continue
            chats[chat].append(turn)
            threads |= {chat} if thread else set()
            first.setdefault(chat, source)
    for number, (chat, turns) in enumerate(chats.items()):
        turns.sort(key=lambda turn: turn.at or 0.0)
        counted = left_out if number == 0 else None
        yield Dialogue("", tuple(turns), first[chat], iso(turns[-1].at), chat=chat not in threads, left_out=counted)


def _graph_turn(message: Json) -> Turn | None:
    sender = message.get("from") if isinstance(message.get("from"), dict) else {}
    found = next(
        (
            (kind, one)
            for kind in ("user", "application", "device")
            if isinstance(one := (sender or {}).get(kind), dict)
        ),
        None,
    )
    text = plain_text((message.get("body") or {}).get("content")) if isinstance(message.get("body"), dict) else ""
    if message.get("messageType", "message") != "message" or not text or not found or message.get("deletedDateTime"):
        return None
    bot = PROGRAM if found[0] == "application" else ""
    ids = tuple(filter(None, [name_in(found[1].get("id"))]))
    return Turn(name_in(found[1]), text, aliases=ids, at=time_in(message.get("createdDateTime")), untrained=bot)


def is_skype(value: Json) -> bool:
    """Whether a value is a conversation of a personal export of Teams or Skype."""
    return isinstance(value.get("MessageList"), list)


def skype(value: Json, source: Source) -> Iterator[Dialogue]:
    """The messages of a conversation; calls and changes of a group are left out."""
    turns: list[Turn] = []
    left_out: Counter[str] = Counter()
    for message in objects(value["MessageList"]):
        kind: Any = message.get("messagetype") or "Text"
        text = plain_text(message.get("content"))
        user = name_in(message.get("from"))
        if str(kind) not in ("Text", "RichText", "RichText/Html") or not text or not user:
            left_out["notices and messages without text"] += 1
            continue
        at = time_in(message.get("originalarrivaltime"))
        turns.append(Turn(name_in(message.get("displayName")) or user, text, aliases=(user,), at=at))
    turns.sort(key=lambda turn: turn.at or 0.0)
    yield Dialogue("", tuple(turns), source, iso(turns[-1].at) if turns else "", chat=True, left_out=left_out)
