"""A specialist that abstains over HTTP: decided before the first byte, and said in ways that clients understand."""

import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from gated import PATIENCE
from gradschool.errors import UsageError
from gradschool.model.local import LocalEngine
from gradschool.model.remote import RemoteEngine
from gradschool.model.signals import CONFIDENCE, MEAN
from gradschool.package.llama_runtime import refuse_untested
from gradschool.records import Abstention, Constraint, Decoding, Message
from gradschool.serve.loading import scheduler_of
from gradschool.serve.server import running
from gradschool.serve.service import ServedBase, ServedModel, Service
from gradschool.settings import Remote
from gradschool.specialist import Recipe, Specialist
from model_server import server
from unsure import RULE, unsure_engine

Serve = Callable[[type[BaseHTTPRequestHandler]], str]
SURE, UNSURE = "one two", "one two three four five"


def served(engine: Any, recipes: dict[str, Recipe]) -> Service:
    specialists = {name: Specialist(engine, recipe) for name, recipe in recipes.items()}
    base = ServedBase(scheduler_of(engine, list(specialists.values()), 4, None))
    return Service({name: ServedModel(name, one, base) for name, one in specialists.items()})


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    decoding = Decoding(max_new_tokens=40)
    recipes = {"careful": Recipe(decoding=decoding, abstention=RULE), "bold": Recipe(decoding=decoding)}
    with (
        running(served(unsure_engine(), recipes)) as address,
        httpx.Client(base_url=address, timeout=PATIENCE) as client,
    ):
        yield client


def ask(client: httpx.Client, question: str, model: str = "careful", **fields: Any) -> httpx.Response:
    asked = {"model": model, "messages": [{"role": "user", "content": question}], **fields}
    return client.post("/v1/chat/completions", json=asked)


def chunks(response: httpx.Response) -> list[Any]:
    lines = [line.removeprefix("data: ") for line in response.text.split("\n\n") if line]
    assert lines[-1] == "[DONE]"
    return [json.loads(line) for line in lines[:-1]]


def test_a_sure_answer_is_given(client: httpx.Client) -> None:
    response = ask(client, SURE)
    assert response.headers["X-Gradschool-Abstained"] == "false"
    [choice] = response.json()["choices"]
    assert choice["finish_reason"] == "stop" and choice["message"]["content"] == SURE
    assert choice["message"]["refusal"] is None


def test_an_unsure_answer_is_withheld(client: httpx.Client) -> None:
    response = ask(client, UNSURE)
    assert response.status_code == 200 and response.headers["X-Gradschool-Abstained"] == "true"
    [choice] = response.json()["choices"]
    assert choice["finish_reason"] == "content_filter"
    assert choice["message"]["content"] == choice["message"]["refusal"] == "Ask Mara."
    assert "four" not in response.text


def test_a_stream_decides_before_its_first_text(client: httpx.Client) -> None:
    response = ask(client, UNSURE, stream=True, stream_options={"include_usage": True})
    assert response.headers["X-Gradschool-Abstained"] == "true" and "four" not in response.text
    parts = chunks(response)
    deltas = [part["choices"][0]["delta"] for part in parts if part["choices"]]
    assert "".join(delta.get("content", "") for delta in deltas) == "Ask Mara."
    assert "".join(delta.get("refusal", "") for delta in deltas) == "Ask Mara."
    assert parts[-2]["choices"][0]["finish_reason"] == "content_filter" and parts[-1]["usage"]["completion_tokens"] == 5
    given = ask(client, SURE, stream=True)
    assert given.headers["X-Gradschool-Abstained"] == "false"
    assert "".join(part["choices"][0]["delta"].get("content", "") for part in chunks(given)) == SURE


def test_a_stop_string_ends_a_given_answer_and_never_the_decision(client: httpx.Client) -> None:
    assert ask(client, SURE, stop=" two").json()["choices"][0]["message"]["content"] == "one"
    assert ask(client, UNSURE, stop=["three", "Mara"]).json()["choices"][0]["message"]["content"] == "Ask Mara."


def test_completions_and_other_specialists_on_the_same_base(client: httpx.Client) -> None:
    asked = {"model": "careful", "prompt": UNSURE}
    reply = client.post("/v1/completions", json=asked)
    assert reply.json()["choices"][0] == {
        "index": 0, "finish_reason": "content_filter", "logprobs": None, "text": "Ask Mara."
    }  # fmt: skip
    streamed = chunks(client.post("/v1/completions", json=asked | {"stream": True}))
    assert "".join(part["choices"][0].get("text", "") for part in streamed) == "Ask Mara."
    bold = ask(client, UNSURE, "bold")
    assert bold.json()["choices"][0]["message"]["content"] == UNSURE and "X-Gradschool-Abstained" not in bold.headers


def test_models_and_metrics_say_it(client: httpx.Client) -> None:
    listed = {model["id"]: model.get("abstains") for model in client.get("/v1/models").json()["data"]}
    assert listed == {"careful": True, "bold": None}
    ask(client, UNSURE)
    assert 'gradschool_abstained_total{model="careful"}' in client.get("/metrics").text


