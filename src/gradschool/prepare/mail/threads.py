"""Group mails into threads, by references or by subject and participants."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from gradschool.data.components import components
from gradschool.prepare.mail.headers import Head
from gradschool.prepare.mail.patterns import is_reply, plain_subject

MAX_GAP = 60 * 86_400  # seconds within which a reply without a reference belongs to a thread of its subject


def threads(heads: Sequence[Head]) -> list[int]:
    """For each mail, the position of the first mail of its thread.

    Mails are linked by Message-ID, References and In-Reply-To (RFC 5322) and by Gmail's thread ids; a reply without any
    of these by its subject and a common participant, within 60 days.
    """
    links: list[tuple[int, int]] = []
    first: dict[str, int] = {}
    for number, head in enumerate(heads):
        for key in (head.id, *head.answers, *([f"thread {head.thread}"] if head.thread else [])):
            if key:
                links.append((first.setdefault(key, number), number))
    links += _by_subject(heads)
    roots: list[int] = components(len(heads), links).tolist()
    return roots


def _by_subject(heads: Sequence[Head]) -> Iterator[tuple[int, int]]:
    """Pairs of a reply without a reference and the latest mail of its subject and people."""
    known: defaultdict[str, list[int]] = defaultdict(list)
    order = sorted(range(len(heads)), key=lambda number: (heads[number].date or 0, number))
    for number in order:
        head = heads[number]
        subject = plain_subject(head.subject).casefold()
        if not subject or head.date is None:
            continue
        if is_reply(head.subject) and not head.answers:
            for other in reversed(known[subject]):
                moment = heads[other].date
                if moment is None or head.date - moment > MAX_GAP:
                    break
                if _people(head) & _people(heads[other]) - {""}:
                    yield other, number
                    break
        known[subject].append(number)


def _people(head: Head) -> set[str]:
    return {head.sender[1], *(address for _, address in head.recipients), *head.lists}


def answered(heads: Sequence[Head], number: int, by_id: dict[str, int], members: Sequence[int]) -> int | None:
    """The mail that a mail answers: the one it references, or the last one before it in its thread.

    An older mail of the thread is never taken for a missing one: it asks something else.
    """
    head = heads[number]
    if head.answers:
        parent = by_id.get(head.answers[-1])
        return parent if parent != number else None
    if not is_reply(head.subject) or head.date is None:
        return None
    older = [other for other in members if other != number and (heads[other].date or 0) < head.date]
    return max(older, key=lambda other: heads[other].date or 0, default=None)
