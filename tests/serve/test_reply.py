"""Log-probabilities in replies: those of a forward pass, in any batch, with constraints, streamed and not."""

import json
import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import openai
import pytest
import torch

import tiny
from gated import GatedEngine, service_over
from gradschool.constraint import schema_constraint
from gradschool.model.compared import label_log_probs, label_shares
from gradschool.model.constrained import forbid
from gradschool.model.local import LocalEngine
from gradschool.records import Constraint, Decoding, Message
from gradschool.serve import batcher
from gradschool.serve.decoder import OneRowDecoder
from gradschool.serve.loading import scheduler_of
from gradschool.serve.reply import log_probs
from gradschool.serve.scheduler import ScoredToken
from gradschool.serve.server import running
from gradschool.serve.service import ServedBase, ServedModel, Service
from gradschool.specialist import Recipe, Specialist

LIMIT = 12
LABELS = Constraint(("card", "card arrival", "lost", "none of these"), bias=(0.0, 0.1, 0.2, -0.3))
SCHEMA = {"type": "object", "properties": {"a": {"enum": ["x", "yy"]}, "n": {"type": "integer"}}, "required": ["a"]}
RECIPES = {
    "free": Recipe(decoding=Decoding(max_new_tokens=LIMIT)),
    "written": Recipe(decoding=Decoding(max_new_tokens=LIMIT, constraint=Constraint(LABELS.choices))),
    "compared": Recipe(decoding=Decoding(max_new_tokens=LIMIT, constraint=LABELS)),
}
ASKED = ["Hello?", "where is my card " * 3, "a", "I have lost it"]


def served(engine: LocalEngine) -> Service:
    specialists = {name: Specialist(engine, recipe) for name, recipe in RECIPES.items()}
    base = ServedBase(scheduler_of(engine, list(specialists.values()), 4, None))
    return Service({name: ServedModel(name, one, base) for name, one in specialists.items()})


@pytest.fixture(scope="module", params=["packed", "one row at a time"])
def engine(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEngine]:
    with pytest.MonkeyPatch.context() as patch:
        if request.param != "packed":  # as networks that cannot read packed rows
            one = lambda engine, reader, decoding, _, __, top: OneRowDecoder(engine, reader, decoding, top)  # noqa: E731
            patch.setattr(batcher, "decoder_of", one)
        yield LocalEngine(tiny.save_model(tmp_path_factory.mktemp("base")))


@pytest.fixture(scope="module")
def client(engine: LocalEngine) -> Iterator[openai.OpenAI]:
    with running(served(engine)) as address, openai.OpenAI(base_url=f"{address}/v1", api_key="none") as client:
        yield client


def asked(client: openai.OpenAI, text: str, stream: bool = False, **fields: Any) -> Any:
    fields = {"model": "free", "logprobs": True, "top_logprobs": 5} | fields
    messages: Any = [{"role": "user", "content": text}]
    return client.chat.completions.create(messages=messages, stream=stream, **fields)


def in_one_pass(engine: LocalEngine, text: str, ids: list[int], constraint: Constraint | None) -> torch.Tensor:
    """The log-probabilities (T, V) at each token of an answer: transformers' own, masked by the constraint."""
    prompt = engine.chat.prompt_ids((Message("user", text),))
    with torch.no_grad():
        logits = engine.network(torch.tensor([[*prompt, *ids]])).logits[0, len(prompt) - 1 : -1].clone()
    matcher = engine.matcher(Decoding(constraint=constraint))
    for place, token in enumerate(ids if matcher else []):
        forbid(logits[place : place + 1], [matcher])
        if matcher:
            matcher.resume([token])
    return logits.log_softmax(-1)


@pytest.mark.parametrize("kind", ["free", "sampled", "written", "schema"])
def test_log_probabilities_are_those_of_a_forward_pass(client: openai.OpenAI, engine: LocalEngine, kind: str) -> None:
    fields: dict[str, Any] = {"model": "written" if kind == "written" else "free"}
    constraint = RECIPES[fields["model"]].decoding.constraint
    if kind == "sampled":
        fields |= {"temperature": 1.3, "seed": 4}
    if kind == "schema":
        constraint = schema_constraint(SCHEMA)
        fields["response_format"] = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}
    with ThreadPoolExecutor(len(ASKED)) as threads:
        replies = list(threads.map(lambda text: asked(client, text, **fields), ASKED))
    for text, reply in zip(ASKED, replies, strict=True):
        [choice] = reply.choices
        content = choice.logprobs.content
        raw = [bytes(one.bytes) for one in content]
        assert reply.usage.completion_tokens - len(content) == (choice.finish_reason == "stop")
        named = {engine.token_bytes(token): token for token in range(320)}
        ids = [named[one] for one in raw]
        assert engine.chat.decode(ids) == choice.message.content
        expected = in_one_pass(engine, text, ids, constraint)
        for place, one in enumerate(content):
            assert one.logprob == pytest.approx(float(expected[place, ids[place]]), abs=1e-4)
            best = expected[place].topk(5).values
            likely = [value for value in best.tolist() if value > -math.inf]
            assert [top.logprob for top in one.top_logprobs] == pytest.approx(likely, abs=1e-4)
            assert all(float(expected[place, named[bytes(top.bytes)]]) == pytest.approx(top.logprob, abs=1e-4)
                       for top in one.top_logprobs if bytes(top.bytes) in named)  # fmt: skip


