"""Request bodies: parsed completely, or rejected with an error that names the wrong field."""

import base64
import io
import json
import time
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Picture

from gradschool.records import IMAGE, Decoding, Message
from gradschool.serve.fields import NOTHING, UNSUPPORTED, WITHOUT_EFFECT
from gradschool.serve.http_errors import HTTPError
from gradschool.serve.request import (
    FORM_TOKENS,
    MAX_N,
    MAX_STOP,
    MAX_STOPS,
    CompletionRequest,
    parse_chat,
    parse_completion,
)

HELLO = {"role": "user", "content": "Hello"}
TOOL = {"type": "function", "function": {"name": "clock"}}
CALL = {"id": "c1", "type": "function", "function": {"name": "clock", "arguments": "{}"}}
DEFAULT = Decoding(max_new_tokens=7, temperature=0.0, top_p=1.0, seed=3)


def chat(**fields: Any) -> CompletionRequest:
    return parse_chat(json.dumps({"model": "m", "messages": [HELLO], **fields}).encode())


def rejected(**fields: Any) -> HTTPError:
    with pytest.raises(HTTPError) as caught:
        chat(**fields)
    return caught.value


@pytest.mark.parametrize("form", [{"response_format": {"type": "json_object"}}, {"tools": [TOOL]}])
def test_an_answer_in_the_form_of_a_request_is_not_cut_at_the_length_of_the_specialists_own(
    form: dict[str, Any],
) -> None:
    """A label has few tokens; JSON that a client asks for would never be complete."""
    assert chat().decoding(DEFAULT).max_new_tokens == DEFAULT.max_new_tokens
    assert chat(**form).decoding(DEFAULT).max_new_tokens == FORM_TOKENS
    assert chat(**form, max_tokens=9).decoding(DEFAULT).max_new_tokens == 9
    long = replace(DEFAULT, max_new_tokens=2 * FORM_TOKENS)
    assert chat(**form).decoding(long).max_new_tokens == 2 * FORM_TOKENS


def test_chat_body_is_parsed() -> None:
    turns = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "What is "}, {"type": "text", "text": "this?"}]},
        {"role": "assistant", "content": "A test.", "error": None, "tool_calls": None, "citations": []},
        {"role": "user", "content": "Really?", "name": "Ann"},
    ]
    asked = chat(messages=turns, max_tokens=5, max_completion_tokens=6, stop="x", seed=-1, stream=True, top_p=0.5,
                 temperature=1, stream_options={"include_usage": True}, user="someone", n=1, tools=None, logprobs=False,
                 response_format={"type": "text"}, frequency_penalty=0.0)  # fmt: skip
    question = (
        Message("system", "Be brief."),
        Message("user", "What is this?"),
        Message("assistant", "A test."),
        Message("user", "Really?"),
    )
    assert asked == CompletionRequest("m", question, 6, 1.0, 0.5, -1, ("x",), True, True)


def test_prompt_becomes_a_user_message() -> None:
    for prompt in ("Well?", ["Well?"]):
        asked = parse_completion(
            json.dumps({"model": "m", "prompt": prompt, "max_tokens": 3, "stop": ["a", "b"]}).encode()
        )
        assert asked == CompletionRequest("m", (Message("user", "Well?"),), 3, stop=("a", "b"))


def test_missing_fields_keep_the_tested_settings() -> None:
    assert chat().decoding(DEFAULT) == DEFAULT
    assert chat(temperature=0.5, seed=9).decoding(DEFAULT) == Decoding(7, 0.5, 1.0, 9)
    assert chat(max_tokens=2, top_p=0.3).decoding(DEFAULT) == Decoding(2, 0.0, 0.3, 3)


