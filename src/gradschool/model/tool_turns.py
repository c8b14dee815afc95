"""Turns of a conversation in which a model calls tools, and in which the tools' results follow."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from gradschool.json_text import each_text, parse_json
from gradschool.records import Message

Tool: TypeAlias = Mapping[str, Any]  # as OpenAI's API and chat templates describe one: its type and its function


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of a tool: its name, its arguments as JSON text, and the id that its result refers to."""

    name: str
    arguments: str = "{}"
    id: str = ""


@dataclass(frozen=True, slots=True)
class Calling(Message):
    """A turn of the assistant that calls tools; `content` is what it says before."""

    calls: tuple[ToolCall, ...] = ()


@dataclass(frozen=True, slots=True)
class Returned(Message):
    """The result of a call, by the id of the call; `name` is that of the tool, if the call is in the conversation."""

    call: str = ""
    name: str = ""


def as_object(message: Message) -> dict[str, Any]:
    """A message as chat templates take it: the arguments of a call are a value, not text."""
    plain: dict[str, Any] = {"role": message.role, "content": message.content}
    if isinstance(message, Calling):
        calls = [{"name": call.name, "arguments": parse_json(call.arguments)} for call in message.calls]
        ids = [call.id for call in message.calls]
        plain["tool_calls"] = [
            {"id": id, "type": "function", "function": function} for id, function in zip(ids, calls, strict=True)
        ]
    if isinstance(message, Returned):
        plain |= {"tool_call_id": message.call, **({"name": message.name} if message.name else {})}
    return plain


def changed(message: Message, change: Callable[[str], str]) -> Message:
    """A message with each of its texts changed, those in arguments of calls too."""
    if isinstance(message, Calling):
        calls = tuple(
            ToolCall(change(call.name), _changed_json(call.arguments, change), change(call.id))
            for call in message.calls
        )
        return replace(message, content=change(message.content), calls=calls)
    if isinstance(message, Returned):
        content, call, name = (change(text) for text in (message.content, message.call, message.name))
        return replace(message, content=content, call=call, name=name)
    return replace(message, content=change(message.content))


def placed(message: Message, placeholder: str) -> Message:
    """A message whose own text is a placeholder: of one with calls, the names of the tools."""
    if isinstance(message, Calling):
        calls = tuple(replace(call, name=placeholder, arguments="{}") for call in message.calls)
        return replace(message, content="", calls=calls)
    return replace(message, content=placeholder, images=())


def uses_tools(message: Message) -> bool:
    """Whether a message is one that a conversation without tools does not have."""
    return isinstance(message, Calling | Returned) or message.role == "tool"


def _changed_json(text: str, change: Callable[[str], str]) -> str:
    return json.dumps(each_text(parse_json(text), change, keys=True), ensure_ascii=False)
