"""Whose mailbox it is: the addresses whose words are the author's own, given or found out."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gradschool.errors import DataError
from gradschool.prepare.mail.headers import Head

MIN_SHARE = 0.5  # of all mails, in which an owner takes part
CLOSE = 0.8  # how near the next may come to the first before it has to be asked
SHOWN = 5


@dataclass(frozen=True, slots=True)
class Author:
    """The addresses of one person, and the names that stand with them, the most frequent first."""

    addresses: frozenset[str]
    names: tuple[str, ...]

    @property
    def name(self) -> str:
        """What the author is called most often; an address where no name is known."""
        return self.names[0] if self.names else min(self.addresses, default="")


def author_of(heads: Sequence[Head], given: Iterable[str]) -> Author:
    """The author of a mailbox: the addresses given, or whoever takes part in most of its mails and sent some.

    Other addresses that stand with the same full name are the author's too. Raises DataError where it cannot be told,
    or where nobody wrote from a given address.
    """
    addresses = {address.strip().lower() for address in given}
    sent: Counter[str] = Counter(head.sender[1] for head in heads if head.sender[1])
    if addresses:
        unknown = sorted(addresses - sent.keys())
        if unknown:
            raise DataError(
                f"Nobody wrote from {', '.join(unknown)}.",
                f"Most mails are from {_listed(sent)}.",
                "correct --author, or leave it out: it is found out.",
            )
        return _with_names(addresses, heads)
    if not sent:
        raise DataError(
            "The mails do not say who sent them.", "None has a From line.", "give --author, or other mails."
        )
    part: Counter[str] = Counter()
    for head in heads:
        part.update({head.sender[1], *(address for _, address in head.recipients)} & sent.keys())
    owner = max(part, key=lambda address: (part[address], sent[address], address))
    author = _with_names({owner}, heads)
    rivals = Counter({address: count for address, count in part.items() if address not in author.addresses})
    best = rivals.most_common(1)[0][1] if rivals else 0
    own = sum(bool(author.addresses & {h.sender[1], *(a for _, a in h.recipients)}) for h in heads)
    if own < MIN_SHARE * len(heads) or best > CLOSE * own:
        raise DataError(
            "It cannot be told whose mailbox this is.",
            f"Those who take part in most mails: {_listed(part)}.",
            "name the author's addresses with --author (as often as there are addresses).",
        )
    return author


def _with_names(addresses: set[str], heads: Sequence[Head]) -> Author:
    names: Counter[str] = Counter(head.sender[0] for head in heads if head.sender[1] in addresses and head.sender[0])
    full = {name.casefold() for name in names if len(name.split()) >= 2}
    by_name: defaultdict[str, set[str]] = defaultdict(set)
    for head in heads:
        by_name[head.sender[0].casefold()].add(head.sender[1])
    for name in full:
        addresses |= by_name[name] - {""}
    return Author(frozenset(addresses), tuple(name for name, _ in names.most_common()))


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{address} ({count})" for address, count in counts.most_common(SHOWN))
