"""Answers that may call tools: what the prompt and its constraint are for, and the calls in the answer."""

import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from gradschool.constraint import schema_constraint
from gradschool.errors import ModelError
from gradschool.model.tool_calls import ToolCallFilter
from gradschool.model.tool_format import ToolFormat
from gradschool.model.tool_turns import ToolCall, uses_tools
from gradschool.records import Constraint, Decoding
from gradschool.serve.http_errors import invalid, unsupported
from gradschool.serve.request import CompletionRequest
from gradschool.serve.request_tools import Tools
from gradschool.serve.scheduler import AnswerStream, Finished, Scheduler, ScoredToken, TextChunk
from gradschool.serve.streaming import TokensOfText

WITHOUT = "Leave out tools, and messages with calls and their results."


@dataclass(frozen=True, slots=True)
class Calls:
    """The tools that an answer may call, and how the base writes calls.

    An answer that must call one begins with `opening` in its prompt and has a `constraint`; `begun` is the part of the
    opening that is read with the answer, None if it may be text.
    """

    tools: Tools
    format: ToolFormat
    opening: str = ""
    begun: str | None = None
    constraint: Constraint | None = None

    def filter(self) -> ToolCallFilter:
        """What divides one answer into text and calls."""
        return ToolCallFilter(self.format, list(self.tools.parameters), self.begun)


def calls_of(request: CompletionRequest, scheduler: Scheduler, decoding: Decoding) -> Calls | None:
    """The calls that an answer may have; None without tools. Raises HTTPError if the base does not take them."""
    tools = request.tools
    if not (tools or any(map(uses_tools, request.question))):
        return None
    if scheduler.chat is None:
        why = "Only a base whose chat template is at hand takes them: none on another server, no exported GGUF file."
        raise unsupported("tools" if tools else "messages", why, WITHOUT)
    if tools is None:
        return None
    try:
        format = scheduler.chat.tool_format
    except ModelError as error:
        raise unsupported("tools", f"{error.what} {error.why}", WITHOUT) from error
    if tools.demanded:
        return _demanded(tools, format)
    if decoding.constraint:
        why = f"The answers of this specialist are constrained to {decoding.constraint}: they cannot call a tool."
        raise unsupported("tools", why, "Leave out tools, or demand a call with tool_choice.")
    return Calls(tools, format)


def _demanded(tools: Tools, format: ToolFormat) -> Calls:
    """An answer that is a call: the prompt has its markup up to the JSON, which is constrained."""
    parameters = tools.parameters
    if format.named and len(parameters) > 1:
        why = "The base writes the name of the tool before the JSON, where nothing constrains it."
        raise unsupported("tool_choice", why, "Name one function in it, or set it to auto.")
    name = next(iter(parameters))
    try:
        constraint = schema_constraint(format.schema(parameters))
    except ValueError as error:
        raise invalid("tools", str(error)) from error
    begun = format.begin(name).removeprefix(format.opening)
    return Calls(tools, format, format.begin(name), begun, constraint)


async def divided(stream: AnswerStream, calls: Calls) -> AsyncGenerator[TextChunk | ToolCall | Finished, None]:
    """An answer as text, then the calls in it; log-probabilities are those of the text."""
    filter, tokens, count = calls.filter(), TokensOfText[ScoredToken](), 0
    async with contextlib.aclosing(stream):
        async for event in stream:
            if isinstance(event, Finished):
                rest, found = filter.end()
                of_text = tokens.of(rest) if found else tokens.of(rest) + tokens.rest()
                if rest or of_text:
                    yield TextChunk(rest, count, of_text)
                for call in found if calls.tools.parallel else found[:1]:
                    yield call
                yield event
                return
            tokens.add(event.text, event.tokens)
            text, count = filter.add(event.text), event.new_tokens
            yield TextChunk(text, count, tokens.of(text))
