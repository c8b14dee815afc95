"""Analyze all drafts together: find duplicates, near-duplicates, common wording, rare languages and unusual answers."""

import hashlib
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from gradschool.data.cutoff import EndingStats
from gradschool.data.lengths import usual_range
from gradschool.data.near_duplicates import NearIndex, Sample
from gradschool.data.normalize import normalize, normalized_messages
from gradschool.data.shingles import Hashes
from gradschool.prepare.draft import Change, Draft, Spool
from gradschool.prepare.instructions import TITLED, FromTitles
from gradschool.prepare.mail.signature import is_entry
from gradschool.prepare.options import PrepareOptions
from gradschool.prepare.people import People
from gradschool.prepare.review import Decisions
from gradschool.records import Conversation, Note, Progress, Work

NEAR = 0.9  # Jaccard similarity of question and answer from which the later example is dropped
RARE_LANGUAGE = 0.05  # fraction of texts below which a language is dropped, unless it is named
REPEATED_FRACTION, REPEATED_MIN = 0.1, 5  # a paragraph in at least both is common wording
MIN_GROUPS, RUNS = 5, 20  # with fewer groups, long texts are divided into about so many runs of passages
ONE_TEXT = (
    f"There are fewer than {MIN_GROUPS} texts, so that each run of passages is a group of its own: the test set has "
    "passages of texts that are also trained on. Add texts, for a test on texts that are new."
)
BAD = "marked as bad"  # the kind of a drop: by a label, a weight or a rating in the data
MIN_WORDS = 6  # of a paragraph that is counted
MAX_PARAGRAPHS = 3_000_000  # distinct; above, those seen once are discarded
MAX_REPEATED = 20  # paragraphs in the report
MAX_LABEL_WORDS, MAX_LABELS = 6, 5_000  # of answers that are class labels
PROGRESS_STEP = 20_000  # drafts between two progress events


@dataclass(frozen=True, slots=True)
class Repeated:
    """A paragraph that many answers share: its key in review.jsonl, its text, and the number of answers."""

    key: str
    text: str
    times: int


@dataclass(slots=True)
class Analysis:
    """The result of the analysis: by position of a draft, and of all drafts together."""

    drops: dict[int, Change] = field(default_factory=dict)
    notices: dict[int, Change] = field(default_factory=dict)
    cuts: dict[str, str] = field(default_factory=dict)  # key of a paragraph to remove -> kind of the change
    repeated: list[Repeated] = field(default_factory=list)  # paragraphs that many answers share
    languages: Counter[str] = field(default_factory=Counter)
    kept_languages: frozenset[str] = frozenset()
    labels: Counter[str] | None = None  # count of each answer, if they are class labels
    usual: EndingStats = field(default_factory=EndingStats)
    lengths: tuple[float, float] = (0.0, float("inf"))  # words that an answer usually has, least and most
    titles: FromTitles = field(default_factory=FromTitles)
    groups: dict[int, str] = field(default_factory=dict)  # of passages, if too few texts could be split
    bad: set[bytes] = field(default_factory=set)  # keys of the questions that an answer marked as bad answers

    def note_bad(self, draft: Draft) -> None:
        """Note the question of a draft that is left out because its answer is marked as bad."""
        if draft.drop and draft.drop.kind == BAD and len(draft.messages) > 1:
            self.bad.add(question_key(draft.messages))

    def applied(self, number: int, draft: Draft, decided_about: bool) -> Draft:
        """The draft with all findings applied; a draft with a decision is never dropped."""
        if change := self.drops.get(number):
            draft = draft.dropped(change.kind, change.text)
        wrong = draft.language and self.kept_languages and draft.language not in self.kept_languages
        if wrong and not decided_about:
            others = ", ".join(sorted(self.kept_languages))
            draft = draft.dropped("wrong language", f"it is in {draft.language!r}; the job takes {others}")
        if draft.drop:
            return draft
        if change := self.notices.get(number):
            draft = draft.noticed(change.kind, change.text)
        words, (low, high) = len(draft.ideal.split()), self.lengths
        if not low <= words <= high:
            draft = draft.noticed("unusual length", f"{words} words; usual are {low:.0f} to {high:.0f} words")
        if why := self.usual.cut_off(draft.ideal):
            draft = draft.noticed("looks cut off", f"the answer {why}")
        draft = replace(self.titles.complete(draft), group=self.groups.get(number, draft.group))
        return _without(draft, self.cuts) if self.cuts else draft


