"""A standalone chat template: without any arguments it gives the tokens that the specialist was trained with."""

import json
import re

from gradschool.errors import ModelError
from gradschool.model.chat import FIXED_DATE, PLACEHOLDER, Chat
from gradschool.model.rendering import Renderer
from gradschool.model.template import Refused
from gradschool.records import Conversation, Message

# Other programs do not know the adjustments that Chat makes: thinking is off, dates are fixed, a system message is put
# before the first question if the template does not support one, and text between prompt and answer is part of the
# prompt.
TODAY = re.compile(r"""strftime_now\((["'])(.*?)\1\)""")
DATES = {"%d %B %Y": "26 July 2024", "%Y-%m-%d": "2024-07-26"}
SWITCHES = "{%- set enable_thinking = false -%}{%- set thinking = false -%}"
FOLD = (
    "{%- if messages[0]['role'] == 'system' and messages | length > 1 -%}"
    "{%- set messages = [{'role': 'user', 'content': messages[0]['content'] + '\\n\\n' + messages[1]['content']}]"
    " + messages[2:] -%}{%- endif -%}"
)
ASKED: tuple[Conversation, ...] = (
    (Message("user", "Hello"),),
    (Message("system", "Be brief."), Message("user", " Is it 12?\n")),
    (Message("user", "Hello"), Message("assistant", "Good day."), Message("user", "Well")),
    (
        Message("system", "Be brief."),
        Message("user", "Hello"),
        Message("assistant", "Good day."),
        Message("user", "Well"),
    ),
)


def standalone_template(chat: Chat) -> str:
    """The chat template with all adjustments written into it.

    Raises ModelError if no such template gives the tokens that the specialist was trained with.
    """
    held = TODAY.sub(lambda call: json.dumps(DATES.get(call[2], FIXED_DATE)), chat.template)
    held = held.replace("strftime_now is defined", "true")
    switches = SWITCHES if "thinking" in held else ""  # other programs may set these variables
    for fold in ("", FOLD):
        template = switches + fold + held
        template += _header(chat, template)
        if all(_ids(chat, template, asked) == chat.prompt_ids(asked) for asked in ASKED):
            return template
    raise ModelError(
        "The base's chat template does not work outside of gradschool.",
        "Given only the messages, it produces other tokens than those the specialist was trained with.",
        "export --to adapter, or serve the specialist with gradschool.",
    )


def _header(chat: Chat, template: str) -> str:
    """Code that adds the text before an answer to the end of a prompt, if the template writes it for answers only."""
    question = (Message("user", "Hello"),)
    prompt = _text(chat, template, question, True) or ""
    full = _text(chat, template, (*question, Message("assistant", PLACEHOLDER)), False) or ""
    head = full.partition(PLACEHOLDER)[0]
    if not head.startswith(prompt) or head == prompt:
        return ""
    return "{%- if add_generation_prompt -%}{{- " + json.dumps(head[len(prompt) :]) + " -}}{%- endif -%}"


def _ids(chat: Chat, template: str, conversation: Conversation) -> list[int] | None:
    """The tokens that any other program gets: rendered without arguments, then tokenized."""
    text = _text(chat, template, conversation, True)
    return None if text is None else list(chat.tokenizer.encode(text, add_special_tokens=False))


def _text(chat: Chat, template: str, conversation: Conversation, prompt: bool) -> str | None:
    try:
        return chat.text(Renderer(template), conversation, prompt)
    except Refused:  # this variant does not work
        return None
