"""Find private data in text: addresses, phone numbers, numbers with valid checksums, keys and tokens."""

import ipaddress
import math
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, cast

import phonenumbers
from stdnum import iban, luhn

PrivateKind = Literal[
    "key or token",
    "e-mail address",
    "bank account",
    "card number",
    "national id",
    "IP address",
    "phone number",
    "postal address",
    "name",
]
MAYBE = re.compile(r"[@\d]|BEGIN|eyJ|[A-Z]{6}")  # a fast check: a text without any of these has no private data
EMAIL = re.compile(r"(?<![\w.+%-])(?!git@)\w[\w.+%-]{0,63}@(?:[^\W_](?:[\w-]{0,62})\.)+[^\W\d_]{2,24}(?![\w@])")
LOGIN = re.compile(r"(?<=://)[^\s/:@]{1,64}:(?P<value>[^\s/@]{3,100})(?=@)")
IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]){11,30}\b")
CARD = re.compile(r"(?<![\w.-])(?:\d[ -]?){12,18}\d(?![\w-])")
IPV4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w]|\.\d)")
IPV6 = re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{1,4}:){2,7}(?::?[0-9A-Fa-f]{1,4}){1,6}(?![\w:])")
VERSION = re.compile(r"(?i)(?:\bv|version\W{0,5}|release\W{0,3}|==|>=|\bv\d* )\s*$")
PHONE = re.compile(r"(?<![\w.,/:+-])(?:\+|\(\+)?\(?\d(?:[ ()./\u00a0-]{0,3}\d){6,14}(?![\w]|[-./]\d)")
NO_PHONE = re.compile(  # dates, times, years, decimals, single digits
    r"(?:\d{1,2}[./-]\d{1,2}[./-](?:\d{4}|\d{2})|\d{4}[./-]\d{1,2}[./-]\d{1,2})(?:[ T,]+\d{1,2}(?:[:.]?\d{2})?)?"
    r"|(?:19|20)\d\d\s?[-–/ ]\s?(?:19|20)\d\d|\d+\.\d+|(?:\d |[1-9]\d? \d{1,2} |000).*"
)
ID_LIKE = re.compile(r"(?:\d[ .+-]?){6}|\d{6}[-+A]|[A-Z]{5}\d{2}|[XYZ]-?\d{7}|[A-Z]{2} ?\d{2} ?\d{2} ?\d{2}")
HOUSE = re.compile(r"(?<![\d.,:/+-])\d{1,5}[a-zA-Z]?(?![\w:%/]|[.,]\d)")
BEFORE, AFTER = 45, 70  # characters around a house number that are searched for street and town
POSTCODE = re.compile(r"\b(?:[A-Z][\w'’-]{1,60},?\s)?[A-Z]{1,2}\d[A-Z\d]?\s\d[A-Z]{2}\b")
MIN_ENTROPY = 2.5  # bits per character of a random value


@dataclass(frozen=True, slots=True)
class Private:
    """A private span of a text: `text[start:end] == value`."""

    kind: PrivateKind
    start: int
    end: int
    value: str


@dataclass(frozen=True, slots=True)
class IdForm:
    """A national id: its pattern, the module that checks it, and words that must precede it."""

    shape: re.Pattern[str]
    module: str
    before: re.Pattern[str] | None


@dataclass(frozen=True, slots=True)
class Shapes:
    """The patterns of private.toml, compiled."""

    regions: dict[str, tuple[str, ...]]
    key_marks: tuple[str, ...]
    keys: re.Pattern[str]
    key_words: tuple[str, ...]
    assigned: re.Pattern[str]
    cards: re.Pattern[str]
    phone_words: re.Pattern[str]
    phone_maybe: re.Pattern[str]
    phone_other: re.Pattern[str]
    street_words: tuple[str, ...]
    address: re.Pattern[str]
    ids: tuple[IdForm, ...]


