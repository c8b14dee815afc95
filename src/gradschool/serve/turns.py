"""The messages of a chat request: their texts in any form that clients send, calls of tools and their results."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from gradschool.images.bounds import BadImage
from gradschool.images.located import bytes_of, in_memory
from gradschool.json_text import parse_json
from gradschool.model.tool_turns import Calling, Returned, ToolCall
from gradschool.reasoning import PARTS
from gradschool.records import IMAGE, Conversation, Image, Message, as_text
from gradschool.serve.http_errors import invalid

MAX_IMAGES = 16  # of a message
IMAGE_PARTS = ("image_url", "input_image", "image")
TEXT_PARTS = ("text", "input_text", "output_text")


@dataclass(frozen=True, slots=True)
class Said:
    """The content of a message: its text, in which a character stands for each of its images."""

    text: str
    images: tuple[Image, ...] = ()


def _said(value: Any) -> Said | None:
    """The content of a message: a string, a part, or a list of these; None if there is none."""
    if value is None or value == []:
        return None
    if isinstance(value, dict):
        value = [value]
    if isinstance(value, list):
        parts = [part for part in value if not _is_reasoning(part)]
        images = tuple(map(_image, filter(_is_image, parts)))
        if len(images) > MAX_IMAGES:
            raise ValueError(f"has {len(images)} images; at most {MAX_IMAGES} are read")
        texts = [IMAGE if _is_image(part) else _part(part) for part in parts]
        if images:  # a character of the client's text is no image
            pairs = zip(texts, parts, strict=True)
            texts = [text if text is None or _is_image(part) else as_text(text) for text, part in pairs]
        if all(text is not None for text in texts):
            return Said("".join(text for text in texts if text is not None), images)
    if not isinstance(value, str):
        raise ValueError("must be a string, or a list of parts of type text or image_url")
    return Said(value)


def _is_image(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") in IMAGE_PARTS


def _image(part: Mapping[str, Any]) -> Image:
    """The image of a part, which is sent along: a server fetches nothing for its clients, and opens no file."""
    named = part.get("image_url") or part.get("image") or part.get("url")
    url = named.get("url") if isinstance(named, dict) else named
    if not isinstance(url, str) or url[:5].casefold() != "data:":
        raise ValueError("has an image that is not sent along: send it as a data: URL (data:image/png;base64,…)")
    try:
        return in_memory(bytes_of(url))
    except BadImage as error:
        raise ValueError(f"has an image that {error}") from error


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
    content: Annotated[Said | None, BeforeValidator(_said)] = None
    tool_calls: Annotated[tuple[_Call, ...], BeforeValidator(_calls)] = Field((), strict=False)
    tool_call_id: str | None = Field(None, max_length=200)
    function_call: Annotated[None, BeforeValidator(_no_call)] = None

    @property
    def empty(self) -> bool:
        """Whether it says and calls nothing."""
        return not (self.content and self.content.text) and not self.tool_calls


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
    said = turn.content or Said("")
    content = said.text
    if said.images and turn.role != "user":
        raise invalid(f"messages.{position}.content", "only a user's message has images")
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
    return Message("system" if turn.role == "developer" else turn.role, content, images=said.images)
