"""Signal: the lines of signal-export (data.json), of Signal Desktop (main.jsonl), and lists of its messages."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from gradschool.prepare.chats.values import Json, name_in, text_in, time_in
from gradschool.prepare.dialogue import Dialogue, Turn, iso
from gradschool.records import Source

FRAMES = (
    *("chatItem", "recipient", "chat", "account", "version", "stickerPack", "adHocCall"),
    *("notificationProfile", "chatFolder"),
)


def is_signal(value: Json) -> bool:
    """Whether a value is a frame of a plain export of Signal, or one of its messages."""
    if (any(isinstance(value.get(key), dict) for key in FRAMES) and len(value) <= 2) or "backupTimeMs" in value:
        return True
    lines = "sender" in value and "body" in value and "date" in value and ("quote" in value or "sticker" in value)
    stored = "conversationId" in value and value.get("type") in ("incoming", "outgoing") and "body" in value
    return lines or stored


def signal(values: Iterable[tuple[Json, Source]]) -> Iterator[Dialogue]:
    """The messages by conversation."""
    names: dict[str, str] = {}
    owner = ""
    chats: defaultdict[str, list[Turn]] = defaultdict(list)
    first: dict[str, Source] = {}
    left_out: Counter[str] = Counter()
    for value, source in values:
        if isinstance(recipient := value.get("recipient"), dict):
            key = str(recipient.get("id"))
            names[key] = _name(recipient)
            owner = key if "self" in recipient else owner
        item = value.get("chatItem") if isinstance(value.get("chatItem"), dict) else value
        assert item is not None
        turn = _frame(item, owner) if "chatId" in item else _stored(item)
        if turn is None:
            left_out["notices and messages without text"] += "chatItem" in value or "body" in value
            continue
        chat = str(item.get("chatId") or item.get("conversationId") or "")
        first.setdefault(chat, source)
        chats[chat].append(turn)
    for number, (chat, turns) in enumerate(chats.items()):
        named = [Turn(names.get(t.speaker) or t.speaker, t.text, aliases=(t.speaker,), at=t.at) for t in turns]
        named.sort(key=lambda turn: turn.at or 0.0)
        counted = left_out if number == 0 else None
        yield Dialogue("", tuple(named), first[chat], iso(named[-1].at), chat=True, left_out=counted)


def _name(recipient: Json) -> str:
    for kind in ("contact", "self", "group", "releaseNotes"):
        person = recipient.get(kind)
        if isinstance(person, dict):
            parts = [name_in(person.get(f"profile{part}Name")) for part in ("Given", "Family")]
            given = [name_in(person.get(f"{part}Name")) for part in ("systemGiven", "systemFamily")]
            joined = " ".join(filter(None, given)) or " ".join(filter(None, parts))
            return joined or name_in(person.get("e164")) or ("Me" if kind == "self" else "")
    return ""


def _frame(item: Json, owner: str) -> Turn | None:
    message = item.get("standardMessage")
    text = text_in(message.get("text")).strip() if isinstance(message, dict) else ""
    if not text:
        return None
    speaker = owner if "outgoing" in item and owner else name_in(item.get("authorId"))
    return Turn(speaker or "Me", text, at=time_in(item.get("dateSent")))


def _stored(item: Json) -> Turn | None:
    text = text_in(item.get("body")).strip()
    outgoing = item.get("type") == "outgoing"
    keys = ("sender", "source", "sourceServiceId", "sourceUuid", "conversationName", "conversationId")
    speaker = "Me" if outgoing else next((name for key in keys if (name := name_in(item.get(key)))), "")
    times = (time_in(item.get(key)) for key in ("sent_at", "date", "timestamp", "received_at"))
    at = next((time for time in times if time is not None), None)
    return Turn(speaker, text, at=at) if text and speaker else None
