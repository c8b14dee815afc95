"""How long a text of an author may be: what the base of the job reads, counted with its own tokenizer."""

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field
from tokenizers import Tokenizer

from gradschool.errors import GradschoolError, ModelError, first_line
from gradschool.files import read_json
from gradschool.job import read_job
from gradschool.model.foreign import check_tokenizer
from gradschool.model.opening import POCKET
from gradschool.panics import panics_as_errors
from gradschool.prepare.folder import JOB_FILE
from gradschool.records import Conversation
from gradschool.settings import BUILT_IN

CONFIG, TOKENIZERS = "config.json", ("tokenizer.json", "tokenizer.model", "vocab.json")
USUAL_CONTEXT = 2048  # tokens, for a base that does not say
WHOLE, MAX_WHOLE = 0.4, 1_200  # fraction of the context, and tokens, up to which a text stays whole
PASSAGE, MAX_PASSAGE = 0.15, 400  # the same for a passage of a longer text: short, so that there are many
OVERHEAD = 8  # tokens that a chat template adds to a message


class _TextConfig(BaseModel):
    max_position_embeddings: Annotated[int, Field(ge=1)] | None = None


class _Config(_TextConfig):
    """What is read of a base's config.json: other keys are ignored."""

    text_config: _TextConfig = _TextConfig()


class Limits:
    """The context of a base in a folder, and its tokens; the tokenizer is loaded when it is first needed."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, name

    @cached_property
    def context_length(self) -> int:
        """The tokens of a question with its answer that the base reads."""
        try:
            config = _Config.model_validate(read_json(self.folder / CONFIG))
        except (OSError, ValueError) as error:
            raise _unusable(self.folder / CONFIG, error) from error
        return config.max_position_embeddings or config.text_config.max_position_embeddings or USUAL_CONTEXT

    @property
    def whole(self) -> int:
        """The tokens up to which a text stays whole."""
        return min(int(WHOLE * self.context_length), MAX_WHOLE)

    @property
    def passage(self) -> int:
        """The tokens that a passage of a longer text has at most."""
        return min(int(PASSAGE * self.context_length), MAX_PASSAGE)

    @cached_property
    def _count(self) -> Callable[[str], int]:
        check_tokenizer(self.folder)
        try:
            with panics_as_errors():
                return self._loaded()
        except Exception as error:  # transformers and tokenizers raise any
            raise _unusable(self.folder, error) from error

    def _loaded(self) -> Callable[[str], int]:
        if (self.folder / TOKENIZERS[0]).is_file():
            fast = Tokenizer.from_file(str(self.folder / TOKENIZERS[0]))
            fast.no_truncation()
            fast.no_padding()
            return lambda text: len(fast.encode(text, add_special_tokens=False).ids)
        from transformers import AutoTokenizer  # imports torch, which nothing before needs

        slow = AutoTokenizer.from_pretrained(self.folder, local_files_only=True, trust_remote_code=False)
        return lambda text: len(slow.encode(text, add_special_tokens=False, verbose=False))

    def tokens(self, text: str) -> int:
        """The number of tokens of a text."""
        clean = text.encode("utf-8", "replace").decode()  # tokenizers do not take lone surrogates
        return self._count(clean)

    def exceeds(self, text: str, tokens: int) -> bool:
        """Whether a text has more tokens than that; a token has at least one byte, so that most are not counted."""
        return len(text.encode("utf-8", "replace")) > tokens and self.tokens(text) > tokens

    def too_long(self, conversation: Conversation) -> int:
        """The tokens of a conversation that is longer than the context; 0 if it fits."""
        texts: Sequence[str] = [message.content for message in conversation]
        if sum(len(text.encode("utf-8", "replace")) + OVERHEAD for text in texts) <= self.context_length:
            return 0
        total = sum(self.tokens(text) + OVERHEAD for text in texts)
        return total if total > self.context_length else 0


def _unusable(path: Path, error: Exception) -> ModelError:
    return ModelError(
        f"{path}, of the base that the job names, cannot be read.",
        first_line(error),
        "download the model again, or name another base_model in job.toml.",
    )


def limits_for(into: Path) -> Limits:
    """The limits of the base that the job in a folder names, if its files are on this machine; else of pocket."""
    try:
        name = read_job(into).settings.bases[0] if (into / JOB_FILE).exists() else BUILT_IN
    except GradschoolError:  # `gradschool check` reports what is wrong with the file
        name = BUILT_IN
    for folder in (into / name, Path(name).expanduser()):
        if name != BUILT_IN and (folder / CONFIG).is_file() and any((folder / file).is_file() for file in TOKENIZERS):
            return Limits(folder, name)
    return Limits(POCKET, BUILT_IN)
