"""Templates of others are rendered within limits of time, memory and length; our own without a child process."""

import os
import time

import pytest

import tiny
from gradschool.bounded import Limits
from gradschool.errors import ModelError
from gradschool.model import rendering
from gradschool.model.chat import Chat
from gradschool.model.foreign import OWN_BASES
from gradschool.model.rendering import CHATML, Renderer
from gradschool.model.template import Refused
from gradschool.records import Message

posix = pytest.mark.skipif(os.name != "posix", reason="the system has no such limit")
LOW = Limits(seconds=1, seconds_per_mb=0, memory=100_000_000, waiting=60.0)
ASKED = [{"role": "user", "content": "Hello"}]
NESTED = "{% for i in range(10**5) %}{% for j in range(10**5) %}{% endfor %}{% endfor %}"
DOUBLED = "{% set ns = namespace(x='a') %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}"
ENDLESS = {
    "nested loops": NESTED,
    "macros that call themselves": "{% macro f(n) %}"
    "{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(60) }}",
    "a power": "{{ 9 ** (9 ** 9) }}",
}
LARGE = {
    "a product": "{{ 'a' * 10**9 }}",
    "a filter": "{{ 'a' | center(10**9) }}",
    "a format": "{{ '%1000000000d' | format(1) }}",
    "another format": "{{ '{:1000000000}'.format(1) }}",
    "a method": "{{ 'a'.ljust(10**11) }}",
    "a text that doubles": DOUBLED,
    "an indent": "{{ messages | tojson(indent=10**9) }}",
}


@posix
@pytest.mark.parametrize("kind", ENDLESS)
def test_a_template_that_does_not_end_is_refused_in_time(kind: str) -> None:
    renderer, began = Renderer(ENDLESS[kind], LOW), time.monotonic()
    with pytest.raises(ModelError, match="more than 1 s of processor time"):
        renderer.render(ASKED, {})
    assert time.monotonic() - began < 30
    began = time.process_time()
    with pytest.raises(ModelError, match="more than 1 s"):  # it is not tried again
        renderer.render(ASKED, {})
    assert time.process_time() - began < 0.1


@posix
@pytest.mark.parametrize("kind", LARGE)
def test_a_template_that_fills_memory_is_refused(kind: str) -> None:
    with pytest.raises(ModelError, match=r"more than 0\.1 GB of memory") as caught:
        Renderer(LARGE[kind], LOW).render(ASKED, {})
    assert "chat_template.jinja" in caught.value.fix


def test_a_template_that_writes_too_much_is_refused() -> None:
    with pytest.raises(ModelError, match=r"writes more than [\d,]+ characters"):
        Renderer("{{ 'a' * 5 * 10**6 }}").render(ASKED, {})
    assert len(Renderer("{{ 'a' * 9 * 10**5 }}").render(ASKED, {})) == 900_000


@pytest.mark.parametrize(
    ("template", "why"),
    [("a\ud83d", "a lone surrogate"), ("{{ 1 }}" * 100_000, "700,000 characters")],
    ids=["surrogate", "long"],
)
def test_a_template_that_is_no_text_of_bounded_length_is_refused_before_it_is_compiled(template: str, why: str) -> None:
    with pytest.raises(ModelError, match=why) as caught:
        Chat(tiny.tokenizer(template))
    assert "chat_template.jinja" in caught.value.fix


@posix
def test_a_template_that_waits_for_a_long_conversation_is_refused_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "LIMITS", LOW)
    late = "{% if messages | length > 3 %}" + NESTED + "{% endif %}"
    chat = Chat(tiny.tokenizer(late + tiny.CHATML))
    assert chat.prompt_ids((Message("user", "Hello"),))
    turns = (Message("user", "a"), Message("assistant", "b"))
    with pytest.raises(ModelError, match="chat template cannot be used"):
        chat.prompt_ids((*turns, *turns, Message("user", "c")))


def test_a_refusal_is_the_templates_own_error_and_the_next_conversation_is_rendered() -> None:
    renderer = Renderer("{{ raise_exception('no system') if messages[0].role == 'system' else 'fine' }}")
    with pytest.raises(Refused, match="no system"):
        renderer.render([{"role": "system", "content": "Be"}], {})
    assert renderer.render(ASKED, {}) == "fine"


def test_our_own_templates_are_rendered_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "replies", None)
    for path in OWN_BASES.glob("*/chat_template.jinja"):
        assert "Hello" in Renderer(path.read_text()).render(ASKED, {"add_generation_prompt": True})
    assert "Hello" in Renderer(CHATML).render(ASKED, {})
    with pytest.raises(TypeError):
        Renderer(CHATML + " ").render(ASKED, {})


@pytest.mark.parametrize("template", [7, ["{{ x }}"], True])
def test_a_template_that_is_no_text_is_refused(template: object) -> None:
    with pytest.raises(ModelError, match="It is no text"):
        Renderer(template)  # type: ignore[arg-type]


def test_half_characters_pass_through_the_child() -> None:
    assert Renderer("{{ messages[0].content }}!").render([{"role": "user", "content": "a\ud800"}], {}) == "a\ud800!"
