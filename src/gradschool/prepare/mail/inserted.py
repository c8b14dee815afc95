"""Answers that a sender wrote into the text of the quoted mail, where nothing tells them from that text."""

import re
from collections.abc import Sequence

from gradschool.prepare.mail.patterns import patterns
from gradschool.prepare.mail.quotes import SplitMail, split_quotes
from gradschool.prepare.mail.signature import is_closing

# "[Ines] Yes", "<IA: yes>": a name in brackets.
MARK = re.compile(r"[\[{<«【]\s?([^\W\d_][^\[\]{}<>«»【】:：@]{0,40}?)\s?[:：\]}>»】]")
WORD = re.compile(r"\w+")


def has_inserted_answers(made: SplitMail, names: Sequence[str]) -> bool:
    """Whether the sender, called by one of `names`, answers inside the quoted mail.

    The text above the quote says so ("my answers are in blue below"), or the quoted text has the sender's name or
    initials in brackets. Answers on lines of their own between quoted ones are no such answers.
    """
    older = [at for at, (line, kind) in enumerate(made) if kind in ("quoted", "forwarded") and line.text.strip()]
    if not older:
        return False
    known = {word.casefold() for name in names for word in WORD.findall(name)}
    initials = {"".join(word[0] for word in WORD.findall(name)).casefold() for name in names if " " in name}
    below = [line.text for line, kind in list(made)[older[0] :] if kind == "own"]
    answered = any(not _words(text) <= known and not is_closing(text) for text in below)
    announced = not answered and patterns().inserted.search(made.own.replace("\n", " ")) is not None
    return announced or any(mark <= known or mark & initials for mark in _marks(made))


def _marks(made: SplitMail) -> list[set[str]]:
    """The words of each name in brackets in the last quoted mail, not in those before it."""
    lines = [line.text for line, kind in split_quotes(made.quoted) if kind == "own"]
    return [_words(found[1]) for text in lines for found in MARK.finditer(text)]


def _words(text: str) -> set[str]:
    return {word.casefold() for word in WORD.findall(text)}
