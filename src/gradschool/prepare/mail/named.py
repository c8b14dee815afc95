"""People named in the lines of a mail that introduce an older one: attributions, and headers in the text."""

import re
from collections.abc import Iterable, Iterator

from gradschool.prepare.mail.header_block import HEADER, header_name
from gradschool.prepare.mail.headers import Person
from gradschool.prepare.mail.notes_header import NOTES_NAME
from gradschool.prepare.mail.patterns import patterns

ADDRESSED = re.compile(
    r"(?P<name>[^<>()\[\]:;,\"\d]{2,60}?)\"?\s{0,3}[<(\[](?:mailto:)?\s{0,3}(?P<address>[^\s<>()\[\]]+@[^\s<>()\[\]]+)"
)
CALLED = re.compile(r"[^\W\d_a-z][\w.'’-]*(?:[ \t]+[^\W\d_a-z][\w.'’-]*){0,3}")  # capitalized words
MAX_PEOPLE = 50  # of one header


def people_named(lines: Iterable[str]) -> Iterator[Person]:
    """The (name, address) of everybody whom these lines name."""
    for line in lines:
        addressed = [(found["name"].strip(), found["address"].lower()) for found in ADDRESSED.finditer(line)]
        yield from ((_name(name), address) for name, address in addressed)
        if addressed:
            continue
        if noted := NOTES_NAME.match(line):
            yield noted["name"].strip(), ""
        elif header_name(line) in ("from", "to", "cc") and (found := HEADER.match(line)):
            yield from ((name.strip(), "") for name in re.split(r";|,(?=[^,]*,)", found[2])[:MAX_PEOPLE])
        else:
            yield from ((name, "") for name in _before_saying(line))


def _name(text: str) -> str:
    """The last capitalized words of what precedes an address: "On 5 May Ida Berg" is Ida Berg's."""
    found = CALLED.findall(text)
    return found[-1] if found else ""


def _before_saying(line: str) -> Iterator[str]:
    """The capitalized words directly before or after a word for saying: "…, Vera Sundholm wrote:"."""
    known = patterns().says
    for found in CALLED.finditer(line):
        after = line[found.end() :].split(maxsplit=3)[:2]
        before = line[: found.start()].split()[-1:]
        if any(word.strip(":：,.").casefold() in known for word in (*after, *before)):
            yield found[0]
