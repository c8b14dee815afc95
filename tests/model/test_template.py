"""The environment of chat templates: the same text as with transformers, and nothing of the system."""

from typing import Any

import pytest

import tiny
from gradschool.model.template import Refused, render

TURNS = [
    {"role": "system", "content": " Be brief. "},
    {"role": "user", "content": "What is <b>it</b>?\n"},
    {"role": "assistant", "content": "A “fox”.\n\n"},
    {"role": "user", "content": "Sure?"},
]
WRITTEN = (
    "{{ messages | tojson }} {{ messages | tojson(indent=2) }} {{ dict(a=1, b='é') | tojson }}",
    "{% set ns = namespace(n=0, text='') %}{% for m in messages %}{% if loop.last %}{% break %}{% endif %}"
    "{% set ns.n = ns.n + 1 %}{% set ns.text = ns.text ~ m.role %}{% endfor %}{{ ns.n }}{{ ns.text }}",
    "  {% for m in messages %}\n    {% if m.role == 'system' %}\n  {% continue %}\n{% endif %}\n"
    "{{ m.content }}\n{% endfor %}\n",
    "{% generation %}{% set x = 1 %}{{ messages[0].content }}{% endgeneration %}{{ x is defined }}{{ tools is none }}",
    "{{ bos_token }}{{ eos_token }}{{ dict.fromkeys([1, 2], 'x') }}{{ namespace(a=1).a }}"
    "{{ '%s and %d' | format('a', 3) }}",
    "{{ messages[1:] | map(attribute='role') | join(', ') }}{{ nothing }}{{ strftime_now('%Y') | length }}{{ 1 // 2 }}",
)


def both(made: Any, template: str, turns: list[dict[str, str]], **switches: Any) -> tuple[str, str]:
    variables = {**made.special_tokens_map, "messages": turns, "tools": None, "documents": None, **switches}
    return render(template, variables), made.apply_chat_template(
        turns, chat_template=template, tokenize=False, **switches
    )


@pytest.mark.parametrize("style", tiny.STYLES)
def test_the_text_of_a_familys_template_is_that_of_transformers(style: str) -> None:
    made = tiny.style(style)
    turns = TURNS[style == "gemma" :]
    ours, theirs = both(made, made.chat_template, turns, add_generation_prompt=True, enable_thinking=False)
    assert ours == theirs and "Sure?" in ours


@pytest.mark.parametrize("template", WRITTEN)
def test_what_templates_use_is_as_in_transformers(template: str) -> None:
    ours, theirs = both(tiny.tokenizer(bos="<bos>"), template, TURNS, add_generation_prompt=False)
    assert ours == theirs and ours.strip()


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("{{ raise_exception('only two roles') }}", "only two roles"),
        ("{{ nothing.at.all }}", "nothing"),
        ("{% if %}", "Expected an expression"),
        ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "unsafe"),
        ("{{ dict.__init__.__globals__ }}", "unsafe"),
        ("{{ namespace(__class__=1) }}", "underscore"),
        ("{% set ns = namespace() %}{% set ns._x = 1 %}", "underscore"),
        ("{{ messages.append(1) }}", "unsafe"),
        ("{% include 'secret' %}", "no loader"),
        ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "recursion"),
        ("{{ 1 / 0 }}", "division"),
    ],
)
def test_the_error_of_a_template_is_the_reason(template: str, why: str) -> None:
    with pytest.raises(Refused, match=why):
        render(template, {"messages": [*TURNS]})
