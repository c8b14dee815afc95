"""Pseudonyms for people and their numbers: the same one for the same person, on every run, and a map to undo them."""

import hashlib
import re
import tomllib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from gradschool.data.private import Private, PrivateKind, find_private
from gradschool.prepare.options import Mode
from gradschool.prepare.review import ValueDecision

WORD = re.compile(r"[^\W\d_](?:[\w’'-]*\w)?")
INITIAL = 1  # letters of a word that is no name by itself
SPACE = re.compile(r"[\s,]+")
GAP = re.compile(r"[ \t]{1,3}|\.[ \t]{0,2}|\n")  # between words of one name, and between a title and a name


@dataclass(slots=True)
class PersonEntry:
    """One person: what stands in the sources, and what stands in the examples instead."""

    number: int
    given: str
    family: str
    names: set[str] = field(default_factory=set)
    addresses: set[str] = field(default_factory=set)

    @property
    def name(self) -> str:
        """The whole pseudonym."""
        return f"{self.given} {self.family}"

    @property
    def local(self) -> str:
        """The part of a made-up mail address before the @."""
        return f"{self.given}.{self.family}".lower()


@dataclass(frozen=True, slots=True)
class Replaced:
    """One private piece of a text, what stands there now, its key in review.jsonl, and what was done with it."""

    kind: PrivateKind
    start: int
    end: int
    value: str
    stands: str
    key: str
    mode: Mode


@lru_cache(maxsize=1)
def _lists() -> dict[str, list[str]]:
    with (Path(__file__).parent / "pseudonyms.toml").open("rb") as file:
        read: dict[str, list[str]] = tomllib.load(file)
    return read


