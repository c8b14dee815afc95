"""Conversations with an assistant: exports of Claude and Open WebUI, along the branch that was continued."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from gradschool.prepare.chats.values import Json, branch, is_key, last_leaf, objects, text_in, time_in
from gradschool.prepare.dialogue import Dialogue, Turn, iso
from gradschool.records import Source

CITATION = re.compile(
    "\ue200[^\ue200\ue201]*+\ue201|[\ue200-\ue206]|\u3010[^\u3010\u3011\u2020]*+\u2020[^\u3010\u3011]*+\u3011"
)
THOUGHT = re.compile(r"<details\b[^<>]{0,300}\btype=\"(?:reasoning|code_interpreter|tool_calls)\"|<think(?:ing)?>")
THOUGHT_ENDS = {"<d": re.compile("</details>"), "<t": re.compile("</think(?:ing)?>")}  # by how a thought begins
ROLES = {"user": "user", "human": "user", "assistant": "assistant"}
RATED_BAD = "its reader rated it bad"
NO_QUESTION = "the message that it answers has no text, such as a picture"


def is_claude(value: Json) -> bool:
    """Whether a value is a conversation of a Claude export."""
    return isinstance(value.get("chat_messages"), list)


def claude(value: Json, source: Source) -> Iterator[Dialogue]:
    """The messages of a conversation with Claude and the texts attached to them; thoughts and tools are left out."""
    messages = objects(value["chat_messages"])
    nodes = {str(one.get("uuid")): one for one in messages}
    linked = [one for one in messages if is_key(one.get("parent_message_uuid"), nodes)]
    left_out: Counter[str] = Counter()
    if linked:
        last = value.get("current_leaf_message_uuid")
        last = last if is_key(last, nodes) else last_leaf(nodes, "parent_message_uuid")
        path = list(branch(nodes, last, "parent_message_uuid"))
        left_out["messages of other branches"] += len(messages) - len(path)
        messages = path
    turns: list[Turn] = []
    for message in messages:
        role = ROLES.get(str(message.get("sender") or message.get("role")))
        if not role:
            left_out["messages of neither side"] += 1
            continue
        parts = [part for part in objects(message.get("content")) if part.get("type", "text") == "text"]
        text, thought = without_thoughts("\n\n".join(filter(None, map(text_in, parts))) or text_in(message.get("text")))
        left_out.update(["thoughts"] * thought)
        text = "\n\n".join(filter(None, (text, *_attached(message))))
        turns.append(Turn(role, text, role=role, at=time_in(message.get("created_at"))))
    yield dialogue_of(value, source, turns, left_out, ("uuid",), ("updated_at", "created_at"))


def _attached(message: Json) -> Iterator[str]:
    """The texts of a message's attachments: Claude makes one of a long text that is pasted."""
    for one in objects(message.get("attachments")):
        yield text_in(one.get("extracted_content")).strip()


def is_open_webui(value: Json) -> bool:
    """Whether a value is a chat of an Open WebUI export, or a rating with a copy of the chat."""
    chat = _chat_of(value)
    return bool(_history(chat)) or (isinstance(value.get("chat"), dict) and isinstance(chat.get("messages"), list))


def _chat_of(value: Json) -> Json:
    snapshot = value.get("snapshot")
    outer = snapshot.get("chat") if isinstance(snapshot, dict) else value
    outer = outer if isinstance(outer, dict) else {}
    inner = outer.get("chat")
    return inner if isinstance(inner, dict) else outer


def _history(chat: Json) -> Json:
    history = chat.get("history")
    found = history.get("messages") if isinstance(history, dict) else None
    return found if isinstance(found, dict) else {}


def open_webui(value: Json, source: Source) -> Iterator[Dialogue]:
    """The messages up to the current one; an answer that its reader rated bad is context, never an example."""
    chat = _chat_of(value)
    nodes = _history(chat)
    left_out: Counter[str] = Counter()
    rated = value.get("meta") if isinstance(value.get("meta"), dict) else {}
    about = str((rated or {}).get("message_id") or "")
    messages = objects(chat.get("messages"))
    if nodes:
        last = about if about in nodes else chat["history"].get("currentId")
        messages = list(branch(nodes, last if is_key(last, nodes) else last_leaf(nodes, "parentId"), "parentId"))
        left_out["messages of other branches"] += len(nodes) - len(messages)
    turns: list[Turn] = []
    for message in messages:
        role = ROLES.get(str(message.get("role")), "system" if message.get("role") == "system" else "")
        if not role:
            left_out["messages of neither side"] += 1
            continue
        text, thought = without_thoughts(text_in(message.get("content")))
        left_out.update(["thoughts"] * thought)
        bad = is_bad(message) or (bool(about) and str(message.get("id")) == about and is_bad(value))
        why = RATED_BAD if bad and role == "assistant" else ""
        turns.append(Turn(role, text, role=role, at=time_in(message.get("timestamp")), untrained=why))
    yield dialogue_of(value, source, turns, left_out, ("id",), ("updated_at", "created_at"))


def is_bad(message: Json) -> bool:
    """Whether a rating, by thumb or number, is below zero."""
    data = message.get("data")
    for rated in (message.get("annotation"), message.get("feedback"), data, message):
        rating = rated.get("rating") if isinstance(rated, dict) else rated
        if isinstance(rating, str):
            if re.search(r"down|bad|dislike|negative", rating, re.I) or re.fullmatch(r"\s*-\d+\s*", rating):
                return True
        elif isinstance(rating, int | float) and rating < 0:
            return True
    return False


def without_thoughts(text: str) -> tuple[str, int]:
    """A text without thoughts and marks of citations, and the number of thoughts."""
    parts: list[str] = []
    at = 0
    unended: set[re.Pattern[str]] = set()  # a missing end is looked for once, for linear time
    for opening in THOUGHT.finditer(text):
        ends = THOUGHT_ENDS[opening[0][:2]]
        if opening.start() < at or ends in unended:
            continue
        if end := ends.search(text, opening.end()):
            parts.append(text[at : opening.start()])
            at = end.end()
        else:
            unended.add(ends)
    return CITATION.sub("", "".join((*parts, text[at:]))).strip(), len(parts)


def dialogue_of(
    value: Json, source: Source, turns: list[Turn], left_out: Counter[str], ids: tuple[str, ...], dates: tuple[str, ...]
) -> Dialogue:
    """The dialogue of a conversation; `ids` and `dates` are the keys of its name and its time, the first one counts.

    An answer to a message without text would answer the message before that: it is context, never an example.
    """
    name = next((str(value[key]) for key in ids if value.get(key)), "")
    at = next((time for key in dates if (time := time_in(value.get(key))) is not None), None)
    if at is None:
        at = next((turn.at for turn in reversed(turns) if turn.at is not None), None)
    spoken = tuple(turn for turn in _with_questions(turns) if turn.text.strip())
    left_out["messages without text"] += len(turns) - len(spoken)
    return Dialogue(name, spoken, source, iso(at), left_out=+left_out)


def _with_questions(turns: list[Turn]) -> Iterator[Turn]:
    """The turns, in which an answer is marked whose question has no text in any message since the last answer."""
    asked: list[Turn] = []
    answered = True
    for turn in turns:
        if turn.role != "assistant":
            asked = [turn] if answered else [*asked, turn]
            answered = False
            yield turn
            continue
        answered = True
        silent = bool(asked) and not any(one.text.strip() for one in asked)
        yield replace(turn, untrained=turn.untrained or NO_QUESTION) if silent else turn
