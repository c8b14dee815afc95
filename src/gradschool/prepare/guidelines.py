"""Derive checkable rules from guidelines, each with an answer that obeys it and one that breaks it."""

import itertools
import re
import tomllib
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import regex

from gradschool.data.encoding import Unreadable, decode
from gradschool.errors import DataError
from gradschool.files import read_file
from gradschool.records import Example, Message, Source
from gradschool.score.rules import read_rules
from gradschool.settings import Rule

QUOTATION = (  # in the quotation marks of several languages
    r"(?:[“„«\"]\s?(?P<q>[^”“»\"\n]{1,120}?)\s?[”“»\"]|[‘‚‹](?P<r>[^’›\n]{1,120})[’›]|`(?P<s>[^`\n]{1,120})`"
    r"|(?<!\w)'(?P<t>[^'\n]{2,120})'(?!\w))"
)
QUOTED = re.compile(QUOTATION)
BULLET = re.compile(r"^\s*(?:[-*•–+]|\d{1,2}[.)])\s+")
SENTENCE = re.compile(r"(?:(?<=[.!?;])|(?<=[.!?][\"”’»)]))\s+(?=[A-ZÀ-Ž“„«\"'‘])")
QUOTE_PLACEHOLDER = "⟦{}⟧"  # replaces the quotation with that number while a sentence is matched
GAP = re.compile(r"\.\{0,\d+\}(?!\?)")
MAX_RULES = 40
MAX_JOINED = 3  # quotations in one rule, in order
SHOWN = 300  # characters of an example answer


@dataclass(frozen=True, slots=True)
class Guideline:
    """A sentence of the guidelines, and its rule if it is checkable.

    `obeys` and `breaks` are answers of the agent, or made up if listed in `made_up`; `obeyed` is the fraction of the
    agent's own answers that obey the rule.
    """

    sentence: str
    line: int
    rule: Rule | None = None
    obeys: str = ""
    breaks: str = ""
    made_up: tuple[str, ...] = ()
    obeyed: float | None = None


@dataclass(frozen=True, slots=True)
class Shape:
    """A kind of rule: the patterns of sentences that state it, and the rule they give."""

    name: str
    kind: str
    value: str
    says: tuple[re.Pattern[str], ...]
    every: bool  # a rule for each quotation
    joined: bool  # one rule for all quotations in their order


@lru_cache(maxsize=1)
def _known() -> tuple[tuple[Shape, ...], re.Pattern[str], dict[str, int]]:
    with (Path(__file__).parent / "guidelines.toml").open("rb") as file:
        read: dict[str, Any] = tomllib.load(file)
    numbers: dict[str, int] = read["numbers"]
    forbids = rf"\b(?:{'|'.join(read['no'])})\b.{{0,25}}?"
    number = rf"(?P<n>\d{{1,4}}|{'|'.join(sorted(numbers, key=len, reverse=True))})"

    def pattern(says: str) -> re.Pattern[str]:
        filled = says.replace("{n}", number).replace("{q}", r"⟦(?P<q>\d+)⟧").replace("{no}", forbids)
        return re.compile(GAP.sub(r"\g<0>?", filled), re.IGNORECASE)  # matches the nearest quotation

    shapes = tuple(
        Shape(
            one["name"],
            one["kind"],
            one["value"],
            tuple(map(pattern, one["says"])),
            one.get("every", False),
            one.get("joined", False),
        )
        for one in read["rule"]
    )
    return shapes, re.compile("|".join(read["conditions"]), re.IGNORECASE), numbers


def read_guidelines(path: Path) -> list[Guideline]:
    """Read the sentences of a file of guidelines, with their checkable rules; raises DataError if unreadable."""
    try:
        text, _ = decode(read_file(path))
    except (OSError, Unreadable) as error:
        raise DataError(
            f"The guidelines {path} cannot be read.", f"{error}", "give a text file, saved as UTF-8."
        ) from error
    found: list[Guideline] = []
    taken: set[str] = set()
    for sentence, line in sentences(text):
        made = [rule for rule in rules_of(sentence) if rule.name not in taken]
        taken.update(rule.name for rule in made)
        found += [Guideline(sentence, line, rule) for rule in made] or [Guideline(sentence, line)]
    return found


def sentences(text: str) -> Iterator[tuple[str, int]]:
    """The sentences of a text with the lines on which they begin, without headings and bullets."""
    paragraph: list[tuple[str, int]] = []
    for number, line in enumerate([*text.split("\n"), ""], 1):
        plain = BULLET.sub("", line).strip()
        ends = not plain or line.lstrip().startswith(("#", ">"))  # a heading, or an example of an answer
        if (ends or BULLET.match(line)) and paragraph:
            yield from _sentences(paragraph)
            paragraph = []
        if not ends:
            paragraph.append((plain, number))


def _sentences(paragraph: Sequence[tuple[str, int]]) -> Iterator[tuple[str, int]]:
    """The sentences of a paragraph, given as its lines with their numbers."""
    text = " ".join(line for line, _ in paragraph)
    ends = list(itertools.accumulate(len(line) + 1 for line, _ in paragraph))  # where each line ends in the text
    bounds = [0, *(gap.end() for gap in SENTENCE.finditer(text)), len(text)]
    for start, end in itertools.pairwise(bounds):
        if text[start:end].strip():
            yield text[start:end].strip(), paragraph[bisect_right(ends, start)][1]