class Pseudonyms:
    """Everyone and everything that was given a pseudonym; begins with the map of an earlier run, if there is one."""

    def __init__(
        self,
        modes: Mapping[PrivateKind, Mode],
        kept: Mapping[str, Any] | None = None,
        decisions: Mapping[str, ValueDecision] | None = None,
    ) -> None:
        self.modes = dict(modes)
        self.decisions = dict(decisions or {})
        self.people: list[PersonEntry] = []
        self.values: dict[str, tuple[PrivateKind, str, str]] = {}  # key -> kind, value as first seen, pseudonym
        self.domains: dict[str, str] = {}
        self.own: set[str] = set()  # words of the author's names, which stay
        self.ordinary: set[str] = set()  # words of names that the texts also use in small letters
        self._by_address: dict[str, PersonEntry] = {}
        self._by_name: dict[str, PersonEntry] = {}
        self._by_word: defaultdict[str, list[tuple[PersonEntry, str]]] = defaultdict(list)
        self._counts: Counter[PrivateKind] = Counter()
        self._made: set[str] = set()  # pseudonyms of values, plain
        self._locals: set[str] = set()  # of made-up mail addresses
        if kept:
            self._remember(kept)

    # --- people

    def learn(self, people: Iterable[tuple[str, str]]) -> None:
        """Make people known by name and address; whoever is known already stays the same person."""
        for name, address in people:
            words = name_words(name)
            folded = " ".join(words).casefold()
            if not words and not address:
                continue
            person = self._by_address.get(address) if address else None
            if person is None and len(words) > 1:
                person = self._by_name.get(folded)
            if person is None:
                if not address and len(words) < 1:
                    continue
                person = self._new_person()
            if address:
                person.addresses.add(address)
                self._by_address[address] = person
            if words:
                self._name(person, words)

    def keep_own(self, names: Iterable[str]) -> None:
        """Names of the author stay: the specialist is to sign with them."""
        self.own |= {word.casefold() for name in names for word in name_words(name)}

    def _new_person(self) -> PersonEntry:
        lists = _lists()
        # Nobody is called what somebody in the sources is called.
        given = [name for name in lists["given"] if name.casefold() not in self._by_word] or lists["given"]
        family = [name for name in lists["family"] if name.casefold() not in self._by_word] or lists["family"]
        number = len(self.people)
        # Neighbours in the list of people get names far apart; all pairs come before one comes twice.
        place = number + number // len(given) * 7
        person = PersonEntry(number, given[number % len(given)], family[(place * 37) % len(family)])
        self.people.append(person)
        self._locals.add(person.local)
        return person

    def _name(self, person: PersonEntry, words: Sequence[str]) -> None:
        folded = " ".join(words).casefold()
        if folded in person.names:
            return
        person.names.add(folded)
        if len(words) > 1:
            self._by_name.setdefault(folded, person)
        parts = [word for word in words if word.casefold() not in _lists()["particles"]]
        for number, word in enumerate(parts):
            part = "family" if number == len(parts) - 1 and len(parts) > 1 else ("given" if number == 0 else "middle")
            entry = (person, part)
            if len(word) > INITIAL and entry not in self._by_word[word.casefold()]:
                self._by_word[word.casefold()].append(entry)

    # --- texts

    @property
    def has_names(self) -> bool:
        """Whether any name is known."""
        return bool(self._by_word)

    def note_ordinary(self, text: str) -> None:
        """Remember which words of names a text uses in small letters: "may" is a word before May is somebody."""
        for word in WORD.findall(text):
            if word.islower() and word in self._by_word:
                self.ordinary.add(word)

    def replace(self, text: str, near: Iterable[tuple[str, str]], language: str) -> tuple[str, list[Replaced]]:
        """The text with what is private replaced, and each piece; `near` are those who take part in its thread.

        Pieces that are kept stand in the list as they are, and so do those for which the whole text is to be dropped.
        """
        found = (piece for piece in find_private(text, language) if not self._is_ours(piece))
        pieces = [self._treated(piece, self._value) for piece in found]
        taken = [(piece.start, piece.end) for piece in pieces]
        for named, stands in self._names(text, near):
            if not any(named.start < end and start < named.end for start, end in taken):
                pieces.append(self._treated(named, lambda _, stands=stands: stands))  # type: ignore[misc]
        pieces.sort(key=lambda piece: piece.start)
        parts, at = [], 0
        for piece in pieces:
            parts += [text[at : piece.start], piece.stands]
            at = piece.end
        return "".join([*parts, text[at:]]), pieces

    def _is_ours(self, piece: Private) -> bool:
        """Whether a piece is a pseudonym already: a text that a person edited holds some."""
        if piece.kind == "e-mail address":
            local, _, domain = piece.value.lower().rpartition("@")
            return local in self._locals and (domain == "example.com" or domain in self.domains.values())
        return plain_value(piece.kind, piece.value) in self._made

    def _treated(self, piece: Private, pseudonym: Callable[[Private], str]) -> Replaced:
        key = key_of(piece.kind, piece.value)
        decision = self.decisions.get(key)
        mode: Mode = decision.mode if decision else self.modes[piece.kind]
        stands = piece.value
        if mode == "pseudonyms":
            stands = (decision.stands if decision else "") or pseudonym(piece)
        return Replaced(piece.kind, piece.start, piece.end, piece.value, stands, key, mode)

    def _value(self, piece: Private) -> str:
        if piece.kind == "e-mail address":
            return self._address(piece.value.lower())
        key = key_of(piece.kind, piece.value)
        if key not in self.values:
            self.values[key] = (piece.kind, piece.value, made_up(piece.kind, self._counts[piece.kind]))
            self._counts[piece.kind] += 1
            self._made.add(plain_value(piece.kind, self.values[key][2]))
        return self.values[key][2]

    def _address(self, address: str) -> str:
        person = self._by_address.get(address)
        if person is None:
            person = self._new_person()
            person.addresses.add(address)
            self._by_address[address] = person
        domain = address.rpartition("@")[2]
        if domain in _lists()["providers"]:
            return f"{person.local}@example.com"
        if domain not in self.domains:
            self.domains[domain] = f"firm-{len(self.domains) + 1}.example"
        return f"{person.local}@{self.domains[domain]}"

    def _names(self, text: str, near: Iterable[tuple[str, str]]) -> Iterator[tuple[Private, str]]:
        """Names in a text with what stands for each: words of known names, in sequence or alone."""
        if not self._by_word:
            return
        close = {person.number for pair in near if (person := self._known(*pair))}
        tokens = list(WORD.finditer(text))
        at = 0
        while at < len(tokens):
            people, end = self._sequence(text, tokens, at)
            if not people:
                at += 1
                continue
            person = min(people, key=lambda one: (one.number not in close, one.number))
            if self._is_meant(text, tokens, at, end, person.number in close):
                start, stop = tokens[at].start(), tokens[end - 1].start() + len(_bare(tokens[end - 1][0]))
                value = text[start:stop]
                yield Private("name", start, stop, value), self._stands(person, tokens[at:end], value)
            at = end

    def _known(self, name: str, address: str) -> PersonEntry | None:
        return self._by_address.get(address) or self._by_name.get(" ".join(name_words(name)).casefold())

    def _people_of(self, token: str) -> list[PersonEntry]:
        bare = _bare(token).casefold()
        if not token[:1].isupper() or bare in self.own:
            return []
        return [person for person, _ in self._by_word.get(bare, ())]

    def _sequence(self, text: str, tokens: Sequence[re.Match[str]], at: int) -> tuple[list[PersonEntry], int]:
        """Who a run of words may name, and where it ends: as long as the words are of one person's name."""
        people = self._people_of(tokens[at][0])
        end = at + 1
        reach = end
        while people and reach < len(tokens) and GAP.fullmatch(text[tokens[reach - 1].end() : tokens[reach].start()]):
            word = tokens[reach][0]
            if word.casefold() in _lists()["particles"] or (len(word) == 1 and word.isupper()):
                reach += 1
                continue
            both = [person for person in self._people_of(word) if person in people]
            if not both:
                break
            people, reach = both, reach + 1
            end = reach
        return people, end

    def _is_meant(self, text: str, tokens: Sequence[re.Match[str]], at: int, end: int, close: bool) -> bool:
        """Whether words of a name are meant as one here."""
        token = tokens[at]
        if end - at > 1:
            return True
        lists = _lists()
        before = tokens[at - 1][0].casefold() if at else ""
        beside = at > 0 and GAP.fullmatch(text[tokens[at - 1].end() : token.start()]) is not None
        if beside and before in lists["before"]:
            return True
        line_start, line_end = text.rfind("\n", 0, token.start()) + 1, text.find("\n", token.end())
        line = text[line_start : line_end if line_end >= 0 else len(text)]
        if WORD.sub("", line, count=1).strip(" ,.!-–—*") == "" and len(text) > len(line):
            return True  # alone on its line: it greets or signs
        ordinary = _bare(token[0]).casefold() in self.ordinary
        if not ordinary:
            return close or not (beside and before in lists["articles"])
        ended = text[: token.start()].rstrip()[-1:]
        return close and bool(ended) and ended not in '.!?:…"“„»' and before not in lists["articles"]

    def _stands(self, person: PersonEntry, tokens: Sequence[re.Match[str]], value: str) -> str:
        parts = {
            part for token in tokens for one, part in self._by_word.get(_bare(token[0]).casefold(), ()) if one is person
        }
        if "family" in parts and len(parts) > 1 and len(tokens) > 1:
            stands = person.name
        else:
            stands = person.family if "family" in parts else person.given
        return stands.upper() if value.isupper() and len(value) > 2 else stands

    # --- the map

    def as_map(self) -> dict[str, Any]:
        """All that is needed to undo every pseudonym, and to give the same ones on the next run."""
        return {
            "people": [
                {"pseudonym": one.name, "names": sorted(one.names), "addresses": sorted(one.addresses)}
                for one in self.people
            ],
            "domains": self.domains,
            "values": [
                {"key": key, "kind": kind, "value": value, "pseudonym": stands}
                for key, (kind, value, stands) in self.values.items()
            ],
        }

    def _remember(self, kept: Mapping[str, Any]) -> None:
        for row in kept["people"]:
            given, _, family = row["pseudonym"].partition(" ")
            person = PersonEntry(len(self.people), given, family, addresses=set(row["addresses"]))
            self.people.append(person)
            self._locals.add(person.local)
            self._by_address |= dict.fromkeys(person.addresses, person)
            for name in row["names"]:
                self._name(person, name.split())
        self.domains = dict(kept["domains"])
        for row in kept["values"]:
            self.values[row["key"]] = (row["kind"], row["value"], row["pseudonym"])
            self._counts[row["kind"]] += 1
            self._made.add(plain_value(row["kind"], row["pseudonym"]))