def analyze(spool: Spool, options: PrepareOptions, decisions: Decisions, people: People) -> Work[Analysis]:
    """Analyze all drafts together; those with a decision are never dropped."""
    found = Analysis()
    wording, labels, copies, passages = _Wording(), _Labels(), _Copies(), _Passages()
    words: array[int] = array("l")
    index = NearIndex(_common_wording(spool), NEAR)
    for number, draft in enumerate(spool):
        if number % PROGRESS_STEP == 0:
            yield Progress("analyzing examples", number, len(spool))
        asked, answer = [normalize(message.content) for message in draft.messages[:-1]], normalize(draft.ideal)
        index.add(f"{asked[-1] if asked else ''} {answer}")
        if people:
            for message in draft.messages:
                people.note_lowercase(message.content)
        if draft.drop:
            found.note_bad(draft)
            words.append(0)
            continue
        words.append(len(draft.ideal.split()))
        found.titles.add(draft)
        passages.add(number, draft)
        found.languages[draft.language] += 1
        found.usual.add(draft.ideal)
        copies.add(number, draft, asked, answer, protected=draft.id in decisions.items)
        labels.add(draft.ideal.strip(), words[-1])
        wording.add(draft.ideal)
    examples = sum(count > 0 for count in words) or 1
    found.repeated = wording.paragraphs.frequent(examples)[:MAX_REPEATED]
    found.cuts = {key: "repeated wording" for key, row in decisions.wordings.items() if row.word == "drop"}
    if options.purpose == "style":
        found.cuts |= dict.fromkeys(wording.signatures(examples), "signature")
    found.labels = labels.found(examples)
    found.lengths = usual_range(words) if found.labels is None else found.lengths
    found.kept_languages = frozenset(options.languages or usual_languages(found.languages))
    found.drops |= copies.duplicates
    found.notices |= copies.contradictions
    found.groups = passages.groups()
    if found.groups:
        yield Note(ONE_TEXT, "warning")
    yield Progress("searching for near-duplicates", 0, len(spool))
    _near(spool, decisions, found, index)
    return found


def usual_languages(counts: Counter[str]) -> set[str]:
    """The languages of at least a twentieth of the texts with a known language."""
    known = Counter({language: count for language, count in counts.items() if language})
    total = sum(known.values())
    return {language for language, count in known.items() if count >= RARE_LANGUAGE * total}


def _last_exchange(draft: Draft) -> str:
    """The last question and the answer; earlier turns repeat in every draft of a dialogue."""
    return f"{draft.messages[-2].content if len(draft.messages) > 1 else ''} {draft.ideal}"


def _common_wording(spool: Spool) -> Hashes:
    sample = Sample(len(spool))
    for number in range(0, len(spool), sample.step):
        sample.add(_last_exchange(spool.get(number)))
    return sample.common()


def _near(spool: Spool, decisions: Decisions, found: Analysis, index: NearIndex) -> None:
    """Drop all but the first of each cluster with near-duplicate last question and answer."""
    for cluster in index.clusters(lambda number: normalize(_last_exchange(spool.get(number)))):
        items = [(number, spool.get(number)) for number in cluster if number not in found.drops]
        alive = [(number, draft) for number, draft in items if not draft.drop]
        for number, draft in alive[1:]:
            if draft.id not in decisions.items:
                text = f"near-duplicate of {alive[0][1].source} ({alive[0][1].id})"
                found.drops[number] = Change("near-duplicate", text)


