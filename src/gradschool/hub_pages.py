"""Addresses of the Hub that people copy: a model's page as its id and revision, and what other pages are."""

import re
from dataclasses import dataclass
from urllib.parse import unquote

_PART = r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,95}"
HUB_ID = rf"(?!.*(?:--|\.\.)){_PART}(?:/{_PART})?"
PAGE = re.compile(
    r"(?:(?P<scheme>https?://|ssh://git@|git@)?(?:www\.)?(?:huggingface\.co|hf\.co)(?::\d+)?(?:[/:]|$)|(?P<hf>hf://))"
    r"(?P<path>[^?#\s]*)(?:[?#]\S*)?",
    re.IGNORECASE,
)
VIEWS = ("tree", "blob", "resolve", "raw", "blame", "commit", "commits", "edit")  # before a revision
OTHER_VIEWS = ("discussions", "settings", "activity")
OTHER_PAGES = {  # by the first part of their path
    "datasets": "a data set",
    "spaces": "a space",
    "buckets": "a bucket",
    "collections": "a collection",
    "papers": "a paper",
    **dict.fromkeys(
        ("docs", "blog", "learn", "tasks", "posts", "join", "login", "settings", "pricing", "new"), "a page"
    ),
}


@dataclass(frozen=True, slots=True)
class HubPage:
    """What a page of the Hub is about: a model with its id, at a revision if one is shown; or `other`, no model."""

    id: str = ""
    revision: str | None = None
    other: str = ""


def page_of(address: str) -> HubPage | None:
    """The page of the Hub that an address names, in any usual form; None if it is no address of the Hub.

    >>> page_of("https://huggingface.co/owner/name/blob/v2/config.json?download=true")
    HubPage(id='owner/name', revision='v2', other='')
    """
    found = PAGE.fullmatch(address.strip())
    if found is None:
        return None
    parts = [unquote(part) for part in found["path"].split("/") if part]
    if parts[:1] == ["api"]:
        parts = parts[1:]
    if parts[:1] == ["models"]:
        parts = parts[1:]
    if other := OTHER_PAGES.get(parts[0].lower()) if parts else "a page":
        return HubPage(other=other)
    alone = len(parts) == 1 or parts[1] in (*VIEWS, *OTHER_VIEWS)  # the id of an old model has no owner
    name, rest = "/".join(parts[: 1 if alone else 2]), parts[1 if alone else 2 :]
    name, _, revision = name.partition("@")
    if found["scheme"] or found["hf"]:
        name = name.partition(":")[0]  # without a scheme, a tag makes it a name of Ollama's
    if len(rest) > 1 and rest[0] in VIEWS:
        revision = "/".join(rest[1:4]) if rest[1] == "refs" else rest[1]
    name = name.removesuffix(".git")
    return HubPage(name, revision or None) if re.fullmatch(HUB_ID, name) else None
