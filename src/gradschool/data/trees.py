"""Files of messages that answer one another, as Open Assistant's: the best answers, each with what came before it."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import chain, islice
from typing import Any

from gradschool.data.assessments import assessments_of
from gradschool.data.formats import as_text, role_of
from gradschool.data.tables import Row

NEEDED = {"message_id", "parent_id", "text", "role"}
MAX_DEPTH = 200  # messages in a conversation


def assembled(rows: Iterator[Row]) -> Iterator[Row]:
    """The rows of a file; if they are messages of trees, a row for each conversation that ends with a best answer."""
    first = next(rows, None)
    if first is None:
        return
    rows = chain([first], rows)
    if _is_message(first.value) or _is_tree(first.value):
        yield from _conversations(rows)
    else:
        yield from rows


def _is_message(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() >= NEEDED


def _is_tree(value: Any) -> bool:
    prompt = value.get("prompt") if isinstance(value, dict) else None
    return isinstance(prompt, dict) and isinstance(prompt.get("replies"), list) and "text" in prompt


def _conversations(rows: Iterator[Row]) -> Iterator[Row]:
    messages: dict[str, tuple[Mapping[str, Any], int]] = {}  # with their lines
    for row in rows:
        if not (_is_message(row.value) or _is_tree(row.value)):
            yield row
            continue
        found = [row.value] if _is_message(row.value) else _nodes(row.value["prompt"], None, f"{row.line}/")
        messages |= {str(message["message_id"]): (message, row.line) for message in found}
    answers: dict[str, list[str]] = {}
    for name, (message, _) in messages.items():
        if role_of(str(message["role"])) == "assistant":
            answers.setdefault(str(message["parent_id"]), []).append(name)
    best = {min(names, key=lambda name: _rank(messages[name][0])) for names in answers.values()}
    left_out: Counter[str] = Counter()
    for name in chain.from_iterable(answers.values()):
        message, line = messages[name]
        path = _path(name, messages)
        why = "another answer was ranked higher" if name not in best else _fault(path, best)
        if why:
            left_out[why] += 1
        else:
            turns = [{"role": one["role"], "content": one["text"]} for one in path]
            yield Row(
                line,
                {
                    "id": name.rpartition("/")[2],
                    "messages": turns,
                    "group": _tree(path),
                    "date": message.get("created_date"),
                },
            )
    for why, count in left_out.items():
        yield Row(1, remark=f"is a file of messages in trees; {count} answers are left out ({why})")


def _nodes(node: Mapping[str, Any], parent: str | None, tree: str, depth: int = 0) -> Iterator[Mapping[str, Any]]:
    """The messages of a tree, each with its id, in which `tree` precedes the given one, and that of its parent."""
    own = f"{tree}{as_text(node.get('message_id'), set())}"
    yield {**node, "message_id": own, "parent_id": parent, "role": node.get("role", ""), "text": node.get("text")}
    replies = node.get("replies")
    if isinstance(replies, list) and depth < MAX_DEPTH:
        for number, reply in enumerate(replies):
            if isinstance(reply, dict):
                yield from _nodes(reply, own, tree if reply.get("message_id") else f"{own}.{number}", depth + 1)


def _path(name: str, messages: Mapping[str, tuple[Mapping[str, Any], int]]) -> list[Mapping[str, Any]]:
    """The messages from the first one to that of a name; [] if one is missing."""

    def upward() -> Iterator[Mapping[str, Any] | None]:
        at: Any = name
        while at not in (None, ""):
            message = messages.get(str(at), (None, 0))[0]
            yield message
            at = message["parent_id"] if message else None

    found = list(islice(upward(), MAX_DEPTH + 1))
    path = [message for message in reversed(found) if message]
    return path if len(path) == len(found) <= MAX_DEPTH else []


def _fault(path: list[Mapping[str, Any]], best: set[str]) -> str:
    """Why a conversation is not used; empty if it is."""
    if not path:
        return "a message before them is missing"
    if any(message.get("deleted") for message in path) or path[-1].get("review_result") is False:
        return "reviewers rejected or deleted them"
    if any(one.meaning == "bad" for one in assessments_of(path[-1], {"text", "role"})):
        return "they are marked as bad"
    earlier = [str(message["message_id"]) for message in path[:-1] if role_of(str(message["role"])) == "assistant"]
    return "" if best >= set(earlier) else "an answer before them was ranked lower"


def _rank(message: Mapping[str, Any]) -> tuple[bool, float]:
    """The order of answers to one message: ranked ones, then those without a rank, then rejected ones."""
    rank = message.get("rank")
    rejected = bool(message.get("deleted")) or message.get("review_result") is False
    return rejected, float(rank) if isinstance(rank, int | float) and not rejected else math.inf


def _tree(path: list[Mapping[str, Any]]) -> str:
    return str(path[-1].get("message_tree_id") or path[0]["message_id"]).rpartition("/")[2]