class _Passages:
    """The passages of each text, which are one group; if there are few texts, of runs of consecutive passages."""

    def __init__(self) -> None:
        self._numbers: dict[str, list[int]] = {}

    def add(self, number: int, draft: Draft) -> None:
        if len(self._numbers) < MIN_GROUPS or draft.group in self._numbers:
            self._numbers.setdefault(draft.group, []).extend([number] * (draft.part > 0))

    def groups(self) -> dict[int, str]:
        """A group for each run of consecutive passages; empty if there are enough texts to split."""
        groups: dict[int, str] = {}
        if len(self._numbers) >= MIN_GROUPS:
            return groups
        for group, numbers in self._numbers.items():
            runs = min(len(numbers), -(-RUNS // len(self._numbers)))
            groups |= {number: f"{group}, part {1 + at * runs // len(numbers)}" for at, number in enumerate(numbers)}
        return groups


class _Copies:
    """Finds exact duplicates and contradictions by hashes of normalized texts; about 100 bytes per draft."""

    def __init__(self) -> None:
        self.duplicates: dict[int, Change] = {}
        self.contradictions: dict[int, Change] = {}
        self._pairs: dict[bytes, str] = {}
        self._asked: dict[bytes, str] = {}

    def add(self, number: int, draft: Draft, normalized: Sequence[str], answer: str, protected: bool) -> None:
        """Add a draft with its normalized messages."""
        roles = (message.role for message in draft.messages)
        asked = _digest("\n".join(f"{role}: {text}" for role, text in zip(roles, normalized, strict=False)))
        pair = _digest(asked.hex() + answer)
        place = f"{draft.source} ({draft.id})"
        if other := self._pairs.get(pair):
            if not protected:
                self.duplicates[number] = Change("duplicate", f"the same question and answer as {other}")
            return
        self._pairs[pair] = place
        if draft.asking in TITLED:
            return
        if other := self._asked.get(asked):
            self.contradictions[number] = Change("contradicting", f"the same question as {other}, with another answer")
        else:
            self._asked[asked] = place


class _Repeats:
    """Counts paragraphs by hash, in bounded memory."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._texts: dict[str, str] = {}

    def add(self, text: str) -> None:
        key = wording_key(text)
        self._counts[key] += 1
        if self._counts[key] == REPEATED_MIN - 1:
            self._texts[key] = text
        if len(self._counts) > MAX_PARAGRAPHS:
            self._counts = Counter({one: count for one, count in self._counts.items() if count > 1})

    def frequent(self, total: int) -> list[Repeated]:
        """Paragraphs that enough answers share, the most frequent first."""
        minimum = max(REPEATED_MIN, REPEATED_FRACTION * total)
        known = [(key, count) for key, count in self._counts.most_common() if count >= minimum and key in self._texts]
        return [Repeated(key, self._texts[key], count) for key, count in known]


class _Wording:
    """Counts the paragraphs of answers, and their last paragraphs."""

    def __init__(self) -> None:
        self.paragraphs, self._tails = _Repeats(), _Repeats()

    def add(self, answer: str) -> None:
        blocks = [block for block in answer.split("\n\n") if block.strip()]
        for block in dict.fromkeys(blocks):
            if len(block.split()) >= MIN_WORDS:
                self.paragraphs.add(block)
        if len(blocks) > 1:
            self._tails.add(blocks[-1])

    def signatures(self, examples: int) -> list[str]:
        """Keys of common last paragraphs with contact details; a common greeting is style."""
        return [one.key for one in self._tails.frequent(examples) if any(map(is_entry, one.text.splitlines()))]


class _Labels:
    """Counts answers, as long as all of them are short enough for class labels."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._short = True

    def add(self, answer: str, words: int) -> None:
        self._short = self._short and words <= MAX_LABEL_WORDS and len(self._counts) <= MAX_LABELS
        if self._short:
            self._counts[answer] += 1

    def found(self, examples: int) -> Counter[str] | None:
        """The count of each label; None if the answers are no labels."""
        return self._counts if self._short and len(self._counts) * 3 <= examples else None


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def question_key(messages: Conversation) -> bytes:
    """A key of the question that the last message answers."""
    return _digest(normalized_messages(messages[:-1]))


def wording_key(text: str) -> str:
    """The key of a paragraph in review.jsonl."""
    normalized = normalize(text).encode("utf-8", "surrogatepass")
    return "wording-" + hashlib.blake2b(normalized, digest_size=6).hexdigest()


def _without(draft: Draft, cuts: Mapping[str, str]) -> Draft:
    """The draft without the paragraphs to remove; at least one paragraph stays."""
    blocks = draft.ideal.split("\n\n")
    for block in blocks[::-1]:
        kind = cuts.get(wording_key(block))
        left = [one for one in blocks if one is not block]
        if kind and any(one.strip() for one in left):
            blocks = left
            answer = replace(draft.messages[-1], content="\n\n".join(blocks).strip())
            draft = draft.changed(kind, block, (*draft.messages[:-1], answer))
    return draft
