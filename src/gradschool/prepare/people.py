"""The people named in the sources: who they are, the pseudonym of each, and where a text names them."""

import re
import tomllib
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from gradschool.data.private import Private
from gradschool.prepare.caseless import Caseless, has_case
from gradschool.prepare.saved_names import SavedNames, SavedPerson

WORD = re.compile(r"[^\W\d_](?:[\w’'-]*\w)?")
SALUTE_GAP = re.compile(r"[ \t,.!]{1,3}|[,.!]?[^\S\n]*+\n\s*+")  # between a greeting or closing word and a name
INITIAL = 1  # characters of a word that is too short to identify anyone
SPACE = re.compile(r"[\s,]+")
GAP = re.compile(r"[ \t]{1,3}|\.[ \t]{0,2}|\n")  # between the words of one name, and between a title and a name
MAX_NAME_WORDS, MAX_LOWER = 5, 3
AFTER_NAME = re.compile(r"(?<!\s)(?:(?:\s++(?:['\"]\s)?|['\"]\s)(?:via|on behalf of|@|\||[-–—])\s.*$|\s*+\|.*$)|/.*$")
TOKEN, LETTER = re.compile(r"\w+"), re.compile(r"[^\W\d_]")
MIN_DIGITS = 7  # of a number that is a name: a shorter one may be anything


@dataclass(slots=True)
class Person:
    """One person: the names and addresses found in the sources, and the pseudonym used in the examples."""

    number: int
    given: str
    family: str
    names: set[str] = field(default_factory=set)
    whole: set[str] = field(default_factory=set)  # those of the names that texts are searched for as they are
    addresses: set[str] = field(default_factory=set)

    @property
    def pseudonym(self) -> str:
        """The full made-up name."""
        return f"{self.given} {self.family}"

    @property
    def mailbox(self) -> str:
        """The local part of the made-up mail address."""
        return f"{self.given}.{self.family}".lower()


@lru_cache(maxsize=1)
def word_lists() -> dict[str, list[str]]:
    """The lists of pseudonyms.toml: made-up names, titles, particles, mail providers."""
    with (Path(__file__).parent / "pseudonyms.toml").open("rb") as file:
        read: dict[str, list[str]] = tomllib.load(file)
    return read


