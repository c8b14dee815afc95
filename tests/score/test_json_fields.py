"""JSON answers are scored field by field."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradschool.score.json_fields import json_fields, read_json
from gradschool.score.metric import Unscorable
from score_samples import example

IDEAL = '{"name": "Ada", "address": {"city": "Rome", "zip": 184}, "tags": ["a", "b"]}'


def mark(said: str, ideal: str = IDEAL):
    return json_fields(said, example(ideal))


def test_equal_up_to_order_of_keys_spaces_and_kind_of_number():
    said = '{"tags": ["a","b"], "address": {"zip": 184.0, "city": " Rome "}, "name": "Ada"}'
    assert mark(said).value == 1
    assert mark(said).parts == {"valid JSON": 1, "exact": 1}


def test_fields_count_by_hand():
    # 3 given, 2 of them right, 5 wanted: precision 2/3, recall 2/5.
    marked = mark('{"name": "Ada", "address": {"city": "Paris", "zip": 184}}')
    assert marked.value == pytest.approx(2 * (2 / 3) * (2 / 5) / (2 / 3 + 2 / 5))
    assert marked.parts == {"valid JSON": 1, "exact": 0}


def test_list_items_count_in_any_order_but_then_not_as_exact():
    marked = mark('{"tags": ["b", "a"]}', '{"tags": ["a", "b"]}')
    assert (marked.value, marked.parts["exact"]) == (1, 0)
    assert mark('{"tags": ["a", "a"]}', '{"tags": ["a", "b"]}').value == 0.5


def test_values_that_are_swapped_between_items_do_not_match():
    ideal = '[{"seat": 4, "guest": "Ilo"}, {"seat": 9, "guest": "Bera"}]'
    assert mark('[{"seat": 9, "guest": "Ilo"}, {"seat": 4, "guest": "Bera"}]', ideal).value == 0.5
    assert mark('[{"guest": "Bera", "seat": 9}, {"guest": "Ilo", "seat": 4}]', ideal).value == 1
    # One item is missing: 2 given, both right, 4 wanted.
    assert mark('[{"seat": 9, "guest": "Bera"}]', ideal).value == pytest.approx(2 * 2 / 6)
    nested = '{"days": [{"day": "Mo", "slots": [8, 10]}, {"day": "Tu", "slots": [9, 11]}]}'
    assert mark('{"days": [{"day": "Mo", "slots": [9, 11]}, {"day": "Tu", "slots": [8, 10]}]}', nested).value < 0.7
    assert mark('{"days": [{"day": "Tu", "slots": [11, 9]}, {"day": "Mo", "slots": [10, 8]}]}', nested).value == 1
    assert mark("[[1, 2], [3, 4]]", "[[1, 4], [3, 2]]").value == 0.5


def test_the_pairs_are_the_best_ones():
    ideal = [{"a": 1, "b": 1}, {"a": 1, "b": 2, "c": 3}]
    assert mark(json.dumps([{"a": 1, "b": 2, "c": 4}, {"a": 1, "b": 1, "c": 9}]), json.dumps(ideal)).value == (
        pytest.approx(2 * 4 / 11)
    )


@pytest.mark.parametrize(
    ("said", "ideal"), [("true", "1"), ("null", '"null"'), ("{}", "[]"), ('"1"', "1"), ('{"a": {}}', '{"a": null}')]
)
def test_kinds_are_not_confused(said, ideal):
    assert mark(said, ideal).value == 0
    assert mark(ideal, ideal).value == 1


@pytest.mark.parametrize("fence", ["```json\n%s\n```", "```\n%s```", "\n```JSON\r\n%s\r\n```\n"])
def test_a_fence_is_tolerated(fence):
    assert mark(fence % IDEAL).value == 1


@pytest.mark.parametrize(
    "said",
    ["Here it is: " + IDEAL, IDEAL + " Done.", "{'name': 'Ada'}", "", '{"a": NaN}', "[" * 100_000, IDEAL[:-1]],
)
def test_anything_else_is_not_json(said):
    assert (mark(said).value, mark(said).parts) == (0, {"valid JSON": 0, "exact": 0})


def test_a_bad_ideal_is_unscorable():
    with pytest.raises(Unscorable, match=r"examples\.jsonl:1.* not JSON"):
        mark("{}", "no json")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)


@settings(max_examples=80, deadline=None)
@given(JSON, JSON)
def test_symmetric_in_range_and_1_for_itself(one, other):
    a, b = json.dumps(one), json.dumps(other)
    assert 0 <= mark(a, b).value <= 1
    assert mark(a, b).value == pytest.approx(mark(b, a).value)
    assert mark(a, a).value == 1
    assert mark(a, a).parts["exact"] == 1


@settings(max_examples=80, deadline=None)
@given(st.text(max_size=40))
def test_reading_any_text_gives_a_value_or_a_valueerror(text):
    try:
        expected = json.loads(text)
    except ValueError:
        return
    if "NaN" not in text and "Infinity" not in text:
        assert read_json(text) == expected
