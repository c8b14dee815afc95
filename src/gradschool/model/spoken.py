"""The languages that a base speaks, as far as its model card and its tokenizer show."""

from collections.abc import Sequence
from pathlib import Path

import yaml

from gradschool.model.engine import Engine
from gradschool.model.local import local_engine
from gradschool.records import Message

MANY_TOKENS = 1.6  # times as many tokens per byte as English: a tokenizer that was hardly trained on the language
ENGLISH = (
    "Thank you for your message. We will send the spare part on Monday and call you before. "
    "If something is missing, write to us again, and we will look into it on the same day."
)


def languages_on_card(folder: Path) -> list[str]:
    """The languages that the front matter of a model card (README.md) names, as codes; empty if it names none."""
    try:
        head = (folder / "README.md").read_text(encoding="utf-8").split("---\n")
        named = yaml.safe_load(head[1])["language"] if len(head) > 2 and not head[0].strip() else []
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError):
        return []
    return [str(one).lower() for one in (named if isinstance(named, list) else [named]) if one]


def evidence_against(engine: Engine, language: str, texts: Sequence[str]) -> str:
    """What shows that a base hardly speaks a language, with texts in it; empty if nothing does."""
    local = local_engine(engine)
    if local is None or language == "en" or not texts:
        return ""
    named = languages_on_card(local.folder)
    if named and not {"multilingual", "multi"} & set(named):
        return "" if language in named else f"its model card names {', '.join(named)} only"
    ratio = _tokens_per_byte(engine, texts) / _tokens_per_byte(engine, [ENGLISH])
    return f"it needs {ratio:.1f} times as many tokens for it as for English" if ratio >= MANY_TOKENS else ""


def _tokens_per_byte(engine: Engine, texts: Sequence[str]) -> float:
    around = engine.count_tokens((Message("user", "a"),)) - 1  # of the chat template
    tokens = sum(engine.count_tokens((Message("user", text),)) - around for text in texts)
    return tokens / max(1, sum(len(text.encode()) for text in texts))
