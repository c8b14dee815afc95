"""What every engine can do, and how the one that a job names is opened."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from gradschool.errors import ModelError, UsageError
from gradschool.records import Answer, Conversation, Decoding, Note, Work
from gradschool.settings import Settings

POCKET = Path(__file__).parents[1] / "bases" / "pocket"
HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")


@dataclass(frozen=True, slots=True)
class TextLoss:
    """How unlikely a text is: the sum of -ln p over its tokens, in nats, and how many tokens that were."""

    nats: float
    tokens: int


class Engine(Protocol):
    """Something that answers conversations and can say how likely a text is.

    `identity` names the base exactly (kind, name, revision, hashes of weights and chat template), for evidence and
    for finding the base again.
    """

    @property
    def identity(self) -> dict[str, str]: ...

    @property
    def context_length(self) -> int:
        """The most tokens that a conversation and its answer may have together."""
        ...

    def answer(self, conversations: Sequence[Conversation], decoding: Decoding) -> Iterator[tuple[int, Answer]]:
        """Answer conversations; yields (position in the input, answer) as each is done, in any order.

        What goes wrong with one conversation is that answer's `failure`; only what stops all of them is raised.
        """
        ...

    def stream(self, conversation: Conversation, decoding: Decoding) -> Iterator[str]:
        """Answer one conversation piece by piece; the pieces joined are the answer's text."""
        ...

    def count_tokens(self, conversation: Conversation) -> int:
        """How many tokens the conversation takes, up to where the answer begins."""
        ...

    def text_losses(self, texts: Sequence[str]) -> list[TextLoss]:
        """How unlikely plain texts are; raises ModelError where the engine cannot say."""
        ...


def open_engine(settings: Settings, folder: Path) -> Work[Engine]:
    """Open the engine that a job names: built in, a local folder, a server's address, or a Hub id.

    `folder` is the job's: a relative path is looked for there first, then in the working directory. Yields notes,
    and progress where something is downloaded. Raises ModelError where the model cannot be found or used.
    """
    name = settings.base_model
    if settings.quantization and name.startswith(("http://", "https://")):
        raise UsageError(
            f"quantization cannot be set for {name}.",
            "The weights are on that server, as it holds them.",
            "leave it out.",
        )
    if name == "fake":
        from gradschool.model.fake import FakeEngine

        return FakeEngine()
    if name.startswith(("http://", "https://")):
        from gradschool.model.remote import RemoteEngine

        if not settings.model:
            raise UsageError(
                f"The server {name} needs to be told which of its models to use.",
                "The job names no `model`.",
                'add model = "…" beside base_model.',
            )
        return RemoteEngine(name, settings.model, settings.remote)
    revision = ""
    if name == "pocket":
        path = POCKET
        if not path.is_dir():
            raise ModelError("The built-in model is missing.", f"{path} is not there.", "install gradschool again.")
    else:
        found = _local_folder(name, folder)
        if found is None:
            from gradschool.model.hub import fetch

            path = yield from fetch(name, settings.revision)
            revision = path.name  # the Hub's cache calls a snapshot by its commit
        else:
            path = found
    from gradschool.model.local import LocalEngine

    batch_size, four_bits = settings.answers.batch_size, settings.quantization is not None
    engine = LocalEngine(path, name=name, revision=revision, batch_size=batch_size, four_bits=four_bits)
    yield Note(f"The base computes on {engine.device} in {engine.dtype_reason}; on {engine.threads_reason}.")
    for remark in engine.chat.remarks:
        yield Note(remark)
    return engine


def _local_folder(name: str, folder: Path) -> Path | None:
    given = Path(name).expanduser()
    for path in (folder / given, given):
        if path.is_dir():
            return path.resolve()
        if path.is_file():
            raise ModelError(f"{path} is a file.", "A model is a folder.", "name the folder that holds config.json.")
    if HUB_ID.fullmatch(name) and not name.startswith("."):
        return None
    raise ModelError(
        f"The base model {name!r} does not exist.",
        f"There is no such folder below {folder.resolve()} or {Path.cwd()}, and it is not a Hub id (owner/name).",
        'name a folder, a Hub id, a server\'s address, or "pocket" (built in).',
    )
