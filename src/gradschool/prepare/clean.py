"""What is wrong with items one by one and among each other, found in passes over a spool: damage, copies, oddities."""

import hashlib
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from gradschool.data.cutoff import Usual
from gradschool.data.fold import fold
from gradschool.data.language import language_of
from gradschool.data.lengths import unusual
from gradschool.data.mojibake import mend
from gradschool.data.near import near_texts
from gradschool.prepare.item import Change, Item, Spool
from gradschool.prepare.pseudonyms import Pseudonyms
from gradschool.prepare.review import Decisions, decided
from gradschool.prepare.signature import is_entry
from gradschool.prepare.wanted import Wanted
from gradschool.records import Message, Progress, Work

NEAR = 0.9  # likeness of question and answer together from which the later example teaches nothing
RARE_LANGUAGE = 0.05  # share of all texts below which a language is not the author's, unless it is named
REPEATED_SHARE, REPEATED_LEAST = 0.1, 5  # answers that end with, or hold, the same paragraph: from both it is wording
LEAST_WORDS = 6  # of a paragraph that counts as repeated
MOST_PARAGRAPHS = 3_000_000  # different ones that are counted; then those seen once are forgotten
MOST_REPEATED = 20  # paragraphs that are told
SHOWN = 120
EVERY = 20_000


class Intake:
    """Takes items from readers: does what a person decided, mends characters, tells languages, learns names."""

    def __init__(self, spool: Spool, decisions: Decisions, pseudonyms: Pseudonyms) -> None:
        self.spool, self.decisions, self.pseudonyms = spool, decisions, pseudonyms

    def add(self, item: Item) -> None:
        """Put an item into the spool."""
        decision = self.decisions.items.get(item.id)
        item = decided(item, decision)
        if decision is None or decision.word == "drop":
            mended = tuple(Message(message.role, mend(message.content)) for message in item.messages)
            item = item.changed("encoding", "letters that an earlier program damaged are put right", mended)
        if not item.language:
            item = replace(item, language=language_of(item.ideal) or language_of(item.asked))
        self.pseudonyms.learn(item.people)
        self.spool.add(item)


@dataclass(frozen=True, slots=True)
class Repeated:
    """A paragraph that many answers share: its key in review.jsonl, its text, and in how many it stands."""

    key: str
    text: str
    times: int


@dataclass(slots=True)
class Findings:
    """What a survey found, by the number of an item; and what is true of all together."""

    drops: dict[int, Change] = field(default_factory=dict)
    notices: defaultdict[int, list[Change]] = field(default_factory=lambda: defaultdict(list))
    cuts: dict[str, str] = field(default_factory=dict)  # key of a paragraph that is cut everywhere -> the reason's kind
    repeated: list[Repeated] = field(default_factory=list)  # paragraphs that many answers share
    languages: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] | None = None  # how often each answer occurs, where they are classes

    def applied(self, number: int, item: Item) -> Item:
        """The item with what was found about it."""
        if change := self.drops.get(number):
            item = item.dropped(change.kind, change.text)
        if self.cuts and not item.drop:
            item = _without(item, self.cuts)
        return replace(item, changes=(*item.changes, *self.notices.get(number, ())))


def survey(spool: Spool, wanted: Wanted, decisions: Decisions, pseudonyms: Pseudonyms) -> Work[Findings]:
    """Look at all items together; those about which a person decided are never dropped."""
    found = Findings()
    usual, paragraphs, tails = Usual(), _Repeats(), _Repeats()
    words: array[int] = array("l")
    copies = _Copies()
    short = True
    labels: Counter[str] = Counter()
    for number, item in enumerate(spool):
        if number % EVERY == 0:
            yield Progress("looking at examples", number, len(spool))
        for message in item.messages:
            pseudonyms.note_ordinary(message.content)
        if item.drop:
            words.append(0)
            continue
        words.append(len(item.ideal.split()))
        found.languages[item.language] += 1
        usual.add(item.ideal)
        copies.add(number, item, protected=item.id in decisions.items)
        short = short and words[-1] <= 6 and len(labels) <= 5_000
        if short:
            labels[item.ideal.strip()] += 1
        blocks = [block for block in item.ideal.split("\n\n") if block.strip()]
        for block in dict.fromkeys(blocks):
            if len(block.split()) >= LEAST_WORDS:
                paragraphs.add(block)
        if len(blocks) > 1:
            tails.add(blocks[-1])
    examples = sum(count > 0 for count in words) or 1
    found.repeated = paragraphs.frequent(examples)[:MOST_REPEATED]
    found.cuts = {key: "repeated wording" for key, row in decisions.wordings.items() if row["decision"] == "drop"}
    if wanted.purpose == "style":
        # What nearly every mail ends with is a signature where it tells how to reach somebody; a greeting is style.
        ends = [one for one in tails.frequent(examples) if any(map(is_entry, one.text.splitlines()))]
        found.cuts |= {one.key: "signature" for one in ends}
    found.labels = labels if short and len(labels) * 3 <= examples else None
    found.drops |= copies.duplicates
    for number, change in copies.contradictions.items():
        found.notices[number].append(change)
    yield from _one_by_one(spool, wanted, decisions, found, usual, words)
    yield from _near(spool, decisions, found)
    return found


