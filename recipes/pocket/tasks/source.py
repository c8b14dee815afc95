"""Random choices and words for synthetic tasks; held-out tasks get separate words and wordings."""

import random
import re
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from recipes.pocket.tasks.wording import vary

T = TypeVar("T")


def listed(text: str) -> list[str]:
    """Split a line of words into a list."""
    return text.split()


_STARTS = listed(
    "b bl br c ch cl cr d dr f fl fr g gl gr h j k kl kr l m n p pl pr qu r s sc sh sk sl sm sn sp st "
    "str t th tr v w wh y z"
)
_MIDDLES = listed("a e i o u ai au ea ee ei ie oa oo ou y")
_ENDS = [
    "",
    "",
    "",
    *listed("b ck d f ff g l ll lt m mp n nd ng nk nt p r rd rk rm rn rt s sh sk ss st t th ve x z"),
]
_SENTENCE = re.compile(r"(?<=[.!?])[\"”']?\s+(?=[\"“']?[A-Z])")


def is_hidden(word: str) -> bool:
    """Whether a word is reserved for held-out tasks: one in twelve, by its checksum."""
    return zlib.crc32(word.lower().encode()) % 12 == 0


def sentences(text: str) -> list[str]:
    """Split text into sentences at end marks before capitals."""
    return [s.strip() for s in _SENTENCE.split(text.replace("\n", " ")) if s.strip()]


@dataclass
class Pool:
    """Words, names and paragraphs of a corpus."""

    words: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    paragraphs: list[list[str]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, texts: Sequence[str], hidden: bool) -> "Pool":
        """Collect a pool from texts; the held-out pool contains only hidden words, the other one only the rest."""
        pool = cls()
        names: Counter[str] = Counter()
        for text in texts:
            pool.counts.update(re.findall(r"\b[a-z]{3,12}\b", text))
            names.update(re.findall(r"(?<=[a-z,] )[A-Z][a-z]{2,11}\b", text))
            for block in text.split("\n\n"):
                parts = [s for s in sentences(block) if 4 <= len(s.split()) <= 32 and s[-1] in '.!?"”']
                if len(parts) >= 2:
                    pool.paragraphs.append(parts)
        pool.words = sorted(w for w, n in pool.counts.items() if n >= 8 and is_hidden(w) == hidden)
        pool.names = sorted(w for w, n in names.items() if n >= 3 and is_hidden(w) == hidden)
        return pool


