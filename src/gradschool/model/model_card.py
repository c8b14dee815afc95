"""What a base's model card (README.md) says about it: the languages that it speaks."""

from pathlib import Path

import yaml


def languages_on_card(folder: Path) -> list[str]:
    """The languages that the front matter of a model card names, as codes; empty if it names none."""
    try:
        head = (folder / "README.md").read_text(encoding="utf-8").split("---\n")
        named = yaml.safe_load(head[1])["language"] if len(head) > 2 and not head[0].strip() else []
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError):
        return []
    return [str(one).lower() for one in (named if isinstance(named, list) else [named]) if one]


def card_against(folder: Path, language: str) -> str | None:
    """What the card has against a language; empty if it names that, None if it says nothing about languages."""
    named = languages_on_card(folder)
    if not named or {"multilingual", "multi"} & set(named):
        return None
    return "" if language in named else f"its model card names {', '.join(named)} only"
