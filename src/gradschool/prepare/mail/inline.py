"""Answers between quoted lines: where they are, and each with the quoted paragraph that it answers."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from gradschool.prepare.mail.attribution import is_attribution
from gradschool.prepare.mail.lines import Kind, Line, is_quoted, paragraphs, unquoted
from gradschool.prepare.mail.signature import is_closing, is_name, is_postscript

MAX_GREETING = 6  # words of a line above a quote that only greets
GREETING_ENDS = (",", "!", "，", "、", "！")


@dataclass(frozen=True, slots=True)
class InlineAnswers:
    """The lines of a mail and their kinds, seen as answers to quoted paragraphs."""

    lines: Sequence[Line]
    kinds: Sequence[Kind]

    @property
    def starts(self) -> list[int]:
        """The first line of each run of own lines between quotes; a greeting above and a closing below do not count."""
        filled = [at for at in range(len(self.lines)) if self._is_text(at)]
        runs = [list(run) for _, run in itertools.groupby(filled, key=lambda at: self.kinds[at])]
        own = [run for run in runs if self.kinds[run[0]] == "own"]
        if len(runs) - len(own) < 2:
            return []  # text above and below the one quote answers all of it
        if own and own[0] is runs[0] and len(own[0]) == 1 and self._greets(own[0][0]):
            own = own[1:]
        if own and own[-1] is runs[-1] and self._takes_leave(own[-1]):
            own = own[:-1]
        return [run[0] for run in own]

    def with_questions(self) -> str:
        """The own text in paragraphs; above each answer the quoted paragraph that it answers, with quote characters."""
        starts = set(self.starts)
        text: list[str] = []
        for at, line in enumerate(self.lines):
            if at in starts and (question := self._question(at)):
                text += ["", *question, ""]
            text.append(line.text if self.kinds[at] == "own" else "")
        return paragraphs(text)

    def _is_text(self, at: int) -> bool:
        return bool(self.lines[at].text.strip()) and self.kinds[at] in ("own", "quoted")

    def _greets(self, at: int) -> bool:
        text = self.lines[at].text.rstrip()
        return text.endswith(GREETING_ENDS) and len(text.split()) <= MAX_GREETING

    def _takes_leave(self, run: Sequence[int]) -> bool:
        texts = [self.lines[at].text for at in run]
        return is_postscript(texts[0]) or (
            is_closing(texts[0]) and all(is_closing(text) or is_name(text) for text in texts)
        )

    def _question(self, answer: int) -> list[str]:
        """The last quoted paragraph above an answer, and the own words that lead to it; empty if none is above."""
        end = answer
        while end > 0 and not self._is_quoted_text(end - 1):
            end -= 1
        first = end
        while first > 0 and self._is_quoted_text(first - 1):
            first -= 1
        above = first
        while above > 0 and not self.lines[above - 1].text.strip():
            above -= 1
        lead = self.lines[above - 1].text if above and self.kinds[above - 1] == "attribution" else ""
        written = lead and self.lines[above - 1].hint != "attribution" and not is_attribution(lead, ())
        led = [lead] if written and end > first else []
        marked = [line.text if is_quoted(Line(line.text)) else f"> {line.text}" for line in self.lines[first:end]]
        return led + marked

    def _is_quoted_text(self, at: int) -> bool:
        return self.kinds[at] == "quoted" and bool(unquoted(self.lines[at].text).strip())
