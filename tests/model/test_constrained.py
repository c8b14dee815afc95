"""Constrained decoding: only allowed answers are written, and they are those of a token-by-token reference."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import jsonschema
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from gradschool.constraint import DENSE, SPACED, Constraint, schema_constraint
from gradschool.data.answer_form import conditional, schema_of
from gradschool.errors import ModelError
from gradschool.model.constrained import Matcher, forbid
from gradschool.model.generation import generate
from gradschool.model.local import LocalEngine
from gradschool.records import Answer, Decoding, Message

LABELS = Constraint(("card_arrival", "card_linking", "none of these", 'Quote " and \\ and é', "lost"))
SCHEMA = schema_constraint(
    {
        "type": "object",
        "properties": {
            "intent": {"enum": ["pay", "refund money"]},
            "name": {"type": "string", "maxLength": 12},
            "tags": {"type": "array", "items": {"type": "boolean"}, "maxItems": 2},
        },
        "required": ["intent", "name", "tags"],
        "additionalProperties": False,
    }
)
LIMIT = 160
ASKED = tuple(
    (Message("user", text),)
    for text in ("Where is my card?", "I lost it", "Pay 10 euros to Ann, and then write to her about it", "a", "Why?")
)


def answers(engine: LocalEngine, constraint: Constraint, limit: int = LIMIT, **options: Any) -> list[Answer]:
    decoding = Decoding(limit, constraint=constraint, **options)
    found = dict(engine.answer(ASKED, decoding))
    return [found[position] for position in range(len(ASKED))]


def one_by_one(engine: LocalEngine, constraint: Constraint, question: Sequence[int], limit: int) -> list[int]:
    """The greedy answer with every token computed, forced ones too, by the network's own forward pass."""
    matcher, ids = engine.constrainer.matcher(constraint), list[int]()
    while len(ids) < limit and (not ids or ids[-1] not in engine.stop_ids):
        with torch.inference_mode():
            logits = engine.network(input_ids=torch.tensor([[*question, *ids]])).logits[:, -1].float()
            forbid(logits, [matcher])
        ids.append(int(logits.argmax()))
        matcher.resume(ids[-1:])
    return ids


@pytest.mark.parametrize("constraint", [LABELS, SCHEMA])
def test_answers_are_those_of_the_reference_and_are_allowed(engine: LocalEngine, constraint: Constraint) -> None:
    for asked, answer in zip(ASKED, answers(engine, constraint), strict=True):
        ids = one_by_one(engine, constraint, engine.chat.prompt_ids(asked), LIMIT)
        assert answer.text == engine.chat.decode([token for token in ids if token not in engine.stop_ids])
        assert (answer.stop, answer.new_tokens) == ("stop", len(ids))
        jsonschema.validate(answer.text if constraint.choices else json.loads(answer.text), constraint.schema)
        streamed = "".join(engine.stream(asked, Decoding(LIMIT, constraint=constraint)))
        assert streamed == answer.text


