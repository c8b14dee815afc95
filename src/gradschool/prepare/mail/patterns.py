"""Patterns for quotes, forwards, signatures and footers in mail, in many languages, read from `patterns.toml`."""

import re
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Patterns:
    """Patterns for lines in all languages; patterns for entire lines need `fullmatch`."""

    wrote: re.Pattern[str]  # "On 3 May 2019, Anna wrote:", possibly joined from several lines
    says: frozenset[str]  # "wrote", "said": words of a line above a quote
    headers: dict[str, str]  # "von" -> "from": names of headers above an older mail, in lower case
    original: re.Pattern[str]  # "-----Original Message-----"
    forwarded: re.Pattern[str]  # "---------- Forwarded message ---------"
    inserted: re.Pattern[str]  # "my answers are in blue below": said above a quote that has them
    closing: re.Pattern[str]  # "Best regards,", with or without a name after it
    app: re.Pattern[str]  # "Sent from my phone"
    notice: re.Pattern[str]  # wording that is unique to disclaimers
    hint: re.Pattern[str]  # wording that is frequent in disclaimers
    list_footer: re.Pattern[str]  # the beginning of a mailing list's footer
    automatic: re.Pattern[str]  # subjects of automatic replies
    calendar: re.Pattern[str]  # subjects of invitations and their answers
    postscript: re.Pattern[str]  # "P.S.": the beginning of an addition below a letter
    reply: re.Pattern[str]  # "Re:", "AW:" before a subject
    forward: re.Pattern[str]  # "Fwd:", "WG:" before a subject
    contact: re.Pattern[str]  # a mail address, a page, a telephone number
    company: re.Pattern[str]  # "Ltd", "GmbH": a line of a signature
    legal: re.Pattern[str]  # legally required company information
    title: re.Pattern[str]  # "Head of …": a job title


@lru_cache(maxsize=1)
def patterns() -> Patterns:
    """The patterns, compiled once."""
    with (Path(__file__).parent / "patterns.toml").open("rb") as file:
        languages = list(tomllib.load(file).values())

    def all_of(key: str) -> list[str]:
        return [pattern for language in languages for pattern in language.get(key, [])]

    def any_of(key: str, around: str = "{}") -> re.Pattern[str]:
        return re.compile(around.format("|".join(f"(?:{pattern})" for pattern in all_of(key))), re.IGNORECASE)

    headers = {
        name.casefold(): header
        for language in languages
        for header, names in language.get("headers", {}).items()
        for name in names
    }
    return Patterns(
        wrote=any_of("wrote"),
        says=frozenset(all_of("says")),
        headers=headers,
        original=any_of("original", r"\W{{2,}}(?:{})\W*"),
        forwarded=any_of("forwarded", r"\W*(?:{})\W*"),
        inserted=any_of("inserted", r"(?<!\w)(?:{})(?!\w)"),
        closing=any_of("closing", r"\W{{0,2}}(?:{})(?!\w)(?P<rest>[\s,.!;–—-]*)(?P<name>.{{0,40}})"),
        app=any_of("app", r"[\W_]*(?:{}).{{0,60}}"),
        notice=any_of("notice"),
        hint=any_of("hint"),
        list_footer=any_of("list_footer"),
        automatic=any_of("automatic", r"\s*(?:{})"),
        calendar=any_of("calendar", r"\s*(?:{})\s?:"),
        postscript=any_of("postscript", r"\W{{0,3}}(?:{})(?:\s?[:.\-–)：]|\s+\w)"),
        reply=any_of("reply", r"\s*(?:{})(?:\[\d+\]|\(\d+\))?\s?:\s*"),
        forward=any_of("forward", r"\s*(?:{})\s?:\s*"),
        contact=any_of("contact"),
        company=any_of("company", r"(?<!\w)(?:{})(?!\w)"),
        legal=any_of("legal"),
        title=any_of("title", r"(?<!\w)(?:{})(?!\w)"),
    )


def plain_subject(subject: str) -> str:
    """A subject without prefixes of replies and forwards."""
    known = patterns()
    while True:
        found = known.reply.match(subject) or known.forward.match(subject)
        if not found or found.end() == 0:
            return subject.strip()
        subject = subject[found.end() :]


def is_forward(subject: str) -> bool:
    """Whether a subject is that of a forward."""
    return bool(patterns().forward.match(subject))


def is_reply(subject: str) -> bool:
    """Whether a subject is that of a reply."""
    return bool(patterns().reply.match(subject))
