"""Inferring what answers may be from the train examples."""

import json
from typing import Any

import jsonschema
import pytest

from gradschool.constraint import DENSE, SPACED, Constraint
from gradschool.data.answer_form import conditional, inferred, schema_of, spaces_of, why_free
from score_samples import examples


def test_labels_become_choices() -> None:
    assert inferred(examples(*["no", "yes", "none of these"] * 4)) == Constraint(("no", "none of these", "yes"))


def test_sentences_are_labels_if_they_are_few_and_hardly_any_other_is_expected() -> None:
    sentences = [f"The customer asks where parcel number {n} has been since the day of its delivery." for n in range(3)]
    assert inferred(examples(*sentences * 4)) == Constraint(tuple(sentences))
    assert inferred(examples(*sentences * 4, "Something that was written once, and in other words.")) is None
    assert inferred(examples(*[one * 30 for one in sentences] * 4)) is None  # each question would read them all


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        (["yes", "no"] * 10 + ["It is hard to say without more of the letter."], "20 of 21 train answers are labels"),
        ([f"label {n}" for n in range(10)] * 2, "20 train examples have 10 different answers, and these are taken for"),
        ([f"text {n}" for n in range(20)], ""),
        (["yes", "no"] * 3, ""),
    ],
)
def test_what_keeps_a_form_from_being_inferred(answers: list[str], why: str) -> None:
    assert inferred(examples(*answers)) is None
    found = why_free(examples(*answers))
    assert found.startswith(why) if why else found == ""


def test_a_fence_around_json_is_no_part_of_it() -> None:
    plain = [json.dumps({"n": n, "s": f"text {n}"}) for n in range(12)]
    assert inferred(examples(*(f"```json\n{text}\n```" for text in plain))) == inferred(examples(*plain))


@pytest.mark.parametrize("answers", [["yes"] * 12, ["a b", "c"] * 4, [f"text {n}" for n in range(20)], ["{}"] * 12])
def test_one_label_few_examples_and_free_texts_stay_free(answers: list[str]) -> None:
    assert inferred(examples(*answers)) is None


def test_json_becomes_a_schema_with_its_spaces() -> None:
    rows = [{"topic": "ab"[n % 2], "who": f"person {n}", "sum": n / 2 if n % 3 else None} for n in range(12)]
    constraint = inferred(examples(*(json.dumps(row) for row in rows)))
    assert constraint
    assert constraint.schema == {
        "type": "object",
        "properties": {
            "topic": {"type": "string", "enum": ["a", "b"]},
            "who": {"type": "string"},
            "sum": {"anyOf": [{"type": "null"}, {"type": "number"}]},
        },
        "required": ["topic", "who", "sum"],
        "additionalProperties": False,
    }
    assert json.loads(constraint.json_schema)["x-guidance"]["item_separator"] == ", "
    assert constraint.outline() == 'JSON: {topic: one of "a", "b", who: string, sum: null or number}'


def test_the_outline_is_readable_in_any_script() -> None:
    assert Constraint(("退货", "да", 'a "b"', "half \ud800")).outline() == (
        '4 labels: "退货", "да", "a \\"b\\"", "half \\ud800"'
    )
    found = inferred(examples(*[json.dumps({"ключ": "да"}, ensure_ascii=False)] * 12))
    assert found and found.outline() == 'JSON: {ключ: one of "да"}'


@pytest.mark.parametrize("empty", [{}, []])
def test_empty_answers_are_json_of_the_same_kind(empty: Any) -> None:
    full = [{"name": f"n {n}"} if empty == {} else [{"name": f"n {n}"}] for n in range(30)]
    constraint = inferred(examples(*map(json.dumps, [*full, empty])))
    assert constraint and not constraint.choices
    for value in (full[0], empty):
        jsonschema.validate(value, constraint.schema)
    assert inferred(examples(*[json.dumps(empty)] * 30)) is None


def test_keys_that_are_not_in_one_order_may_be_in_any() -> None:
    rows: list[dict[str, Any]] = [{"a": "x", "b.c": "y"}, {"b.c": "z", "a": "w"}, {"a": "only"}]
    found = schema_of(rows)
    assert found["patternProperties"] == {r"^(a|b\.c)$": {"type": "string"}}
    assert "required" not in found


def test_optional_keys_keep_their_place() -> None:
    found = schema_of([{"a": 1, "c": 3}, {"b": 2, "c": 3}, {"a": 1, "b": 2}])
    assert list(found["properties"]) == ["a", "b", "c"]
    assert found["required"] == []


def test_many_keys_are_values() -> None:
    found = schema_of([{f"word {n}": n} for n in range(200)])
    assert found == {"type": "object", "additionalProperties": {"type": "integer"}}


