"""Assessments in rows and messages, which say whether to train on an answer: flags, weights, votes, ratings."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from gradschool.data.assessment_languages import folded
from gradschool.data.assessment_names import grade_in, may_assess, name_of, word_of
from gradschool.data.assessment_symbols import BAD_SYMBOLS
from gradschool.data.assessment_words import (
    BAD_CONTENT,
    BAD_IF_TRUE,
    BAD_WORDS,
    BEGINNINGS,
    FALSE,
    FLAGS,
    GOOD_IF_LIKED,
    GOOD_IF_TRUE,
    GOOD_WORDS,
    GRADED,
    GRADES,
    LABEL_WORDS,
    LOW_WORDS,
    NESTED,
    NO_PART,
    NOTHING,
    PARTS,
    RATINGS,
    REJECTED,
    SCALED,
    STATES,
    TAGGED,
    TAGS,
    TRUE,
    UNFINISHED,
    USES,
    WEIGHTS,
)
from gradschool.data.formats import plain

Meaning = Literal["good", "bad", "number"]

UNIT = (
    r"(?:stars?|points?|sterne?n?|punkten?|étoiles?|estrellas?|puntos?|stelle|stella|punti|punto|estrelas?|pontos?|sterren"
    r"|punten|gwiazdk\w*|punkt\w*|звезд\w*|балл\w*|★|⭐|つ星|つ|星|点|點|分|점|개)"
)
OF_SCALE = re.compile(
    rf"(\d+(?:[.,]\d+)?)\s*(?:{UNIT}\s*)?(?:(?:/|of|out of|von|sur|de|su|di|van|z|na|av|af|из)"
    rf"\s*(3|4|5|6|7|10|20|100)(?:\s*{UNIT})?|[%％])",
    re.IGNORECASE,
)
MAX_BAD = 0.4  # of a scale: 2 of 5
WORDS = re.compile(r"[\s,;:()–-]+")
NUMBER = re.compile(rf"星?\s*([-+]?\d+(?:[.,]\d+)?)\s*(?:{UNIT})?", re.IGNORECASE)
MAX_DEPTH = 3
UNUSED = ("reject", "ignore")  # in the key `answer` of Prodigy, next to the answer
VALUES = {"value", "wert", "valor", "valeur", "valore", "waarde", "wartosc", "значение", "値", "值", "값"}


@dataclass(frozen=True, slots=True)
class Assessment:
    """An assessment of an answer: the key as the file spells it, its value, and what it says.

    The meaning of a number depends on the scale, which only all numbers of the file show (see `bad_up_to`).
    `of_answer` says that it judges the answer, if the row has one, and is a class or a rating of a text otherwise;
    `of_use` that it says whether the row is used, whatever its answer is worth.
    """

    key: str
    value: str
    meaning: Meaning
    number: float = 0.0
    weight: bool = False
    of_answer: bool = False
    of_use: bool = False

    def __str__(self) -> str:
        return f"`{self.key}` is {self.value}"


def assessments_of(row: Mapping[str, Any], taken: Collection[str] = (), depth: int = 0) -> Iterator[Assessment]:
    """The assessments of a row or a message; `taken` are the keys that hold its content."""
    for key, value in row.items():
        name = name_of(key)
        if name == "answer" and key not in taken and value in UNUSED:
            yield Assessment(key, str(value), "bad", of_use=True)
        if not may_assess(name) or key in taken or value is None or value == "":
            continue
        if name in TAGS:
            yield from _tagged(key, value)
        if name in TAGS - RATINGS:
            continue
        if isinstance(value, dict | list):
            if depth < MAX_DEPTH and (name in NESTED or STATES.fullmatch(name)):
                yield from _inside(key, value, depth)
        elif found := _assessment(name, key, value):
            yield found


def _tagged(key: str, value: Any) -> Iterator[Assessment]:
    words = re.split(r"[,;|]", value) if isinstance(value, str) else value if isinstance(value, list) else []
    for word in words:
        if isinstance(word, str) and name_of(word) in TAGGED:
            yield Assessment(key, word.strip()[:40], "bad")


def _inside(key: str, value: Any, depth: int) -> Iterator[Assessment]:
    """The assessments in an object or a list of objects, such as `feedback: {"rating": -1}` or `[{"value": 0}]`.

    Of several annotations, the cancelled ones do not count.
    """
    inners = value if isinstance(value, list) else [value]
    if inners and not any(isinstance(inner, dict | list) for inner in inners):
        yield from _agreed(key, inners)
    if not all(isinstance(inner, dict) for inner in inners):
        return
    for inner in [inner for inner in inners if not inner.get("was_cancelled")] or inners:
        values = dict(inner)
        named = next((inner[word] for word in ("name", "key", "metric") if isinstance(inner.get(word), str)), "")
        if named and named not in inner and may_assess(name_of(named)):
            values[named] = inner.get("value", inner.get("score", inner.get("type")))
            values.pop("score", None)
        elif name_of(key) in RATINGS and not named and "rating" not in inner:
            values["rating"] = next((inner[key] for key in inner if folded(plain(key)) in VALUES), inner.get("type"))
        for one in assessments_of(values, depth=depth + 1):
            yield replace(one, key=f"{key}.{one.key}")


def _agreed(key: str, values: Sequence[Any]) -> Iterator[Assessment]:
    """What several people say of one answer: the worse one of two halves."""
    found = [one for value in values if value not in (None, "") and (one := _assessment(name_of(key), key, value))]
    if not found:
        return
    numbers = sorted(one.number for one in found if one.meaning == "number")
    bad = [one for one in found if one.meaning == "bad"]
    if len(numbers) == len(found):
        yield replace(found[0], value=f"{numbers}", number=numbers[(len(numbers) - 1) // 2])
    else:
        yield bad[0] if 2 * len(bad) >= len(found) else next(one for one in found if one.meaning != "bad")


def _assessment(name: str, key: str, value: Any) -> Assessment | None:
    shown = str(value)[:40]
    word = word_of(shown)
    if name in WEIGHTS:
        number = number_of(value)
        good: Meaning = "bad" if number is not None and number <= 0 else "good"
        return None if number is None else Assessment(key, shown, good, number, weight=True, of_use=True)
    if (part := share_of(value)) is not None and name in RATINGS:
        return Assessment(key, shown, "bad" if part <= MAX_BAD else "good", of_answer=True)
    if meaning := _flag(name, word, value):
        return Assessment(key, shown, meaning, of_answer=name in BAD_CONTENT, of_use=name in USES)
    if name in PARTS and word in NO_PART:
        return Assessment(key, shown, "bad", of_use=True)
    if name in FLAGS:
        return None
    if STATES.fullmatch(name):
        reasoned = name != "review" and word.startswith(BEGINNINGS)
        return Assessment(key, shown, "bad") if reasoned or word in REJECTED | UNFINISHED | BAD_SYMBOLS else None
    return _rating(name, key, value) if name in RATINGS else None


def _flag(name: str, word: str, value: Any) -> Meaning | None:
    """What a flag says; None if its value is none, or says nothing."""
    number = number_of(value)
    if name in GOOD_IF_TRUE or name in GOOD_IF_LIKED:
        denied = word in FALSE or word in BAD_WORDS & GRADES or number == -1
        if word in TRUE or denied:
            liked = name in GOOD_IF_LIKED and number is not None and word in FALSE
            return None if liked else "good" if word in TRUE else "bad"
        denied = name in USES and (word in NO_PART or _first_word(value) in FALSE)
        return "bad" if denied else None
    if name not in BAD_IF_TRUE and name not in BAD_CONTENT:
        return None
    if word in TRUE or (number is not None and number > 0 and (name not in BAD_CONTENT or number >= 1)):
        return "bad"
    reasoned = name in USES and number is None and word not in NOTHING and _first_word(value) not in FALSE
    return "bad" if reasoned and word.strip("_") else None


def _first_word(value: Any) -> str:
    return word_of(WORDS.split(str(value).strip(), maxsplit=1)[0])


def _rating(name: str, key: str, value: Any) -> Assessment | None:
    shown = str(value)[:40]
    if isinstance(value, bool):
        return Assessment(key, shown, "good" if value else "bad")
    if (number := number_of(value)) is not None:
        return Assessment(key, shown, "number", number)
    word = word_of(shown) if name == "label" else grade_in(shown)
    bad = LABEL_WORDS if name == "label" else BAD_WORDS & GRADES if name in TAGS else BAD_WORDS
    if word in bad or (GRADED.fullmatch(name) and word in LOW_WORDS):
        return Assessment(key, shown, "bad")
    return Assessment(key, shown, "good") if name != "label" and word in GOOD_WORDS else None


def share_of(value: Any) -> float | None:
    """The part of its scale that a rating is, if it shows the scale: "4/5", "7 out of 10", "80 %", "★★☆☆☆"."""
    text = value.strip() if isinstance(value, str) else ""
    if "☆" in text and not text.strip("★☆"):
        return text.count("★") / len(text)
    found = OF_SCALE.fullmatch(text)
    return float(found[1].replace(",", ".")) / float(found[2] or 100) if found else None


def number_of(value: Any) -> float | None:
    """A number, also as text: "4", "2 stars", "★★☆☆☆"."""
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, int | float):
        return float(value) if abs(value) < 1e9 else None
    text = value.strip() if isinstance(value, str) else ""
    if text and not text.strip("★☆⭐"):
        return float(text.count("★") + text.count("⭐"))
    found = NUMBER.fullmatch(text)
    return float(found[1].replace(",", ".")) if found else None


def bad_up_to(key: str, numbers: Sequence[float]) -> float | None:
    """The highest number that means a bad answer, from all numbers of a key; None if they match no known scale.

    The scales are signs (below 0 is bad), 0 and 1, and for ratings 5 (1 and 2 are bad), 10 (4 and below), and 0 to 4
    (0 and 1).
    """
    low, high = min(numbers), max(numbers)
    names = {name_of(part) for part in key.split(".")}
    if not all((2 * number).is_integer() for number in numbers):
        return None
    if low < 0:
        return -0.5
    if high <= 1:
        return 0.0
    if "note" in names:  # in German, 1 is the best of 6; in French, 20 or 10
        return None if high <= 6 or high > 20 else 8.0 if high > 10 else 4.0
    if not SCALED & names or high < 4 or high > 10:
        return None
    if low == 0 and high == 4:
        return 1.0
    return 2.0 if high <= 5 else 4.0
