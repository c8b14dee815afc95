"""Reasoning in answers: how models and data sets mark it, and the answer without it.

Models that reason write it before the answer, between tags or in a field of its own. It is never part of an answer.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

TAGS = (
    *((f"<{word}>", f"</{word}>") for word in ("think", "thinking", "thought", "reason", "reasoning", "seed:think")),
    ("<longcat_think>", "</longcat_think>"),
    ("[THINK]", "[/THINK]"),  # Magistral
    ("◁think▷", "◁/think▷"),  # Kimi
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),  # Command A
    ("<|channel|>analysis<|message|>", "<|channel|>final<|message|>"),  # gpt-oss
    ("<|channel>thought", "<channel|>"),  # Gemma 4
    ("<unused94>thought", "<unused95>"),  # MedGemma
    ('<details type="reasoning"', "</details>"),  # chats saved by Open WebUI
)
ANY_TAG = re.compile("|".join(re.escape(tag) for pair in TAGS for tag in pair), re.IGNORECASE)  # most texts have none
# Tags around an answer that follows reasoning.
WRAPPERS = (
    ("<answer>", "</answer>"),
    ("<|begin_of_solution|>", "<|end_of_solution|>"),
    ("<|START_RESPONSE|>", "<|END_RESPONSE|>"),
)
FIELDS = (
    *("reasoning_content", "reasoning", "reasoning_text", "reasoning_details", "thinking", "thinking_content"),
    *("think", "thought", "thoughts", "cot", "complex_cot", "chain_of_thought", "rationale"),
)
# Types of parts of a message.
PARTS = ("think", "thinking", "redacted_thinking", "reasoning", "reasoning_content", "thought")
Form = Literal["none", "closed", "unopened", "unclosed", "inside"]


@dataclass(frozen=True, slots=True)
class Parted:
    """A text divided into reasoning and answer.

    `form` says how the reasoning is marked: by a block before the answer ("closed"), by a closing tag alone
    ("unopened": some chat templates write the opening one into the prompt), by an opening tag alone ("unclosed": the
    text was cut off, and there is no answer), or not before the answer ("inside": the answer is the whole text).
    `wrapped` says that the answer began with a tag of its own, which is left out.
    """

    answer: str
    reasoning: str
    form: Form
    wrapped: bool = False


def part(text: str) -> Parted:
    """Divide a text into the reasoning before the answer, and the answer."""
    if not ANY_TAG.search(text):
        return Parted(text, "", "none")
    start = text.lstrip()
    for opening, closing in TAGS:
        if start[: len(opening)].casefold() != opening.casefold():
            continue
        end = _find(closing, start)
        if end is None:
            return Parted("", start[len(opening) :], "unclosed")
        rest = part(start[end.end() :].lstrip())  # reasoning may be in several blocks
        thought = start[len(opening) : end.start()]
        if rest.form in ("closed", "unclosed"):
            return Parted(rest.answer, thought + rest.reasoning, rest.form, rest.wrapped)
        return _after(thought, start[end.end() :].lstrip(), "closed")
    for opening, closing in TAGS:
        begin, end = _find(opening, text), _find(closing, text)
        if end and not (begin and begin.start() < end.start()) and closing != "</details>":
            return _after(text[: end.start()], text[end.end() :].lstrip(), "unopened")
        if begin:
            return Parted(text, "", "inside")
    return Parted(text, "", "none")


def field_of(fields: Mapping[str, Any]) -> str:
    """The field of a message or row that holds reasoning; empty if none does."""
    return next((key for key, value in fields.items() if _plain(key) in FIELDS and value and value is not True), "")


def text_of(content: Any) -> str:
    """The text of a message's content: a text, or parts of which those with reasoning are left out."""
    if isinstance(content, list):
        parts = [one for one in content if isinstance(one, dict) and one.get("type") not in PARTS]
        return "".join(str(one.get("text") or "") for one in parts)
    return content if isinstance(content, str) else ""


class AnswerFilter:
    """Leaves reasoning out of a stream of text, of which `add` returns what is certainly part of the answer.

    With `unopened`, reasoning is known to begin without a tag, so that nothing is certain before its closing tag.
    """

    def __init__(self, unopened: bool = False) -> None:
        self._unopened, self._held, self._started = unopened, "", False
        self._form: Form = "none"

    @property
    def reasoned(self) -> bool:
        """Whether reasoning was left out so far."""
        return self._form in ("closed", "unopened", "unclosed")

    @property
    def unopened(self) -> bool:
        """Whether the reasoning began without a tag."""
        return self._form == "unopened"

    def add(self, text: str) -> str:
        """The text of the answer that is certain now."""
        if self._started:
            return text
        self._held += text
        parted = self._part()
        if parted.form == "unclosed" or self._undecided(parted):
            return ""
        self._started = True
        return parted.answer

    def end(self) -> str:
        """The rest of the answer, after the last text."""
        rest = "" if self._started else self._part().answer
        self._started, self._held = True, ""
        return rest

    def _part(self) -> Parted:
        parted = part(self._held)
        self._form = parted.form
        return parted

    def _undecided(self, parted: Parted) -> bool:
        start = parted.answer.lstrip()
        openings = [opening for opening, _ in TAGS]
        if parted.form in ("closed", "unopened"):
            if parted.wrapped:  # its closing tag is to be left out too
                return True
            openings += [opening for opening, _ in WRAPPERS]
        elif self._unopened:
            return True
        return any(opening.casefold().startswith(start.casefold()) for opening in openings)


def _find(tag: str, text: str) -> re.Match[str] | None:
    return re.search(re.escape(tag), text, re.IGNORECASE)


def _after(reasoning: str, answer: str, form: Form) -> Parted:
    """Reasoning and the answer that follows it, without its tags."""
    for opening, closing in WRAPPERS:
        if answer.startswith(opening):
            inner = answer.removeprefix(opening).rstrip().removesuffix(closing).strip()
            return Parted(inner, reasoning, form, wrapped=True)
    return Parted(answer, reasoning, form)


def _plain(key: str) -> str:
    return key.strip().casefold().replace(" ", "_").replace("-", "_")
