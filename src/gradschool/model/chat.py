"""Chat rendering: conversations as token ids, with the loss mask for training.

The same object renders for training, evaluation and serving, so that the tokens are the same. The template is the
base's own if it has one. The text that ends a turn is found by rendering a placeholder answer, so that no model family
needs code of its own.
"""

import hashlib
import re
import threading
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from gradschool.errors import ModelError
from gradschool.json_text import each_text
from gradschool.model.image_tokens import without_images
from gradschool.model.rendered import Rendered as Rendered
from gradschool.model.rendered import Unfit as Unfit
from gradschool.model.rendered import check_mask, failures_as_unfit, fold_system, not_a_prefix, varied_length
from gradschool.model.rendered import no_eyes as no_eyes
from gradschool.model.rendering import CHATML, OWN_TEMPLATE, Renderer
from gradschool.model.shown_images import seen, surrounded, with_images
from gradschool.model.template import Refused
from gradschool.model.tool_format import ToolFormat, read_format
from gradschool.model.tool_turns import Tool, as_object, changed, placed, uses_tools
from gradschool.records import IMAGE, Conversation, Image, Message

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from gradschool.model.eyes import Eyes

# With a template that writes today's date, the tokens would change from day to day.
FIXED_DATE = "26 Jul 2024"
FIX_DATE = (
    '{% macro strftime_now(format) -%}{{ {"%d %B %Y": "26 July 2024", "%Y-%m-%d": "2024-07-26"}'
    '.get(format, "26 Jul 2024") }}{%- endmacro +%}'
)
# Private-use characters that mark text in messages which looks like a control token.
OPEN, CLOSE = "\ue0f0", "\ue0f1"
MARKED = re.compile(f"{OPEN}([^{OPEN}{CLOSE}]*+){CLOSE}")
PLACEHOLDER = "PLACEHOLDERANSWER"
SYSTEM_PLACEHOLDER = "PLACEHOLDERSYSTEM"


