"""Channels that DiscordChatExporter saved as JSON."""

import re
from collections import Counter
from collections.abc import Iterator

from gradschool.prepare.chats.values import Json, name_in, objects, text_in, time_in
from gradschool.prepare.dialogue import PROGRAM, Dialogue, Turn, iso
from gradschool.records import Source

NAMES = ("nickname", "global_name", "name", "username")
MENTION = re.compile(r"<@!?(\d+)>")
SPOKEN = ("Default", "Reply", "ThreadStarterMessage", 0, 19, 21)


def is_discord(value: Json) -> bool:
    """Whether a value is a channel with its messages."""
    messages = objects(value.get("messages"))[:50]
    known = "channel" in value or "guild" in value
    return any(
        isinstance(author := one.get("author"), dict)
        and {"content", "timestamp"} <= one.keys()
        and (known or bool({"isBot", "discriminator", "global_name"} & author.keys()))
        for one in messages
    )


def discord(value: Json, source: Source) -> Iterator[Dialogue]:
    """The messages of a channel, without notices and attachments."""
    turns: list[Turn] = []
    left_out: Counter[str] = Counter()
    for message in objects(value["messages"]):
        given = message.get("author")
        author: Json = given if isinstance(given, dict) else {}
        speaker = _shown(author)
        text = _text(message)
        if message.get("type", "Default") not in SPOKEN:
            left_out["notices"] += 1
        elif not text:
            left_out["messages without text of their sender"] += 1
        elif not speaker:
            left_out["messages without a sender"] += 1
        else:
            names = (author.get(key) for key in ("name", "username", "id"))
            bot = PROGRAM if author.get("isBot") or author.get("bot") else ""
            aliases = tuple(filter(None, map(name_in, names)))
            turns.append(Turn(speaker, text, aliases=aliases, at=time_in(message.get("timestamp")), untrained=bot))
    turns.sort(key=lambda turn: turn.at or 0.0)
    yield Dialogue("", tuple(turns), source, iso(turns[-1].at) if turns else "", chat=True, left_out=left_out)


def _shown(author: Json) -> str:
    return next((name for key in NAMES if (name := name_in(author.get(key)))), "")


def _text(message: Json) -> str:
    """The text of a message, with the names of those whom it mentions."""
    mentioned = {name_in(one.get("id")): _shown(one) for one in objects(message.get("mentions"))}

    def shown(found: re.Match[str]) -> str:
        return f"@{mentioned[found[1]]}" if mentioned.get(found[1]) else found[0]

    return MENTION.sub(shown, text_in(message.get("content"))).strip()
