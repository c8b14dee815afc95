"""Dialogues in numbered lines, as PersonaChat and bAbI have them, and in ParlAI's lines of named fields."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from gradschool.data.encoding import Line
from gradschool.data.tables import Row

NUMBERED = re.compile(r"(\d{1,5}) (.*)", re.DOTALL)
NAMED = re.compile(r"(text|labels|eval_labels|episode_done|label_candidates|id|reward|[a-z_]{2,30}):(.*)", re.DOTALL)
PERSONA = re.compile(r"(?:your )?persona:\s*(.*)|(partner's persona:.*)", re.IGNORECASE)
MIN_NUMBERED = 0.8  # of the lines; others are damaged
SHOWN = "has candidates for each answer, which are not read; the answers themselves are"


@dataclass(slots=True)
class _Episode:
    """What has been said so far in a dialogue: who answers, facts that no turn has yet, and the turns."""

    name: str
    persona: list[str] = field(default_factory=list)
    facts: list[str] = field(default_factory=list)
    turns: list[dict[str, str]] = field(default_factory=list)

    def state(self, text: str) -> None:
        """Add a line without an answer: part of the persona, or a fact."""
        if found := PERSONA.fullmatch(text.strip()):
            self.persona.append((found[1] or found[2]).strip())
        elif text.strip():
            self.facts.append(text.strip())

    def answered(self, asked: str, answers: Sequence[str]) -> dict[str, Any]:
        """The row of an example that ends with the first of some right answers."""
        *stated, question = asked.split("\n")
        for line in stated:
            self.state(line)
        content = "\n".join([*self.facts, question.strip()])
        self.facts = []
        self.turns += [{"role": "user", "content": content}, {"role": "assistant", "content": answers[0]}]
        persona = {"persona": "\n".join(self.persona)} if self.persona else {}
        return {**persona, "messages": list(self.turns), "other_answers": list(answers[1:]), "group": self.name}


def is_numbered(lines: Sequence[str]) -> bool:
    """Whether lines are dialogues: each begins with its number, a 1 begins a dialogue, and a tab precedes an answer."""
    numbers = [int(found[1]) for line in lines if (found := NUMBERED.match(line))]
    if len(numbers) < max(2, MIN_NUMBERED * len(lines)) or numbers[0] != 1:
        return False
    in_order = all(after in (1, before + 1, before + 2) for before, after in pairwise(numbers))
    return in_order and any("\t" in line for line in lines)


def is_named(lines: Sequence[str]) -> bool:
    """Whether lines are turns of ParlAI: fields with names, of which one is the text, separated by tabs."""
    return bool(lines) and all(_fields(line).keys() >= {"text"} and "\t" in line for line in lines)


def numbered_rows(lines: Iterable[Line]) -> Iterator[Row]:
    """A row for each answer in numbered lines, with what was said before it; a dialogue is a group."""
    episode = _Episode("")
    listed = False
    for line in lines:
        found = NUMBERED.match(line.text.rstrip("\r\n"))
        if not found:
            if line.text.strip():
                yield Row(line.number, trouble="has no number, which each line of a numbered dialogue has")
            continue
        if found[1] == "1":
            episode = _Episode(f"dialogue-{line.number}")
        asked, *cells = found[2].split("\t")
        if not cells or not cells[0].strip():
            episode.state(asked)
            continue
        if len(cells) > 2 and not listed:
            listed = True
            yield Row(line.number, remark=SHOWN)
        yield Row(line.number, episode.answered(asked, _answers(cells[0])))


def named_rows(lines: Iterable[Line]) -> Iterator[Row]:
    """A row for each answer in ParlAI's lines, with what was said before it; an episode is a group."""
    episode = _Episode("dialogue-1")
    for line in lines:
        fields = _fields(line.text.rstrip("\r\n"))
        answers = _answers(fields.get("labels") or fields.get("eval_labels", ""))
        if "text" not in fields:
            if line.text.strip():
                yield Row(line.number, trouble="has no field `text`")
        elif answers:
            yield Row(line.number, episode.answered(fields["text"], answers))
        else:
            episode.state(fields["text"])
        if fields.get("episode_done", "").strip().casefold() == "true":
            episode = _Episode(f"dialogue-{line.number + 1}")


def _fields(line: str) -> dict[str, str]:
    found = (NAMED.fullmatch(cell) for cell in line.rstrip("\r\n").split("\t"))
    return {one[1]: one[2].replace("\\n", "\n").replace("__PIPE__", "|") for one in found if one}


def _answers(cell: str) -> list[str]:
    """The right answers in a cell, which are separated by bars."""
    return [answer.strip() for answer in cell.split("|") if answer.strip()]