def test_temperature_without_a_seed_draws_a_new_seed_each_time() -> None:
    asked = chat(temperature=1)
    assert len({asked.decoding(DEFAULT).seed for _ in range(8)}) > 1


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": 3}, "model"),
        ({"model": None}, "model"),
        ({"messages": []}, "messages"),
        ({"messages": "Hello"}, "messages"),
        ({"messages": [{"role": "user"}]}, "messages.0.content"),
        ({"messages": [{"role": "user", "content": None}]}, "messages.0.content"),
        ({"messages": [{"role": "user", "content": []}]}, "messages.0.content"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages.0.content"),
        ({"messages": [HELLO, {"role": "function", "content": "4"}]}, "messages.1.role"),
        ({"messages": [HELLO, {"role": "tool", "content": "4"}]}, "messages.1.tool_call_id"),
        ({"messages": [HELLO, {"role": "tool", "content": "4", "tool_call_id": 4}]}, "messages.1.tool_call_id"),
        ({"messages": [{**HELLO, "tool_calls": [{}]}]}, "messages.0.tool_calls.0.function"),
        ({"messages": [{**HELLO, "tool_calls": "all"}, HELLO]}, "messages.0.tool_calls"),
        ({"messages": [{**HELLO, "tool_calls": [CALL]}, HELLO]}, "messages.0.tool_calls"),
        ({"messages": [HELLO, {"role": "assistant", "tool_calls": [CALL]}]}, "messages.1.tool_calls"),
        ({"messages": [{"role": "assistant", "function_call": {"name": "x"}}, HELLO]}, "messages.0.function_call"),
        ({"temperature": "hot"}, "temperature"),
        ({"temperature": 2.1}, "temperature"),
        ({"temperature": True}, "temperature"),
        ({"top_p": -0.1}, "top_p"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"max_tokens": -3}, "max_tokens"),
        ({"messages": [HELLO, {"role": "assistant", "content": "x"}, {"role": "user"}]}, "messages.2.content"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}, HELLO]}, "messages.0.content"),
        (
            {"messages": [HELLO, {"role": "assistant", "tool_calls": [{"id": "1"}]}, HELLO]},
            "messages.1.tool_calls.0.function",
        ),
        ({"max_completion_tokens": "5"}, "max_completion_tokens"),
        ({"seed": 1 << 63}, "seed"),
        ({"stop": [1]}, "stop"),
        ({"stop": ["x"] * (MAX_STOPS + 1)}, "stop"),
        ({"stop": "x" * (MAX_STOP + 1)}, "stop"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": {"include_usages": True}}, "stream_options.include_usages"),
        ({"n": MAX_N + 1}, "n"),
        ({"n": -1}, "n"),
        ({"n": True}, "n"),
        ({"n": "2"}, "n"),
        ({"tools": [{"type": "function"}]}, "tools.0.function"),
        ({"tools": [{"type": "web_search"}]}, "tools.0.type"),
        ({"tools": [{**TOOL, "cache": 1}]}, "tools.0.cache"),
        ({"tools": TOOL}, "tools"),
        ({"tools": [TOOL, TOOL]}, "tools"),
        ({"tools": [TOOL] * 129}, "tools"),
        ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, "tools.0.function.name"),
        (
            {"tools": [{"type": "function", "function": {"name": "a", "parameters": "x"}}]},
            "tools.0.function.parameters",
        ),
        ({"tools": [TOOL], "tool_choice": "always"}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "b"}}}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": {"type": "allowed_tools", "allowed_tools": {}}}, "tool_choice"),
        ({"tools": [TOOL], "response_format": {"type": "json_object"}}, "response_format"),
        ({"tools": [TOOL], "parallel_tool_calls": "no"}, "parallel_tool_calls"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"functions": [{"name": "a"}]}, "functions"),
        ({"response_format": {"type": "grammar"}}, "response_format"),
        ({"response_format": "json_object"}, "response_format"),
        ({"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}}, "response_format"),
        ({"logprobs": "yes"}, "logprobs"),
        ({"logprobs": 5}, "logprobs"),
        ({"logprobs": True, "top_logprobs": 21}, "top_logprobs"),
        ({"logprobs": True, "top_logprobs": -1}, "top_logprobs"),
        ({"logprobs": True, "top_logprobs": [1]}, "top_logprobs"),
        ({"top_logprobs": 2}, "top_logprobs"),
        ({"top_k": 40}, "top_k"),
        ({"min_p": 0.05}, "min_p"),
        ({"top_n_sigma": 1.5}, "top_n_sigma"),
        ({"logit_bias": {"12": 0, "13": -100}}, "logit_bias"),
        ({"thinking": {"type": "enabled", "budget_tokens": 0}}, "thinking"),
        ({"chat_template_kwargs": {"enable_thinking": True}}, "chat_template_kwargs"),
        ({"add_generation_prompt": False}, "add_generation_prompt"),
        ({"skip_special_tokens": False}, "skip_special_tokens"),
        ({"repetition_penalty": 1.1}, "repetition_penalty"),
        ({"presence_penalty": -0.5}, "presence_penalty"),
        ({"stream_options": {"continuous_usage_stats": True}}, "stream_options.continuous_usage_stats"),
        ({"temprature": 1}, "temprature"),
    ],
)
def test_unsupported_values_are_rejected_by_field(fields: dict[str, Any], param: str) -> None:
    error = rejected(**fields)
    assert (error.status, error.param, error.kind) == (400, param, "invalid_request_error")
    assert param.rpartition(".")[2] in error.message or param in error.message


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
@pytest.mark.parametrize("value", [-1, -2, -1.0, None])
def test_no_limit_of_a_client_is_the_limit_of_the_test(name: str, value: object) -> None:
    assert chat(**{name: value}).decoding(DEFAULT) == DEFAULT


