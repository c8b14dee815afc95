"""Replace private data by pseudonyms: the same one for the same person or value on every run, with a map to undo it."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from gradschool.data.private import Private, PrivateKind, find_private
from gradschool.prepare.called import called
from gradschool.prepare.options import Mode
from gradschool.prepare.people import People, word_lists
from gradschool.prepare.placeholders import key_of, made_up, normalized
from gradschool.prepare.review import ValueDecision
from gradschool.prepare.saved_names import SavedNames, SavedValue


@dataclass(frozen=True, slots=True)
class Replaced:
    """A private span of a text, its replacement, its key in review.jsonl, and what was done with it."""

    kind: PrivateKind
    start: int
    end: int
    value: str
    replacement: str
    key: str
    mode: Mode


class Pseudonyms:
    """All pseudonyms of a preparation; `saved` is the map of an earlier run, whose pseudonyms stay the same."""

    def __init__(
        self,
        modes: Mapping[PrivateKind, Mode],
        saved: SavedNames | None = None,
        decisions: Mapping[str, ValueDecision] | None = None,
    ) -> None:
        self.modes = dict(modes)
        self.decisions = dict(decisions or {})
        self.people = People()
        self.values: dict[str, tuple[PrivateKind, str, str]] = {}  # key -> kind, value as first seen, pseudonym
        self.domains: dict[str, str] = {}
        self._counts: Counter[PrivateKind] = Counter()
        self._made: set[str] = set()  # normalized pseudonyms of values
        if saved:
            self._restore(saved)

    def replace(self, text: str, participants: Iterable[tuple[str, str]], language: str) -> tuple[str, list[Replaced]]:
        """A text with its private data replaced, and every private span of the original.

        `participants` are (name, address) of those who take part in the thread. The spans include those that are kept
        and those whose mode is to drop the example.
        """
        private = (span for span in find_private(text, language) if not self._is_pseudonym(span))
        spans = [self._replaced(span, self._value) for span in private]
        taken = [(span.start, span.end) for span in spans]
        for name, pseudonym in self.people.names_in(text, participants, called(text)):
            if not any(name.start < end and start < name.end for start, end in taken):
                spans.append(self._replaced(name, lambda _, pseudonym=pseudonym: pseudonym))  # type: ignore[misc]
        spans.sort(key=lambda span: span.start)
        parts, at = [], 0
        for span in spans:
            parts += [text[at : span.start], span.replacement]
            at = span.end
        return "".join([*parts, text[at:]]), spans

    def _is_pseudonym(self, span: Private) -> bool:
        """Whether a span is one of our pseudonyms: a text that a user edited may have some."""
        if span.kind == "e-mail address":
            local, _, domain = span.value.lower().rpartition("@")
            if normalized(span.kind, span.value) in self._made:
                return True
            return local in self.people.mailboxes and (domain == "example.com" or domain in self.domains.values())
        return normalized(span.kind, span.value) in self._made

    def _replaced(self, span: Private, pseudonym: Callable[[Private], str]) -> Replaced:
        key = key_of(span.kind, span.value)
        decision = self.decisions.get(key)
        mode: Mode = decision.mode if decision else self.modes[span.kind]
        replacement = span.value
        if mode == "pseudonyms":
            replacement = (decision.replacement if decision else "") or pseudonym(span)
        return Replaced(span.kind, span.start, span.end, span.value, replacement, key, mode)

    def _value(self, span: Private) -> str:
        if span.kind == "e-mail address":
            return self._address(span.value.lower())
        key = key_of(span.kind, span.value)
        if key not in self.values:
            self._add_value(key, span.kind, span.value, made_up(span.kind, self._counts[span.kind]))
        return self.values[key][2]

    def _add_value(self, key: str, kind: PrivateKind, value: str, pseudonym: str) -> None:
        self.values[key] = (kind, value, pseudonym)
        self._counts[kind] += 1
        self._made.add(normalized(kind, pseudonym))

    def _address(self, address: str) -> str:
        key = key_of("e-mail address", address)
        if key in self.values:
            return self.values[key][2]
        domain = address.rpartition("@")[2]
        if domain not in word_lists()["providers"] and domain not in self.domains:
            self.domains[domain] = f"firm-{len(self.domains) + 1}.example"
        made = self.domains.get(domain, "example.com")
        if address in self.people.lists:
            pseudonym = f"list-{self._counts['e-mail address'] + 1}@{made}"
            self._add_value(key, "e-mail address", address, pseudonym)
            return pseudonym
        return f"{self.people.at(address).mailbox}@{made}"

    def as_map(self) -> SavedNames:
        """The map that undoes every pseudonym, and keeps them the same on the next run."""
        values = tuple(SavedValue(key, *value) for key, value in self.values.items())
        return replace(self.people.as_map(), domains=dict(self.domains), values=values)

    def _restore(self, saved: SavedNames) -> None:
        self.people.restore(saved)
        self.domains = dict(saved.domains)
        for one in saved.values:
            self._add_value(one.key, one.kind, one.value, one.pseudonym)
