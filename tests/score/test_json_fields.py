"""JSON answers are scored field by field."""

import itertools
import json
import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from gradschool.score.json_fields import fields, json_fields, read_json
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


TWICE = ['{"a": 1, "a": 2}', '{"a": 2, "a": 1}', '[{"b": {"a": 1, "a": 1}}]', '{"caf\\u00e9": 1, "cafe\\u0301": 1}']


@pytest.mark.parametrize("said", TWICE)
def test_an_object_that_has_a_key_twice_is_not_json(said):
    assert mark(said, '{"a": 2}').parts == {"valid JSON": 0, "exact": 0}
    with pytest.raises(Unscorable, match="occurs twice"):
        mark('{"a": 2}', said)


def test_forms_of_one_text_are_equal_in_keys_and_values():
    ideal = '{"caf\\u00e9": "don\\u2019t", "say \\u201cyes\\u201d": [{"caf\\u00e9": 1}]}'
    said = '{"cafe\\u0301": "don\'t", "say \\"yes\\"": [{"cafe\\u0301": 1.0}]}'
    assert mark(said, ideal).value == 1 and mark(said, ideal).parts["exact"] == 1


@pytest.mark.parametrize(
    ("said", "ideal", "value"),
    [
        ('{"n": 1.0}', '{"n": 1}', 1),
        ('{"n": 1e2}', '{"n": 100}', 1),
        ('{"n": "1.0"}', '{"n": 1}', 0),  # a number in quotes is a text
        ('{"n": "1.0"}', '{"n": "1"}', 0),
        ('{"on": "2024-05-01"}', '{"on": "2024-05-01"}', 1),
        ('{"on": "2024-05-01"}', '{"on": "2024-01-05"}', 0),
        ('{"on": "2024-05-01T00:00"}', '{"on": "2024-05-01"}', 0),
        ('{"0": "a", "1": "b"}', '["a", "b"]', 0),  # an object is no list
        ('{"tags": {"0": "a"}}', '{"tags": ["a"]}', 0),
        ('{"tags": "a"}', '{"tags": ["a"]}', 0),
        ('{"a": 1, "x": 1, "y": 2, "z": 3}', '{"a": 1}', 2 * 1 / 5),  # extra fields cost precision
        ('{"a": [1, 2, 3, 4, 5, 6, 7, 8, 9]}', '{"a": [1]}', 2 * 1 / 10),
        ("[[1, 2], [3]]", "[[3], [2, 1]]", 1),
        ("[[1, 2, 3]]", "[[1, 2], [3]]", 2 * 2 / 6),  # lists in lists are kept apart
        ('[[{"a": 1}, {"b": 2}], []]', '[[], [{"b": 2}, {"a": 1}]]', 1),
        ('{"a": null}', "{}", 0),
    ],
)
def test_worked_by_hand(said, ideal, value):
    assert mark(said, ideal).value == pytest.approx(value)


def test_it_is_the_f1_of_scikit_learn():
    keys, chance = [f"k{number}" for number in range(8)], random.Random(1)
    for _ in range(50):
        one, other = (
            {key: chance.randint(0, 1) for key in chance.sample(keys, chance.randint(1, 8))} for _ in range(2)
        )
        pairs = sorted({*one.items(), *other.items()})
        chosen = [[pair in side.items() for pair in pairs] for side in (other, one)]
        assert mark(json.dumps(one), json.dumps(other)).value == pytest.approx(f1_score(*chosen, zero_division=0.0))


def best_by_trying(one, other):
    """The shared fields of two values by trying every way to pair the items of lists."""
    if isinstance(one, dict) and isinstance(other, dict) and one and other:
        return sum(best_by_trying(one[key], other[key]) for key in one.keys() & other.keys())
    if isinstance(one, list) and isinstance(other, list) and one and other:
        short, long = sorted((one, other), key=len)
        return max(sum(map(best_by_trying, short, chosen)) for chosen in itertools.permutations(long, len(short)))
    return int(one == other and type(one) is type(other))


def drawn(chance, depth=2):
    if not depth or chance.random() < 0.2:
        return chance.choice([0, 1, "a", "b", None, True, [], {}])
    if chance.random() < 0.5:
        return [drawn(chance, depth - 1) for _ in range(chance.randint(1, 4))]
    return {key: drawn(chance, depth - 1) for key in chance.sample("xyz", chance.randint(1, 3))}


def test_the_pairs_are_those_of_trying_all():
    chance = random.Random(3)
    for _ in range(400):
        one, other = ([drawn(chance) for _ in range(chance.randint(1, 5))] for _ in range(2))
        total = fields(one).total() + fields(other).total()
        said = mark(json.dumps(one), json.dumps(other)).value
        assert said == pytest.approx(2 * best_by_trying(one, other) / total), (one, other)


@pytest.mark.parametrize("lists", [False, True])
def test_long_lists_are_paired_as_a_whole(lists):
    items = [{"id": n, "sum": n * 7 % 13, "paid": [n % 3, n % 5] if lists else n % 3} for n in range(300)]
    wrong = [item | {"sum": -1} for item in items]  # one field of each item is wrong
    random.Random(1).shuffle(wrong)
    fields_of_item = 4 if lists else 3
    expected = (fields_of_item - 1) / fields_of_item
    assert mark(json.dumps(wrong), json.dumps(items)).value == pytest.approx(expected)
    assert mark(json.dumps([*range(500), "x"]), json.dumps([*range(500), "y"])).value == pytest.approx(500 / 501)


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


def orders(number, lines, wrong=0):
    """Orders with lines, whose pairing needs pairing; the last lines of each order are wrong."""
    return [
        {"order": n, "lines": [{"item": f"{n}-{m}", "count": m if m < lines - wrong else -1} for m in range(lines)]}
        for n in range(number)
    ]


def test_many_lists_of_objects_are_paired_exactly():
    right, said = orders(40, 2), orders(40, 2, wrong=1)
    random.Random(2).shuffle(said)
    assert mark(json.dumps(said), json.dumps(right)).value == pytest.approx(4 / 5)


@pytest.mark.parametrize(
    "ideal",
    [
        json.dumps(orders(1_500, 1)),
        json.dumps([{"n": n} for n in range(2_000)]),
        json.dumps([[[f"{n}{m}"] for n in range(150)] for m in range(150)]),
        '{"a":' * 150 + "1" + "}" * 150,
    ],
    ids=["lists of objects in a long list", "a long list", "lists in lists in lists", "deep"],
)
def test_what_cannot_be_paired_in_time_is_refused_by_name_whatever_the_answer(ideal):
    began = time.process_time()
    for said in (ideal, "{}", "no json"):
        with pytest.raises(Unscorable, match=r"examples\.jsonl:1.*objects in its lists"):
            mark(said, ideal)
    assert time.process_time() - began < 5


def test_a_much_larger_answer_is_refused_and_a_larger_one_is_scored():
    right = orders(10, 3)
    assert mark(json.dumps(orders(60, 3)), json.dumps(right)).value == pytest.approx(2 * 70 / 490)
    with pytest.raises(Unscorable, match="the answer has too many objects"):
        mark(json.dumps([orders(40, 20) for _ in range(20)]), json.dumps([right, right]))
