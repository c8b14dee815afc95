"""The languages that a base speaks, as far as its model card and its tokenizer show."""

from collections.abc import Sequence

from gradschool.model.engine import Engine
from gradschool.model.here import local_engine
from gradschool.model.model_card import card_against
from gradschool.records import Message

MANY_TOKENS = 1.6  # times as many tokens per byte as English: a tokenizer that was hardly trained on the language
ENGLISH = (
    "Thank you for your message. We will send the spare part on Monday and call you before. "
    "If something is missing, write to us again, and we will look into it on the same day."
)


def evidence_against(engine: Engine, language: str, texts: Sequence[str]) -> str:
    """What shows that a base hardly speaks a language, with texts in it; empty if nothing does."""
    local = local_engine(engine)
    if local is None or language == "en" or not texts:
        return ""
    if (said := card_against(local.folder, language)) is not None:
        return said
    ratio = _tokens_per_byte(engine, texts) / _tokens_per_byte(engine, [ENGLISH])
    return f"it needs {ratio:.1f} times as many tokens for it as for English" if ratio >= MANY_TOKENS else ""


def _tokens_per_byte(engine: Engine, texts: Sequence[str]) -> float:
    around = engine.count_tokens((Message("user", "a"),)) - 1  # of the chat template
    tokens = sum(engine.count_tokens((Message("user", text),)) - around for text in texts)
    return tokens / max(1, sum(len(text.encode()) for text in texts))