def key_of(kind: PrivateKind, value: str) -> str:
    """What a private value is called in review.jsonl: the same however it is written."""
    return "private-" + hashlib.sha256(f"{kind}\0{plain_value(kind, value)}".encode()).hexdigest()[:12]


def plain_value(kind: PrivateKind, value: str) -> str:
    """A value without the differences of writing it.

    >>> plain_value("phone number", "(020) 7946-0112")
    '02079460112'
    """
    if kind in ("phone number", "card number"):
        return re.sub(r"[^\d+]", "", value)
    if kind in ("bank account", "national id"):
        return re.sub(r"[\s.-]", "", value).upper()
    return " ".join(value.casefold().split())


def made_up(kind: PrivateKind, number: int) -> str:
    """The pseudonym of the value with that number: from a range reserved for stories, or of a form that nothing has.

    >>> made_up("phone number", 7)
    '+1 201 555 0107'
    """
    if kind == "phone number":
        return f"+1 {201 + number // 100} 555 0{100 + number % 100}"
    if kind == "IP address":
        nets = ("192.0.2", "198.51.100", "203.0.113")
        return f"{nets[number // 254]}.{number % 254 + 1}" if number < 762 else f"2001:db8::{number:x}"
    forms: dict[PrivateKind, str] = {
        "bank account": "XX00 0000 0000 {0:04} {1:04}",
        "card number": "0000 0000 {0:04} {1:04}",
        "national id": "ID-{0:04}{1:04}",
        "key or token": "KEY-{0:04}{1:04}",
    }
    if kind in forms:
        return forms[kind].format((number + 1) // 10_000, (number + 1) % 10_000)
    return f"{number + 1} Example Street"


def _bare(token: str) -> str:
    """A word without what makes it somebody's: Anna's, Klaus'."""
    return re.sub(r"[’'](?:s|S)?$", "", token)


def name_words(name: str) -> list[str]:
    """The words of a person's display name, family name last: "Keller, Anna" is Anna Keller; none of firms and roles.

    >>> name_words("Dr. Keller, Anna (Sales)")
    ['Anna', 'Keller']
    """
    lists = _lists()
    name = re.sub(r"\([^)]*\)|\[[^\]]*\]|\".*?\"", " ", name)
    if "@" in name or "&" in name.partition(",")[0]:
        return []
    first, comma, rest = name.partition(",")
    family, given = (_untitled(part, lists["titles"]) for part in (first, rest))
    turned = (
        comma
        and 0 < len(given) <= 2
        and [word.casefold() in _lists()["particles"] for word in family].count(False) == 1
    )
    words = [*given, *family] if turned and not re.search(r"[&,]", rest) else family
    folded = [word.casefold() for word in words]
    small = any(word.islower() and word not in _lists()["particles"] for word in words)
    if small or len(words) > 5 or any(word in lists["firms"] for word in folded):
        return []
    return words


def _untitled(text: str, titles: Sequence[str]) -> list[str]:
    """The words of a part of a name, without titles."""
    words = [word.strip(".,;:'\"") for word in SPACE.split(text)]
    return [word for word in words if WORD.fullmatch(word) and word.casefold() not in titles]