def test_openais_client_reads_the_refusal(client: httpx.Client) -> None:
    with openai.OpenAI(base_url=f"{client.base_url}/v1", api_key="none") as official:
        question: Any = [{"role": "user", "content": UNSURE}]
        [choice] = official.chat.completions.create(model="careful", messages=question).choices
        assert (choice.finish_reason, choice.message.refusal) == ("content_filter", "Ask Mara.")
        with official.chat.completions.create(model="careful", messages=question, stream=True) as stream:
            said = [chunk.choices[0].delta.refusal for chunk in stream if chunk.choices]
        assert "Ask Mara." in said


def test_a_local_base_decides_as_the_engine_does(base: Path) -> None:
    engine, decoding = LocalEngine(base, batch_size=4), Decoding(max_new_tokens=6, log_probs=True)
    texts = [f"number {n} please" for n in range(8)]
    plain = Specialist(engine, Recipe(decoding=decoding))
    drafts = dict(plain.drafts([(Message("user", text),) for text in texts]))
    signals = sorted(answer.signals[MEAN] for answer in drafts.values())
    middle = (signals[3] + signals[4]) / 2
    service = served(engine, {"local": Recipe(decoding=decoding, abstention=Abstention(MEAN, middle, "Ask Mara."))})
    with running(service) as address, httpx.Client(base_url=address, timeout=PATIENCE) as http:
        for position, text in enumerate(texts):
            response = ask(http, text, "local", stream=position % 2 == 0)
            withheld = drafts[position].signals[MEAN] < middle
            assert response.headers["X-Gradschool-Abstained"] == str(withheld).lower()
            assert ("Ask Mara." in response.text) == withheld


def test_a_remote_base_is_asked_for_log_probabilities(serve: Serve) -> None:
    def reply(body: dict[str, Any], _: int) -> tuple[int, dict[str, str], bytes]:
        text = body["messages"][-1]["content"]
        tokens = [{"token": word, "logprob": -0.5 * len(text.split()), "top_logprobs": []} for word in text.split()]
        choice = {"message": {"content": text}, "finish_reason": "stop", "logprobs": {"content": tokens}}
        return 200, {}, json.dumps({"choices": [choice]}).encode()

    calls: list[dict[str, Any]] = []
    engine = RemoteEngine(serve(server(reply, calls)), "small", Remote(timeout=10, retries=0))
    careful = Recipe(decoding=Decoding(max_new_tokens=40, log_probs=True), abstention=RULE)
    with (
        running(served(engine, {"careful": careful})) as address,
        httpx.Client(base_url=address, timeout=PATIENCE) as http,
    ):
        assert ask(http, SURE).json()["choices"][0]["message"]["content"] == SURE
        assert "Ask Mara." in ask(http, UNSURE, stream=True).text
    assert all(call["logprobs"] and "stream" not in call for call in calls)


def test_llama_cpp_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match="careful abstains"):
        refuse_untested("careful", Recipe(abstention=RULE))
    with pytest.raises(UsageError, match="judges passages by probabilities"):
        refuse_untested("judging", Recipe(passages=2, index="i", search_weight=0.7))
    refuse_untested("bold", Recipe(passages=2, index="i"))


def test_compared_labels_are_served_as_they_are_without_a_server(base: Path) -> None:
    """With abstention, without it, next to a specialist that generates, and with `response_format` in the request."""
    engine = LocalEngine(base)
    labels = Constraint(("card", "card arrival", "lost", "none of these"), bias=(0.0, 0.1, 0.2, -0.3))
    decoding = Decoding(max_new_tokens=12, constraint=labels)
    rule = Abstention(CONFIDENCE, 0.5, "Ask Mara.")
    questions = [SURE, UNSURE, "Where is my card?", "a", "I have lost it"]
    recipes = {
        "labels": Recipe(decoding=decoding),
        "careful": Recipe(decoding=decoding, abstention=rule),
        "writes": Recipe(decoding=Decoding(max_new_tokens=12)),
    }
    with running(served(engine, recipes)) as address, httpx.Client(base_url=address, timeout=PATIENCE) as client:
        for name, recipe in recipes.items():
            alone = dict(Specialist(engine, recipe).answer([(Message("user", text),) for text in questions]))
            for position, text in enumerate(questions):
                response = ask(client, text, name)
                assert response.status_code == 200, response.text
                [choice] = response.json()["choices"]
                assert choice["message"]["content"] == alone[position].text
                assert (choice["finish_reason"] == "content_filter") == (alone[position].abstained is True)
        schema = {"name": "x", "schema": {"type": "string", "enum": ["yes", "no"]}}
        own = ask(client, SURE, "labels", response_format={"type": "json_schema", "json_schema": schema})
        assert own.status_code == 200, own.text
        assert own.json()["choices"][0]["message"]["content"] in ('"yes"', '"no"')
        # Nothing but the confidence of a label decides for this one, and JSON has none: it would never be given.
        for stream in (False, True):
            form = {"type": "json_schema", "json_schema": schema}
            refused = ask(client, SURE, "careful", response_format=form, stream=stream)
            error = refused.json()["error"]
            assert (refused.status_code, error["param"]) == (400, "response_format"), refused.text
            assert "confidence of its label" in error["message"]
        assert ask(client, SURE, "careful", response_format={"type": "text"}).status_code == 200
