"""Parse the bodies of OpenAI requests strictly: no field is silently ignored.

A field that would change the answer and is not supported is an error that names it; so is an unknown field. Values that
ask for nothing are accepted in every field (fields.py).
"""

import secrets
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, FailFast, Field, ValidationError

from gradschool.errors import nearest
from gradschool.json_text import parse_json
from gradschool.records import Constraint, Conversation, Decoding, Message
from gradschool.serve.fields import (
    CHAT_ONLY,
    EMPTY,
    NOTHING,
    TRUE_BY_DEFAULT,
    UNSUPPORTED,
    WITHOUT_EFFECT,
    is_unsupported,
)
from gradschool.serve.http_errors import HTTPError, invalid, unsupported
from gradschool.serve.request_tools import MAX_TOOLS, OfferedTool, Tools, tools_of
from gradschool.serve.response_format import constraint_of
from gradschool.serve.scheduler import MAX_TOP
from gradschool.serve.turns import Turn, question_of

MAX_STOPS = 16
MAX_STOP = 500  # characters of a stop string; the end of the answer is compared with each at every token
MAX_N = 16  # answers to one request
FORM_TOKENS = 512  # of an answer in a form that the request asks for, which ends by itself
NO_LIMIT = (-1, -2)  # of tokens, as LM Studio, llama.cpp and Ollama write it


@dataclass(frozen=True, slots=True)
class CompletionRequest:
    """A parsed request; None means the specialist's own setting, the one it was tested with."""

    model: str
    question: Conversation
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    stream: bool = False
    include_usage: bool = False
    constraint: Constraint | None = None
    n: int = 1
    tools: Tools | None = None  # that it may call
    top: int | None = None  # likeliest tokens with the log-probability of each token; None: no log-probabilities

    def decoding(self, default: Decoding) -> Decoding:
        """`default` with the changes of the request; a temperature without a seed draws a new seed."""
        seed = self.seed
        if seed is None:
            seed = default.seed if self.temperature is None else secrets.randbits(31)
        most = default.max_new_tokens
        if self.constraint or self.tools:  # what is tested is an answer of the specialist, such as a label
            most = max(most, FORM_TOKENS)
        return replace(
            default,
            max_new_tokens=most if self.max_tokens is None else self.max_tokens,
            temperature=default.temperature if self.temperature is None else self.temperature,
            top_p=default.top_p if self.top_p is None else self.top_p,
            seed=seed,
            constraint=self.constraint or (None if self.tools and self.tools.demanded else default.constraint),
        )


