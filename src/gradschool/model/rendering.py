"""Render chat templates: those of others in a child process, within limits of time, memory and length."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from gradschool.bounded import Limits, Stopped, replies
from gradschool.errors import ModelError
from gradschool.model.foreign import OWN_BASES
from gradschool.model.template import Refused, render

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
OWN_TEMPLATE = "put another template into the base's folder as chat_template.jinja, or use another base_model."
CHILD = "gradschool.model.template_child"
LIMITS = Limits(seconds=5, seconds_per_mb=5, memory=500_000_000, waiting=120.0)
MAX_TEXT, MAX_GROWTH = 1_000_000, 20  # characters that a template may write: so many, and so many for each it is given
MAX_TEMPLATE = 500_000  # characters of a template: the longest of known bases have a few tens of thousands


class Renderer:
    """Renders conversations with one template.

    Raises ModelError if the template is no text or too long, or if rendering exceeds the limits; once it did,
    it is not tried again.
    """

    def __init__(self, template: str, limits: Limits | None = None) -> None:
        if not isinstance(template, str):  # it is read from a file of others
            raise unusable_template(f"It is no text, but of type {type(template).__name__}.")
        if len(template) > MAX_TEMPLATE:
            raise unusable_template(f"It has {len(template):,} characters; the limit is {MAX_TEMPLATE:,}.")
        try:
            template.encode()
        except UnicodeEncodeError as error:  # JSON can write it as an escape
            raise unusable_template("It holds half of a character (a lone surrogate).") from error
        self.template, self._limits = template, limits or LIMITS
        self._ours = template in _ours()
        self._exceeded: ModelError | None = None

    def render(self, messages: Sequence[Mapping[str, Any]], variables: Mapping[str, Any]) -> str:
        """The text of messages; raises Refused if the template does not take them."""
        known = {"tools": None, "documents": None, **variables, "messages": messages}
        if self._ours:
            return render(self.template, known)
        if self._exceeded:
            raise self._exceeded
        try:
            return self._in_child(known)
        except ModelError as error:
            self._exceeded = error
            raise

    def _in_child(self, variables: Mapping[str, Any]) -> str:
        content = json.dumps({"template": self.template, "variables": variables}).encode()
        most = MAX_TEXT + MAX_GROWTH * len(content)
        try:
            (reply,) = replies(CHILD, {"most": most + 1}, content, self._limits)
        except Stopped as stopped:
            if stopped.cause == "refused":
                raise Refused(stopped.why) from stopped
            raise unusable_template(
                stopped.sentence("Rendering a conversation", self._limits.of(len(content)), self._limits)
            ) from stopped
        text: str = reply["text"]
        if len(text) > most:
            raise unusable_template(f"It writes more than {most:,} characters for {len(content):,}.")
        return text


@cache
def _ours() -> frozenset[str]:
    """The templates that come with gradschool."""
    files = OWN_BASES.glob("*/chat_template.jinja")
    return frozenset({CHATML, *(file.read_text(encoding="utf-8") for file in files)})


def unusable_template(why: str) -> ModelError:
    """The error for a template that exceeds its limits, or is no text."""
    return ModelError("The base's chat template cannot be used.", why, OWN_TEMPLATE)
