"""The Modelfile for Ollama: the instructions, the examples shown, when to stop, and a context that is long enough."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from gradschool.errors import UsageError
from gradschool.model.chat import Chat
from gradschool.model.prefix import common_prefix
from gradschool.records import Conversation, Decoding, Message

MARKS = ("PLACEHOLDERONE", "PLACEHOLDERTWO", "PLACEHOLDERTHREE", "PLACEHOLDERFOUR")


@dataclass(frozen=True, slots=True)
class Turns:
    """A chat template as plain text around each turn, which is all that Ollama's own templates need to know."""

    first: str  # what stands before all turns
    around: dict[str, tuple[str, str]]  # by role
    answer: str  # what an answer begins behind

    def render(self, conversation: Conversation) -> str:
        """What Ollama makes of a conversation."""
        turns = [f"{self.around[m.role][0]}{m.content}{self.around[m.role][1]}" for m in conversation]
        return self.first + "".join(turns) + self.answer

    def go(self) -> str:
        """The same as a template in Go's language."""
        branches = "{{ else }}".join(
            f'{{{{ if eq .Role "{role}" }}}}{before}{{{{ .Content }}}}{after}'
            for role, (before, after) in self.around.items()
        )
        ends = "{{ end }}" * len(self.around)
        return f"{self.first}{{{{ range .Messages }}}}{branches}{ends}{{{{ end }}}}{self.answer}"


@dataclass(frozen=True, slots=True)
class Modelfile:
    """What stands in a Modelfile beside a GGUF file."""

    gguf: str
    system: str
    shown: Conversation
    stops: Sequence[str]
    context: int
    decoding: Decoding
    turns: Turns | None

    def text(self) -> str:
        """The file itself."""
        lines = [f"FROM ./{self.gguf}"]
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
        lines.append("PARAMETER repeat_penalty 1")  # Ollama's own would punish words that a good answer repeats
        return "\n".join(lines) + "\n"


def find_turns(chat: Chat, template: str, asked: Sequence[Conversation]) -> Turns | None:
    """Read a chat template's turns off what it renders; None where it is more than text around turns.

    It is taken only where it renders every conversation of `asked` as the template itself does. A start token is
    left out: Ollama puts it there by itself.
    """
    one, two, three, four = MARKS
    roles = (Message("system", one), Message("user", two), Message("assistant", three), Message("user", four))
    whole, short = _rendered(chat, template, roles), _rendered(chat, template, (Message("user", two),))
    pieces, ends = re.split("|".join(MARKS), whole), short.split(two)
    if len(pieces) != 5 or len(ends) != 2 or any(sign in whole for sign in ("{{", '"""')):
        return None
    user = _common_start(*(piece[::-1] for piece in (pieces[1], pieces[3], ends[0])))[::-1]
    after_user = _rendered(chat, template, (Message("user", two),), False).partition(two)[2]
    if not (pieces[2].startswith(after_user) and pieces[4].startswith(after_user)):
        return None
    first = ends[0].removesuffix(user)
    turns = Turns(
        first,
        {
            "system": (pieces[0].removeprefix(first), pieces[1].removesuffix(user)),
            "user": (user, after_user),
            "assistant": (pieces[2].removeprefix(after_user), pieces[3].removesuffix(user)),
        },
        pieces[4].removeprefix(after_user),
    )
    tried = (*asked, roles, roles[:2], roles[1:2], roles[1:])
    return turns if all(turns.render(c) == _rendered(chat, template, c) for c in tried) else None


def _rendered(chat: Chat, template: str, conversation: Conversation, prompt: bool = True) -> str:
    messages = [{"role": message.role, "content": message.content} for message in conversation]
    text = chat.tokenizer.apply_chat_template(
        messages, chat_template=template, tokenize=False, add_generation_prompt=prompt
    )
    assert isinstance(text, str)
    return text.removeprefix(str(chat.tokenizer.bos_token or ""))


def _common_start(first: str, *others: str) -> str:
    return first[: common_prefix([first, *others])]


def _quoted(text: str) -> str:
    """A value between three quotes, which holds everything but three quotes at the end of a line."""
    if '"""\n' in text:
        raise UsageError(
            "The instructions cannot stand in a Modelfile.",
            'A line of them ends with """, which ends a text there.',
            "change that line and climb again, or export --to gguf.",
        )
    return f'"""{text}"""'
