"""The messages of a chat request: their texts in any form that clients send, calls of tools and their results."""

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from gradschool.json_text import parse_json
from gradschool.model.tool_turns import Calling, Returned, ToolCall
from gradschool.reasoning import PARTS
from gradschool.records import Conversation, Message
from gradschool.serve.http_errors import invalid

TEXT_PARTS = ("text", "input_text", "output_text")


def _text(value: Any) -> str | None:
    """The text of a content: a string, a text part, or a list of these; None if there is none."""
    if value is None or value == []:
        return None
    if isinstance(value, dict):
        value = [value]
    if isinstance(value, list):
        texts = [_part(part) for part in value if not _is_reasoning(part)]
        if all(text is not None for text in texts):
            return "".join(text for text in texts if text is not None)
    if not isinstance(value, str):
        raise ValueError("must be a string, or a list of parts of type text")
    return value


def _part(value: Any) -> str | None:
    """The text of one part of a content, None for a part that is none; clients write the parts of any OpenAI API."""
    if not isinstance(value, dict):
        return value if isinstance(value, str) else None
    kind = value.get("type", "text")
    if kind not in (*TEXT_PARTS, "refusal"):
        return None
    text = value.get("refusal" if kind == "refusal" else "text", None)
    if text is None:
        return "" if "text" in value or kind == "refusal" else None
    return text if isinstance(text, str) else None


def _is_reasoning(part: Any) -> bool:
    """Whether a part is what a model thought before an answer that a client sends back."""
    return isinstance(part, dict) and part.get("type") in PARTS


def _arguments(value: Any) -> str:
    """The arguments of a call as JSON text; some clients send them as an object."""
    parsed = value
    if isinstance(value, str):
        try:
            parsed = parse_json(value) if value.strip() else {}
        except ValueError as error:
            raise ValueError(f"must be JSON text of an object: {error}") from error
    if not isinstance(parsed, dict):
        raise ValueError("must be JSON text of an object")
    return json.dumps(parsed, ensure_ascii=False)


def _no_call(value: Any) -> None:
    if value not in (None, [], {}, ""):
        raise ValueError("is not supported; send tool_calls")


def _calls(value: Any) -> Any:
    return () if value in (None, {}, "") else value


class _Strict(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)  # answers come back with fields of servers


class _Called(_Strict):
    name: str = Field(min_length=1, max_length=200)
    arguments: Annotated[str, BeforeValidator(_arguments)] = "{}"


class _Call(_Strict):
    id: str = Field("", max_length=200)
    type: Literal["function"] = "function"
    function: _Called


class Turn(_Strict):
    """One message of a request."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: Annotated[str | None, BeforeValidator(_text)] = None
    tool_calls: Annotated[tuple[_Call, ...], BeforeValidator(_calls)] = Field((), strict=False)
    tool_call_id: str | None = Field(None, max_length=200)
    function_call: Annotated[None, BeforeValidator(_no_call)] = None

    @property
    def empty(self) -> bool:
        """Whether it says and calls nothing."""
        return not self.content and not self.tool_calls


def question_of(turns: tuple[Turn, ...]) -> Conversation:
    """The conversation to answer: a turn of the history may be empty, its last one not. Raises HTTPError.

    Some clients send an empty answer last, which is the one to be filled.
    """
    count = len(turns)
    while count > 1 and turns[count - 1].role == "assistant" and turns[count - 1].empty:
        count -= 1
    last = turns[count - 1]
    if last.tool_calls:
        raise invalid(f"messages.{count - 1}.tool_calls", "the results of these calls are missing; add tool messages")
    if last.content is None and last.role != "tool":
        raise invalid(f"messages.{count - 1}.content", "the last message needs text")
    names = dict[str, str]()
    return tuple(_message(position, turn, names) for position, turn in enumerate(turns[:count]))


def _message(position: int, turn: Turn, names: dict[str, str]) -> Message:
    """A turn as a message; `names` collects the tools that were called, by the ids of the calls."""
    content = turn.content or ""
    if turn.tool_calls and turn.role != "assistant":
        raise invalid(f"messages.{position}.tool_calls", "only an assistant's message calls tools")
    if turn.tool_calls:
        calls = tuple(ToolCall(call.function.name, call.function.arguments, call.id) for call in turn.tool_calls)
        names.update((call.id, call.name) for call in calls)
        return Calling("assistant", content, calls)
    if turn.role == "tool":
        if not turn.tool_call_id:
            raise invalid(f"messages.{position}.tool_call_id", "a tool message names the call that it is the result of")
        return Returned("tool", content, turn.tool_call_id, names.get(turn.tool_call_id, ""))
    return Message("system" if turn.role == "developer" else turn.role, content)
