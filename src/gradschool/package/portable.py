"""What travels in a package names no place on the user's machine: absolute paths become relative ones, or names."""

import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path, PurePath
from typing import Any


def without_places(places: Iterable[Path]) -> Callable[[Any], Any]:
    """A function that shortens paths in JSON values: a place keeps its own name alone, and home becomes `~`.

    Any other string that is an absolute path, and nothing else, keeps its last name.
    """
    parents = {str(place.parent) for place in places if len(place.parts) > 2}
    home = str(Path.home()) if len(Path.home().parts) > 1 else ""
    known = "|".join(map(re.escape, sorted({*parents, home} - {""}, key=len, reverse=True)))
    pattern = re.compile(rf"(?<![\w/.\\-])({known}){re.escape(os.sep)}") if known else None

    def shorten(match: re.Match[str]) -> str:
        return "" if match[1] in parents else f"~{os.sep}"

    def shortened(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: shortened(item) for key, item in value.items()}
        if isinstance(value, list):
            return [shortened(item) for item in value]
        if not isinstance(value, str):
            return value
        text = pattern.sub(shorten, value) if pattern else value
        return PurePath(text).name if PurePath(text).is_absolute() and not re.search(r"\s", text) else text

    return shortened