def test_empty_turns_keep_their_place_in_the_history() -> None:
    for nothing in ({"content": None}, {"content": []}, {"content": ""}, {}):
        asked = chat(messages=[HELLO, {"role": "assistant", "tool_calls": [], **nothing}, HELLO])
        assert [m.content for m in asked.question] == ["Hello", "", "Hello"]
        assert chat(messages=[HELLO, {"role": "assistant", **nothing}]).question == chat().question
    assert chat(messages=[{"role": "user", "content": None}, HELLO]).question[0] == Message("user", "")


def test_what_a_model_thought_is_no_part_of_the_history() -> None:
    for kind in ("think", "thinking", "reasoning", "redacted_thinking"):
        thought = {"role": "assistant", "content": [{"type": kind, kind: "Hm."}, {"type": "text", "text": "No."}]}
        assert chat(messages=[HELLO, thought, HELLO]).question[1] == Message("assistant", "No.")
    assert (
        chat(messages=[HELLO, {"role": "assistant", "content": [{"type": "think"}]}, HELLO]).question[1].content == ""
    )


@pytest.mark.parametrize(
    "content",
    [
        ["Hel", "lo"],
        {"type": "text", "text": "Hello"},
        [{"text": "Hello"}],
        [{"type": "input_text", "text": "Hello"}],
        [{"type": "output_text", "text": "Hello", "annotations": []}, {"type": "text", "text": None}],
        [{"type": "text", "text": "Hello", "cache_control": {"type": "ephemeral"}}],
    ],
)
def test_parts_of_any_api_are_text(content: Any) -> None:
    assert chat(messages=[{"role": "user", "content": content}]).question == chat().question


@pytest.mark.parametrize("part", [{"type": "image_url", "image_url": {"url": "x"}}, {"type": "file"}, 5, {"text": 5}])
def test_parts_that_are_no_text_are_refused(part: Any) -> None:
    assert rejected(messages=[{"role": "user", "content": [part]}]).status == 400


def test_a_refusal_that_a_client_sends_back_is_text() -> None:
    refused = {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}
    assert chat(messages=[HELLO, refused, HELLO]).question[1] == Message("assistant", "No.")


def test_values_that_ask_for_nothing_are_taken_in_every_field() -> None:
    for name, values in UNSUPPORTED.items():
        for value in (*NOTHING, False, 0.0, *values):
            assert chat(**{name: value}) == chat()
    for name in WITHOUT_EFFECT:
        assert chat(**{name: {"anything": 1}}) == chat()
    assert chat(something_new=None, stop="", stream_options={"include_usage": None}) == chat()
    assert chat(stop=["", None]) == chat() and chat(stop=["", "x"]).stop == ("x",)
    assert chat(seed="", max_tokens="", stream=0, stream_options={}) == chat() and chat(stream=1).stream
    for value in (*NOTHING, False):
        assert chat(something_new=value) == chat()
    assert chat(tools=[{"type": "function"}], functions=[{}], tool_choice="none") == chat()
    assert chat(logit_bias={"12": 0}, thinking={"type": "disabled", "budget_tokens": 0}) == chat()
    assert chat(chat_template_kwargs={"enable_thinking": False, "thinking": False}) == chat()
    assert chat(add_generation_prompt=True, skip_special_tokens=True, stream_options={"new": None}) == chat()
    assert not UNSUPPORTED.keys() & WITHOUT_EFFECT


def test_integers_may_be_written_with_a_point() -> None:
    assert (chat(max_tokens=5.0).max_tokens, chat(seed=7.0).seed) == (5, 7)