@lru_cache(maxsize=1)
def shapes() -> Shapes:
    """All patterns, compiled once."""
    with (Path(__file__).parent / "private.toml").open("rb") as file:
        read: dict[str, Any] = tomllib.load(file)
    keys, phones, streets = read["keys"], read["phones"], read["streets"]
    town = rf"(?:[,;]?\s*(?:[-–·|]\s*)?(?:\n\s*)?{_any(streets['towns'])})?"
    return Shapes(
        regions={language: tuple(regions) for language, regions in read["regions"].items()},
        key_marks=tuple(keys["marks"]),
        keys=re.compile(_any(keys["shapes"]), re.DOTALL),
        key_words=tuple(keys["words"]),
        assigned=re.compile(
            rf"(?i)\b{_any(keys['names'])}\b(?:\s++(?:is|ist|est|es|è))?\s*+(?:[:=]\s*+)?[\"'`]?"
            r"(?P<value>[\w!$%&*+/=#-][^\s\"'`,;<>]{7,199})"
        ),
        cards=re.compile(_any(read["cards"]["begins"])),
        phone_words=re.compile(rf"(?i)\b{_any(phones['words'])}\b[^\d\n]{{0,25}}$"),
        phone_maybe=re.compile(rf"(?i)\b{_any(phones['maybe'])}\b[^\d\n]{{0,15}}$"),
        phone_other=re.compile(rf"(?i)\b{_any(phones['other'])}\b[^\n]{{0,20}}$"),
        street_words=tuple(streets["words"]),
        address=re.compile(_any(streets["shapes"]) + town),
        ids=tuple(map(_id_form, read["ids"])),
    )


def _any(patterns: Iterable[str]) -> str:
    return "(?:" + "|".join(f"(?:{pattern})" for pattern in patterns) + ")"


def _id_form(form: dict[str, str]) -> IdForm:
    before = form.get("before")
    words = re.compile(rf"(?i)\b(?:{before})\b[^\n]{{0,40}}$") if before else None
    return IdForm(re.compile(form["shape"]), form.get("module", ""), words)


def find_private(text: str, language: str = "en") -> list[Private]:
    """All private spans of a text in order, without overlaps; names are found by `prepare/people.py`.

    Cards, bank accounts and national ids need a valid checksum. Phone numbers need a country code, or must be valid in
    a country where the language of the text is spoken.
    """
    if not MAYBE.search(text):
        return []
    found: list[Private] = []
    for finder in (_keys, _emails, _accounts, _cards, _ids, _ips, lambda t: _phones(t, language), _addresses):
        for one in finder(text):
            if not any(one.start < other.end and other.start < one.end for other in found):
                found.append(one)
    return sorted(found, key=lambda one: one.start)


def _private(kind: PrivateKind, match: re.Match[str], group: str | int = 0) -> Private:
    return Private(kind, match.start(group), match.end(group), match[group])


def _keys(text: str) -> Iterator[Private]:
    known = shapes()
    if any(mark in text for mark in known.key_marks):
        yield from (_private("key or token", match) for match in known.keys.finditer(text))
    if "://" in text:
        yield from (_private("key or token", match, "value") for match in LOGIN.finditer(text))
    folded = text.casefold()
    if any(word in folded for word in known.key_words):
        for match in known.assigned.finditer(text):
            if _looks_random(match["value"]):
                yield _private("key or token", match, "value")


def _looks_random(value: str) -> bool:
    """Whether a value looks random: several kinds of characters, with high entropy."""
    kinds = sum(any(test(character) for character in value) for test in (str.islower, str.isupper, str.isdigit))
    digits = sum(map(str.isdigit, value))
    if kinds < 2 or not digits or (kinds == 2 and digits < 2) or "://" in value:
        return False
    counts = Counter(value)
    return -sum(n / len(value) * math.log2(n / len(value)) for n in counts.values()) >= MIN_ENTROPY


def _emails(text: str) -> Iterator[Private]:
    if "@" in text:
        yield from (_private("e-mail address", match) for match in EMAIL.finditer(text))