class People:
    """A register of people, by address, full name and single words of names."""

    def __init__(self) -> None:
        self.entries: list[Person] = []
        self.mailboxes: set[str] = set()  # local parts of made-up addresses
        self.lists: set[str] = set()  # addresses of mailing lists, which are nobody's
        self._own: set[str] = set()  # words of the author's names, which are never replaced
        self._ordinary: set[str] = set()  # words of names that the texts also use in lower case
        self._unsure: set[str] = set()  # single words that are names only in greetings and signatures
        self._caseless = Caseless()
        self._by_address: dict[str, Person] = {}
        self._by_name: dict[str, Person] = {}
        self._by_start: defaultdict[str, list[tuple[str, Person]]] = defaultdict(list)  # whole names by first token
        self._by_word: defaultdict[str, list[tuple[Person, str]]] = defaultdict(list)

    def __bool__(self) -> bool:
        """Whether any name is known."""
        return bool(self._by_word or self._by_start or self._caseless)

    def register(self, people: Iterable[tuple[str, str]]) -> None:
        """Add people by name and address; a known address or full name adds to the same person."""
        for name, address in people:
            self._register(name, address)
            self._unsure -= {word.casefold() for word in name_words(name)}

    def _register(self, name: str, address: str) -> None:
        words = name_words(name)
        if not words and not address:
            return
        person = self._by_address.get(address) if address else None
        if person is None and len(words) > 1:
            person = self._by_name.get(" ".join(words).casefold())
        person = person or self._by_name.get(" ".join(name.split()).casefold())
        if person is None and not address and len(words) == 1 and words[0].casefold() in self._by_word:
            return  # one of those who are already known by this name
        person = person or self._add()
        if address:
            self._set_address(person, address)
        if words:
            self._set_name(person, words)
        if not address:
            self._by_name.setdefault(" ".join(name.split()).casefold(), person)

    def meet(self, speaker: str) -> None:
        """Add a speaker of a chat by the whole name, whatever it looks like: a number, a nick, with emoji or brackets.

        Its words alone would not do: some names have none, and a text may use such a name as it is.
        """
        name = " ".join(speaker.split()).casefold()
        if not name or name in self._by_name:
            return
        words = name_words(speaker)
        person = (self._by_name.get(" ".join(words).casefold()) if len(words) > 1 else None) or self._add()
        if words:
            self._set_name(person, words)
        self._set_whole(person, name)

    def _set_whole(self, person: Person, name: str) -> None:
        """Record a whole name; texts are searched for it unless it is an ordinary word or a short number."""
        person.names.add(name)
        person.whole.add(name)
        self._by_name[name] = person
        tokens = TOKEN.findall(name)
        if len(name) > 1 and any(unicodedata.category(letter) == "Lo" for letter in name):
            self._caseless.add(name, person.pseudonym)  # in a script without capitals, and often without spaces
        elif WORD.fullmatch(name) and not re.search(r"[\d_]", name):
            self._set_name(person, [name])
        elif tokens and (LETTER.search(name) or len("".join(tokens)) >= MIN_DIGITS):
            self._by_start[tokens[0]].append((name, person))

    def register_called(self, names: Iterable[str]) -> None:
        """Add people by names from greetings and signatures, which may turn out to be ordinary words."""
        for name in sorted(names, key=lambda name: -len(name_words(name))):  # "Denise" is one of the full names
            words = [word.casefold() for word in name_words(name)]
            unknown = set(words) - self._by_word.keys()
            alone = {person.number: person for person, _ in self._by_word.get(words[0] if words else "", ())}
            if len(alone) == 1 and (person := alone.popitem()[1]).names == {words[0]}:
                self._set_name(person, name_words(name))  # known by the first name alone until now
            else:
                self._register(name, "")
            self._unsure |= unknown if len(words) == 1 else set()

    def has_address(self, name: str) -> bool:
        """Whether a name is that of somebody with a mail address."""
        known = (person for word in name.split() for person, _ in self._by_word.get(word.casefold(), ()))
        return any(person.addresses for person in known)

    def keep_names(self, names: Iterable[str]) -> None:
        """Never replace these names: the author signs with them."""
        self._own |= {word.casefold() for name in names for word in name_words(name)}

    def note_lowercase(self, text: str) -> None:
        """Record which words of names a text uses in lower case: such a word ("may") is a name only in some places."""
        tokens = list(WORD.finditer(text))
        for at, token in enumerate(tokens):
            word = token[0]
            if word.islower() and word in self._by_word and not _is_saluted(text, tokens, at):
                self._ordinary.add(word)

    def at(self, address: str) -> Person:
        """The person with a mail address, added if unknown."""
        person = self._by_address.get(address)
        if person is None:
            person = self._add()
            self._set_address(person, address)
        return person

    def as_map(self) -> SavedNames:
        """Everyone's names, addresses and pseudonym, and the words that may be ordinary ones."""
        people = (
            SavedPerson(one.pseudonym, *(tuple(sorted(part)) for part in (one.names, one.addresses, one.whole)))
            for one in self.entries
        )
        return SavedNames(tuple(people), {}, (), tuple(sorted(self._unsure)))

    def restore(self, saved: SavedNames) -> None:
        """Add the people of a saved map, with the pseudonyms that they have there, and what is known of their names."""
        self._unsure |= set(saved.unsure)
        for one in saved.people:
            given, _, family = one.pseudonym.partition(" ")
            person = self._append(given, family)
            for address in one.addresses:
                self._set_address(person, address)
            for name in one.names:
                self._set_name(person, name.split())
                if name in one.whole_names:
                    self._set_whole(person, name)

    def _add(self) -> Person:
        lists = word_lists()
        # A pseudonym must not be a name that occurs in the sources.
        given = [name for name in lists["given"] if name.casefold() not in self._by_word] or lists["given"]
        family = [name for name in lists["family"] if name.casefold() not in self._by_word] or lists["family"]
        number = len(self.entries)
        # Consecutive people get names far apart in the list; every pair is used once before one repeats.
        place = number + number // len(given) * 7
        return self._append(given[number % len(given)], family[(place * 37) % len(family)])

    def _append(self, given: str, family: str) -> Person:
        person = Person(len(self.entries), given, family)
        self.entries.append(person)
        self.mailboxes.add(person.mailbox)
        return person

    def _set_address(self, person: Person, address: str) -> None:
        person.addresses.add(address)
        self._by_address[address] = person

    def _set_name(self, person: Person, words: Sequence[str]) -> None:
        name = " ".join(words).casefold()
        if name in person.names:
            return
        person.names.add(name)
        if len(words) > 1:
            self._by_name.setdefault(name, person)
        parts = [word for word in words if word.casefold() not in word_lists()["particles"]]
        self._caseless.add_words(words, person.given, person.family)
        for number, word in enumerate(parts):
            part = "family" if number == len(parts) - 1 and len(parts) > 1 else ("given" if number == 0 else "middle")
            entry = (person, part)
            if len(word) > INITIAL and entry not in self._by_word[word.casefold()]:
                self._by_word[word.casefold()].append(entry)

    def names_in(
        self, text: str, participants: Iterable[tuple[str, str]], called: Iterable[str] = ()
    ) -> Iterator[tuple[Private, str]]:
        """The names in a text, each with its pseudonym; of several people with one name, a participant comes first.

        `participants` are (name, address) of those who take part in the thread; `called` are the names in the greeting
        and the signature of the text.
        """
        if not self:
            return
        taken: list[tuple[int, int]] = []
        for span, pseudonym in sorted(self._whole_names(text), key=lambda pair: (pair[0].start, -pair[0].end)):
            if not taken or span.start >= taken[-1][1]:
                taken.append((span.start, span.end))
                yield span, pseudonym
        pairs = [*participants, *((name, "") for name in called)]
        close = {person.number for pair in pairs if (person := self._known(*pair))}
        here = {word.casefold() for name, address in pairs if not address for word in name.split()}
        tokens = list(WORD.finditer(text))
        at = 0
        while at < len(tokens):
            people, end = self._longest_name(text, tokens, at)
            if any(tokens[at].start() < stop and start < tokens[end - 1].end() for start, stop in taken):
                people, end = [], at + 1
            if not people:
                at += 1
                continue
            person = min(people, key=lambda one: (one.number not in close, one.number))
            present = person.number in close or _base_form(tokens[at][0]).casefold() in here
            if self._is_name(text, tokens, at, end, present):
                start, stop = tokens[at].start(), tokens[end - 1].start() + len(_base_form(tokens[end - 1][0]))
                value = text[start:stop]
                yield Private("name", start, stop, value), self._pseudonym(person, tokens[at:end], value)
            at = end

    def _whole_names(self, text: str) -> Iterator[tuple[Private, str]]:
        """The whole names of speakers in a text, the longest first where several begin."""
        for start, end, pseudonym in self._caseless.find(text):
            yield Private("name", start, end, text[start:end]), pseudonym
        if not self._by_start:
            return
        lowered = text.casefold() if len(text.casefold()) == len(text) else text.lower()
        if len(lowered) != len(text):
            return
        reached = 0
        for token in TOKEN.finditer(lowered):
            for name, person in sorted(self._by_start.get(token[0], ()), key=lambda pair: -len(pair[0])):
                start = token.start() - name.index(token[0])
                end = start + len(name)
                bounded = (
                    not lowered[end : end + 1].isalnum() and not lowered[max(start - 1, 0) : max(start, 0)].isalnum()
                )
                if start >= reached and lowered.startswith(name, start) and bounded:
                    yield Private("name", start, end, text[start:end]), person.pseudonym
                    reached = end
                    break

    def _known(self, name: str, address: str) -> Person | None:
        whole = self._by_name.get(" ".join(name.split()).casefold())
        return self._by_address.get(address) or whole or self._by_name.get(" ".join(name_words(name)).casefold())

    def _people_called(self, token: str, saluted: bool = False) -> list[Person]:
        word = _base_form(token).casefold()
        if (has_case(token) and not token[:1].isupper() and not saluted) or word in self._own:
            return []
        return [person for person, _ in self._by_word.get(word, ())]

    def _longest_name(self, text: str, tokens: Sequence[re.Match[str]], at: int) -> tuple[list[Person], int]:
        """The people that the words from `at` on may name, and the end of the longest run that names one person."""
        people = self._people_called(tokens[at][0], saluted=_is_saluted(text, tokens, at))
        end = at + 1
        reach = end
        while people and reach < len(tokens) and GAP.fullmatch(text[tokens[reach - 1].end() : tokens[reach].start()]):
            word = tokens[reach][0]
            if word.casefold() in word_lists()["particles"] or (len(word) == 1 and word.isupper()):
                reach += 1
                continue
            both = [person for person in self._people_called(word) if person in people]
            if not both:
                break
            people, reach = both, reach + 1
            end = reach
        return people, end

    def _is_name(self, text: str, tokens: Sequence[re.Match[str]], at: int, end: int, close: bool) -> bool:
        """Whether known words are used as a name here, not as ordinary words."""
        token = tokens[at]
        if end - at > 1:
            return True
        lists = word_lists()
        word = _base_form(token[0]).casefold()
        before = tokens[at - 1][0].casefold() if at else ""
        adjacent = at > 0 and GAP.fullmatch(text[tokens[at - 1].end() : token.start()]) is not None
        if adjacent and before in lists["before"] and before in lists["titles"]:
            return True
        if word in self._unsure and word in self._ordinary and word not in lists["names_that_are_words"]:
            return False
        if adjacent and before in lists["before"]:
            return True
        line_start, line_end = text.rfind("\n", 0, token.start()) + 1, text.find("\n", token.end())
        line = text[line_start : line_end if line_end >= 0 else len(text)]
        if WORD.sub("", line, count=1).strip(" ,.!-–—*") == "" and len(text) > len(line):
            return True  # alone on its line: a greeting or a signature
        if word not in self._ordinary:
            return close or not (adjacent and before in lists["articles"])
        previous = text[: token.start()].rstrip()[-1:]
        return close and bool(previous) and previous not in '.!?:…"“„»' and before not in lists["articles"]

    def _pseudonym(self, person: Person, tokens: Sequence[re.Match[str]], value: str) -> str:
        parts = {
            part
            for token in tokens
            for one, part in self._by_word.get(_base_form(token[0]).casefold(), ())
            if one is person
        }
        if "family" in parts and len(parts) > 1 and len(tokens) > 1:
            name = person.pseudonym
        else:
            name = person.family if "family" in parts else person.given
        if value.islower() and has_case(value):
            return name.lower()
        return name.upper() if value.isupper() and len(value) > 2 else name