def test_a_stream_has_the_same_as_a_complete_answer(client: openai.OpenAI) -> None:
    for fields in ({}, {"model": "written"}, {"model": "compared"}, {"temperature": 1.2, "seed": 3, "n": 2}):
        whole = asked(client, "Hello?", **fields)
        found: dict[int, list[Any]] = {choice.index: [] for choice in whole.choices}
        for chunk in asked(client, "Hello?", stream=True, **fields):
            for choice in chunk.choices:
                found[choice.index] += choice.logprobs.content if choice.logprobs else []
        for choice in whole.choices:
            assert [one.bytes for one in found[choice.index]] == [one.bytes for one in choice.logprobs.content]
            values = [one.logprob for one in choice.logprobs.content]
            assert [one.logprob for one in found[choice.index]] == pytest.approx(values, abs=1e-5)


def test_of_a_compared_label_the_confidence_is_reported(client: openai.OpenAI, engine: LocalEngine) -> None:
    [choice] = asked(client, "Hello?", model="compared", top_logprobs=3).choices
    [read] = label_log_probs(engine, [(Message("user", "Hello?"),)], LABELS.choices)
    assert read is not None
    shares = label_shares(read, LABELS)
    [label] = choice.logprobs.content
    order = np.argsort(-shares)
    assert label.token == choice.message.content == LABELS.choices[order[0]]
    assert math.exp(label.logprob) == pytest.approx(shares[order[0]], abs=1e-6)
    assert [top.token for top in label.top_logprobs] == [LABELS.choices[place] for place in order[:3]]


def test_without_top_logprobs_only_the_tokens_own_are_reported(client: openai.OpenAI) -> None:
    [choice] = asked(client, "Hello?", top_logprobs=0).choices
    assert choice.logprobs.content and all(one.top_logprobs == [] for one in choice.logprobs.content)
    [choice] = asked(client, "Hello?", logprobs=False, top_logprobs=None).choices
    assert choice.logprobs is None


def test_tokens_after_a_stop_string_are_left_out(client: openai.OpenAI) -> None:
    [whole] = asked(client, "Hello?", temperature=1, seed=1).choices
    text = whole.message.content
    stop = text[len(text) // 2 : len(text) // 2 + 2]
    [cut] = asked(client, "Hello?", temperature=1, seed=1, stop=[stop, "never written"]).choices
    assert cut.message.content == text.partition(stop)[0]
    kept = cut.logprobs.content
    assert [one.bytes for one in kept] == [one.bytes for one in whole.logprobs.content[: len(kept)]]
    before = kept[: len(kept) - 1]
    assert len(b"".join(bytes(one.bytes) for one in before).decode(errors="ignore")) <= len(cut.message.content)


def test_a_base_without_them_is_refused_by_name(engine_of_words: GatedEngine) -> None:
    with running(service_over(engine_of_words)) as address, openai.OpenAI(base_url=f"{address}/v1", api_key="x") as it:
        with pytest.raises(openai.BadRequestError, match=r"does not report them\. Leave out logprobs") as caught:
            asked(it, "Hi", model="echo")
        assert caught.value.param == "logprobs"
        with pytest.raises(openai.BadRequestError, match="logprobs is not supported"):
            it.completions.create(model="echo", prompt="Hi", logprobs=3)


@pytest.fixture
def engine_of_words() -> GatedEngine:
    return GatedEngine()


def test_an_impossible_token_is_a_number_in_json() -> None:
    shown = log_probs([ScoredToken(b"\xe2\x80", -math.inf, (ScoredToken(b"a", 0.0),))])
    assert json.loads(json.dumps(shown, allow_nan=False))["content"] == [
        {
            "token": "\ufffd",
            "logprob": -9999.0,
            "bytes": [226, 128],
            "top_logprobs": [{"token": "a", "logprob": 0.0, "bytes": [97]}],
        }
    ]