def rules_of(sentence: str) -> list[Rule]:
    """The rules of a sentence; none if it has a condition, which no pattern can check."""
    shapes, conditions, numbers = _known()
    quoted = [next(filter(None, match.groups())) for match in QUOTED.finditer(sentence)]
    counted = itertools.count()
    outside = QUOTED.sub(lambda _: QUOTE_PLACEHOLDER.format(next(counted)), sentence)
    if conditions.search(outside):
        return []
    made: list[Rule] = []
    quoting = False
    for shape in shapes:
        match = next(filter(None, (says.search(outside) for says in shape.says)), None)
        if not match or ("{q}" in shape.value and quoting):
            continue
        if "{q}" in shape.value:
            quoting = True
            made += _quoting(shape, int(match["q"]), [one.strip(" ,") for one in quoted])
        elif number := match.groupdict().get("n"):
            made.append(_rule(shape, number=int(number) if number.isdigit() else numbers[number.casefold()]))
        else:
            made.append(_rule(shape))
    return made


def _quoting(shape: Shape, first: int, quoted: Sequence[str]) -> Iterator[Rule]:
    if shape.joined:
        yield _rule(shape, *filter(None, quoted[first : first + MAX_JOINED]))
    else:
        yield from (_rule(shape, one) for one in dict.fromkeys(quoted if shape.every else quoted[first:][:1]) if one)


def _rule(shape: Shape, *quoted: str, number: int = 0) -> Rule:
    name = shape.name.replace("{n}", str(number)).replace("{q}", " … ".join(quoted))
    escaped = r"\W*\s+".join(regex.escape(one, special_only=True) for one in quoted)
    literal = escaped if shape.kind.endswith("regex") else " ".join(quoted)
    value: str | int = shape.value.replace("{n}", str(number)).replace("{q}", literal)
    if shape.kind in ("max_words", "min_words"):
        value = number
    return Rule(name=name, kind=shape.kind, value=value)


def with_examples(found: Sequence[Guideline], answers: Iterable[str]) -> list[Guideline]:
    """Add example answers to each rule: the agent's own if possible, otherwise made up."""
    rules = [one.rule for one in found if one.rule][:MAX_RULES]
    if not rules:
        return list(found)
    metric, _ = read_rules(rules, Path())
    blank = Example("", (Message("user", ""), Message("assistant", "")), "", Source("", 1))
    obeys: dict[str, str] = {}
    breaks: dict[str, str] = {}
    counts = dict.fromkeys((rule.name for rule in rules), 0)
    total = 0
    for answer in answers:
        total += 1
        for name, value in metric(answer, blank).parts.items():
            counts[name] += value == 1
            shown = obeys if value == 1 else breaks
            if len(answer) < len(shown.get(name, "x" * (SHOWN + 1))) and len(answer) > 20:
                shown[name] = answer
    return [_shown(one, obeys, breaks, counts, total) for one in found]


def _shown(
    one: Guideline, obeys: dict[str, str], breaks: dict[str, str], counts: dict[str, int], total: int
) -> Guideline:
    rule = one.rule
    if rule is None or rule.name not in counts:
        return one
    made: list[str] = []
    good, bad = obeys.get(rule.name), breaks.get(rule.name)
    if good is None:
        good = _obeying(rule)
        made.append("obeys")
    if bad is None:
        bad = _breaking(rule, good)
        made.append("breaks")
    fraction = counts[rule.name] / total if total else None
    return Guideline(one.sentence, one.line, rule, good, bad, tuple(made), fraction)


PLAIN = "Thank you for your message, we will see to it today."


def _obeying(rule: Rule) -> str:
    """A made-up answer that obeys a rule, checked with the rule; empty if none does."""
    words = _quoted(rule)
    count = int(rule.value) if rule.kind in ("max_words", "min_words") and isinstance(rule.value, int) else 0
    tries = (
        PLAIN,
        f"{PLAIN} {words}",
        f"{words} {PLAIN}",
        f"{PLAIN} Is that all right?",
        " ".join(["word"] * count),
        "Yes",
    )
    return next((answer for answer in tries if _keeps(rule, answer)), "")


def _breaking(rule: Rule, good: str) -> str:
    """A made-up answer that breaks a rule, derived from one that obeys it."""
    words = _quoted(rule)
    count = int(rule.value) if rule.kind in ("max_words", "min_words") and isinstance(rule.value, int) else 0
    additions = (
        *(
            f"{good} {words}",
            f"{good} I am not finished.",
            f"{good}!",
            f"{good} 🙂",
            f"{good} It isn't.",
            f"{good}\n- one\n- two",
        ),
        *(f"{good} https://example.org", f"{good} **Really.**", f"{good} Sorry.", f"{good} Why?", f"{good} REALLY."),
        *(f"Well. {good}", " ".join((good.split() or ["word"]) * (count + 1)), " ".join([good] * 12), PLAIN, "No."),
    )
    return next((answer for answer in additions if not _keeps(rule, answer)), "")


def _quoted(rule: Rule) -> str:
    """The quotations in a rule's name."""
    first, last = rule.name.find("“"), rule.name.rfind("”")
    return rule.name[first + 1 : last].replace(" … ", "\n") if 0 <= first < last else ""


def _keeps(rule: Rule, answer: str) -> bool:
    metric, issues = read_rules([rule], Path())
    blank = Example("", (Message("user", ""), Message("assistant", "")), "", Source("", 1))
    return not issues and metric(answer, blank).value == 1
