"""Calls in answers: read from whatever a family writes, in any pieces; what is none stays in the text."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tool_templates
from gradschool.model.chat import Chat
from gradschool.model.tool_calls import ToolCallFilter, parse
from gradschool.model.tool_format import ToolFormat

CHATS = {family: Chat(tool_templates.tokenizer(family)) for family in tool_templates.TEMPLATES}
FORMATS = {family: chat.tool_format for family, chat in CHATS.items()}
HERMES, LLAMA, MISTRAL, BY_NAME = FORMATS.values()
NAMES = ("clock", "get_weather")
CALL = '{"name": "clock", "arguments": {"zone": "é"}}'
DEEP = "[" * 300 + "]" * 300


def streamed(text: str, format: ToolFormat, size: int = 1) -> tuple[str, list[tuple[str, object]]]:
    calls = ToolCallFilter(format, NAMES)
    said = "".join(calls.add(text[start : start + size]) for start in range(0, len(text), size))
    rest, found = calls.end()
    return said + rest, [(call.name, json.loads(call.arguments)) for call in found]


CLOCK = ("clock", {"zone": "é"})
WEATHER = ("get_weather", {})


@pytest.mark.parametrize(
    ("format", "text", "said", "found"),
    [
        (HERMES, f"<tool_call>\n{CALL}\n</tool_call>", "", [CLOCK]),
        (HERMES, f"Let me see.\n\n<tool_call>{CALL}</tool_call>", "Let me see.", [CLOCK]),
        (HERMES, f'<tool_call>{CALL}</tool_call>\n<tool_call>{{"name": "get_weather"}}', "", [CLOCK, WEATHER]),
        (HERMES, "No call <tool", "No call <tool", []),
        (HERMES, "<tool_call>\n{broken\n</tool_call>", "<tool_call>\n{broken\n</tool_call>", []),
        (HERMES, f"<tool_call>broken</tool_call> <tool_call>{CALL}", "<tool_call>broken</tool_call>", [CLOCK]),
        (HERMES, '<tool_call>{"name": "rm", "arguments": {}}', '<tool_call>{"name": "rm", "arguments": {}}', []),
        (
            HERMES,
            '<tool_call>{"name": "clock", "arguments": [1]}',
            '<tool_call>{"name": "clock", "arguments": [1]}',
            [],
        ),
        (HERMES, '<tool_call>{"name": "clock", "arguments": "{\\"zone\\": \\"é\\"}"}</tool_call>', "", [CLOCK]),
        (HERMES, CALL, CALL, []),
        (LLAMA, '{"name": "clock", "parameters": {"zone": "é"}}', "", [CLOCK]),
        (LLAMA, f'{CALL}; {{"name": "get_weather", "parameters": {{}}}}', "", [CLOCK, WEATHER]),
        (LLAMA, '\n\n{"zone": "é"}', '\n\n{"zone": "é"}', []),
        (LLAMA, f"The call is {CALL}", f"The call is {CALL}", []),
        (MISTRAL, f"[TOOL_CALLS] [{CALL}]", "", [CLOCK]),
        (MISTRAL, f'[TOOL_CALLS][{CALL}, {{"name": "get_weather"}}]', "", [CLOCK, WEATHER]),
        (MISTRAL, f"[TOOL_CALLS] {CALL}", "", [CLOCK]),
        (MISTRAL, f"[TOOL_CALLS] [{CALL}", f"[TOOL_CALLS] [{CALL}", []),
        (MISTRAL, " At noon.", "At noon.", []),
        (BY_NAME, '[TOOL_CALLS]clock[ARGS]{"zone": "é"}', "", [CLOCK]),
        (BY_NAME, '[TOOL_CALLS]clock[ARGS]{"zone": "é"}[TOOL_CALLS]get_weather[ARGS]{}', "", [CLOCK, WEATHER]),
        (BY_NAME, "[TOOL_CALLS]rm[ARGS]{}", "[TOOL_CALLS]rm[ARGS]{}", []),
    ],
)
def test_calls_of_each_family_are_read(
    format: ToolFormat, text: str, said: str, found: list[tuple[str, object]]
) -> None:
    for size in (1, 3, 1000):
        assert streamed(text, format, size) == (said, found)


@pytest.mark.parametrize("family", tool_templates.TEMPLATES)
def test_text_is_passed_on_as_soon_as_it_is_certain(family: str) -> None:
    calls = ToolCallFilter(FORMATS[family], NAMES)
    assert calls.add("At noon") == "At noon"
    assert calls.add(" or so.") == " or so."
    assert calls.end() == ("", [])


def test_arguments_are_always_json_that_can_be_sent() -> None:
    for value in ("NaN", "Infinity", DEEP):
        text = f'<tool_call>{{"name": "clock", "arguments": {{"zone": {value}}}}}</tool_call>'
        assert parse(text, HERMES, NAMES) == (text, [])
    half = '<tool_call>{"name": "clock", "arguments": {"zone": "\\ud800"}}</tool_call>'
    [call] = parse(half, HERMES, NAMES)[1]
    assert call.arguments.encode() == b'{"zone": "\\ud800"}'


def test_the_rest_of_a_demanded_call_is_its_json() -> None:
    forced = ToolCallFilter(HERMES, NAMES, "")
    assert forced.add(CALL[:9]) + forced.add(CALL[9:]) == ""
    assert [call.name for call in forced.end()[1]] == ["clock"]
    cut = ToolCallFilter(HERMES, NAMES, "")
    cut.add(CALL[:20])
    assert cut.end() == (CALL[:20], [])
    named = ToolCallFilter(BY_NAME, NAMES, "clock[ARGS]")
    named.add('{"zone": "é"}')
    assert [(call.name, call.arguments) for call in named.end()[1]] == [("clock", '{"zone": "é"}')]


PARTS = [*'{}[]":,<>/ \n', "<tool_call>", "</tool_call>", '"name"', '"clock"', "[TOOL_CALLS]"]


@given(st.lists(st.sampled_from(PARTS)).map("".join))
def test_any_text_is_divided_and_none_is_lost(text: str) -> None:
    for format in FORMATS.values():
        said, found = streamed(text, format)
        assert streamed(text, format, 7) == (said, found)
        assert found or said == (text.lstrip() if format.bare else text)


def test_a_long_text_of_markers_is_read_in_time() -> None:
    began = time.process_time()
    for text in ("<tool_call>" * 2000, '<tool_call>{"name": "' * 1500, "<tool_call>[[" * 1500):
        assert streamed(text, HERMES, 50)[1] == []
    assert time.process_time() - began < 3