def test_values_that_would_often_be_new_are_no_enum() -> None:
    often, once = ["red", "green"] * 50, [f"colour {n}" for n in range(5)]
    assert schema_of(often) == {"type": "string", "enum": ["green", "red"]}
    assert schema_of(often + once) == {"type": "string"}


def slots(intent: str, number: int) -> dict[str, Any]:
    own = {"artist": f"band {number}"} if intent == "play" else {"city": f"town {number}", "day": "today"}
    return {"intent": intent, "slots": own}


def test_keys_may_depend_on_the_value_of_another_key() -> None:
    rows = [slots("play", n) for n in range(120)] + [slots("weather", n) for n in range(120)]
    constraint = inferred(examples(*map(json.dumps, rows)))
    assert constraint
    play, weather = constraint.schema["anyOf"]
    assert play["properties"]["intent"] == {"const": "play"}
    assert list(play["properties"]["slots"]["properties"]) == ["artist"]
    assert weather["properties"]["slots"]["required"] == ["city", "day"]
    shown = (
        '{intent: "play", slots: {artist: string}} or {intent: "weather", slots: {city: string, day: one of "today"}}'
    )
    assert constraint.outline() == f"JSON: {shown}"
    validator = jsonschema.Draft202012Validator(constraint.schema)
    assert all(map(validator.is_valid, rows))
    assert not validator.is_valid({"intent": "play", "slots": {"city": "x", "day": "today"}})


def test_values_with_few_or_changing_keys_have_the_schema_of_all() -> None:
    rows = [slots("play", n) for n in range(120)] + [slots("weather", n) for n in range(30)]
    changing = [{"intent": "other", "slots": {f"key {n % 60}": "x"} if n < 60 else {}} for n in range(120)]
    found = conditional(rows + changing)
    assert found
    play, others = found["anyOf"]
    assert play["properties"]["intent"] == {"const": "play"}
    assert others["properties"]["intent"] == {"type": "string", "enum": ["other", "weather"]}
    validator = jsonschema.Draft202012Validator(found)
    assert all(map(validator.is_valid, rows + changing))


@pytest.mark.parametrize(
    "rows",
    [
        [slots("play", n) for n in range(200)],  # one value
        [{"intent": "ab"[n % 2], "text": f"t {n}"} for n in range(300)],  # the same keys for all
        [slots(("play", "weather")[n % 2], n) for n in range(40)],  # too few to know their keys
        [{"intent": f"kind {n}", "slots": {}} for n in range(200)],  # values that are no kinds
        ["text"] * 200,
    ],
)
def test_other_objects_have_one_schema(rows: list[Any]) -> None:
    assert conditional(rows) is None


@pytest.mark.parametrize(
    ("write", "spaces"),
    [
        (lambda value: json.dumps(value), SPACED),
        (lambda value: json.dumps(value, separators=DENSE), DENSE),
        (lambda value: json.dumps(value, indent=2), None),
        (lambda value: "{ " + json.dumps(value)[1:-1] + " }", None),
    ],
)
@pytest.mark.parametrize("text", ["x", "caf\u00e9", 'a: "b",c', "C:\\"])
def test_spaces_are_those_of_the_answers(write: Any, spaces: tuple[str, str] | None, text: str) -> None:
    values = [{"a": n, "b": [text, "y"]} for n in range(5)]
    assert spaces_of([write(value) for value in values], values) == spaces


def test_values_may_be_written_in_any_way() -> None:
    answers = [f'{{"sum": {n}.50, "path": "a\\/b\\u0041"}}' for n in range(12)]
    constraint = inferred(examples(*answers))
    assert constraint and json.loads(constraint.json_schema)["x-guidance"]["item_separator"] == ", "


def test_outlines_are_short_and_show_odd_names_as_json() -> None:
    rows = [{"a: b,\nc": str(n), "plain_name": n} for n in range(12)]
    constraint = inferred(examples(*map(json.dumps, rows)))
    assert constraint and constraint.outline() == 'JSON: {"a: b,\\nc": string, plain_name: integer}'
    wide = inferred(examples(*[json.dumps({f"key {n}": f"{row}" for n in range(90)}) for row in range(12)]))
    assert wide and len(wide.outline()) <= 1_000 and wide.outline().startswith("JSON: {key 0: string")


def test_answers_that_are_nested_deeply_are_inferred_in_linear_time_or_stay_free() -> None:
    def nested(depth: int) -> Any:
        value: Any = "leaf"
        for level in range(depth):
            value = {f"key {level}": value}
        return value

    for depth, found in ((40, True), (90, False)):
        assert (inferred(examples(*[json.dumps(nested(depth))] * 12)) is not None) == found
