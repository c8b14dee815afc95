"""Tools over HTTP with the openai package: offered, demanded, refused by name, called, streamed and returned."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import openai
import pydantic
import pytest

import tiny
import tool_templates
from gated import GatedEngine, service_over
from gradschool.model.chat import Chat
from gradschool.model.fake import FakeEngine
from gradschool.model.local import LocalEngine
from gradschool.model.tool_turns import Tool
from gradschool.records import Constraint, Conversation, Decoding
from gradschool.serve.loading import scheduler_of
from gradschool.serve.scheduler import AnswerStream, Finished, Prompt, ScoredToken, TextChunk
from gradschool.serve.server import running
from gradschool.serve.service import ServedBase, ServedModel, Service
from gradschool.specialist import Recipe, Specialist

QUESTION: list[Any] = [{"role": "user", "content": "What time is it?"}]
CLOCK: Any = {
    "type": "function",
    "function": {
        "name": "clock",
        "description": "The time.",
        "parameters": {
            "type": "object",
            "properties": {"zone": {"enum": ["UTC", "CET"]}},
            "required": ["zone"],
            "additionalProperties": False,
        },
    },
}
WEATHER: Any = {"type": "function", "function": {"name": "get_weather"}}
CALL = '<tool_call>\n{"name": "clock", "arguments": {"zone": "UTC"}}\n</tool_call>'
TWO = f"Let me see.\n{CALL}\n" + CALL.replace("UTC", "CET")


class Scripted:
    """A scheduler that streams a text, three characters at a time, with a chat that renders tools."""

    at_once, context_length, max_token, failure = 4, 4096, 0, ""

    def __init__(self, text: str, chat: Chat) -> None:
        self.text, self.chat, self.asked = text, chat, list[tuple[tuple[Tool, ...], str, Conversation]]()
        self.prompts = list[Prompt]()

    def tokens(
        self, conversation: Conversation, tools: Sequence[Tool] = (), begun: str = ""
    ) -> tuple[int, tuple[int, ...]]:
        ids = tuple(self.chat.prompt_ids(conversation, tools, begun))
        self.asked.append((tuple(tools), begun, conversation))
        return len(ids), ids

    def demand_log_probs(self, decoding: Decoding) -> None:
        """It has them."""

    async def answer(self, prompt: Prompt) -> AnswerStream:
        self.prompts.append(prompt)
        for start in range(0, len(self.text), 3):
            text = self.text[start : start + 3]
            yield TextChunk(text, start // 3 + 1, (ScoredToken(text.encode(), -1.0),) if prompt.top is not None else ())
        yield Finished("stop", prompt.tokens, -(-len(self.text) // 3))

    async def close(self) -> None:
        """Nothing runs."""


@pytest.fixture(scope="module")
def chat() -> Chat:
    return Chat(tool_templates.tokenizer("hermes"))


@contextmanager
def client_of(service: Service) -> Iterator[openai.OpenAI]:
    with running(service) as address, openai.OpenAI(base_url=f"{address}/v1", api_key="x", max_retries=0) as client:
        yield client


@pytest.fixture
def said(chat: Chat) -> Iterator[Callable[[str], tuple[openai.OpenAI, Scripted]]]:
    """A client of a specialist that says a text."""
    scripted = Scripted("", chat)
    specialist = Specialist(FakeEngine(), Recipe("Be brief.", decoding=Decoding(max_new_tokens=40)))
    service = Service({"tools": ServedModel("tools", specialist, ServedBase(scripted))})

    def say(text: str) -> tuple[openai.OpenAI, Scripted]:
        scripted.text = text
        return client, scripted

    with client_of(service) as client:
        yield say


def ask(client: openai.OpenAI, messages: Any = QUESTION, **fields: Any) -> Any:
    fields = {"model": "tools", "tools": [CLOCK, WEATHER]} | fields
    return client.chat.completions.create(messages=messages, **fields)


def joined(stream: Any) -> tuple[str, list[tuple[int, str, dict[str, Any]]], list[str]]:
    """The text, the calls and the finish reasons of a stream."""
    text, calls, reasons = "", list[tuple[int, str, dict[str, Any]]](), list[str]()
    for chunk in stream:
        for choice in chunk.choices:
            text += choice.delta.content or ""
            for call in choice.delta.tool_calls or []:
                calls.append((call.index, call.function.name, json.loads(call.function.arguments)))
            reasons += [choice.finish_reason] if choice.finish_reason else []
    return text, calls, reasons


def test_calls_are_parsed_back(said: Any) -> None:
    client, scripted = said(TWO)
    [choice] = ask(client).choices
    assert choice.finish_reason == "tool_calls" and choice.message.content == "Let me see."
    found = [(call.function.name, json.loads(call.function.arguments)) for call in choice.message.tool_calls]
    assert found == [("clock", {"zone": "UTC"}), ("clock", {"zone": "CET"})]
    assert len({call.id for call in choice.message.tool_calls}) == 2
    tools, begun, conversation = scripted.asked[-1]
    assert [tool["function"]["name"] for tool in tools] == ["clock", "get_weather"] and not begun
    assert conversation[0].content == "Be brief."  # the instructions stay
    assert scripted.prompts[-1].markup and scripted.prompts[-1].decoding.constraint is None
    [first] = ask(client, parallel_tool_calls=False).choices
    assert [json.loads(call.function.arguments) for call in first.message.tool_calls] == [{"zone": "UTC"}]


def test_calls_are_streamed_whole(said: Any) -> None:
    client, _ = said(TWO)
    expected = [(0, "clock", {"zone": "UTC"}), (1, "clock", {"zone": "CET"})]
    assert joined(ask(client, stream=True)) == ("Let me see.", expected, ["tool_calls"])
    text, calls, reasons = joined(ask(client, stream=True, n=2, temperature=1))
    assert calls.count(expected[0]) == 2 and text.count("Let me see.") == 2 and reasons == ["tool_calls"] * 2
    with client.chat.completions.stream(model="tools", messages=QUESTION, tools=[CLOCK]) as events:
        final = events.get_final_completion().choices[0].message
    assert final.tool_calls and [call.function.name for call in final.tool_calls] == ["clock", "clock"]


def test_an_answer_without_calls_is_text(said: Any) -> None:
    for text in ("At noon.", '<tool_call>{"name": "rm", "arguments": {}}</tool_call>', "<tool_call>{broken"):
        client, _ = said(text)
        [choice] = ask(client).choices
        assert (choice.finish_reason, choice.message.content, choice.message.tool_calls) == ("stop", text, None)
        assert joined(ask(client, stream=True)) == (text, [], ["stop"])


def test_a_call_alone_has_no_content(said: Any) -> None:
    client, _ = said(CALL)
    [choice] = ask(client).choices
    assert choice.message.content is None and len(choice.message.tool_calls) == 1
    [choice] = ask(client, tool_choice="none").choices  # then it is offered no tools, and its text is its answer
    assert choice.message.content == CALL and not choice.message.tool_calls


def test_log_probabilities_are_those_of_the_text(said: Any) -> None:
    client, _ = said(TWO)
    for stream in (False, True):
        reply = ask(client, logprobs=True, stream=stream)
        parts = [c for chunk in reply for c in chunk.choices] if stream else reply.choices
        tokens = [one.token for part in parts if part.logprobs for one in part.logprobs.content]
        assert "".join(tokens).startswith("Let me see.") and len("".join(tokens)) < len("Let me see.") + 3


def test_results_are_returned_to_the_model(said: Any) -> None:
    client, scripted = said("At noon.")
    call = ask(said(CALL)[0]).choices[0].message
    said("At noon.")
    turns = [*QUESTION, call.model_dump(exclude_none=True)]
    turns += [{"role": "tool", "tool_call_id": call.tool_calls[0].id, "content": [{"type": "text", "text": "12:00"}]}]
    [choice] = ask(client, turns).choices
    assert choice.message.content == "At noon."
    text = scripted.chat.decode(scripted.prompts[-1].ids, skip_special_tokens=False)
    assert CALL in text and "<tool_response>\n12:00" in text
    [choice] = client.chat.completions.create(model="tools", messages=turns).choices  # without tools of its own
    assert choice.message.content == "At noon." and not scripted.asked[-1][0]


class Ask(pydantic.BaseModel):
    """What OpenAI's client parses the arguments of a call with."""

    zone: str


