"""How long a text of an author may be: what the base of the job reads, counted with its own tokenizer."""

import json
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

from tokenizers import Tokenizer

from gradschool.errors import GradschoolError
from gradschool.job import read_job
from gradschool.model.opening import POCKET
from gradschool.prepare.folder import JOB_FILE
from gradschool.records import Conversation
from gradschool.settings import BUILT_IN

CONFIG, TOKENIZERS = "config.json", ("tokenizer.json", "tokenizer.model", "vocab.json")
USUAL_CONTEXT = 2048  # tokens, for a base that does not say
WHOLE, MAX_WHOLE = 0.4, 1_200  # fraction of the context, and tokens, up to which a text stays whole
PASSAGE, MAX_PASSAGE = 0.15, 400  # the same for a passage of a longer text: short, so that there are many
OVERHEAD = 8  # tokens that a chat template adds to a message


class Limits:
    """The context of a base in a folder, and its tokens; the tokenizer is loaded when it is first needed."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, name

    @cached_property
    def context_length(self) -> int:
        """The tokens of a question with its answer that the base reads."""
        config = json.loads((self.folder / CONFIG).read_text(encoding="utf-8"))
        known = config.get("max_position_embeddings") or config.get("text_config", {}).get("max_position_embeddings")
        return int(known or USUAL_CONTEXT)

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


def limits_for(into: Path) -> Limits:
    """The limits of the base that the job in a folder names, if its files are on this machine; else of pocket."""
    try:
        name = read_job(into).settings.base_model if (into / JOB_FILE).exists() else BUILT_IN
    except GradschoolError:  # `gradschool check` reports what is wrong with the file
        name = BUILT_IN
    for folder in (into / name, Path(name).expanduser()):
        if name != BUILT_IN and (folder / CONFIG).is_file() and any((folder / file).is_file() for file in TOKENIZERS):
            return Limits(folder, name)
    return Limits(POCKET, BUILT_IN)