def _integer(value: Any) -> Any:
    """Clients without integers write 5 as 5.0."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _count(value: Any) -> Any:
    """A number of which 0 asks for nothing."""
    return _integer(value) if value else None


def _flag(value: Any) -> Any:
    """Clients without truth values write 1 and 0."""
    return bool(value) if isinstance(value, int) and value in (0, 1) else value


def _filled(value: Any) -> Any:
    """An object without the fields that ask for nothing."""
    return {key: value[key] for key in value if value[key] is not None} if isinstance(value, dict) else value


def _limit(value: Any) -> Any:
    value = _integer(value)
    return None if isinstance(value, int) and value in NO_LIMIT else value


def _prompt(value: Any) -> str:
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, str):
        raise ValueError("must be one string; several prompts or token ids are not supported")
    return value


def _stops(value: Any) -> tuple[str, ...]:
    given = [value] if value is None or isinstance(value, str) else value
    if not isinstance(given, list) or not all(text is None or isinstance(text, str) for text in given):
        raise ValueError("must be a string or a list of strings")
    texts: tuple[str, ...] = tuple(filter(None, given))  # an empty one asks for nothing
    if len(texts) > MAX_STOPS:
        raise ValueError(f"may have at most {MAX_STOPS} strings")
    if any(len(text) > MAX_STOP for text in texts):
        raise ValueError(f"may have at most {MAX_STOP} characters in each string")
    return texts


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)


class _StreamOptions(_Strict):
    include_usage: bool | None = None
    include_obfuscation: bool | None = None
    continuous_usage_stats: Literal[False] | None = None


Limit = Annotated[int | None, Field(ge=1), BeforeValidator(_limit)]


class _Body(_Strict):
    model: str
    max_tokens: Limit = None
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, ge=0, le=1)
    seed: Annotated[int | None, BeforeValidator(_integer)] = Field(None, ge=-(1 << 63), lt=1 << 63)
    stop: Annotated[tuple[str, ...], BeforeValidator(_stops)] = ()
    stream: Annotated[bool | None, BeforeValidator(_flag)] = None
    stream_options: Annotated[_StreamOptions | None, BeforeValidator(_filled)] = None
    response_format: Annotated[Constraint | None, BeforeValidator(constraint_of)] = None
    n: Annotated[int | None, BeforeValidator(_count)] = Field(None, ge=1, le=MAX_N)


Body = TypeVar("Body", bound=_Body)


class _ChatBody(_Body):
    # The first wrong one is an error: a body has room for hundreds of thousands.
    messages: Annotated[tuple[Turn, ...], FailFast()] = Field(min_length=1, strict=False)
    max_completion_tokens: Limit = None
    logprobs: Annotated[bool | None, BeforeValidator(_flag)] = None
    tools: tuple[OfferedTool, ...] = Field((), max_length=MAX_TOOLS, strict=False)
    tool_choice: Any = None
    parallel_tool_calls: Annotated[bool | None, BeforeValidator(_flag)] = None
    top_logprobs: Annotated[int | None, BeforeValidator(_count)] = Field(None, ge=1, le=MAX_TOP)


class _TextBody(_Body):
    prompt: Annotated[str, BeforeValidator(_prompt)]


def parse_chat(content: bytes) -> CompletionRequest:
    """Parse the body of POST /v1/chat/completions; raises HTTPError."""
    body = _validated(_ChatBody, _object(content))
    limit = body.max_tokens if body.max_completion_tokens is None else body.max_completion_tokens
    if body.top_logprobs and not body.logprobs:
        raise invalid("top_logprobs", "they are part of logprobs, which are not asked for; set logprobs to true")
    top = body.top_logprobs or 0 if body.logprobs else None
    tools = tools_of(body.tools, body.tool_choice, body.parallel_tool_calls is not False)
    if tools and body.response_format:
        raise unsupported("response_format", "with tools, an answer may be text or a call.", "Leave out one of them.")
    return replace(_request(body, question_of(body.messages), limit), top=top, tools=tools)


def parse_completion(content: bytes) -> CompletionRequest:
    """Parse the body of POST /v1/completions, whose prompt becomes a user message; raises HTTPError."""
    body = _validated(_TextBody, _object(content))
    return _request(body, (Message("user", body.prompt),), body.max_tokens)


def _request(body: _Body, question: Conversation, max_tokens: int | None) -> CompletionRequest:
    return CompletionRequest(
        model=body.model,
        question=question,
        max_tokens=max_tokens,
        temperature=body.temperature,
        top_p=body.top_p,
        seed=body.seed,
        stop=body.stop,
        stream=bool(body.stream),
        include_usage=body.stream_options is not None and bool(body.stream_options.include_usage),
        constraint=body.response_format,
        n=body.n or 1,
    )


def _object(content: bytes) -> dict[str, Any]:
    """The JSON object in a body; raises HTTPError for lone surrogates too, because no tokenizer takes them."""
    try:
        value = parse_json(content)
    except ValueError as error:
        raise HTTPError(400, f"The body is not valid JSON: {error}.") from error
    if not isinstance(value, dict):
        raise HTTPError(400, "The body must be a JSON object.")
    return value


def _validated(schema: type[Body], value: dict[str, Any]) -> Body:
    if value.get("tool_choice") == "none":  # the answer is to use none of the tools
        value = {key: value[key] for key in value if key not in ("tools", "tool_choice", "functions")}
    known = schema.model_fields
    refused = next((key for key in value if key not in known and is_unsupported(key, value[key])), None)
    if refused is not None:
        message = f"{refused} is not supported here (got {_short(value[refused])})."
        raise HTTPError(400, message, param=refused, code="unsupported_parameter")
    ignored = (*UNSUPPORTED, *CHAT_ONLY, *TRUE_BY_DEFAULT, *WITHOUT_EFFECT)
    fields = {key: value[key] for key in value if key in known or key not in ignored}
    fields = {key: fields[key] for key in fields if fields[key] not in EMPTY or key in ("messages", "model", "prompt")}
    unknown = next((key for key in fields if key not in schema.model_fields and fields[key] not in NOTHING), None)
    if unknown is not None:
        hint = nearest(unknown, schema.model_fields)
        raise HTTPError(
            400, f"There is no field {unknown[:80]!r}; {hint}.", param=unknown[:80], code="unknown_parameter"
        )
    try:
        return schema.model_validate({key: fields[key] for key in fields if key in schema.model_fields})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(map(str, first["loc"]))
        reason = first["msg"].removeprefix("Value error, ")
        got = "" if first["type"] == "missing" else f" (got {_short(first['input'])})"
        raise invalid(field, f"{reason}{got}") from error


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "…"
