"""Precision and recall of removing quotes and signatures from mails, compared with two maintained libraries.

    python -m bench.quote_removal

The mails are in bench/mails, written for this project, in six languages. Half were there while the rules were made; the
others were written before a first look, and what that look found is kept in FIRST_LOOK. Of plain mails every line is
compared; of HTML mails the own lines alone. `mail-parser-reply` and `email-reply-parser` read plain text, and are
measured on plain mails; they are left out where they are not installed. Writes bench/results/quote_removal.json.
"""

import difflib
import importlib.metadata
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.labelled_mails import PARTS, Labelled, labelled
from bench.usage import documented
from gradschool.environment import environment
from gradschool.files import write_json
from gradschool.prepare.mail.body import body_of
from gradschool.prepare.mail.headers import head_of
from gradschool.prepare.mail.mime import parse
from gradschool.prepare.mail.quotes import split_quotes

RESULTS = Path(__file__).parent / "results" / "quote_removal.json"
# On the held-out mails before any rule was changed for them: one name after a long closing formula was removed.
FIRST_LOOK = {"precision": 0.994, "recall": 1.0, "lines cut": 171, "wrongly": 1}


@dataclass(slots=True)
class Counts:
    """Removed lines: correct, wrong and missed."""

    right: int = 0
    wrongly: int = 0
    missed: int = 0
    wrong: list[str] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)  # of lines that were missed

    @property
    def precision(self) -> float:
        """The fraction of removed lines that should be removed."""
        return self.right / (self.right + self.wrongly or 1)

    @property
    def recall(self) -> float:
        """The fraction of lines to remove that were removed."""
        return self.right / (self.right + self.missed or 1)

    def add(self, one: Labelled, own: Iterable[str]) -> None:
        """Compare detected own lines with the labels of a mail."""
        found = [plain(line) for line in own if line.strip()]
        if one.html:
            wanted = [plain(line) for line in one.own.splitlines() if line.strip()]
            everything = [plain(line.text) for line in body_of(parse(one.content)).lines if line.text.strip()]
            kept, should = Counter(found), Counter(wanted)
            self.wrongly += (should - kept).total()
            self.missed += (kept - should).total()
            self.right += (Counter(everything) - (kept | should)).total()
        else:
            self._lines(one, found)

    def _lines(self, one: Labelled, found: list[str]) -> None:
        filled = [(tag, plain(text)) for tag, text in one.lines if text.strip()]
        matcher = difflib.SequenceMatcher(None, [text for _, text in filled], found, autojunk=False)
        kept = {at for block in matcher.get_matching_blocks() for at in range(block.a, block.a + block.size)}
        for at, (tag, text) in enumerate(filled):
            if at not in kept and tag != "o":
                self.right += 1
            elif at not in kept:
                self.wrongly += 1
                self.wrong.append(f"{one.id}: cut {text!r}")
            elif tag != "o":
                self.missed += 1
                self.kinds[tag] += 1
                self.wrong.append(f"{one.id}: kept {text!r}")

    def row(self) -> dict[str, Any]:
        """The figures."""
        return {
            "precision": round(self.precision, 4),
            "recall": round(self.recall, 4),
            "rightly cut": self.right,
            "wrongly cut": self.wrongly,
            "missed": self.missed,
        }


def plain(text: str) -> str:
    """A line with normalized white space."""
    return " ".join(text.split())


def ours(one: Labelled) -> list[str]:
    """The own lines found by gradschool."""
    message = parse(one.content)
    made = split_quotes(body_of(message).lines, head_of(message).sender[0].split())
    return [line.text for line, kind in made if kind == "own"]


def mail_parser_reply(one: Labelled) -> list[str]:
    """The own lines found by mail-parser-reply, with all its languages enabled."""
    from mailparser_reply import EmailReplyParser

    parser = EmailReplyParser(languages=["en", "de", "fr", "es", "it", "nl"])
    text = one.content.decode().partition("\n\n")[2]
    reply = parser.read(text).latest_reply
    return (reply or "").splitlines()


def email_reply_parser(one: Labelled) -> list[str]:
    """The own lines found by email-reply-parser."""
    from email_reply_parser import EmailReplyParser

    return str(EmailReplyParser.parse_reply(one.content.decode().partition("\n\n")[2])).splitlines()


PEERS: dict[str, Callable[[Labelled], list[str]]] = {
    "mail-parser-reply": mail_parser_reply,
    "email-reply-parser": email_reply_parser,
}


def measure(find: Callable[[Labelled], list[str]], part: str, html: bool) -> dict[str, Any]:
    """Evaluate one reader on one half of the mails; `html` includes mails in HTML."""
    counts = Counts()
    mails = [one for one in labelled(part) if not one.noise and (html or not one.html)]
    began = time.perf_counter()
    found = [find(one) for one in mails]
    seconds = time.perf_counter() - began
    for one, own in zip(mails, found, strict=True):
        counts.add(one, own)
    return {"mails": len(mails)} | counts.row() | {"mails per second": round(len(mails) / seconds)}


def main() -> None:
    """Measure, write, and print."""
    rows: dict[str, Any] = {"environment": asdict(environment()), "first look at the held-out mails": FIRST_LOOK}
    for part in PARTS:
        noise = [head_of(parse(one.content)).noise != "" for one in labelled(part) if one.noise]
        rows[part] = {
            "gradschool, all": measure(ours, part, html=True),
            "gradschool, plain": measure(ours, part, html=False),
            "noise told by its headers": f"{sum(noise)} of {len(noise)}",
        }
        for name, find in PEERS.items():
            try:
                version = importlib.metadata.version(name)
            except importlib.metadata.PackageNotFoundError:
                continue
            rows[part][f"{name} {version}, plain"] = measure(find, part, html=False)
        for name, row in rows[part].items():
            print(f"{part}: {name}: {row}")
    write_json(RESULTS, rows)


if __name__ == "__main__":
    documented(__doc__).parse_args()
    main()
