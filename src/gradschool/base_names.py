"""What a job writes as its base: one name or a list of names, and addresses of servers and of the Hub's pages."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator

from gradschool.file_names import checked
from gradschool.hub_pages import page_of


def names_of(written: object) -> tuple[object, ...]:
    """The names that are written: one, or those of a list."""
    return tuple(written) if isinstance(written, (list, tuple)) else (written,)


def bases_of(written: object) -> str | tuple[str, ...]:
    """One name, or several different ones as a tuple; raises ValueError for what names no base."""
    names = dict.fromkeys(checked(_without_spaces(name)) for name in names_of(written) if _is_name(name))
    if not names:
        raise ValueError("a list of bases names at least one")
    several = tuple(names)
    return several if len(several) > 1 else several[0]


Bases: TypeAlias = Annotated[str | tuple[str, ...], BeforeValidator(bases_of)]


def with_address(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """The values of a job, with the Hub id, and a revision if one is shown, in place of the address of a model's page.

    Pages of other things stay: opening them says what they are. A list keeps its addresses until one of them is chosen.
    """
    name = values.get("base_model")
    if isinstance(name, str) and (page := page_of(name)) and page.id:
        return {**values, "base_model": page.id, "revision": values.get("revision") or page.revision}
    return values


def _is_name(name: object) -> bool:
    if not isinstance(name, str):
        raise ValueError("a base is a name (text), or a list of names")
    return True


def _without_spaces(name: object) -> str:
    """A name as it is written; the scheme of a server's address in lower case, without spaces around it."""
    text = str(name)
    scheme = re.match(r"\s*https?://", text, re.IGNORECASE)
    return scheme[0].strip().lower() + text[scheme.end() :].strip() if scheme else text
