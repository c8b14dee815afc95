"""Specialists of one base, queried with the openai package: same answers as without a server, at any concurrency."""

import json
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import openai
import pydantic
import pytest

import made
from finish import finish
from gradschool.model.local import LocalEngine
from gradschool.model.opening import POCKET
from gradschool.records import Answer, Message, Note
from gradschool.serve.loading import open_service
from gradschool.serve.local import LocalScheduler
from gradschool.serve.server import running
from gradschool.serve.service import Service

QUESTIONS = (
    "When does the ferry leave?",
    "What is the capital of France?",
    "Name a colour.",
    "When is fish sold?",
    "Say hello.",
    "How much is a ticket?",
    "Who wrote this – “you”?",
    "Is 12.50 more than 1,234?",
)
CLIENTS, TURNS = 32, 3


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    engine, folder = LocalEngine(POCKET, name="pocket"), tmp_path_factory.mktemp("specialists")
    return {kind: made.packed(kind, engine, folder / kind)[1] for kind in made.KINDS}


@pytest.fixture(scope="module")
def service(packages: dict[str, Path]) -> Service:
    service, events = finish(open_service([str(place) for place in packages.values()]))
    shared = [event.text for event in events if isinstance(event, Note) and "shares" in event.text]
    assert len(shared) == len(packages) - 1
    return service


@pytest.fixture(scope="module")
def expected(packages: dict[str, Path]) -> dict[tuple[str, str], Answer]:
    """The answers of each specialist without a server."""
    from gradschool.package.bundle import open_specialist

    answers = {}
    for kind, place in packages.items():
        specialist, _ = finish(open_specialist(place))
        asked = [(Message("user", question),) for question in QUESTIONS]
        answers |= {(kind, QUESTIONS[i]): answer for i, answer in specialist.answer(asked)}
    return answers


@pytest.fixture(scope="module")
def client(service: Service) -> Iterator[openai.OpenAI]:
    with running(service) as address, openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0) as client:
        yield client


def test_specialists_share_one_base(service: Service) -> None:
    assert len(service.bases) == 1
    assert isinstance(service.bases[0].scheduler, LocalScheduler)


