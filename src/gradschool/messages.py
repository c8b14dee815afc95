"""What a conversation is: messages with a role and a text, in which images may stand."""

from dataclasses import dataclass, field
from typing import Annotated, TypeAlias

from pydantic import Field

IMAGE = "\ufffc"  # stands for an image in the text of a message that has images: "object replacement character"


@dataclass(frozen=True, slots=True)
class Image:
    """An image by the SHA-256 of its bytes; `likeness` is a perceptual hash (`images.likeness`).

    Its bytes are in a `file`, or in `content` if it has none.
    """

    sha256: str
    likeness: str = ""
    file: str = field(default="", compare=False, repr=False)
    content: Annotated[bytes, Field(exclude=True)] = field(default=b"", compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation; `role` is system, user, assistant or tool.

    In the content of a message with `images`, each IMAGE character stands for one of them, in their order. In one
    without, it is a character like any other.
    """

    role: str
    content: str
    # Left out where it is empty: what is saved of a conversation without images does not mention them.
    images: Annotated[tuple[Image, ...], Field(exclude_if=lambda images: not images)] = field(default=(), kw_only=True)

    def __repr__(self) -> str:
        images = f", images={self.images!r}" if self.images else ""
        return f"Message(role={self.role!r}, content={self.content!r}{images})"


Conversation: TypeAlias = tuple[Message, ...]


def last_user(conversation: Conversation) -> str:
    """The last user message of a conversation; empty if there is none."""
    return next((message.content for message in reversed(conversation) if message.role == "user"), "")


def as_text(text: str) -> str:
    """A text of others for a message with images: IMAGE in it is no image, and becomes U+FFFD."""
    return text.replace(IMAGE, "\ufffd")


def shown_content(message: Message) -> str:
    """The text of a message with a word for each of its images."""
    return message.content.replace(IMAGE, "[image]") if message.images else message.content