def _accounts(text: str) -> Iterator[Private]:
    for match in IBAN.finditer(text):
        # The pattern may include the next word in capitals; the longest prefix with a valid checksum is the number.
        for end in range(len(match[0]), 14, -1):
            value = match[0][:end].rstrip(" -")
            if len(value) == end and iban.is_valid(value):
                yield Private("bank account", match.start(), match.start() + end, value)
                break


def _cards(text: str) -> Iterator[Private]:
    for match in CARD.finditer(text):
        digits = re.sub(r"\D", "", match[0])
        if shapes().phone_other.search(text[max(0, match.start() - 45) : match.start()]):
            continue
        if shapes().cards.fullmatch(digits) and luhn.is_valid(digits) and len(set(digits)) > 1:
            yield _private("card number", match)


@lru_cache(maxsize=64)
def _check(module: str) -> Callable[[str], bool]:
    if not module:
        return bool
    return cast(Callable[[str], bool], import_module(f"stdnum.{module}").is_valid)


def _ids(text: str) -> Iterator[Private]:
    if not ID_LIKE.search(text):
        return
    for form in shapes().ids:
        for match in form.shape.finditer(text):
            before = text[max(0, match.start() - 60) : match.start()]
            if before[-1:] in (".", ",", "-") and before[-2:-1].isdigit():
                continue  # the end of a longer number
            if (form.before is None or form.before.search(before)) and _check(form.module)(match[0]):
                yield _private("national id", match)


def _ips(text: str) -> Iterator[Private]:
    for match in (*IPV4.finditer(text), *IPV6.finditer(text)):
        try:
            address = ipaddress.ip_address(match[0])
        except ValueError:
            continue
        reserved = address.is_loopback or address.is_unspecified or address.is_multicast or address.is_link_local
        if not reserved and not VERSION.search(text[max(0, match.start() - 12) : match.start()]):
            yield _private("IP address", match)


def _phones(text: str, language: str) -> Iterator[Private]:
    known = shapes()
    regions = known.regions.get(language, known.regions["en"])
    for match in PHONE.finditer(text):
        value = match[0].rstrip(" ()./-")
        digits = re.sub(r"\D", "", value)
        before = text[max(0, match.start() - 45) : match.start()]
        labelled = bool(known.phone_words.search(before))
        if not 7 <= len(digits) <= 15 or NO_PHONE.fullmatch(value) or len(set(digits)) < 3:
            continue
        if not labelled and known.phone_other.search(before):
            continue
        labelled = labelled or bool(known.phone_maybe.search(before))
        international = value.lstrip("(").startswith("+") or (value.startswith("00") and len(digits) >= 11)
        grouped = not value.isdigit()
        national = labelled or (grouped and value.lstrip("(").startswith("0"))
        if (
            international
            or (national and _parses(value, regions, phonenumbers.is_possible_number))
            or (grouped and _parses(value, regions, phonenumbers.is_valid_number))
        ):
            yield Private("phone number", match.start(), match.start() + len(value), value)


def _parses(value: str, regions: Sequence[str], test: Callable[[phonenumbers.PhoneNumber], bool]) -> bool:
    for region in regions:
        try:
            if test(phonenumbers.parse(value, region)):
                return True
        except phonenumbers.NumberParseException:
            continue
    return False


def _addresses(text: str) -> Iterator[Private]:
    for start, end in _around_houses(text):
        for match in shapes().address.finditer(text, start, end):
            yield _private("postal address", match)
    yield from (_private("postal address", match) for match in POSTCODE.finditer(text))


def _around_houses(text: str) -> Iterator[tuple[int, int]]:
    """Spans of a text with a house number and a word of street names."""
    words = shapes().street_words
    start = end = -1
    for number in HOUSE.finditer(text):
        first, last = max(0, number.start() - BEFORE), min(len(text), number.end() + AFTER)
        folded = text[first:last].casefold()
        if not any(word in folded for word in words):
            continue
        if first > end:
            if end >= 0:
                yield start, end
            start = first
        end = last
    if end >= 0:
        yield start, end