class Chat:
    """Renders conversations for one tokenizer with one template.

    `template` replaces the tokenizer's own (a specialist has the one that it was made with). With `eyes`, messages may
    have images. `notes` are sentences for the user about adjustments. Raises ModelError if the template cannot be used
    for training or answers.
    """

    def __init__(
        self, tokenizer: "PreTrainedTokenizerBase", template: str | None = None, eyes: "Eyes | None" = None
    ) -> None:
        self.tokenizer, self.eyes = tokenizer, eyes
        self._lock = threading.Lock()  # encoding sets options of the tokenizer, so that threads must take turns
        notes: list[str] = []
        own = tokenizer.chat_template or (eyes.processor.template if eyes else None)
        if isinstance(own, dict):  # several, by purpose
            own = own.get("default") or next(iter(own.values()), None)
        if not (template or own):
            notes.append("The base has no chat template; the ChatML format is used.")
        self.template: str = template or own or CHATML
        self._renderer = Renderer(self.template)
        self.template_hash = hashlib.sha256(self.template.encode()).hexdigest()
        if "strftime_now" in self.template:
            self._renderer = Renderer(FIX_DATE + self.template)
            notes.append(
                f"The chat template writes today's date; {FIXED_DATE} is used instead, "
                "so that the same question has the same tokens on any day."
            )
        added = tokenizer.added_tokens_decoder
        self._control = {token.content for token in added.values() if token.special}
        self._control |= {str(token) for token in tokenizer.all_special_tokens}
        self._control |= {eyes.token} if eyes else set()
        self._place = re.compile(rf"(?<!{OPEN}){re.escape(eyes.token)}(?!{CLOSE})") if eyes else None
        self._control_pattern = _any_of(self._control)
        # Roles of conversations of which the template shows all messages, and whether these are about tools.
        self._shown: set[tuple[tuple[str, bool], ...]] = set()
        self._fold_system = self._in_parts = False
        if eyes:
            self._in_parts = self._takes_parts(eyes)
        if self._refuses_system():
            self._fold_system = True
            notes.append("The chat template has no system messages; they are put before the first question.")
        self._header, tail = self._probe()
        self._stop_id, self._before_stop, self._after_stop = self._find_stop(tail, set(added), notes)
        self._tail = tail
        self._joined = self._needs_joined_text()
        self.notes = tuple(notes)
        self.stop_ids: tuple[int, ...] = tuple(sorted({self._stop_id} | _ids(tokenizer.eos_token_id)))

    def prompt_ids(self, conversation: Conversation, tools: Sequence[Tool] = (), begun: str = "") -> list[int]:
        """The tokens of a conversation, up to the start of the answer.

        With `tools` that the answer may call, and `begun` as the text with which it begins, markup included.
        """
        bare = bool(tools) and self.tool_format.bare
        return self._seen(
            self._encode(self.prompt_text(conversation, tools, "" if bare else None) + begun), conversation
        )

    @cached_property
    def tool_format(self) -> ToolFormat:
        """How the base writes calls of tools; raises ModelError if its template has no tools."""
        return read_format(self)

    def control_tokens(self, text: str) -> tuple[str, ...]:
        """The control tokens in a text of the template."""
        return tuple(dict.fromkeys(self._control_pattern.findall(text)))

    def decode_markup(self, ids: Sequence[int]) -> str:
        """Tokens as text, with those control tokens that calls of tools are written with."""
        return self.decode([token for token in ids if token not in self._hidden], skip_special_tokens=False)

    @cached_property
    def _hidden(self) -> set[int]:
        shown = {self.tokenizer.convert_tokens_to_ids(token) for token in self.control_tokens(self.tool_format.markup)}
        return set(self.tokenizer.all_special_ids) - shown

    def begun_ids(
        self, conversation: Conversation, texts: Sequence[str], ended: bool = False
    ) -> tuple[list[int], list[list[int]]]:
        """The tokens of a conversation up to the start of the answer, and those of each text as its beginning.

        Texts that are `ended` are whole answers, with a stop token and what the template writes before it.
        """
        prompt, end = self.prompt_text(conversation), (self._stop_id,) if ended else ()
        start, before = self._encode(prompt), self._before_stop if ended else ""
        begun = [[*self._continue(prompt, start, self._mark(text) + before), *end] for text in texts]
        return self._seen(start, conversation), begun

    def render(self, conversation: Conversation) -> Rendered:
        """The tokens of a conversation that ends with the answer to train on, and their loss mask.

        The loss is on the answer's text and its stop token, not on text that the template writes after it (a newline).
        `prompt_ids` of the question is always a prefix. Raises Unfit if the template does not allow this.
        """
        if not conversation or conversation[-1].role != "assistant":
            raise Unfit("A conversation to train on must end with an answer.", "Its last role is not assistant.")
        prompt = self.prompt_text(conversation[:-1])
        full = self._text(conversation)
        if not full.startswith(prompt):
            raise Unfit(*not_a_prefix(prompt, full).args)
        rest = full[len(prompt) :]
        if not rest.endswith(self._tail):
            raise Unfit(
                "The chat template ends this conversation differently from others.",
                f"Expected {self._tail!r} at the end, found {rest[-40:]!r}.",
                OWN_TEMPLATE,
            )
        answer = rest[: len(rest) - len(self._tail)]
        if answer.strip() != self._mark(conversation[-1].content).strip():
            raise Unfit(
                "The chat template changes the answer.",
                f"{conversation[-1].content[:80]!r} becomes {answer[:80]!r}.",
                "remove text that the template interprets (such as </think>) from the answer.",
            )
        start = self._encode(prompt)
        trained = [*self._continue(prompt, start, answer + self._before_stop), self._stop_id]
        start, after = self._seen(start, conversation[:-1]), self._after_ids
        mask = (False,) * len(start) + (True,) * len(trained) + (False,) * len(after)
        rendered = Rendered(tuple(start + trained + after), mask)
        check_mask(rendered, self._stop_id)
        return rendered

    def show(self, rendered: Rendered) -> list[tuple[str, bool]]:
        """The text of rendered tokens in segments, each with whether it is trained on."""
        segments: list[tuple[str, bool]] = []
        start = 0
        for end in range(1, len(rendered.token_ids) + 1):
            if end == len(rendered.token_ids) or rendered.loss_mask[end] != rendered.loss_mask[start]:
                ids = rendered.token_ids[start:end]
                segments.append((self.decode(ids, skip_special_tokens=False), rendered.loss_mask[start]))
                start = end
        return segments

    @cached_property
    def _after_ids(self) -> list[int]:
        """The tokens of what the template writes after the stop token."""
        return self._encode(self._after_stop) if self._after_stop else []

    @cached_property
    def max_token(self) -> int:
        """The length of the longest token, as `varied_length` counts."""
        return max(map(varied_length, self.tokenizer.get_vocab()), default=0)

    def text_ids(self, text: str) -> list[int]:
        """The tokens of a plain text, with the start token if the tokenizer adds one."""
        with self._lock, failures_as_unfit():
            return list(self.tokenizer.encode(text))

    def decode(self, ids: Sequence[int], skip_special_tokens: bool = True) -> str:
        """Tokens as text, without clean-up of spaces."""
        ids = without_images(ids, self.eyes.place_id) if self.eyes else ids
        with self._lock, failures_as_unfit():
            text = self.tokenizer.decode(
                list(ids), skip_special_tokens=skip_special_tokens, clean_up_tokenization_spaces=False
            )
        assert isinstance(text, str)
        return text

    def prompt_text(self, question: Conversation, tools: Sequence[Tool] = (), header: str | None = None) -> str:
        """The text of a conversation up to the start of the answer, with what the template writes before answers."""
        self._demand_all_shown(question)
        text = self._text(question, add_generation_prompt=True, tools=tools)
        return text + (self._header if header is None else header)

    def whole_text(self, conversation: Conversation, tools: Sequence[Tool] = ()) -> str:
        """The text of a conversation that ends with an answer, up to what ends its turn."""
        return self._text(conversation, tools=tools).removesuffix(self._tail)

    def _text(self, conversation: Conversation, add_generation_prompt: bool = False, tools: Sequence[Tool] = ()) -> str:
        """The text of a conversation, with the plain texts that its base writes around images."""
        text = self._rendered(conversation, add_generation_prompt, tools)
        images = [image for message in conversation for image in message.images]
        if not images or not self.eyes or not self._place:
            return text
        return surrounded(self.eyes, self._place, text, images)

    def _rendered(
        self, conversation: Conversation, add_generation_prompt: bool = False, tools: Sequence[Tool] = ()
    ) -> str:
        marked = tuple(changed(message, self._mark) for message in self._folded(conversation))
        known = [each_text(tool, self._mark, keys=True) for tool in tools] or None
        if not marked:
            raise Unfit("An empty conversation cannot be answered.", fix="add at least one user message.")
        try:
            # The families' options to disable reasoning: specialists answer directly, and only without reasoning is a
            # prompt a prefix of the finished conversation.
            return self.text(
                self._renderer, marked, add_generation_prompt, enable_thinking=False, thinking=False, tools=known
            )
        except Refused as error:
            roles = ", ".join(message.role for message in marked)
            raise Unfit(
                f"The base's chat template does not accept a conversation with the roles {roles}.",
                f"Its error: {error}.",
                "change the conversation to the form that it accepts, or use another base_model.",
            ) from error

    def text(self, renderer: Renderer, conversation: Conversation, add_generation_prompt: bool, **switches: Any) -> str:
        """The text of a conversation as any program renders it with these tokens; raises Refused."""
        messages = [self._with_images(as_object(message), message) for message in conversation]
        variables = {**self.tokenizer.special_tokens_map, "add_generation_prompt": add_generation_prompt}
        return renderer.render(messages, variables | switches)

    def _with_images(self, plain: dict[str, Any], message: Message) -> dict[str, Any]:
        """A message as the template takes it, with its images: as parts of its content, or as tokens in its text."""
        if self.eyes:
            return with_images(self.eyes.token, plain, message, self._in_parts)
        if message.images:
            raise no_eyes("This base")
        return plain

    def _takes_parts(self, eyes: "Eyes") -> bool:
        """Whether the template shows contents that are lists of parts, and the image token for those of images."""
        self._in_parts = True
        asked = (Message("user", f"{IMAGE}{PLACEHOLDER}", images=(Image("0" * 64),)),)
        try:
            text = self._rendered(asked)
        except ModelError:
            return False
        return PLACEHOLDER in text and text.count(eyes.token) == 1

    def _seen(self, ids: list[int], conversation: Conversation) -> list[int]:
        """Tokens of a prompt with those of its images."""
        images = [image for message in conversation for image in message.images]
        if not images or not self.eyes:
            return ids
        return seen(self.eyes, ids, images)

    def _demand_all_shown(self, conversation: Conversation) -> None:
        """Raise Unfit if the template leaves out a message, as some do with messages of tools."""
        roles = tuple(message.role for message in conversation)
        kinds = tuple((message.role, uses_tools(message)) for message in conversation)
        if not roles or kinds in self._shown:
            return
        placeholders = [f"{PLACEHOLDER}{position}X" for position in range(len(roles))]
        text = self._rendered(tuple(map(placed, conversation, placeholders)), add_generation_prompt=True)
        missing = sorted({role for role, content in zip(roles, placeholders, strict=True) if content not in text})
        if missing:
            raise Unfit(
                f"The base's chat template leaves out messages of the role {' and '.join(missing)}.",
                f"The roles of the conversation are {', '.join(roles)}.",
                "change the conversation to the form that it accepts, or use another base_model.",
            )
        self._shown.add(kinds)

    def _folded(self, conversation: Conversation) -> Conversation:
        return fold_system(conversation) if self._fold_system else conversation

    def _refuses_system(self) -> bool:
        try:
            text = self._text((Message("system", SYSTEM_PLACEHOLDER), Message("user", "Hello")))
        except ModelError:
            return True
        return SYSTEM_PLACEHOLDER not in text

    def _mark(self, content: str) -> str:
        # "<|im_end|>" in a message is text of its author, not the end of a turn.
        content = content.replace(OPEN, "").replace(CLOSE, "")
        return self._control_pattern.sub(rf"{OPEN}\g<0>{CLOSE}", content)

    def _probe(self) -> tuple[str, str]:
        """The text between the generation prompt and an answer (such as a channel name), and that after the answer."""
        question = (Message("user", "Hello"),)
        full = self._text((*question, Message("assistant", PLACEHOLDER)))
        head, found, tail = full.partition(PLACEHOLDER)
        if not found:
            raise ModelError("The base's chat template does not render answers.", "It omits their text.", OWN_TEMPLATE)
        prompt = self._text(question, add_generation_prompt=True)
        if not head.startswith(prompt):
            raise not_a_prefix(prompt, head)
        return head[len(prompt) :], tail

    def _find_stop(self, tail: str, added: set[int], notes: list[str]) -> tuple[int, str, str]:
        ends = added | set(self.tokenizer.all_special_ids)
        stop = next((token for token in self._encode(tail) if token in ends), None) if tail else None
        if stop is not None:
            before, _, after = tail.partition(str(self.tokenizer.convert_ids_to_tokens(stop)))
            return stop, before, after
        eos = self.tokenizer.eos_token_id
        if not isinstance(eos, int):
            raise ModelError(
                "The base's chat template has no stop token after an answer.",
                "Its tokenizer has no end-of-text token either, so that no answer would ever end.",
                OWN_TEMPLATE,
            )
        notes.append(
            "The chat template has no stop token after an answer; "
            f"{self.tokenizer.eos_token} is added and trained, so that answers end."
        )
        return eos, "", tail

    def _encode(self, text: str) -> list[int]:
        ids: list[int] = []
        for position, part in enumerate(MARKED.split(text)):
            if part:
                split = position % 2 == 1
                with self._lock, failures_as_unfit():
                    ids += self.tokenizer.encode(part, add_special_tokens=False, split_special_tokens=split)
        return ids

    def _continue(self, prompt: str, start: list[int], text: str) -> list[int]:
        """The tokens of `text` after the prompt, whose own tokens stay the same."""
        if not self._joined:
            return self._encode(text)
        ids = self._encode(prompt + text)
        if ids[: len(start)] != start:
            raise Unfit(
                "The base's tokenizer merges the end of the question with the start of the answer.",
                f"{prompt[-20:] + text[:20]!r} has other tokens as one text.",
                "begin the answer with a letter, or use another base_model.",
            )
        return ids[len(start) :]

    def _needs_joined_text(self) -> bool:
        # SentencePiece tokenizers put a space before a text: an answer only has the right tokens together with its
        # prompt.
        stop = str(self.tokenizer.convert_ids_to_tokens(self._stop_id))
        alone = self._encode("x")
        return any(self._encode(before + "x")[len(self._encode(before)) :] != alone for before in ("\n", stop))


def _any_of(words: set[str]) -> re.Pattern[str]:
    longest_first = sorted(filter(None, words), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first)) or "(?!)")


def _ids(value: int | list[int] | None) -> set[int]:
    return set() if value is None else {value} if isinstance(value, int) else set(value)
