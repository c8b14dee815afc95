"""A conversation as token ids with its loss mask, and the errors for those that a base does not take."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from gradschool.errors import ModelError, first_line
from gradschool.model.image_tokens import NO_EYES
from gradschool.model.prefix import common_prefix
from gradschool.model.rendering import OWN_TEMPLATE
from gradschool.panics import panics_as_errors
from gradschool.records import Conversation, Message, as_text

RUN = re.compile(r"(.)\1++", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Rendered:
    """A conversation as tokens; `loss_mask[i]` is whether the model is trained to predict `token_ids[i]`."""

    token_ids: tuple[int, ...]
    loss_mask: tuple[bool, ...]

    @property
    def trained_tokens(self) -> int:
        """The number of tokens with a loss: the answer's and the stop token."""
        return sum(self.loss_mask)


class Unfit(ModelError):
    """A conversation that the chat template of a base does not take; the base can be used for others."""


def no_eyes(name: str) -> Unfit:
    """The error for a conversation with images, asked of a base that reads none."""
    return Unfit(f"{name} reads no images, and the conversation has some.", "It reads text only.", NO_EYES + ".")


@contextmanager
def failures_as_unfit() -> Iterator[None]:
    """Turn an error or a panic of the tokenizer at a text into Unfit: others may still have tokens."""
    try:
        with panics_as_errors():
            yield
    except MemoryError:
        raise
    except Exception as error:  # tokenizers raises plain Exceptions
        raise Unfit(
            "The base's tokenizer cannot encode or decode a text.",
            f"{first_line(error).rstrip('.')}.",
            "use another base_model, or leave that text out.",
        ) from error


def not_a_prefix(prompt: str, full: str) -> ModelError:
    """The error for a template with which a question is not the beginning of the same question with its answer."""
    same = common_prefix([prompt, full])
    return ModelError(
        "The base's chat template renders a question differently if an answer follows.",
        f"Without an answer it continues with {prompt[same : same + 40]!r}, with one with {full[same : same + 40]!r}: "
        "the tokens of training and of answering would differ.",
        OWN_TEMPLATE,
    )


def check_mask(rendered: Rendered, stop_id: int) -> None:
    """Raise Unfit unless the answer and its stop token are trained, and nothing else."""
    what = "The loss mask of a conversation cannot be used for training."
    if not any(rendered.loss_mask):
        raise Unfit(what, "No token would be trained.", OWN_TEMPLATE)
    if all(rendered.loss_mask):
        raise Unfit(what, "Every token would be trained, the question too.", OWN_TEMPLATE)
    trained = [token for token, on in zip(rendered.token_ids, rendered.loss_mask, strict=True) if on]
    if trained[-1] != stop_id:
        raise Unfit(what, "The stop token would not be trained, so that answers would never end.", OWN_TEMPLATE)
    if len(trained) == 1:
        raise Unfit(what, "The answer is empty: only the stop token would be trained.", "remove such examples.")


def varied_length(text: str) -> int:
    """The characters of a text that differ from the one before: some tokens are long runs of one character."""
    return len(RUN.sub(r"\1", text))


def fold_system(conversation: Conversation) -> Conversation:
    """A conversation whose system message, if it begins with one, is put before the first user message."""
    if not conversation or conversation[0].role != "system":
        return conversation
    system, *others = conversation
    for position, message in enumerate(others):
        if message.role == "user":
            said = as_text(system.content) if message.images else system.content
            others[position] = replace(message, content=f"{said}\n\n{message.content}")
            return tuple(others)
    return (Message("user", system.content), *others)
