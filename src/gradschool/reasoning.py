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
    ("<|inner_prefix|>", "<|inner_suffix|>"),  # Apertus
    ('<details type="reasoning"', "</details>"),  # chats saved by Open WebUI
)
# gpt-oss may put the role before a channel, and a format after its name; messages to tools are no part of the answer.
_CHANNEL = r"(?:<\|start\|>assistant\s*)?<\|channel\|>{}[^<>]*(?:<\|constrain\|>[^<>]*)?<\|message\|>"
PATTERNS = {
    "<|channel|>analysis<|message|>": _CHANNEL.format("(?:analysis|commentary)"),
    "<|channel|>final<|message|>": _CHANNEL.format("final"),
}
# What is left of these channels if a server leaves control tokens out.
BARE_END = "assistantfinal"
BARE_CHANNELS = re.compile(rf"\s*analysis(?=[A-Z])(?P<reasoning>.*?){BARE_END}(?P<answer>.*)", re.DOTALL)
SPACE = re.compile(r"\s*")
LONGEST_TAG = 200  # characters; of a stream, only as many are looked at again for a tag that was cut
LOOKS = 100  # times that a stream is divided anew before its end: one of others may have any number of tags
# The beginnings of texts that may turn out to be reasoning.
BEGINNINGS = (*(opening for opening, _ in TAGS), "<|start|>", "analysis")
MAYBE_BEGIN = re.compile(r"analysis(?:[A-Z]|$)|<\|(?:start|channel)\|>(?!.*<\|message\|>)", re.DOTALL)


def _compiled(tag: str) -> re.Pattern[str]:
    return re.compile(PATTERNS.get(tag) or re.escape(tag), re.IGNORECASE)