def _one_by_one(
    spool: Spool, wanted: Wanted, decisions: Decisions, found: Findings, usual: Usual, words: Sequence[int]
) -> Work[None]:
    """What a single item is, beside what is usual: its language, its length, its end."""
    known = set(wanted.languages) or usual_languages(found.languages)
    low, high = unusual([count for count in words if count])
    labelled = found.labels is not None
    for number, item in enumerate(spool):
        if number % EVERY == 0:
            yield Progress("comparing examples", number, len(spool))
        if item.drop or number in found.drops:
            continue
        decided_about = item.id in decisions.items
        if item.language and known and item.language not in known and not decided_about:
            text = f"it is in {item.language!r}; the others are in {', '.join(sorted(known))}"
            found.drops[number] = Change("wrong language", text)
            continue
        if not labelled and not low <= words[number] <= high:
            text = f"{words[number]} words; usual are {low:.0f} to {high:.0f}"
            found.notices[number].append(Change("unusual length", text))
        if why := usual.cut_off(item.ideal):
            found.notices[number].append(Change("looks cut off", f"the answer {why}"))


def usual_languages(counts: Counter[str]) -> set[str]:
    """The languages that make a twentieth of the texts whose language is known, or more."""
    known = Counter({language: count for language, count in counts.items() if language})
    total = sum(known.values())
    return {language for language, count in known.items() if count >= RARE_LANGUAGE * total}


def _near(spool: Spool, decisions: Decisions, found: Findings) -> Work[None]:
    """Of examples whose last question and answer are nearly the same, all but the first are left out."""
    yield Progress("searching near-duplicates", 0, len(spool))
    alive = array("l", (n for n, item in enumerate(spool) if not item.drop and n not in found.drops))
    living = set(alive)

    def text_of(item: Item) -> str:
        asked = next((m.content for m in reversed(item.messages[:-1]) if m.role == "user"), "")
        return f"{asked}\n{item.ideal}"

    def texts() -> Iterator[str]:
        return (text_of(item) for number, item in enumerate(spool) if number in living)

    for cluster in near_texts(texts, lambda place: text_of(spool.get(alive[place])), NEAR):
        first = spool.get(alive[cluster[0]])
        for place in cluster[1:]:
            item = spool.get(alive[place])
            if item.id not in decisions.items:
                text = f"nearly the same as {first.source} ({first.id})"
                found.drops[alive[place]] = Change("near-duplicate", text)
    yield Progress("searching near-duplicates", len(spool), len(spool))


class _Copies:
    """Exact copies and contradictions, by hashes of folded texts: 100 bytes or so for each item."""

    def __init__(self) -> None:
        self.duplicates: dict[int, Change] = {}
        self.contradictions: dict[int, Change] = {}
        self._whole: dict[bytes, str] = {}
        self._asked: dict[bytes, str] = {}

    def add(self, number: int, item: Item, protected: bool) -> None:
        asked = _digest("\n".join(f"{m.role}: {fold(m.content)}" for m in item.messages[:-1]))
        whole = _digest(asked.hex() + fold(item.ideal))
        place = f"{item.source} ({item.id})"
        if other := self._whole.get(whole):
            if not protected:
                self.duplicates[number] = Change("duplicate", f"the same question and answer as {other}")
            return
        self._whole[whole] = place
        if other := self._asked.get(asked):
            self.contradictions[number] = Change("contradicting", f"the same question as {other}, with another answer")
        else:
            self._asked[asked] = place


class _Repeats:
    """Counts paragraphs by hash; of too many different ones, those seen once are forgotten."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._texts: dict[str, str] = {}

    def add(self, text: str) -> None:
        key = wording_key(text)
        self._counts[key] += 1
        if self._counts[key] == REPEATED_LEAST - 1:
            self._texts[key] = text
        if len(self._counts) > MOST_PARAGRAPHS:
            self._counts = Counter({one: count for one, count in self._counts.items() if count > 1})

    def frequent(self, total: int) -> list[Repeated]:
        """Paragraphs that so many share that they are wording, the most frequent first."""
        least = max(REPEATED_LEAST, REPEATED_SHARE * total)
        known = [(key, count) for key, count in self._counts.most_common() if count >= least and key in self._texts]
        return [Repeated(key, self._texts[key], count) for key, count in known]


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def wording_key(text: str) -> str:
    """What a paragraph is called in review.jsonl."""
    folded = fold(text).encode("utf-8", "surrogatepass")
    return "wording-" + hashlib.blake2b(folded, digest_size=6).hexdigest()


def _without(item: Item, cuts: Mapping[str, str]) -> Item:
    """The item without the paragraphs of its answer that are cut everywhere; never without all of them."""
    blocks = item.ideal.split("\n\n")
    for block in blocks[::-1]:
        kind = cuts.get(wording_key(block))
        left = [one for one in blocks if one is not block]
        if kind and any(one.strip() for one in left):
            blocks = left
            answer = replace(item.messages[-1], content="\n\n".join(blocks).strip())
            item = item.changed(kind, block, (*item.messages[:-1], answer))
    return item
