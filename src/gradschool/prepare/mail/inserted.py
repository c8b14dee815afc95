"""Answers that a sender wrote into the text of the quoted mail, where nothing distinguishes them from it."""

import re
from collections.abc import Sequence

from gradschool.prepare.mail.lines import ANSWERED, QUESTION_ENDS, Line
from gradschool.prepare.mail.patterns import patterns
from gradschool.prepare.mail.quotes import SplitMail, split_quotes
from gradschool.prepare.mail.signature import is_closing

# "[Ines] Yes", "<IA: yes>": a name in brackets.
IN_BRACKETS = re.compile(r"[\[{<«【]\s?([^\W\d_][^\[\]{}<>«»【】:：@]{0,40}?)\s?[:：\]}>»】]")
WORD = re.compile(r"\w+")
STARRED = re.compile(r"[>\s]*\*[^*]+\*\s*")  # bold in plain text
MIN_RUNS = 2  # of coloured lines, each below a plain one, that are answers rather than a note of the quoted writer
MAX_SAID = 8  # words of a mail that says nothing itself: a greeting and a name


def has_inserted_answers(made: SplitMail, names: Sequence[str]) -> bool:
    """Whether the sender, called by one of `names`, answers inside the quoted mail.

    The text above the quote says so ("my answers are in blue below"), or the quoted text has the sender's name or
    initials in brackets, or lines in a colour or in bold below those that they answer. Answers on lines of their own
    between quoted ones are no such answers.
    """
    older = [at for at, (line, kind) in enumerate(made) if kind in ("quoted", "forwarded") and line.text.strip()]
    if not older:
        return False
    known = {word.casefold() for name in names for word in WORD.findall(name)}
    initials = {"".join(word[0] for word in WORD.findall(name)).casefold() for name in names if " " in name}
    below = [line.text for line, kind in list(made)[older[0] :] if kind == "own"]
    answered = any(not _words(text) <= known and not is_closing(text) for text in below)
    announced = not answered and patterns().inserted.search(made.own.replace("\n", " ")) is not None
    quoted = [line for line, kind in split_quotes(made.quoted) if kind == "own" and line.text.strip()]
    bracketed = [_words(found[1]) for line in quoted for found in IN_BRACKETS.finditer(line.text)]
    named = any(words <= known or words & initials for words in bracketed)
    return announced or named or (not answered and _is_emphasized(quoted, made))


def _is_emphasized(quoted: Sequence[Line], made: SplitMail) -> bool:
    """Whether lines of the last quoted mail are answers by their colour or because they are in bold.

    A writer may also emphasize a line of the own mail. It counts as an answer below a question, or if it has the
    colour in which the sender writes, or if the sender says nothing else.
    """
    styles = [line.emphasis or ("bold" if STARRED.fullmatch(line.text) else "") for line in quoted]
    if ANSWERED in styles:
        return True
    runs = [at for at in range(1, len(styles)) if styles[at] and not styles[at - 1]]
    runs = [at for at in runs if not quoted[at].text.rstrip().endswith(":")]
    if any(quoted[at - 1].text.rstrip().endswith(QUESTION_ENDS) for at in runs):
        return True
    coloured = [at for at in runs if styles[at] != "bold"]
    own = {line.emphasis for line, kind in made if kind == "own" and line.text.strip()}
    silent = len(made.own.split()) <= MAX_SAID
    return len(coloured) >= MIN_RUNS or any(own == {styles[at]} for at in coloured) or (silent and bool(runs))


def _words(text: str) -> set[str]:
    return {word.casefold() for word in WORD.findall(text)}