PAIRS = tuple((_compiled(opening), _compiled(closing)) for opening, closing in TAGS)
# Most texts have none. Each begins with one of a few characters, which makes the search fast.
_BEGIN = (*(tag for pair in TAGS for tag in pair if tag not in PATTERNS), "<|channel|>")
ANY_TAG = re.compile("|".join(map(re.escape, _BEGIN)), re.IGNORECASE)
# Tags around an answer that follows reasoning.
WRAPPERS = (
    ("<answer>", "</answer>"),
    ("<|begin_of_solution|>", "<|end_of_solution|>"),
    ("<|START_RESPONSE|>", "<|END_RESPONSE|>"),
    ("<response>", "</response>"),  # Granite, ERNIE
    ("<output>", "</output>"),
    ("<|begin_of_box|>", "<|end_of_box|>"),  # GLM
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
    A block within a block is part of it. `wrapped` says that the answer began with a tag of its own, which is left out.
    """

    answer: str
    reasoning: str
    form: Form
    wrapped: bool = False


def part(text: str, ended: bool = True) -> Parted:
    """Divide a text into the reasoning before the answer, and the answer; unless it has `ended`, more of it follows."""
    if not _may_have_tags(text):
        return Parted(text, "", "none")
    thoughts, at = list[str](), _words_from(text, 0)  # reasoning may be in several blocks
    while found := next(((begin, *pair) for pair in PAIRS if (begin := pair[0].match(text, at))), None):
        begin, opening, closing = found
        end = _end_of_block(text, begin.end(), opening, closing, ended)
        if end is None:
            return Parted("", "".join([*thoughts, text[begin.end() :]]), "unclosed")
        thoughts.append(text[begin.end() : end.start()])
        at = _words_from(text, end.end())
    if bare := BARE_CHANNELS.fullmatch(text, at):
        return Parted(bare["answer"].lstrip(), "".join((*thoughts, bare["reasoning"])), "closed")
    if thoughts:
        return _after("".join(thoughts), text[at:], "closed")
    for opening, closing in PAIRS:
        begin, end = opening.search(text), closing.search(text)
        if end and not (begin and begin.start() < end.start()) and closing.pattern != "</details>":
            return _after(text[: end.start()], text[end.end() :].lstrip(), "unopened")
        if begin:
            return Parted(text, "", "inside")
    return Parted(text, "", "none")


def _words_from(text: str, start: int) -> int:
    """The position of the next character that is no white space."""
    space = SPACE.match(text, start)
    return space.end() if space else start


def _end_of_block(
    text: str, at: int, opening: re.Pattern[str], closing: re.Pattern[str], ended: bool
) -> re.Match[str] | None:
    """The closing tag of a block whose text begins at `at`, after those of blocks within it; None if there is none.

    If the tags within the block do not pair, the reasoning only mentions one, and the first closing tag is the end.
    """
    first = end = closing.search(text, at)
    depth = 1
    while end:
        depth += sum(1 for _ in opening.finditer(text, at, end.start())) - 1
        if depth == 0:
            return end
        at = end.end()
        end = closing.search(text, at)
    return first if ended else None


def field_of(fields: Mapping[str, Any]) -> str:
    """The field of a message or row that holds reasoning; empty if none does."""
    return next((key for key, value in fields.items() if _plain(key) in FIELDS and value and value is not True), "")


def text_of(content: Any) -> str:
    """The text of a message's content: a text, a part, or parts, of which those with reasoning are left out."""
    if isinstance(content, list):
        return "".join(text_of(one) for one in content)
    if isinstance(content, Mapping):
        text = "" if content.get("type") in PARTS else content.get("text") or ""
        return text_of(text.get("value") if isinstance(text, Mapping) else text)  # the second form is of assistants
    return content if isinstance(content, str) else ""


class AnswerFilter:
    """Leaves reasoning out of a stream of text, of which `add` returns what is certainly part of the answer.

    With `unopened`, reasoning is known to begin without a tag, so that nothing is certain before its closing tag.
    """

    def __init__(self, unopened: bool = False) -> None:
        self._unopened, self._held, self._end, self._started = unopened, list[str](), "", False
        self._form: Form = "none"
        self._waits = False  # for a closing tag
        self._looks = LOOKS

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
        self._held.append(text)
        new = self._end + text
        self._end = new[-LONGEST_TAG:]
        if self._looks == 0 or (self._waits and not _may_have_tags(new)):
            return ""  # as before: only a tag decides
        parted = self._part(ended=False)
        self._waits = parted.form == "unclosed" or (self._unopened and parted.form == "none")
        self._looks = 0 if parted.wrapped else self._looks - 1
        if parted.form == "unclosed" or self._undecided(parted):
            return ""
        self._started = True
        return parted.answer

    def end(self) -> str:
        """The rest of the answer, after the last text."""
        rest = "" if self._started else self._part().answer
        self._started, self._held = True, []
        return rest

    def _part(self, ended: bool = True) -> Parted:
        parted = part("".join(self._held), ended)
        self._form = parted.form
        return parted

    def _undecided(self, parted: Parted) -> bool:
        start = parted.answer.lstrip()
        openings = [*BEGINNINGS]
        if parted.form in ("closed", "unopened"):
            if parted.wrapped:  # its closing tag is to be left out too
                return True
            openings += [opening for opening, _ in WRAPPERS]
        elif self._unopened:
            return True
        if parted.form == "none" and MAYBE_BEGIN.match(start):
            return True
        return any(opening.casefold().startswith(start.casefold()) for opening in openings)


def _may_have_tags(text: str) -> bool:
    return ANY_TAG.search(text) is not None or BARE_END in text


def _after(reasoning: str, answer: str, form: Form) -> Parted:
    """Reasoning and the answer that follows it, without its tags."""
    for opening, closing in WRAPPERS:
        if answer.startswith(opening):
            inner = answer.removeprefix(opening).rstrip().removesuffix(closing).strip()
            return Parted(inner, reasoning, form, wrapped=True)
    return Parted(answer, reasoning, form)


def _plain(key: str) -> str:
    return key.strip().casefold().replace(" ", "_").replace("-", "_")
