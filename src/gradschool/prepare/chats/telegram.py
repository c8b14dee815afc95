"""Exports of Telegram Desktop (result.json): one chat, or all chats of an account."""

from collections import Counter
from collections.abc import Iterator

from gradschool.prepare.chats.values import Json, name_in, objects, text_in, time_in
from gradschool.prepare.dialogue import Dialogue, Turn, iso
from gradschool.records import Source


def is_telegram(value: Json) -> bool:
    """Whether a value is a chat of a Telegram export."""
    messages = objects(value.get("messages"))[:50]
    return (bool(messages) and any("from_id" in one or "date_unixtime" in one for one in messages)) or (
        bool(messages) and all("text" in one and one.get("type") in ("message", "service") for one in messages)
    )


def telegram(value: Json, source: Source) -> Iterator[Dialogue]:
    """The messages of a chat; what somebody forwarded is not in their own words, and is never an answer."""
    turns: list[Turn] = []
    left_out: Counter[str] = Counter()
    for message in objects(value["messages"]):
        text = text_in(message.get("text")) or text_in(message.get("text_entities"))
        speaker = name_in(message.get("from")) or name_in(message.get("from_id")) or name_in(message.get("actor"))
        if message.get("type", "message") != "message":
            left_out["notices"] += 1
        elif not text.strip():
            left_out["messages without text of their sender"] += 1
        elif not speaker:
            left_out["messages without a sender"] += 1
        else:
            forwarded = "forwarded_from" in message or "via_bot" in message
            at = time_in(message.get("date_unixtime")) or time_in(message.get("date"))
            aliases = tuple(filter(None, [name_in(message.get("from_id"))]))
            why = "it was forwarded, or written by a program" if forwarded else ""
            turns.append(Turn(speaker, text.strip(), aliases=aliases, at=at, untrained=why))
    yield Dialogue("", tuple(turns), source, iso(turns[-1].at) if turns else "", chat=True, left_out=left_out)
