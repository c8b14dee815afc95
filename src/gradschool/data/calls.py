"""Calls of a model as services and programs log them: chat completions, responses, messages, batches, evals.

A row has a request (the question), a reply (the answer), or both; `custom_id` or `id` ties the two halves of a batch
together.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from gradschool.data.formats import CONVERSATIONS, is_messages, keys_by_name, plain, role_of, value_of
from gradschool.json_text import parse_any_json

REQUESTS = (  # keys that hold a request
    *("request", "body", "params", "kwargs", "request_body", "model_input", "sample", "invocation_params", "input"),
    *("inputs", "data"),
)
REPLIES = (  # keys that hold a reply
    *("response", "body", "result", "message", "response_body", "model_output", "sample", "completion", "output"),
    *("outputs", "generation", "data"),
)
NAMES = ("custom_id", "record_id", "sample_id", "key", "id")  # of a call, in order of precedence
MAX_DEPTH = 4
CUT = ("length", "max_tokens", "max_output_tokens", "incomplete")  # reasons to stop before the end
WRITTEN = ('"choices"', '"candidates"', '"messages"', '"contents"', '"output_text"')  # in JSON text of a call
BATCHED = ("custom_id", "record_id")  # keys that only rows of batches have
CALLED = frozenset((*REPLIES, *BATCHED, "choices", "candidates", "first_id"))  # each call has one of these keys
# Further keys of a call that say nothing about its question or its answer.
TECHNICAL = {
    *("object", "created", "created_at", "model", "usage", "system_fingerprint", "service_tier", "request_id"),
    *("tool_choice", "tools", "seed", "top_p", "temperature", "presence_penalty", "frequency_penalty"),
    *("response_format", "input_user", "method", "url", "error", "logprobs", "n", "stop", "stream", "max_tokens"),
    *("data", "first_id", "last_id", "has_more", "store", "choices", "candidates", "prompt", "system", "instructions"),
    *("system_instruction", "type"),
    *("sampled", "event_id", "run_id", "eval_id", "datasource_item", "datasource_item_id", "results"),
}


@dataclass(frozen=True, slots=True)
class Call:
    """One call: messages as the file has them, as far as the row holds them.

    `question` is None without a request, `answer` (a message of the assistant) without a reply; `failure` says why
    there is no answer although there is a reply.
    """

    name: str
    question: list[Any] | None
    answer: Mapping[str, Any] | None
    stop: Literal["stop", "length"] = "stop"
    failure: str = ""

    def as_row(self, value: Mapping[str, Any]) -> dict[str, Any] | None:
        """The call as a row of examples, with what else the logged row says; None without its question."""
        if self.question is None:
            return None
        used = {*TECHNICAL, *REQUESTS, *REPLIES, *CONVERSATIONS, *NAMES}
        kept = {key: value[key] for key in value if plain(key) not in used}
        answer = [] if self.answer is None else [self.answer]
        return {**({"id": self.name} if self.name else {}), "messages": [*self.question, *answer], **kept}


def call_of(value: Any) -> Call | None:
    """The call that a value logs; None if it is no call."""
    if not isinstance(value, dict):
        return None
    keys = keys_by_name(value)
    if CALLED.isdisjoint(keys):
        return None  # most rows of examples
    if is_messages(value.get("data")) and isinstance(first := value.get("first_id"), str):  # those of a stored call
        return Call(first.rpartition("-")[0], list(value["data"]), None)
    reply = _reply(value, 0) or _failed(value, keys)
    if reply is None and not _is_request(value, keys):
        return None
    question = _question(value, 0, replied=reply is not None)
    if reply is None and question is None:
        return None
    name = next((str(value[keys[word]]) for word in NAMES if word in keys and _is_name(value[keys[word]])), "")
    answer, stop, failure = reply or (None, "stop", "")
    return Call(name, question, answer, stop, failure)


Reply = tuple[Mapping[str, Any] | None, Literal["stop", "length"], str]


def _is_name(value: Any) -> bool:
    return isinstance(value, str | int) and value != "" and not isinstance(value, bool)


def _is_request(value: Mapping[str, Any], keys: Mapping[str, str]) -> bool:
    """Whether a row without a reply is a request of a batch, not an example."""
    held = (value_of(value, keys, word) for word in ("body", "params", "request", "model_input"))
    return _is_batched(keys) and any(isinstance(one, dict) for one in held)


def _is_batched(keys: Mapping[str, str]) -> bool:
    return any(word in keys for word in BATCHED)


def _is_logged(value: Any) -> bool:
    """Whether a value is the JSON text of a request or a reply, as tables of calls hold it."""
    return isinstance(value, str) and value.lstrip()[:1] == "{" and any(word in value for word in WRITTEN)


def _read(value: Any) -> Any:
    """A value, read from JSON text if it logs a request or a reply."""
    if not _is_logged(value):
        return value
    try:
        return parse_any_json(value)
    except ValueError:
        return value


def _reply(value: Any, depth: int) -> Reply | None:
    """The reply in a value: its message, why it ended, and why it has none."""
    if not isinstance(value, dict) or depth > MAX_DEPTH:
        return None
    if found := _chosen(value) or _responded(value) or _spoken(value) or _candidate(value):
        return found
    keys = keys_by_name(value)
    for word in REPLIES:
        inner = _read(value_of(value, keys, word))
        if isinstance(inner, list) and depth and is_messages(inner) and role_of(_role(inner[-1])) == "assistant":
            return inner[-1], _stop(value.get("finish_reason")), ""
        if found := _reply(inner, depth + 1):
            return found
    return None


def _chosen(value: Mapping[str, Any]) -> Reply | None:
    """The first choice of a completion."""
    if isinstance(value.get("prompt"), str | list) and (sampled := value.get("sampled")):  # of an evaluation
        sampled = sampled[0] if isinstance(sampled, list) else sampled
        return ({"role": "assistant", "content": sampled}, "stop", "") if isinstance(sampled, str) else None
    choices = value.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    if not isinstance(first, dict):
        return None
    message = first.get("message")
    if isinstance(message, dict) and "content" in message | {"content": message.get("tool_calls")}:
        return _message(message), _stop(first.get("finish_reason")), ""
    if isinstance(first.get("text"), str) and ("finish_reason" in first or "logprobs" in first):
        return {"role": "assistant", "content": first["text"]}, _stop(first.get("finish_reason")), ""
    return None


def _message(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """A message of the assistant; the words of a refusal are its answer."""
    refusal = message.get("refusal")
    content = refusal if not message.get("content") and isinstance(refusal, str) else message.get("content")
    return {**message, "role": "assistant", "content": content}


def _responded(value: Mapping[str, Any]) -> Reply | None:
    """The text of a response: the last message of its output."""
    output = value.get("output")
    if not isinstance(output, list) or not (value.get("object") == "response" or _has_message(output)):
        return None
    said = [one for one in output if isinstance(one, dict) and one.get("type") == "message"]
    if not said:
        return None, "stop", "its output holds no message"
    return _parts(said[-1].get("content"), "text", "refusal"), _stop(value.get("status")), ""


def _has_message(output: list[Any]) -> bool:
    return any(isinstance(one, dict) and one.get("type") == "message" and "content" in one for one in output)


def _spoken(value: Mapping[str, Any]) -> Reply | None:
    """A message with parts, as `{"type": "message", "role": "assistant", "content": [{"type": "text", …}]}`."""
    if value.get("role") not in ("assistant", "model") or "content" not in value:
        return None
    content = value["content"]
    message = _parts(content, "text") if isinstance(content, list) else _message(value)
    return message, _stop(value.get("stop_reason")), ""


def _candidate(value: Mapping[str, Any]) -> Reply | None:
    """The first candidate of a reply, as `{"candidates": [{"content": {"role": "model", "parts": […]}}]}`."""
    candidates = value.get("candidates")
    first = candidates[0] if isinstance(candidates, list) and candidates else None
    content = first.get("content") if isinstance(first, dict) else None
    if not isinstance(first, dict) or not isinstance(content, dict):
        return None
    return _parts(content.get("parts"), "text"), _stop(str(first.get("finishReason")).casefold()), ""


def _parts(parts: Any, *keys: str) -> dict[str, Any]:
    """The texts of a list of parts as one message; parts that are thoughts or calls have none of the keys."""
    found = [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
    texts = [part[key] for part in found for key in keys if isinstance(part.get(key), str) and not part.get("thought")]
    return {"role": "assistant", "content": "".join(texts) if isinstance(parts, list) else parts}


def _failed(value: Mapping[str, Any], keys: Mapping[str, str]) -> Reply | None:
    """The failure that a row of a batch reports in place of a reply."""
    if not _is_batched(keys):
        return None
    held: list[Any] = [value, *(value.get(key) for key in ("response", "result"))]
    held += [one.get("body") for one in held[1:] if isinstance(one, dict)]
    for one in (one for one in held if isinstance(one, dict)):
        error, status, kind = one.get("error"), one.get("status_code"), one.get("type")
        if isinstance(error, dict | str) and error:
            said = error.get("message") or error.get("code") or "an error" if isinstance(error, dict) else error
            return None, "stop", f"the service reports: {' '.join(str(said).split())[:200]}"
        if isinstance(status, int) and status >= 400:
            return None, "stop", f"the service answered with status {status}"
        if kind in ("errored", "expired", "canceled"):
            return None, "stop", f"the call is {kind}"
    return None


def _stop(reason: Any) -> Literal["stop", "length"]:
    return "length" if reason in CUT else "stop"


def _role(message: Any) -> str:
    return str(message.get("role")) if isinstance(message, dict) else ""


def _question(value: Any, depth: int, *, replied: bool) -> list[Any] | None:
    """The messages of a request in a value."""
    if depth > MAX_DEPTH:
        return None
    if isinstance(value, str):
        return [{"role": "user", "content": value}] if value and depth else None
    if isinstance(value, list):
        return value if depth and is_messages(value) else None
    if not isinstance(value, dict):
        return None
    keys = keys_by_name(value)
    system = _system(value, keys)
    for word in CONVERSATIONS:
        turns = value_of(value, keys, word)
        if isinstance(turns, list) and is_messages(turns):
            return [*system, *_asked(turns)]
    prompt = value_of(value, keys, "prompt")
    if isinstance(prompt, str) and (depth or replied):
        return [*system, {"role": "user", "content": prompt}]
    if isinstance(prompt, list) and is_messages(prompt) and replied:
        return [*system, *_asked(prompt)]
    for word in REQUESTS:
        if found := _question(_read(value_of(value, keys, word)), depth + 1, replied=replied):
            return [*system, *found]
    return None


def _asked(turns: list[Any]) -> Iterator[Any]:
    """The turns without answers at the end, which some programs append to the request."""
    end = len(turns)
    while end and role_of(_role(turns[end - 1])) == "assistant":
        end -= 1
    return iter(turns[:end])


def _system(value: Mapping[str, Any], keys: Mapping[str, str]) -> list[Any]:
    """The system message that a request holds next to its messages."""
    for word in ("system", "instructions", "system_instruction"):
        given = value_of(value, keys, word)
        given = given.get("parts") if isinstance(given, dict) else given
        text = given if isinstance(given, str) else _parts(given, "text")["content"] if given else ""
        if isinstance(text, str) and text.strip():
            return [{"role": "system", "content": text}]
    return []
