"""The Modelfile for Ollama: template, instructions, examples, stop tokens and context length."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from unicodedata import ucd_3_2_0

from gradschool.errors import UsageError
from gradschool.model.chat import Chat
from gradschool.model.prefix import common_prefix
from gradschool.model.rendering import Renderer
from gradschool.model.template import Refused
from gradschool.records import Conversation, Decoding, Message

MARKS = ("PLACEHOLDERONE", "PLACEHOLDERTWO", "PLACEHOLDERTHREE", "PLACEHOLDERFOUR")


@dataclass(frozen=True, slots=True)
class Turns:
    """A chat template as fixed text around each turn, which is what a template of Ollama can express."""

    first: str  # text before all turns
    around: dict[str, tuple[str, str]]  # by role
    answer: str  # text before an answer

    def render(self, conversation: Conversation) -> str:
        """The prompt that Ollama makes of a conversation."""
        turns = [f"{self.around[m.role][0]}{m.content}{self.around[m.role][1]}" for m in conversation]
        return self.first + "".join(turns) + self.answer

    def go(self) -> str:
        """The template in the syntax of Go."""
        branches = "{{ else }}".join(
            f'{{{{ if eq .Role "{role}" }}}}{before}{{{{ .Content }}}}{after}'
            for role, (before, after) in self.around.items()
        )
        ends = "{{ end }}" * len(self.around)
        return f"{self.first}{{{{ range .Messages }}}}{branches}{ends}{{{{ end }}}}{self.answer}"


@dataclass(frozen=True, slots=True)
class Modelfile:
    """The content of a Modelfile."""

    source: str  # a path, or a name in Ollama
    system: str
    shown: Conversation
    stops: Sequence[str]
    context: int
    decoding: Decoding
    turns: Turns | None
    adapter: str = ""  # a GGUF adapter over the source

    def text(self) -> str:
        """The text of the file."""
        lines = [f"FROM {self.source}", *([f"ADAPTER ./{self.adapter}"] if self.adapter else [])]
        if self.turns:
            lines.append(f"TEMPLATE {_quoted(self.turns.go())}")
        if self.system:
            lines.append(f"SYSTEM {_quoted(self.system)}")
        lines += [f"MESSAGE {message.role} {_quoted(message.content)}" for message in self.shown]
        lines += [f"PARAMETER stop {_quoted(stop)}" for stop in self.stops]
        lines.append(f"PARAMETER num_ctx {self.context}")
        lines.append(f"PARAMETER num_predict {self.decoding.max_new_tokens}")
        lines.append(f"PARAMETER temperature {self.decoding.temperature:g}")
        if self.decoding.temperature > 0:
            lines.append(f"PARAMETER top_p {self.decoding.top_p:g}")
        lines.append(f"PARAMETER seed {self.decoding.seed}")
        lines.append("PARAMETER repeat_penalty 1")  # Ollama's default penalizes words that a good answer repeats
        return "\n".join(lines) + "\n"


def find_turns(chat: Chat, template: str, asked: Sequence[Conversation]) -> Turns | None:
    """Derive the text around turns from what a chat template renders; None if that is not possible.

    The result must render every conversation of `asked` as the template does. A start token is left out, because
    Ollama adds it.
    """
    one, two, three, four = MARKS
    roles = (Message("system", one), Message("user", two), Message("assistant", three), Message("user", four))
    full, short = _rendered(chat, template, roles), _rendered(chat, template, (Message("user", two),))
    parts, ends = re.split("|".join(MARKS), full), short.split(two)
    if len(parts) != 5 or len(ends) != 2 or any(sign in full for sign in ("{{", '"""')):
        return None
    user = _common_start(*(part[::-1] for part in (parts[1], parts[3], ends[0])))[::-1]
    after_user = _rendered(chat, template, (Message("user", two),), False).partition(two)[2]
    if not (parts[2].startswith(after_user) and parts[4].startswith(after_user)):
        return None
    first = ends[0].removesuffix(user)
    turns = Turns(
        first,
        {
            "system": (parts[0].removeprefix(first), parts[1].removesuffix(user)),
            "user": (user, after_user),
            "assistant": (parts[2].removeprefix(after_user), parts[3].removesuffix(user)),
        },
        parts[4].removeprefix(after_user),
    )
    tried = (*asked, roles, roles[:2], roles[1:2], roles[1:])
    return turns if all(turns.render(c) == _rendered(chat, template, c) for c in tried) else None


def _rendered(chat: Chat, template: str, conversation: Conversation, prompt: bool = True) -> str:
    try:
        text = chat.text(Renderer(template), conversation, prompt)
    except Refused:  # no fixed text around each turn then
        return ""
    return text.removeprefix(str(chat.tokenizer.bos_token or ""))


def _common_start(first: str, *others: str) -> str:
    return first[: common_prefix([first, *others])]


def _quoted(text: str) -> str:
    """A value in triple quotes, which may contain anything but triple quotes.

    Ollama ends a value where triple quotes and any white space end a line, and drops characters that its Unicode tables
    cannot print, so that quotes may come together.
    """
    if '"""' in "".join(filter(_is_printed, text)):
        raise UsageError(
            "The instructions, or the examples that are shown, cannot be written into a Modelfile.",
            'They contain """, which may end a text in a Modelfile.',
            "change that text and climb again, or export --to gguf.",
        )
    return f'"""{text}"""'


def _is_printed(character: str) -> bool:
    """Whether every version of Ollama keeps a character: letters, marks, numbers, signs, spaces and ends of lines."""
    return character in " \n" or ucd_3_2_0.category(character)[0] in "LMNPS"
