"""Chat markup: conversations in one text, whose turns begin with tokens of a chat template or words like "Human:"."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gradschool.data.formats import NoConversation, role_of
from gradschool.records import Message

NOTE = "turns"  # the beginning of a note: a text was read as a conversation
BEGINS = re.compile(  # what templates put before a conversation
    r"(?:\s|<s>|<bos>|<\|begin_of_text\|>|<\|startoftext\|>|<\|endoftext\|>|<[|｜]begin▁of▁sentence[|｜]>|\[gMASK\]|<sop>)*"
)
ENDS = re.compile(  # and after a turn
    r"(?:(?:<\|(?:im_end|eot_id|eot|eom_id|end|endoftext|end_of_text|end_of_turn|return|END_OF_TURN_TOKEN)\|>"
    r"|<(?:end_of_turn|turn\||/s|eos|s|bos)>|<\|begin_of_text\|>|<[|｜](?:end▁of▁sentence|begin▁of▁sentence)[|｜]>)\s*+)++\Z"
)
MAX_ENDS = 120  # characters of such tokens at the end of a text
TOKEN = re.compile(r"<[|｜]|<extra_id_|<start_of_turn>|\[/?(?:INST|SYSTEM_PROMPT)\]")  # all but plain texts have one
# Each pattern has the role of the turn that it opens as a group; an answer of a template may go through channels.
TOKENS = tuple(
    re.compile(pattern)
    for pattern in (
        r"<\|im_start\|>[ ]?(?P<role>\w{1,20})[ ]?(?:\n|(?=<)|$)",  # ChatML
        r"<extra_id_[01]>[ ]?(?P<role>System|User|Assistant)[ ]?(?:\n|$)(?:<extra_id_2>[^\n]*\n?)?",  # HelpSteer
        r"<start_of_turn>[ ]?(?P<role>\w{1,20})[ ]?(?:\n|$)",  # Gemma
        r"<\|turn>[ ]?(?P<role>\w{1,20})[ ]?(?:\n|$)",
        r"<\|start_header_id\|>(?P<role>\w{1,20})<\|end_header_id\|>\n{0,2}",  # Llama 3
        r"<\|header_start\|>(?P<role>\w{1,20})<\|header_end\|>\n{0,2}",
        r"<\|start_of_role\|>(?P<role>\w{1,20})<\|end_of_role\|>",  # Granite
        r"<\|START_OF_TURN_TOKEN\|><\|(?P<role>USER|CHATBOT|SYSTEM)_TOKEN\|>",  # Command R
        r"<\|start\|>(?P<role>\w{1,20})(?:<\|channel\|>(?P<channel>\w{1,20}))?(?:<\|message\|>|$)",  # gpt-oss
        r"<\|(?P<role>user|assistant|system|prompter)\|>\n?",  # Zephyr, Phi, Open Assistant
        r"<[|｜](?P<role>User|Assistant|System)[|｜]>",  # DeepSeek
        r"\[(?P<role>/?INST|/?SYSTEM_PROMPT)\]",  # Llama 2, Mistral
    )
)
# At the beginning of a line: "Human: …", "### Assistant: …"; in capitals also within one.
WORDS = re.compile(
    r"^[ \t]*(?:#{1,4}[ \t]*|\*\*)?(?P<role>Human|User|USER|Assistant|ASSISTANT|System|SYSTEM|Bot|AI|Chatbot"
    r"|FUNCTION RESPONSE|Function Response|Observation)"
    r"[ \t]?(?:\*\*)?:(?:\*\*)?[ \t]?",
    re.MULTILINE,
)
CAPITALS = re.compile(r"(?:^|(?<=\s)|(?<=>))(?P<role>USER|ASSISTANT|FUNCTION RESPONSE):[ \t]?")
HEADINGS = re.compile(
    r"^[ \t]*###[ \t]*(?P<role>Instruction|Input|Response|Output|Prompt)[ \t]*:?[ \t]*$", re.MULTILINE
)
SPOKEN = (WORDS, CAPITALS, HEADINGS)
OWN = {
    "inst": "user", "/inst": "assistant", "system_prompt": "system", "/system_prompt": "user", "instruction": "user",
    "input": "user", "prompt": "user", "response": "assistant", "output": "assistant",
}  # fmt: skip
SYSTEM = re.compile(r"\s*<<SYS>>(.*?)<</SYS>>\s*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Markup:
    """The turns in a text, what begins the first one, whether that is a token, and whether it begins the text."""

    turns: tuple[Message, ...]
    first: str
    tokens: bool
    at_start: bool

    @property
    def roles(self) -> set[str]:
        """Who speaks."""
        return {turn.role for turn in self.turns}


def markup_of(value: Any) -> Markup | None:
    """The turns of a text with any chat markup; None if it has none."""
    if not isinstance(value, str):
        return None
    for patterns, tokens in ((TOKENS if TOKEN.search(value) else (), True), (SPOKEN, False)):
        found = [(starts, pattern) for pattern in patterns if (starts := list(pattern.finditer(value)))]
        for starts, _ in sorted(found, key=lambda pair: (-len(pair[0]), pair[0][0].start())):
            if result := _divided(value, starts, tokens=tokens):
                return result
    return None


def _divided(text: str, starts: Sequence[re.Match[str]], *, tokens: bool) -> Markup | None:
    ends = [*(start.start() for start in starts[1:]), len(text)]
    turns: list[Message] = []
    begin = BEGINS.match(text)
    before = _stripped(text[begin.end() if begin else 0 : starts[0].start()])
    for start, end in zip(starts, ends, strict=True):
        role, said = _role(start["role"]), _stripped(text[start.end() : end])
        if not role:
            return None
        if system := SYSTEM.match(said) if role == "user" else None:
            turns.append(Message("system", system[1].strip()))
            said = said[system.end() :]
        channel = start.groupdict().get("channel")
        if channel in (None, "final") and (said or role == "assistant"):
            same = turns and turns[-1].role == role == "user"  # an instruction and its input
            turns[-1:] = (
                [Message(role, f"{turns[-1].content}\n\n{said}")] if same else [*turns[-1:], Message(role, said)]
            )
    if before:  # what a user asked first, or what a template says before it
        turns.insert(0, Message("user" if turns and turns[0].role == "assistant" else "system", before))
    return Markup(tuple(turns), starts[0][0].strip(), tokens, not before)


def _role(word: str) -> str | None:
    return OWN.get(word.casefold()) or role_of(word)


def _stripped(text: str) -> str:
    return without_end(text).strip()


def transcript(text: str) -> list[Message]:
    """The messages of a text with chat markup; raises NoConversation if it has none."""
    found = markup_of(text)
    if not found:
        raise NoConversation("has a conversation that is neither a list of messages nor a text with 'Human:'")
    return list(found.turns)


def is_transcript(value: Any) -> bool:
    """Whether a text is a conversation of a user and an assistant."""
    found = markup_of(value)
    return found is not None and found.roles >= {"user", "assistant"}


def asked_in(text: str, *, asked: bool) -> list[Message] | None:
    """The messages of a question that is written as a conversation; None if it is none, or not to be continued.

    Words such as "Human:" count if they begin the text and leave the last turn to the assistant or, if the text is
    what is `asked`, to the user.
    """
    found = markup_of(text)
    if not found or not (found.at_start or _is_spoken(found)):
        return None
    turns = list(found.turns)
    while turns and turns[-1] == Message("assistant", ""):
        turns.pop()
    opened = len(turns) < len(found.turns)
    continued = found.tokens or opened or (asked and "assistant" in found.roles)
    return turns if turns and turns[-1].role == "user" and continued else None


def _is_spoken(found: Markup) -> bool:
    """Whether the tokens in a text mark turns; in the middle of a text about them, they do not."""
    return found.tokens and (found.at_start or "assistant" in found.roles)


def without_tokens(text: str) -> str:
    """A text whose turns are marked by tokens, with the names of the roles instead; any other text as it is."""
    found = markup_of(text) if TOKEN.search(text) else None
    if not found or not _is_spoken(found):
        return text
    return "\n\n".join(f"{turn.role.capitalize()}: {turn.content}" for turn in found.turns if turn.content)


def answered_in(text: str) -> list[Message] | None:
    """The messages of an answer that begins with the token of a turn; None if it does not."""
    found = markup_of(text) if TOKEN.search(text) else None
    return list(found.turns) if found and found.tokens and found.at_start else None


def without_end(text: str) -> str:
    """A text without the tokens of a chat template at its end."""
    text = text.rstrip()
    found = ENDS.search(text, max(0, len(text) - MAX_ENDS))
    struck = found and found[0] == "</s>" and "<s>" in text[: found.start()]  # struck out, in HTML
    return text[: found.start()].rstrip() if found and not struck else text
