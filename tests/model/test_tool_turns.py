"""Turns with calls of tools: as chat templates take them, and each of their texts changed in its place."""

import json

from gradschool.model.tool_turns import Calling, Returned, ToolCall, as_object, changed, placed, uses_tools
from gradschool.records import Message

NESTED = '{"city": "Köln", "days": [1, {"unit": "day"}], "exact": true}'
CALL = Calling("assistant", "Let me see.", (ToolCall("weather", NESTED, "c1"), ToolCall("clock", id="c2")))
RESULT = Returned("tool", '{"degrees": 7}', "c1", "weather")


def test_arguments_are_values_for_a_template_not_text() -> None:
    plain = as_object(CALL)
    assert (plain["role"], plain["content"]) == ("assistant", "Let me see.")
    first, second = plain["tool_calls"]
    assert first == {
        "id": "c1",
        "type": "function",
        "function": {"name": "weather", "arguments": {"city": "Köln", "days": [1, {"unit": "day"}], "exact": True}},
    }
    assert second["function"] == {"name": "clock", "arguments": {}}


def test_a_result_names_its_call_and_its_tool_if_that_is_known() -> None:
    result = {"role": "tool", "content": '{"degrees": 7}', "tool_call_id": "c1"}
    assert as_object(RESULT) == result | {"name": "weather"}
    assert as_object(Returned("tool", '{"degrees": 7}', "c1")) == result


def test_a_message_without_tools_has_no_fields_of_them() -> None:
    assert as_object(Message("user", "Hi")) == {"role": "user", "content": "Hi"}


def test_every_text_of_a_call_is_changed_keys_and_nested_ones_too() -> None:
    upper = changed(CALL, str.upper)
    assert isinstance(upper, Calling) and upper.content == "LET ME SEE."
    assert [call.name for call in upper.calls] == ["WEATHER", "CLOCK"] and upper.calls[0].id == "C1"
    assert json.loads(upper.calls[0].arguments) == {"CITY": "KÖLN", "DAYS": [1, {"UNIT": "DAY"}], "EXACT": True}
    assert changed(CALL, lambda text: text) == Calling("assistant", "Let me see.", CALL.calls)


def test_markup_in_any_text_of_a_turn_can_be_taken_out() -> None:
    """A tool's result or an argument is written by others: it must not end the turn that it stands in."""
    end = "<|im_end|>"
    calls = (ToolCall(f"clock{end}", json.dumps({f"k{end}": [end]}), end),)
    for message in (Calling("assistant", end, calls), Returned("tool", end, end, end), Message("user", end)):
        assert end not in repr(changed(message, lambda text: text.replace(end, "")))


def test_changed_messages_keep_their_kind() -> None:
    assert changed(RESULT, str.upper) == Returned("tool", '{"DEGREES": 7}', "C1", "WEATHER")
    assert changed(Message("user", "Hi"), str.upper) == Message("user", "HI")


def test_a_placeholder_stands_for_the_text_of_a_turn_or_for_the_names_of_its_tools() -> None:
    marked = placed(CALL, "X")
    assert isinstance(marked, Calling) and marked.content == ""
    assert [(call.name, call.arguments, call.id) for call in marked.calls] == [("X", "{}", "c1"), ("X", "{}", "c2")]
    assert placed(RESULT, "X") == Returned("tool", "X", "c1", "weather")
    assert placed(Message("user", "Hi"), "X") == Message("user", "X")


def test_turns_of_tools_are_told_from_others() -> None:
    assert uses_tools(CALL) and uses_tools(RESULT) and uses_tools(Message("tool", "7"))
    assert not any(uses_tools(Message(role, "Hi")) for role in ("system", "user", "assistant"))