def test_unknown_field_gets_a_suggestion() -> None:
    assert "temperature" in rejected(temprature=1).message


def test_unsupported_fields_have_their_own_code() -> None:
    for name in UNSUPPORTED:
        assert rejected(**{name: {"something": 1}}).code == "unsupported_parameter"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"x"',
        b"\xff\xfe{}",
        b'{"model": "m", "messages": [{"role": "user", "content": "\\ud800"}]}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"seed": ' + b"9" * 10_000 + b"}",
        b'{"model": "m", "messages": [{"role": "user", "content": "x"}], "temperature": NaN}',
        b'{"model": "m", "messages": [{"role": "user", "content": "x"}], "max_tokens": 1e999}',
    ],
    ids=range(11),
)
def test_bodies_that_are_no_request_are_rejected(body: bytes) -> None:
    for parse in (parse_chat, parse_completion):
        with pytest.raises(HTTPError) as caught:
            parse(body)
        assert caught.value.status == 400
        json.dumps(caught.value.body()).encode()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
TURN = st.fixed_dictionaries({"role": JSON | st.just("user"), "content": JSON | st.text()})
FIELDS = {
    "model": st.just("m") | JSON,
    "messages": st.lists(TURN | JSON, max_size=3) | JSON,
    "prompt": JSON,
    "temperature": st.floats(0, 2) | JSON,
    "top_p": JSON,
    "seed": JSON,
    "max_tokens": st.integers(1) | JSON,
    "stop": st.lists(st.text(max_size=3), max_size=3) | JSON,
    "stream": JSON,
    "stream_options": JSON,
    "tools": JSON,
    "n": JSON,
}


def parse_or_reject(body: bytes) -> None:
    for parse in (parse_chat, parse_completion):
        try:
            asked = parse(body)
        except HTTPError as error:
            assert error.status == 400
            assert json.loads(json.dumps(error.body()))["error"]["message"]
        else:
            drawn = asked.decoding(DEFAULT)
            assert asked.question and all(isinstance(m.content, str) for m in asked.question)
            assert drawn.max_new_tokens >= 1 and 0 <= drawn.temperature <= 2 and 0 <= drawn.top_p <= 1
            assert all(asked.stop)
            "".join(m.content for m in asked.question).encode()


def test_the_first_of_many_wrong_turns_is_the_error() -> None:
    many = b'{"model": "m", "messages": [' + b"1," * 200_000 + b"1]}"
    began = time.process_time()
    with pytest.raises(HTTPError, match=r"messages\.0"):
        parse_chat(many)
    assert time.process_time() - began < 0.3


@given(st.binary(max_size=64))
def test_any_bytes_are_parsed_or_rejected(body: bytes) -> None:
    parse_or_reject(body)


@given(st.fixed_dictionaries({}, optional=FIELDS) | JSON)
def test_any_json_is_parsed_or_rejected(value: Any) -> None:
    parse_or_reject(json.dumps(value).encode())


def red_square() -> str:
    """A small image as a data: URL."""
    buffer = io.BytesIO()
    Picture.new("RGB", (6, 6), "red").save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


@pytest.mark.parametrize("named", [{"url": red_square()}, red_square()])
def test_an_image_that_is_sent_along_is_read(named: Any) -> None:
    parts = [{"type": "text", "text": "What \ufffc is "}, {"type": "image_url", "image_url": named}]
    [message] = chat(messages=[{"role": "user", "content": parts}]).question
    assert message.content == f"What \ufffd is {IMAGE}" and len(message.images) == 1 and message.images[0].content
    assert not message.images[0].file  # what a client sends is written nowhere


@pytest.mark.parametrize(
    ("role", "url", "why"),
    [
        ("user", "https://example.org/a.png", "data: URL"),
        ("user", "file:///etc/passwd", "data: URL"),
        ("user", "data:image/png;base64,AAAA", "is no image"),
        ("user", "data:image/png;base64,", "is empty"),
        ("assistant", red_square(), "only a user's message"),
    ],
)
def test_an_image_that_is_not_sent_along_or_damaged_is_refused(role: str, url: str, why: str) -> None:
    parts = [{"type": "text", "text": "What?"}, {"type": "image_url", "image_url": {"url": url}}]
    error = rejected(messages=[{"role": role, "content": parts}, HELLO])
    assert error.status == 400 and why in error.message and error.param == "messages.0.content"