def _is_saluted(text: str, tokens: Sequence[re.Match[str]], at: int) -> bool:
    """Whether a word in lower case is in the place of a name: "hi anna,", "thanks, anna"."""
    token = tokens[at]
    if not at or not token[0].islower() or text[token.end() : token.end() + 1].strip(" ,.!?:;)-–"):
        return False
    if not SALUTE_GAP.fullmatch(text[tokens[at - 1].end() : token.start()]):
        return False
    after = text[token.end() :].lstrip(" ")[:1]
    salutes = word_lists()["before"] + word_lists()["greetings"] + word_lists()["farewells"]
    return tokens[at - 1][0].casefold() in salutes and (not after or after in ",.!?:;)-–\n")


def _base_form(token: str) -> str:
    """A word without a possessive ending: Anna's, Klaus'."""
    return re.sub(r"[’'](?:s|S)?$", "", token)


def name_words(name: str) -> list[str]:
    """The words of a display name, family name last; empty for companies and roles.

    What follows the name is left out: the list that a mail came by, a place of work.

    >>> name_words("Dr. Keller, Anna (Sales)")
    ['Anna', 'Keller']
    """
    lists = word_lists()
    name = unicodedata.normalize("NFC", re.sub(r"\([^)]{0,200}\)|\[[^\]]{0,200}\]|\".*?\"", " ", name))
    name = AFTER_NAME.sub("", name.strip(" '‘’"))
    if "@" in name or "&" in name.partition(",")[0]:
        return []
    first, comma, rest = name.partition(",")
    family, given = (_untitled(part, lists["titles"]) for part in (first, rest))
    reversed_ = (
        comma and 0 < len(given) <= 2 and [word.casefold() in lists["particles"] for word in family].count(False) == 1
    )
    words = [*given, *family] if reversed_ and not re.search(r"[&,]", rest) else family
    small = [word.islower() and word not in lists["particles"] for word in words]
    if all(small) and 1 < len(words) <= MAX_LOWER:
        words, small = [word.title() for word in words], []  # typed without capitals
    if any(small) or len(words) > MAX_NAME_WORDS or any(word.casefold() in lists["firms"] for word in words):
        return []
    return words


def _untitled(text: str, titles: Sequence[str]) -> list[str]:
    """The words of a part of a name, without titles."""
    words = [word.strip(".,;:'\"") for word in SPACE.split(text)]
    return [word for word in words if WORD.fullmatch(word) and word.casefold() not in titles]
