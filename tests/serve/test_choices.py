"""Several answers to one request: equal if greedy, else one for each seed; counted and cancelled together."""

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import openai
import pytest

import tiny
from gated import PATIENCE, GatedEngine, service_over
from gradschool.model.local import LocalEngine
from gradschool.model.signals import MEAN
from gradschool.records import Abstention, Constraint, Decoding, Message
from gradschool.serve.choices import SEED_BITS, drawn
from gradschool.serve.loading import scheduler_of
from gradschool.serve.server import running
from gradschool.serve.service import Limits, ServedBase, ServedModel, Service
from gradschool.specialist import Recipe, Specialist

DECODING = Decoding(max_new_tokens=8)
HELLO: Any = [{"role": "user", "content": "Hello?"}]
DRAWN: dict[str, Any] = {"temperature": 1.3, "seed": 5, "n": 3}


def served(engine: LocalEngine, recipes: dict[str, Recipe]) -> Service:
    specialists = {name: Specialist(engine, recipe) for name, recipe in recipes.items()}
    base = ServedBase(scheduler_of(engine, list(specialists.values()), 4, None))
    return Service({name: ServedModel(name, one, base) for name, one in specialists.items()})


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> LocalEngine:
    return LocalEngine(tiny.save_model(tmp_path_factory.mktemp("base")))


@pytest.fixture(scope="module")
def client(engine: LocalEngine) -> Iterator[openai.OpenAI]:
    sampled = replace(DECODING, temperature=1.3, log_probs=True)
    means = [answer.signals[MEAN] for _, answer in engine.answer([(Message("user", "Hello?"),)] * 9, sampled)]
    rule, plain = Abstention(MEAN, sorted(means)[4], "Ask Mara."), Recipe(decoding=DECODING)
    service = served(engine, {"plain": plain, "careful": Recipe(decoding=DECODING, abstention=rule)})
    with running(service) as address, openai.OpenAI(base_url=f"{address}/v1", api_key="none") as client:
        yield client


def texts(reply: Any) -> list[str]:
    return [choice.message.content for choice in sorted(reply.choices, key=lambda choice: choice.index)]


def test_greedy_answers_are_equal_and_counted_each(client: openai.OpenAI) -> None:
    one = client.chat.completions.create(model="plain", messages=HELLO)
    three = client.chat.completions.create(model="plain", messages=HELLO, n=3)
    assert texts(three) == texts(one) * 3 and [choice.index for choice in three.choices] == [0, 1, 2]
    assert one.usage and three.usage
    assert three.usage.prompt_tokens == one.usage.prompt_tokens
    assert three.usage.completion_tokens == 3 * one.usage.completion_tokens
    assert three.usage.total_tokens == three.usage.prompt_tokens + three.usage.completion_tokens
    prompted = client.completions.create(model="plain", prompt="Hello?", n=2)
    assert [choice.text for choice in prompted.choices] == texts(one) * 2


def test_sampled_answers_differ_and_are_the_same_again(client: openai.OpenAI) -> None:
    first = client.chat.completions.create(model="plain", messages=HELLO, **DRAWN)
    assert len(set(texts(first))) == 3
    assert texts(client.chat.completions.create(model="plain", messages=HELLO, **DRAWN)) == texts(first)
    alone = client.chat.completions.create(model="plain", messages=HELLO, **DRAWN | {"n": 1})
    assert texts(alone) == texts(first)[:1]
    assert first.usage and alone.usage
    assert first.usage.completion_tokens > alone.usage.completion_tokens
    assert first.usage.prompt_tokens == alone.usage.prompt_tokens


@pytest.mark.parametrize("fields", [DRAWN, {"n": 3}])
def test_a_stream_numbers_its_answers(client: openai.OpenAI, fields: dict[str, Any]) -> None:
    whole = client.chat.completions.create(model="plain", messages=HELLO, **fields)
    found, reasons, roles, usage = ["", "", ""], dict[int, str](), list[int](), None
    for chunk in client.chat.completions.create(
        model="plain", messages=HELLO, stream=True, stream_options={"include_usage": True}, **fields
    ):
        usage = chunk.usage or usage
        for choice in chunk.choices:
            found[choice.index] += choice.delta.content or ""
            roles += [choice.index] * (choice.delta.role is not None)
            if choice.finish_reason:
                reasons[choice.index] = choice.finish_reason
    assert found == texts(whole) and sorted(roles) == [0, 1, 2]
    assert reasons == {choice.index: choice.finish_reason for choice in whole.choices}
    assert usage == whole.usage


def test_each_answer_is_withheld_on_its_own(client: openai.OpenAI) -> None:
    for seed in range(40):
        fields = DRAWN | {"seed": seed, "n": 4}
        reply = client.chat.completions.with_raw_response.create(model="careful", messages=HELLO, **fields)
        reasons = [choice.finish_reason for choice in reply.parse().choices]
        assert reply.headers["X-Gradschool-Abstained"] == str("content_filter" in reasons).lower()
        if 0 < reasons.count("content_filter") < 4:
            break
    else:
        raise AssertionError("no seed withholds some of the answers")
    with client.chat.completions.with_streaming_response.create(
        model="careful", messages=HELLO, stream=True, **fields
    ) as streamed:
        assert streamed.headers["X-Gradschool-Abstained"] == "true"
        assert streamed.read().count(b'"finish_reason":"content_filter"') == reasons.count("content_filter")


def test_all_answers_are_cancelled_with_their_client(engine_of_words: GatedEngine) -> None:
    service = service_over(engine_of_words, Limits(seconds=PATIENCE, waiting=2), at_once=4)
    body = {"model": "echo", "messages": [{"role": "user", "content": "endless"}], "temperature": 1, "stream": True}
    with running(service) as address, httpx.Client(base_url=address, timeout=PATIENCE) as client:
        with client.stream("POST", "/v1/chat/completions", json=body | {"n": 3}) as response:
            next(response.iter_lines())
            end = time.monotonic() + PATIENCE
            while len(engine_of_words.asked) < 3:
                assert time.monotonic() < end
                time.sleep(0.01)
        while service.bases[0].open:
            assert time.monotonic() < end
            time.sleep(0.01)
        assert engine_of_words.given_up.wait(PATIENCE)
        refused = client.post("/v1/chat/completions", json=body | {"n": 7})
        assert refused.status_code == 503 and refused.json()["error"]["code"] == "overloaded"


def test_a_failure_of_one_answer_is_the_requests(engine_of_words: GatedEngine) -> None:
    body = {"model": "echo", "messages": [{"role": "user", "content": "server fell"}], "temperature": 1, "n": 3}
    with running(service_over(engine_of_words)) as address, httpx.Client(base_url=address) as client:
        assert client.post("/v1/chat/completions", json=body).status_code == 502


@pytest.fixture
def engine_of_words() -> Iterator[GatedEngine]:
    engine = GatedEngine()
    yield engine
    engine.go.set()
    engine.given_up.set()


def test_only_answers_that_may_differ_are_drawn() -> None:
    assert drawn(DECODING, 4) == [DECODING]
    labels = Constraint(("a", "b"), bias=(0.0, 0.0))
    assert len(drawn(Decoding(temperature=1.0, constraint=labels), 4)) == 1
    some = drawn(Decoding(temperature=1.0, seed=3), 16)
    assert some[0].seed == 3 and len({one.seed for one in some}) == 16
    assert all(0 <= one.seed < 1 << SEED_BITS for one in some)