class Source:
    """A seeded stream of choices and words; `hidden` selects held-out material, `size` in [0, 1] scales tasks.

    Evaluations may set `new_wordings` (wordings that training never uses), `passages` and `shots` (fixed
    instead of random numbers), and `wordy` (the fraction of long questions about natural text).
    Held-out tasks ask one question each; training tasks may ask several about the same material.
    """

    def __init__(self, pool: Pool, seed: str, hidden: bool = False, size: float = 0.5) -> None:
        self.pool, self.hidden, self.size = pool, hidden, size
        self.new_wordings = hidden
        self.passages: int | None = None
        self.shots: int | None = None
        self.wordy = 0.4
        self.random = random.Random(f"{seed} {hidden}")

    def chance(self, p: float) -> bool:
        """Return True with probability `p`."""
        return self.random.random() < p

    def between(self, low: int, high: int) -> int:
        """Return an integer from low to high, inclusive."""
        return self.random.randint(low, high)

    def upto(self, low: int, high: int) -> int:
        """Return an integer from low to a maximum that grows with `size`."""
        return self.random.randint(low, max(low, low + round((high - low) * self.size)))

    def rounds(self, most: int) -> int:
        """Return the number of questions about the same material, which is then processed only once."""
        return 1 if self.hidden else self.between(1, most)

    def one(self, items: Sequence[T]) -> T:
        """Pick one item."""
        return items[self.random.randrange(len(items))]

    def some(self, items: Sequence[T], count: int) -> list[T]:
        """Pick `count` different items in random order."""
        return self.random.sample(list(items), count)

    def wording(self, items: Sequence[str], varied: bool = True) -> str:
        """Pick a wording and vary it; the last of lists of four or more is reserved, unvaried, for held-out tasks."""
        if len(items) >= 4 and self.new_wordings:
            return items[-1]
        chosen = self.one(items[:-1] if len(items) >= 4 else items)
        return vary(self.random, chosen) if varied and self.chance(0.75) else chosen

    def invented(self) -> str:
        """Invent an unpredictable word."""
        while True:
            count = self.random.choices([1, 2, 3], [3, 6, 2])[0]
            word = "".join(
                self.one(_STARTS) + self.one(_MIDDLES) + (self.one(_ENDS) if self.chance(0.6) else "")
                for _ in range(count)
            )
            if len(word) > 2 and is_hidden(word) == self.hidden:
                return word

    def common(self) -> str:
        """Return a word of the corpus."""
        return self.one(self.pool.words)

    def word(self) -> str:
        """Return a word, natural or invented."""
        return self.invented() if self.chance(0.4) else self.common()

    def words(self, count: int) -> list[str]:
        """Return `count` different words."""
        found: dict[str, None] = {}
        while len(found) < count:
            found[self.word()] = None
        return list(found)

    def name(self) -> str:
        """Return a capitalised name, natural or invented."""
        return self.invented().capitalize() if self.chance(0.5) else self.one(self.pool.names)

    def names(self, count: int) -> list[str]:
        """Return `count` different names."""
        found: dict[str, None] = {}
        while len(found) < count:
            found[self.name()] = None
        return list(found)

    def title(self, most: int = 4) -> str:
        """Return a title of one to `most` words, some of them capitalised."""
        count = self.between(1, most)
        if self.chance(0.5):
            return " ".join(self.name() for _ in range(count))
        text = " ".join(self.word() for _ in range(count))
        return text if self.chance(0.4) else text.title() if self.chance(0.5) else text.capitalize()

    def number(self) -> str:
        """Return an integer, small more often than large."""
        return str(self.between(1, 10 ** self.between(1, 4)))

    def price(self) -> str:
        """Return a price in some currency."""
        amount = f"{self.between(1, 400)}" + (f".{self.between(0, 99):02d}" if self.chance(0.5) else "")
        return (
            self.one(["$", "€", "£"]) + amount
            if self.chance(0.7)
            else f"{amount} {self.one(['euros', 'dollars', 'pounds'])}"
        )

    def hour(self) -> str:
        """Return a time of day."""
        hour = self.between(1, 12)
        return self.one(
            [f"{hour} am", f"{hour} pm", f"{hour}:{self.between(0, 5)}{self.between(0, 9)}", f"{hour} o'clock"]
        )

    def day(self) -> str:
        """Return a day of the week or a date."""
        if self.chance(0.5):
            return self.one(listed("Monday Tuesday Wednesday Thursday Friday Saturday Sunday"))
        month = self.one(
            listed("January February March April May June July August September October November December")
        )
        return self.one([f"{self.between(1, 30)} {month}", f"{month} {self.between(1, 30)}"])

    def code(self) -> str:
        """Return a reference such as KX-4821."""
        letters = "".join(self.one("ABCDEFGHJKLMNPRSTUVWXYZ") for _ in range(self.between(1, 3)))
        return letters + self.one(["-", "", "#", "/"]) + str(self.between(10, 99999))

    def thing(self) -> str:
        """Return a value of any kind."""
        makers = (self.word, self.name, self.title, self.number, self.price, self.hour, self.day, self.code)
        return makers[self.random.choices(range(8), [4, 4, 3, 2, 1, 1, 1, 2])[0]]()

    def phrase(self, low: int, high: int) -> str:
        """Return a sequence of random words."""
        return " ".join(self.word() for _ in range(self.upto(low, high)))

    def paragraph(self) -> list[str]:
        """Return the sentences of a natural paragraph."""
        return self.one(self.pool.paragraphs)

    def sentence(self) -> str:
        """Return a natural sentence."""
        return self.one(self.paragraph())