def test_openais_helper_parses_the_arguments(said: Any) -> None:
    client, _ = said(CALL.replace('"clock"', '"Ask"'))
    tools = [openai.pydantic_function_tool(Ask)]
    reply = client.chat.completions.parse(model="tools", messages=QUESTION, tools=tools)
    [call] = reply.choices[0].message.tool_calls
    assert call.function.parsed_arguments == Ask(zone="UTC")


@pytest.fixture(scope="module", params=["hermes", "llama", "mistral", "mistral by name"])
def local(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[openai.OpenAI]:
    """A random base of a family, which calls nothing unless it has to."""
    folder: Path = tmp_path_factory.mktemp("base")
    sizes = {"max_position_embeddings": 1200}
    engine = LocalEngine(tiny.save_model(folder, "llama", tool_templates.tokenizer(request.param), **sizes))
    labels = Constraint(("yes", "no"))
    recipes = {
        "tools": Recipe(decoding=Decoding(max_new_tokens=120)),
        "labels": Recipe(decoding=Decoding(max_new_tokens=120, constraint=labels)),
        "compared": Recipe(decoding=Decoding(constraint=Constraint(labels.choices, bias=(0.0, 0.0)))),
    }
    specialists = {name: Specialist(engine, recipe) for name, recipe in recipes.items()}
    base = ServedBase(scheduler_of(engine, list(specialists.values()), 4, None))
    with client_of(Service({name: ServedModel(name, one, base) for name, one in specialists.items()})) as client:
        yield client


@pytest.mark.parametrize("model", ["tools", "labels", "compared"])
def test_a_demanded_call_is_always_one(local: openai.OpenAI, model: str) -> None:
    named = {"type": "function", "function": {"name": "clock"}}
    for fields in ({"tool_choice": named}, {"tools": [CLOCK], "tool_choice": "required", "temperature": 1.2, "n": 2}):
        reply = ask(local, model=model, **fields)
        for choice in reply.choices:
            [call] = choice.message.tool_calls
            assert call.function.name == "clock" and json.loads(call.function.arguments)["zone"] in ("UTC", "CET")
            assert choice.finish_reason == "tool_calls" and choice.message.content is None
    text, calls, reasons = joined(ask(local, model=model, tool_choice=named, stream=True))
    assert (text, [name for _, name, _ in calls], reasons) == ("", ["clock"], ["tool_calls"])


@pytest.mark.parametrize("model", ["tools", "labels", "compared"])
def test_several_sampled_calls_are_drawn_one_by_one(local: openai.OpenAI, model: str) -> None:
    """Also by a specialist that compares labels, of which only one answer is ever drawn."""
    named = {"type": "function", "function": {"name": "clock"}}
    choices = ask(local, model=model, tool_choice=named, temperature=2, seed=5, n=16).choices
    calls = [call for choice in choices for call in choice.message.tool_calls]
    assert len({call.id for call in calls}) == 16 and len({call.function.arguments for call in calls}) == 2


def test_any_of_several_tools_is_demanded_if_the_base_writes_names_in_json(local: openai.OpenAI) -> None:
    try:
        reply = ask(local, tool_choice="required", temperature=1, seed=1, n=3)
    except openai.BadRequestError as error:
        assert "writes the name of the tool before the JSON" in error.message and error.param == "tool_choice"
    else:
        names = {call.function.name for choice in reply.choices for call in choice.message.tool_calls or []}
        assert names and names <= {"clock", "get_weather"}


def test_a_call_that_is_cut_off_is_text(local: openai.OpenAI) -> None:
    [choice] = ask(local, tools=[CLOCK], tool_choice="required", max_tokens=3).choices
    assert choice.finish_reason == "length" and not choice.message.tool_calls


def test_labels_cannot_call_a_tool_unless_it_is_demanded(local: openai.OpenAI) -> None:
    for model in ("labels", "compared"):
        with pytest.raises(openai.BadRequestError, match="of 2 labels: they cannot call a tool") as caught:
            ask(local, model=model)
        assert caught.value.param == "tools"


def test_a_schema_that_cannot_be_compiled_is_named(local: openai.OpenAI) -> None:
    odd = {"type": "function", "function": {"name": "odd", "parameters": {"not": {"type": "string"}}}}
    with pytest.raises(openai.BadRequestError, match="tools: Answers cannot be constrained") as caught:
        ask(local, tools=[odd], tool_choice="required")
    assert caught.value.param == "tools"
    assert ask(local, tools=[odd], max_tokens=3).choices  # in auto, nothing is constrained


def test_tools_that_leave_no_space_are_refused(local: openai.OpenAI) -> None:
    wide = {"type": "function", "function": {"name": "wide", "description": "word " * 3000}}
    with pytest.raises(openai.BadRequestError, match="1200") as caught:
        ask(local, tools=[wide])
    assert caught.value.code == "context_length_exceeded"


def test_bases_without_tools_are_named(tmp_path: Path) -> None:
    with client_of(service_over(GatedEngine())) as client:
        with pytest.raises(openai.BadRequestError, match="tools is not supported here: Only a base whose") as caught:
            ask(client, model="echo")
        assert caught.value.param == "tools"
        history = [*QUESTION, {"role": "tool", "tool_call_id": "a", "content": "12:00"}]
        with pytest.raises(openai.BadRequestError, match="messages is not supported here"):
            client.chat.completions.create(model="echo", messages=history)
        with pytest.raises(openai.BadRequestError, match="tools is not supported"):
            client.completions.create(model="echo", prompt="Hi", extra_body={"tools": [CLOCK]})
    engine = LocalEngine(tiny.save_model(tmp_path / "base"))
    specialist = Specialist(engine, Recipe(decoding=Decoding(max_new_tokens=4)))
    base = ServedBase(scheduler_of(engine, [specialist], 1, None))
    with (
        client_of(Service({"plain": ServedModel("plain", specialist, base)})) as client,
        pytest.raises(openai.BadRequestError, match="The base's chat template has no tools"),
    ):
        ask(client, model="plain")
