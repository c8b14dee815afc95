"""The Modelfile: read as Ollama reads it, it gives the prompts that the specialist was tested with."""

import re
from typing import Any

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tiny
from gradschool.errors import UsageError
from gradschool.export.modelfile import Modelfile, find_turns
from gradschool.export.template import standalone_template
from gradschool.model.chat import Chat
from gradschool.records import Conversation, Decoding, Message

ASKED: tuple[Conversation, ...] = (
    (Message("user", "Is it 12?"),),
    (Message("system", "Be brief."), Message("user", "Well {{ .Content }}?")),
    (Message("system", "Be"), Message("user", "a"), Message("assistant", "b"), Message("user", "c\n\nd")),
)


def read_as_ollama(text: str) -> dict[str, Any]:
    """Commands and values, by the rules of Ollama's own reader: a value in three quotes ends at three before a line's
    end."""
    found: dict[str, Any] = {"PARAMETER": [], "MESSAGE": []}
    pattern = re.compile(r'^(FROM|TEMPLATE|SYSTEM|PARAMETER \w+|MESSAGE \w+) (?:"""(.*?)"""|([^"\n]*))\n', re.M | re.S)
    place = 0
    while place < len(text):
        match = pattern.match(text, place)
        assert match, text[place : place + 80]
        command, _, name = match[1].partition(" ")
        value = match[3] if match[2] is None else match[2]
        if name:
            found[command].append((name, value))
        else:
            found[command] = value
        place = match.end()
    return found


def render_go(template: str, conversation: Conversation) -> str:
    """Go's template with the few words that we use, by way of Jinja, which spells them otherwise."""
    text = template.replace("{{ range .Messages }}", "{% for m in messages %}")
    text = re.sub(r'{{ if eq \.Role "(\w+)" }}', r'{% if m.role == "\1" %}', text)
    text = text.replace("{{ else }}", "{% else %}").replace("{{ .Content }}", "{{ m.content }}")
    ends = text.count("{{ end }}")
    text = text.replace("{{ end }}", "{% endif %}", ends - 1).replace("{{ end }}", "{% endfor %}")
    return jinja2.Environment(keep_trailing_newline=True).from_string(text).render(messages=conversation)


def modelfile(**more: Any) -> Modelfile:
    known: dict[str, Any] = {
        "source": "./a.gguf",
        "system": "",
        "shown": (),
        "stops": ("<|im_end|>",),
        "context": 512,
        "decoding": Decoding(max_new_tokens=9),
        "turns": None,
    }
    return Modelfile(**known | more)


@pytest.mark.parametrize(
    "tokenizer",
    [
        tiny.tokenizer,
        lambda: tiny.style("qwen-3"),
        lambda: tiny.style("gemma"),
        *(lambda k=k: tiny.sentencepiece(k) for k in ("phi-3", "llama-2")),
    ],
    ids=["chatml", "qwen-3", "gemma", "phi-3", "llama-2"],
)
def test_the_go_template_gives_the_same_text(tokenizer: Any) -> None:
    chat = Chat(tokenizer())
    template = standalone_template(chat)
    turns = find_turns(chat, template, ASKED[:2])
    assert turns is not None
    go = read_as_ollama(modelfile(turns=turns).text())["TEMPLATE"]
    for asked in ASKED[:2]:
        messages = [{"role": m.role, "content": m.content} for m in asked]
        whole = chat.tokenizer.apply_chat_template(
            messages, chat_template=template, tokenize=False, add_generation_prompt=True
        )
        start = chat.tokenizer.bos_token if whole.startswith(chat.tokenizer.bos_token or "\0") else ""
        assert start + render_go(go, asked) == whole  # Ollama puts the start token there by itself


def test_a_template_that_is_more_than_text_around_turns_is_not_converted() -> None:
    polite = "{% if messages[0].role != 'system' %}<|im_start|>system\nYou are kind.<|im_end|>\n{% endif %}"
    chat = Chat(tiny.tokenizer(polite + tiny.CHATML))  # says something where nobody gave instructions
    assert find_turns(chat, standalone_template(chat), ASKED[:2]) is None


def test_it_contains_everything_that_the_specialist_needs() -> None:
    shown = (Message("user", 'say "é"\n'), Message("assistant", '""'))
    text = modelfile(system='Be\n"brief".', shown=shown, decoding=Decoding(9, 0.5, 0.9, 3)).text()
    read = read_as_ollama(text)
    assert read["FROM"] == "./a.gguf"
    assert read["SYSTEM"] == 'Be\n"brief".'
    assert read["MESSAGE"] == [(m.role, m.content) for m in shown]
    assert dict(read["PARAMETER"]) == {
        "stop": "<|im_end|>",
        "num_ctx": "512",
        "num_predict": "9",
        "temperature": "0.5",
        "top_p": "0.9",
        "seed": "3",
        "repeat_penalty": "1",
    }
    assert "TEMPLATE" not in read


@given(st.text(alphabet='ab"\n é{}\r\u200b'))
def test_any_instructions_round_trip_or_are_rejected(system: str) -> None:
    try:
        text = modelfile(system=system).text()
    except UsageError as error:
        assert '"""' in re.sub("[\r\u200b]", "", system) and '"""' in error.why
        return
    assert read_as_ollama(text).get("SYSTEM", "") == system


DROPPED = ["", "\t", "\r", "\u200b", "\u00a0", "\u2028", "\u0378"]


@pytest.mark.parametrize(
    "end",
    [f'"""{one}' for one in (*DROPPED, " ")] + [f'""{one}"' for one in DROPPED],
    ids=ascii,
)
def test_instructions_cannot_add_commands(end: str) -> None:
    with pytest.raises(UsageError, match="Modelfile"):
        modelfile(system=f"Be kind.{end}\nFROM /private").text()