def test_models_list_the_specialists(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == list(made.KINDS)
    assert client.models.retrieve("tuned").owned_by == "gradschool"


class Booking(pydantic.BaseModel):
    """What OpenAI's client asks for as a JSON schema, and parses."""

    place: Literal["Hull", "Lisbon"]
    people: int = pydantic.Field(ge=1, le=9)


@pytest.mark.parametrize("kind", made.KINDS)
def test_openais_structured_output_helper_gets_what_it_asks_for(client: openai.OpenAI, kind: str) -> None:
    asked: Any = [{"role": "user", "content": "Book a table in Hull for three."}]
    with ThreadPoolExecutor(4) as threads:
        replies = [
            threads.submit(client.chat.completions.parse, model=kind, messages=asked, response_format=Booking)
            for _ in range(4)
        ]
        parsed = [reply.result().choices[0].message.parsed for reply in replies]
    assert isinstance(parsed[0], Booking) and parsed == [parsed[0]] * 4
    chunks = client.chat.completions.create(
        model=kind, messages=asked, response_format={"type": "json_object"}, max_tokens=60, stream=True
    )
    [*_, last] = (events := [chunk.choices[0] for chunk in chunks])
    if last.finish_reason == "stop":
        assert isinstance(json.loads("".join(event.delta.content or "" for event in events)), dict)


def test_a_schema_that_cannot_be_compiled_is_named(client: openai.OpenAI) -> None:
    schema: Any = {"name": "x", "schema": {"not": {"type": "string"}}}
    with pytest.raises(openai.BadRequestError, match="response_format: Answers cannot be constrained") as caught:
        client.chat.completions.create(
            model="tuned",
            messages=[{"role": "user", "content": "Hi"}],
            response_format={"type": "json_schema", "json_schema": schema},
        )
    assert caught.value.param == "response_format"


def complete(client: openai.OpenAI, kind: str, question: str) -> tuple[str, str, int, int, list[int]]:
    """Text, finish reason, token counts, and the first line of each citation."""
    reply = client.chat.completions.create(model=kind, messages=[{"role": "user", "content": question}])
    [choice], usage = reply.choices, reply.usage
    assert usage is not None and choice.message.content is not None
    cited = [c["lines"][0] for c in (choice.message.model_extra or {}).get("citations", [])]
    return choice.message.content, choice.finish_reason, usage.prompt_tokens, usage.completion_tokens, cited


def streamed(client: openai.OpenAI, kind: str, question: str) -> tuple[str, str, int, int, list[int]]:
    text, reason, cited, usage = "", "", list[int](), None
    for chunk in client.chat.completions.create(
        model=kind,
        messages=[{"role": "user", "content": question}],
        stream=True,
        stream_options={"include_usage": True},
    ):
        usage = chunk.usage or usage
        for choice in chunk.choices:
            text += choice.delta.content or ""
            reason = choice.finish_reason or reason
            cited += [c["lines"][0] for c in (choice.delta.model_extra or {}).get("citations", [])]
    assert usage is not None
    return text, reason, usage.prompt_tokens, usage.completion_tokens, cited


def as_response(answer: Answer) -> tuple[str, str, int, int, list[int]]:
    lines = [passage.first_line for passage in answer.citations]
    return answer.text, answer.stop, answer.prompt_tokens, answer.new_tokens, lines


@pytest.mark.parametrize("kind", made.KINDS)
@pytest.mark.parametrize("way", [complete, streamed])
def test_served_answers_equal_those_without_a_server(
    client: openai.OpenAI, kind: str, way: object, expected: dict[tuple[str, str], Answer]
) -> None:
    ask = streamed if way is streamed else complete
    alone, *at_once = QUESTIONS
    assert ask(client, kind, alone) == as_response(expected[kind, alone])
    with ThreadPoolExecutor(len(at_once)) as clients:
        said = list(clients.map(lambda question: ask(client, kind, question), at_once))
    assert said == [as_response(expected[kind, question]) for question in at_once]


def test_answers_differ_between_specialists(expected: dict[tuple[str, str], Answer]) -> None:
    texts = {kind: [expected[kind, question].text for question in QUESTIONS] for kind in made.KINDS}
    assert len({tuple(answers) for answers in texts.values()}) == len(made.KINDS)
    assert any(expected["grounded", question].citations for question in QUESTIONS)
    assert not any("[1]" in text for text in texts["grounded"])


def test_concurrent_clients_get_their_own_answers(
    client: openai.OpenAI, service: Service, expected: dict[tuple[str, str], Answer]
) -> None:
    def one(number: int) -> Sequence[bool]:
        ways, equal = (complete, streamed), []
        for turn in range(TURNS):
            kind = made.KINDS[(number + turn) % len(made.KINDS)]
            question = QUESTIONS[(number + 3 * turn) % len(QUESTIONS)]
            equal.append(ways[(number + turn) % 2](client, kind, question) == as_response(expected[kind, question]))
        return equal

    with ThreadPoolExecutor(CLIENTS) as clients:
        equal = [same for all_same in clients.map(one, range(CLIENTS)) for same in all_same]
    assert len(equal) == TURNS * CLIENTS and all(equal)
    assert service.bases[0].open == 0


def test_disconnecting_clients_do_not_affect_others(
    client: openai.OpenAI, service: Service, expected: dict[tuple[str, str], Answer]
) -> None:
    def one(number: int) -> bool:
        kind, question = made.KINDS[number % len(made.KINDS)], QUESTIONS[number % len(QUESTIONS)]
        if number % 3:
            return complete(client, kind, question) == as_response(expected[kind, question])
        with client.chat.completions.create(
            model=kind, messages=[{"role": "user", "content": question}], max_tokens=500, stream=True
        ) as stream:
            next(iter(stream))
        return True

    with ThreadPoolExecutor(CLIENTS) as clients:
        assert all(clients.map(one, range(2 * CLIENTS)))
    end = time.monotonic() + 30
    while service.bases[0].open:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_completions_answer_a_prompt_as_a_user_message(
    client: openai.OpenAI, expected: dict[tuple[str, str], Answer]
) -> None:
    question = QUESTIONS[0]
    reply = client.completions.create(model="grounded", prompt=question)
    assert reply.choices[0].text == expected["grounded", question].text
    chunks = client.completions.create(model="grounded", prompt=question, stream=True)
    assert "".join(chunk.choices[0].text for chunk in chunks if chunk.choices) == expected["grounded", question].text


def test_stop_string_ends_an_answer(client: openai.OpenAI, expected: dict[tuple[str, str], Answer]) -> None:
    question = QUESTIONS[0]
    text = expected["grounded", question].text
    stop = text.split()[2]
    reply = client.chat.completions.create(
        model="grounded", messages=[{"role": "user", "content": question}], stop=[stop]
    )
    assert reply.choices[0].message.content == text.partition(stop)[0].rstrip()
    assert reply.choices[0].finish_reason == "stop"
    assert reply.usage is not None and reply.usage.completion_tokens < expected["grounded", question].new_tokens


def test_same_seed_gives_the_same_answer(client: openai.OpenAI) -> None:
    def drawn(seed: int) -> str | None:
        reply = client.chat.completions.create(
            model="tuned",
            messages=[{"role": "user", "content": "Tell me a story."}],
            temperature=1.5,
            top_p=0.95,
            seed=seed,
        )
        return reply.choices[0].message.content

    with ThreadPoolExecutor(8) as clients:  # in batches with other requests
        again = list(clients.map(drawn, [1, 2, 3, 1, 2, 3, 1, 2]))
    assert again[:3] == again[3:6] and again[:2] == again[6:]
    assert len(set(again)) == 3


def test_request_with_its_own_system_message(client: openai.OpenAI, packages: object) -> None:
    reply = client.chat.completions.create(
        model="tuned",
        messages=[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Name a colour."}],
        max_tokens=3,
    )
    assert reply.usage is not None and reply.usage.completion_tokens <= 3


def test_client_maps_errors_to_its_exceptions(client: openai.OpenAI) -> None:
    hello: openai.types.chat.ChatCompletionUserMessageParam = {"role": "user", "content": "Hello"}
    with pytest.raises(openai.NotFoundError, match="tuned") as not_found:
        client.chat.completions.create(model="tuend", messages=[hello])
    assert not_found.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError, match="temperature"):
        client.chat.completions.create(model="tuned", messages=[hello], temperature=3)
    with pytest.raises(openai.BadRequestError, match="2048") as too_long:
        client.chat.completions.create(model="plain", messages=[{"role": "user", "content": "word " * 4000}])
    assert too_long.value.code == "context_length_exceeded"
