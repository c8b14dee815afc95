"""What a base's model card (README.md) says about it: the languages that it speaks."""

import re
from pathlib import Path

import yaml

from gradschool.files import open_file

MAX_CARD = 200_000  # bytes that are read; it begins with its front matter
MAX_LANGUAGES = 2_000  # characters of the key: YAML takes long, and small text can stand for values of any size
LANGUAGES = re.compile(r"^language:.*\n(?:[ \t-].*\n)*", re.MULTILINE)


def languages_on_card(folder: Path) -> list[str]:
    """The languages that the front matter of a model card names, as codes; empty if it names none."""
    try:
        with open_file(folder / "README.md") as file:
            text = file.read(MAX_CARD).decode(errors="replace").replace("\r\n", "\n")
        head = text.split("---\n", 2)
        found = LANGUAGES.search(head[1]) if len(head) > 2 and not head[0].strip() else None
        named = yaml.safe_load(found[0])["language"] if found and len(found[0]) <= MAX_LANGUAGES else []
    except (OSError, ValueError, KeyError, TypeError, RecursionError, yaml.YAMLError):
        return []
    listed = named if isinstance(named, list) else [named]
    return [one.lower() for one in listed if isinstance(one, str) and one]


def card_against(folder: Path, language: str) -> str | None:
    """What the card has against a language; empty if it names that, None if it says nothing about languages."""
    named = languages_on_card(folder)
    if not named or {"multilingual", "multi"} & set(named):
        return None
    return "" if language in named else f"its model card names {', '.join(named)} only"
