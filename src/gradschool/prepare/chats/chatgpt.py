"""Conversations of a ChatGPT export, along the branch that was continued, and the ratings next to them."""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gradschool.data.encoding import Unreadable, open_text
from gradschool.errors import DataError
from gradschool.json_text import parse_any_json
from gradschool.prepare.chats.assistants import RATED_BAD, ROLES, dialogue_of, is_bad, without_thoughts
from gradschool.prepare.chats.values import Json, branch, is_key, last_leaf, objects, text_in, time_in
from gradschool.prepare.dialogue import Dialogue, Turn
from gradschool.records import Source

SPOKEN = ("text", "multimodal_text")  # the kinds of content in ChatGPT that somebody reads
FEEDBACK = "message_feedback.json"  # the ratings of a ChatGPT export, next to its conversations
FEEDBACK_KEYS = {
    *("id", "message_id", "conversation_id", "user_id", "workspace_id", "rating", "content", "tags", "text"),
    *("create_time", "update_time", "evaluation_name", "evaluation_treatment", "storage_protocol"),
}
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
            listed = parse_any_json(file.read())
    except (ValueError, DataError) as error:
        raise Unreadable(
            f"{FEEDBACK}, which has the ratings of its answers, is damaged; mend it, or remove it to use every answer"
        ) from error
    listed = next((one for one in listed.values() if isinstance(one, list)), []) if isinstance(listed, dict) else listed
    found: dict[str, frozenset[str]] = {}
    for one in objects(listed):
        if is_bad(one):
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
    yield dialogue_of(value, source, turns, left_out, ("conversation_id", "id"), ("update_time", "create_time"))


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
        if node and not _asks(node.get("message")):
            answer.append(node)
            continue
        if any(named & {*_ids(part)} for part in answer):
            why |= {id(part): RATED_BAD for part in answer}
        answer = []
    return why


def _asks(message: Any) -> bool:
    return _spoken(message) and message["author"]["role"] == "user"


def _ids(node: object) -> Iterator[str]:
    """The ids of a node and of its message."""
    for one in (node, node.get("message") if isinstance(node, dict) else None):
        if isinstance(one, dict) and isinstance(one.get("id"), str):
            yield one["id"]


def _spoken(message: object) -> bool:
    """Whether a message of ChatGPT was said by the user, be it a picture only, or to the user."""
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
        and (author["role"] == "user" or bool(text_in(content["parts"]).strip()))
    )
