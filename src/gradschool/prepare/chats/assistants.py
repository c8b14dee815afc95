"""Conversations with an assistant: exports of ChatGPT, Claude and Open WebUI, along the branch that was continued."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from gradschool.data.encoding import Unreadable, open_text
from gradschool.errors import DataError
from gradschool.prepare.chats.values import Json, branch, is_key, last_leaf, objects, text_in, time_in
from gradschool.prepare.dialogue import Dialogue, Turn, iso
from gradschool.records import Source

CITATION = re.compile(
    "\ue200[^\ue200\ue201]*+\ue201|[\ue200-\ue206]|\u3010[^\u3010\u3011\u2020]*+\u2020[^\u3010\u3011]*+\u3011"
)
THOUGHT = re.compile(r"<details\b[^<>]{0,300}\btype=\"(?:reasoning|code_interpreter|tool_calls)\"|<think(?:ing)?>")
THOUGHT_ENDS = {"<d": re.compile("</details>"), "<t": re.compile("</think(?:ing)?>")}  # by how a thought begins
ROLES = {"user": "user", "human": "user", "assistant": "assistant"}
SPOKEN = ("text", "multimodal_text")  # the kinds of content in ChatGPT that somebody reads
FEEDBACK = "message_feedback.json"  # the ratings of a ChatGPT export, next to its conversations
FEEDBACK_KEYS = {
    *(
        "id",
        "message_id",
        "conversation_id",
        "user_id",
        "workspace_id",
        "rating",
        "content",
        "tags",
        "text",
        "create_time",
    ),
    *("update_time", "evaluation_name", "evaluation_treatment", "storage_protocol"),
}
RATED_BAD = "its reader rated it bad"
MAX_FEEDBACK = 1 << 28  # bytes
Ratings = Mapping[str, frozenset[str]]  # the messages that are rated as bad, by conversation


def is_chatgpt(value: Json) -> bool:
    """Whether a value is a conversation of a ChatGPT export."""
    mapping = value.get("mapping")
    return isinstance(mapping, dict) and any(isinstance(node, dict) and "message" in node for node in mapping.values())


def is_feedback(value: Json) -> bool:
    """Whether a value is a rating of a ChatGPT export."""
    return {"rating", "conversation_id"} <= set(value) <= FEEDBACK_KEYS


def ratings(folder: Path) -> Ratings:
    """The messages that a ChatGPT export next to it rates as bad; raises Unreadable if they cannot be read."""
    path = folder / FEEDBACK
    if not path.is_file():
        return {}
    if path.stat().st_size > MAX_FEEDBACK:
        raise Unreadable(f"{FEEDBACK}, which has the ratings of its answers, is larger than {MAX_FEEDBACK >> 20} MB")
    try:
        with open_text(path, FEEDBACK) as file:
            listed = json.load(file)
    except (ValueError, RecursionError, DataError) as error:
        raise Unreadable(
            f"{FEEDBACK}, which has the ratings of its answers, is damaged; mend it, or remove it to use every answer"
        ) from error
    listed = next((one for one in listed.values() if isinstance(one, list)), []) if isinstance(listed, dict) else listed
    found: dict[str, frozenset[str]] = {}
    for one in objects(listed):
        if _is_bad(one):
            talk, message = (str(one.get(key) or "") for key in ("conversation_id", "message_id"))
            found[talk] = found.get(talk, frozenset()) | {message or str(one.get("id") or "")}
    return found


def chatgpt_export(values: Iterator[tuple[Json, Source]], folder: Path) -> Iterator[Dialogue]:
    """The conversations of a folder, with the ratings next to them: what is rated bad is context, never an example."""
    rated = ratings(folder)
    for value, source in values:
        yield from chatgpt(value, source, rated)


def chatgpt(value: Json, source: Source, rated: Ratings | None = None) -> Iterator[Dialogue]:
    """The messages from the root to the current node, without other drafts of an answer, tools and hidden messages."""
    mapping = value["mapping"]
    last = value.get("current_node")
    path = list(branch(mapping, last if is_key(last, mapping) else last_leaf(mapping, "parent"), "parent"))
    turns: list[Turn] = []
    left_out: Counter[str] = Counter()
    spoken = sum(_spoken(node.get("message")) for node in mapping.values() if isinstance(node, dict))
    bad = _rated_bad(value, rated or {}, path)
    for node in path:
        message = node.get("message")
        if not _spoken(message):
            continue
        role = ROLES[message["author"]["role"]]
        parts = message["content"].get("parts")
        text = "\n".join(filter(None, (text_in(part) for part in parts if isinstance(part, str | dict))))
        text, thought = without_thoughts(text)
        left_out.update(["thoughts"] * thought)
        why = "it has weight 0" if message.get("weight") == 0 else bad.get(id(node), "") if role == "assistant" else ""
        turns.append(Turn(role, text, role=role, at=time_in(message.get("create_time")), untrained=why))
    left_out["messages of other branches"] += spoken - len(turns)
    yield _dialogue(value, source, turns, left_out, ("conversation_id", "id"), ("update_time", "create_time"))


def _rated_bad(value: Json, rated: Ratings, path: list[Json]) -> dict[int, str]:
    """Why each node of a path is no answer to train on, by its identity.

    An answer is all that is said between two questions: if one part is rated as bad, no part is trained on. If no
    message of the conversation is the rated one, none of its answers is.
    """
    named = frozenset[str]().union(*(rated.get(str(value.get(key)), ()) for key in ("conversation_id", "id")))
    known = {one for key, node in value["mapping"].items() for one in (key, *_ids(node))}
    if named - known:
        return {id(node): f"{RATED_BAD}, or another answer: the ratings do not say which" for node in path}
    why: dict[int, str] = {}
    answer: list[Json] = []
    for node in [*path, None]:
        message = node.get("message") if node else None
        if node and not (_spoken(message) and message["author"]["role"] == "user"):
            answer.append(node)
            continue
        if any(named & {*_ids(part)} for part in answer):
            why |= {id(part): RATED_BAD for part in answer}
        answer = []
    return why


def _ids(node: object) -> Iterator[str]:
    """The ids of a node and of its message."""
    for one in (node, node.get("message") if isinstance(node, dict) else None):
        if isinstance(one, dict) and isinstance(one.get("id"), str):
            yield one["id"]


def _spoken(message: object) -> bool:
    """Whether a message of ChatGPT was said by the user or to the user."""
    if not isinstance(message, dict):
        return False
    author, content, metadata = (message.get(key) or {} for key in ("author", "content", "metadata"))
    if not (isinstance(author, dict) and isinstance(content, dict) and isinstance(content.get("parts"), list)):
        return False
    hidden = isinstance(metadata, dict) and metadata.get("is_visually_hidden_from_conversation")
    return (
        str(author.get("role")) in ROLES
        and content.get("content_type", "text") in SPOKEN
        and message.get("recipient", "all") in ("all", None)
        and not hidden
        and bool(text_in(content["parts"]).strip())
    )


def is_claude(value: Json) -> bool:
    """Whether a value is a conversation of a Claude export."""
    return isinstance(value.get("chat_messages"), list)


def claude(value: Json, source: Source) -> Iterator[Dialogue]:
    """The messages of a conversation with Claude; thoughts and tools are left out."""
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
        turns.append(Turn(role, text, role=role, at=time_in(message.get("created_at"))))
    yield _dialogue(value, source, turns, left_out, ("uuid",), ("updated_at", "created_at"))


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
        bad = _is_bad(message) or (bool(about) and str(message.get("id")) == about and _is_bad(value))
        why = RATED_BAD if bad and role == "assistant" else ""
        turns.append(Turn(role, text, role=role, at=time_in(message.get("timestamp")), untrained=why))
    yield _dialogue(value, source, turns, left_out, ("id",), ("updated_at", "created_at"))


def _is_bad(message: Json) -> bool:
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


def _dialogue(
    value: Json, source: Source, turns: list[Turn], left_out: Counter[str], ids: tuple[str, ...], dates: tuple[str, ...]
) -> Dialogue:
    name = next((str(value[key]) for key in ids if value.get(key)), "")
    at = next((time for key in dates if (time := time_in(value.get(key))) is not None), None)
    if at is None:
        at = next((turn.at for turn in reversed(turns) if turn.at is not None), None)
    spoken = tuple(turn for turn in turns if turn.text.strip())
    left_out["messages without text"] += len(turns) - len(spoken)
    return Dialogue(name, spoken, source, iso(at), left_out=+left_out)
