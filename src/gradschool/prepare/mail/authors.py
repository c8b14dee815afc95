"""Detect the author of a mailbox: all addresses of its owner, given or found."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gradschool.errors import DataError
from gradschool.prepare.mail.headers import Head

MIN_FRACTION = 0.5  # of all mails, in which the owner takes part
MAX_RIVAL = 0.8  # mails of the second most frequent person, relative to the owner
SHOWN = 5


@dataclass(frozen=True, slots=True)
class Author:
    """The addresses of one person, and their display names, the most frequent first."""

    addresses: frozenset[str]
    names: tuple[str, ...]

    @property
    def name(self) -> str:
        """The most frequent name; an address if there is none."""
        return self.names[0] if self.names else min(self.addresses, default="")


def author_of(heads: Sequence[Head], given: Iterable[str]) -> Author:
    """The author of a mailbox: the given addresses, or the sender who takes part in most of its mails.

    Other addresses with the same full name belong to the author too. Raises DataError if the author is ambiguous, or
    if no mail was sent from a given address.
    """
    addresses = {address.strip().lower() for address in given}
    sent: Counter[str] = Counter(head.sender[1] for head in heads if head.sender[1])
    if addresses:
        unknown = sorted(addresses - sent.keys())
        if unknown:
            raise DataError(
                f"No mail was sent from {', '.join(unknown)}.",
                f"Most mails are from {_listed(sent)}.",
                "correct --author, or omit it: the author is then detected.",
            )
        return _with_names(addresses, heads)
    if not sent:
        raise DataError("The mails have no senders.", "None has a From header.", "give --author, or other mails.")
    part: Counter[str] = Counter()
    for head in heads:
        part.update({head.sender[1], *(address for _, address in head.recipients)} & sent.keys())
    owner = max(part, key=lambda address: (part[address], sent[address], address))
    author = _with_names({owner}, heads)
    rivals = Counter({address: count for address, count in part.items() if address not in author.addresses})
    best = rivals.most_common(1)[0][1] if rivals else 0
    own = sum(bool(author.addresses & {h.sender[1], *(a for _, a in h.recipients)}) for h in heads)
    if own < MIN_FRACTION * len(heads) or best > MAX_RIVAL * own:
        raise DataError(
            "The owner of this mailbox cannot be detected.",
            f"The most frequent participants are {_listed(part)}.",
            "give the author's addresses with --author; repeat it for several addresses.",
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
