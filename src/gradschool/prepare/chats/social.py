"""Messages of Facebook, Instagram and LinkedIn."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from gradschool.data.formats import plain
from gradschool.prepare.chats.values import Json, name_in, objects, plain_text, text_in, time_in
from gradschool.prepare.dialogue import Dialogue, Turn, iso
from gradschool.prepare.transcripts.notices import is_notice
from gradschool.records import Source

SENT = re.compile(
    r"(?:\S+ ){1,4}(?:sent|shared|unsent|reacted|liked|changed|named|set|joined|left|created|added)\b.{0,60}\.?"
    r"|Reacted .{1,12} to your message ?",
    re.DOTALL,
)
ATTACHED = ("photos", "videos", "share", "sticker", "gifs", "files", "audio_files", "call_duration", "media")


def is_meta(value: Json) -> bool:
    """Whether a value is a thread of a Facebook, Messenger or Instagram export."""
    messages = objects(value.get("messages"))[:20]
    return "participants" in value and any("sender_name" in one or "senderName" in one for one in messages)


def meta(values: Iterable[tuple[Json, Source]]) -> Iterator[Dialogue]:
    """The messages by thread, which may be divided over several files. UTF-8 that was read as Latin-1 is repaired."""
    threads: defaultdict[str, list[Turn]] = defaultdict(list)
    first: dict[str, Source] = {}
    left_out: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for value, source in values:
        people = sorted(unmojibake(name_in(one)) for one in value.get("participants") or [] if name_in(one))
        key = text_in(value.get("thread_path")) or text_in(value.get("threadName")) or " ".join(people)
        first.setdefault(key, source)
        attached = Counter(text_in(one.get("content")) for one in objects(value["messages"]) if _attached(one))
        for message in objects(value["messages"]):
            speaker = unmojibake(name_in(message.get("sender_name") or message.get("senderName")))
            text = unmojibake(text_in(message.get("content")) or text_in(message.get("text"))).strip()
            if (
                message.get("is_unsent")
                or message.get("isUnsent")
                or not text
                or not speaker
                or _automatic(message, text, speaker, attached[text_in(message.get("content"))] > 1)
            ):
                left_out[key]["notices and messages without text"] += 1
                continue
            at = time_in(message.get("timestamp_ms") or message.get("timestamp"))
            threads[key].append(Turn(speaker, text, at=at))
    for key, turns in threads.items():
        turns.sort(key=lambda turn: turn.at or 0.0)
        yield Dialogue("", tuple(turns), first[key], iso(turns[-1].at), chat=True, left_out=left_out[key])


def _attached(message: Json) -> bool:
    return any(message.get(key) for key in ATTACHED)


def _automatic(message: Json, text: str, speaker: str, repeated: bool) -> bool:
    """Whether the program wrote the text of a message: about an attachment, a reaction or a change.

    Next to an attachment, its words begin with the sender's name, or are the same each time, in every language.
    """
    kind = str(message.get("type") or "Generic")
    return (
        is_notice(text)
        or kind in ("Call", "Subscribe", "Unsubscribe")
        or (_attached(message) and (repeated or text.startswith(f"{speaker} ") or bool(SENT.fullmatch(text))))
        or (text.startswith("Reacted ") and bool(SENT.fullmatch(text)))
    )


def unmojibake(text: str) -> str:
    """A text whose UTF-8 was written as Latin-1, as Meta does; any other text as it is.

    >>> unmojibake("GrÃ¼Ã\\x9fe"), unmojibake("Grüße")
    ('Grüße', 'Grüße')
    """
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def is_linkedin(value: Json) -> bool:
    """Whether a value is a row of LinkedIn's messages.csv."""
    keys = {plain(key) for key in value}
    return {"conversation_id", "from", "to", "content", "date"} <= keys


def linkedin(values: Iterable[tuple[Json, Source]]) -> Iterator[Dialogue]:
    """The messages by conversation and time, without drafts, spam and sponsored ones; the file has the latest first."""
    chats: defaultdict[str, list[Turn]] = defaultdict(list)
    first: dict[str, Source] = {}
    left_out: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for value, source in values:
        row = {plain(key): cell for key, cell in value.items()}
        chat, text, speaker = name_in(row["conversation_id"]), plain_text(row["content"]), name_in(row["from"])
        folder = text_in(row.get("folder")).strip().casefold()
        draft = text_in(row.get("is_message_draft")).strip().casefold() in ("yes", "true")
        if draft or folder in ("spam", "draft", "drafts", "trash") or not text or not speaker:
            left_out[chat]["drafts, spam and messages without text"] += 1
            continue
        first.setdefault(chat, source)
        ids = tuple(filter(None, [name_in(row.get("sender_profile_url"))]))
        chats[chat].append(Turn(speaker, text, aliases=ids, at=time_in(row["date"])))
    for chat, turns in chats.items():
        turns.reverse()  # equal times: the file has the latest first
        turns.sort(key=lambda turn: turn.at or 0.0)
        yield Dialogue("", tuple(turns), first[chat], iso(turns[-1].at), chat=True, left_out=left_out[chat])