def test_forced_tokens_are_read_in_one_pass(engine: LocalEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    passes, hidden = [], engine.reader().hidden

    def counted(ids: Any, *rest: Any) -> Any:
        passes.append(ids.shape[1])
        return hidden(ids, *rest)

    monkeypatch.setattr(type(engine.reader()), "hidden", lambda self, *arguments: counted(*arguments))
    [(_, answer)] = engine.answer(ASKED[:1], Decoding(LIMIT, constraint=Constraint(("one long label", "other label"))))
    assert answer.text in ("one long label", "other label")
    assert len(passes) <= 2 < answer.new_tokens  # the label is known after its first token


def test_sampled_answers_are_allowed_and_repeat(engine: LocalEngine) -> None:
    first, again = (answers(engine, SCHEMA, 80, temperature=1.0, seed=3) for _ in range(2))
    assert [a.text for a in first] == [a.text for a in again]
    for answer in first:
        if answer.stop == "stop":
            jsonschema.validate(json.loads(answer.text), SCHEMA.schema)


@pytest.mark.parametrize("limit", range(1, 8))
def test_a_limit_cuts_the_answer_also_in_forced_tokens(engine: LocalEngine, limit: int) -> None:
    whole = answers(engine, SCHEMA)
    for answer, complete in zip(answers(engine, SCHEMA, limit), whole, strict=True):
        assert (answer.stop, answer.new_tokens) == ("length", limit)
        assert complete.text.startswith(answer.text)


def test_generate_of_transformers_writes_the_same(engine: LocalEngine) -> None:
    prompts = [engine.chat.prompt_ids(asked) for asked in ASKED]
    for constraint in (LABELS, SCHEMA):
        matcher = engine.constrainer.matcher(constraint)
        rows = generate(engine.network, prompts, engine.stop_ids, LIMIT, Decoding(), matcher=matcher)
        texts = [engine.chat.decode([token for token in row if token not in engine.stop_ids]) for row in rows]
        assert texts == [answer.text for answer in answers(engine, constraint)]


def test_only_chosen_tokens_count_for_how_sure_an_answer_is(engine: LocalEngine) -> None:
    sure = answers(engine, LABELS, log_probs=True)
    assert all(answer.signals["lowest log-probability"] < 0 for answer in sure)
    [(_, only)] = engine.answer(ASKED[:1], Decoding(20, constraint=Constraint(("yes",)), log_probs=True))
    assert (only.text, only.signals) == ("yes", {})


@pytest.mark.parametrize(
    "schema",
    [{"not": {"type": "string"}}, {"$ref": "http://localhost:9/schema"}, {"type": "string", "pattern": "(?=a)b"}],
)
def test_a_schema_that_cannot_be_compiled_is_refused(engine: LocalEngine, schema: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match="cannot be constrained to this JSON schema"):
        engine.demand_constraint(schema_constraint(schema))


def test_the_reason_says_what_is_wrong_with_a_pattern(engine: LocalEngine) -> None:
    with pytest.raises(ModelError) as caught:
        engine.demand_constraint(schema_constraint({"type": "string", "pattern": "(?=a)b"}))
    assert "(?=a)b" in caught.value.why and "look-ahead" in caught.value.why and "^" not in caught.value.why
    with pytest.raises(ModelError) as caught:
        engine.demand_constraint(schema_constraint({"$defs": {"x": ENDLESS}, "$ref": "#/$defs/x"}))
    assert "state" not in caught.value.why and "cached_rows" not in caught.value.why


ENDLESS = {"type": "object", "properties": {"in": {"$ref": "#/$defs/x"}}, "required": ["in"]}


class TooComplex:
    """As llguidance's matcher after a token from which it cannot go on."""

    def consume_token(self, token: int) -> bool:
        return False

    def consume_tokens(self, tokens: Sequence[int]) -> bool:
        return not tokens

    def is_stopped(self) -> bool:
        return True

    def is_error(self) -> bool:
        return True


def test_an_answer_that_cannot_go_on_is_cut_and_not_finished() -> None:
    matcher = Matcher(cast("Any", TooComplex()), 7)
    assert matcher.follow(3) == [] and matcher.broken


def test_a_schema_whose_answers_have_no_end_is_refused(engine: LocalEngine) -> None:
    with pytest.raises(ModelError, match="cannot be constrained to this JSON schema"):
        engine.demand_constraint(schema_constraint({"$defs": {"x": ENDLESS}, "$ref": "#/$defs/x"}))


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-999, 999) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(JSON_VALUES, min_size=1, max_size=5), st.sampled_from([SPACED, DENSE]))
def test_the_inferred_schema_allows_what_it_was_inferred_from(
    engine: LocalEngine, values: list[Any], spaces: tuple[str, str]
) -> None:
    constraint = schema_constraint(schema_of(values), spaces)
    for value in values:
        jsonschema.validate(value, constraint.schema)
        matcher: Matcher = engine.constrainer.matcher(constraint)
        text = json.dumps(value, ensure_ascii=False, separators=spaces)
        ids = engine.tokenizer.encode(text, add_special_tokens=False)
        assert matcher.matcher.consume_tokens(ids), (text, constraint.json_schema)
        assert matcher.matcher.is_accepting()


def test_keys_that_depend_on_a_value_can_be_written(engine: LocalEngine) -> None:
    rows = [{"intent": "ab"[n % 2], "slots": {"xy"[n % 2]: f"v {n}"}} for n in range(240)]
    schema = conditional(rows)
    assert schema and len(schema["anyOf"]) == 2
    for row, allowed in ((rows[1], True), ({"intent": "b", "slots": {"x": "v"}}, False)):
        matcher = engine.constrainer.matcher(schema_constraint(schema)).matcher
        taken = matcher.consume_tokens(engine.tokenizer.encode(json.dumps(row), add_special_tokens=False))
        assert (taken and matcher.is_accepting()) is allowed


@pytest.mark.parametrize("text", ["{", "[" * 5_000, '{"a": ' * 101 + "1" + "}" * 101, "nan"])
def test_a_schema_of_others_that_is_no_json_or_too_deep_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Constraint).validate_python({"json_schema": text})


@pytest.mark.parametrize("constraint", [Constraint(), Constraint(json_schema="3"), schema_constraint({"$ref": "#"})])
def test_constraints_that_allow_nothing_are_refused(engine: LocalEngine, constraint: Constraint) -> None:
    with pytest.raises(ModelError, match="cannot be constrained"):
        engine.demand_constraint(constraint)


def test_constraints_do_not_change_the_hash_of_free_answers() -> None:
    free = Decoding()
    assert repr(replace(free, constraint=LABELS)) == repr(free)


def test_constraints_that_take_minutes_are_refused_at_once(engine: LocalEngine) -> None:
    labels = tuple(f"label {number}" for number in range(60_000))
    long = json.dumps({"enum": ["x" * 1_000 for _ in range(1_000)]})
    for fields in ({"choices": labels}, {"json_schema": long}):
        with pytest.raises(ValidationError, match="at most"):
            TypeAdapter(Constraint).validate_python(fields)
    with pytest.raises(ModelError, match="cannot be constrained to these labels"):
        engine.demand_constraint(Constraint(labels))
