"""How prose ends: with a sentence, with something that needs no full stop, or in the middle."""

import re
import unicodedata
from typing import Literal

from gradschool.data.structured import HEADING, ITEM, KEYED, is_keyed

End = Literal["", "ended", "open", "last open", "colon"]

WORDS = 4  # fewer are a label or a name, not a sentence
ALONE = 9  # words of a text of one sentence, from which it misses a full stop; short ones are often written without
LONG = 6  # words of a line by itself, from which it is a sentence
WIDTH = 60  # characters from which lines are wrapped; shorter ones are verses, addresses or signatures
MAX_VALUE = 8  # words of a line such as "Place: the old quay"
SENTENCE = re.compile(r"[^\W\d_][^\n`<{(\[=]*[^\W\d_][.!?]")  # a line without code that ends with a full stop
INNER_STOP = re.compile(r"[^\W\d_]{2}[.!?][)\"'”’»]*\s+(?=[^\W\d_])|[。！？](?=.)|[।؟۔]\s")
WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]{1,2}|[^\W_]+")
UNSTOPPED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]$")  # Thai, Lao, Burmese and Khmer have no full stop
GREEK_QUESTION = re.compile(r"[\u0370-\u03ff];$")
SMILEY = re.compile(r"(?<![^\W_])(?:[:;8=xX]['\-]?[()\[\]|/\\DPpOo3]|<3|\^\^)(?!\w)")
INTERVAL = re.compile(r"[\[(]\s*[^()\[\]\n]{1,20}[,;]\s*[^()\[\]\n]{1,20}[)\]]")
WHOLE = re.compile(  # a last word that is whole without a full stop: an address, a path, a name in a program, a letter
    r"(?:[A-Za-z][\w+.-]{0,20}://|www\.)\S+|[^\s@]+@[\w-]+\.[\w.-]+|[@#][\w-]+|(?:~|\.{0,2})/\S*|[A-Za-z]:\\\S+"
    r"|[\w.-]+(?:/[\w.-]+){2,}|[\w./-]*\w\.[A-Za-z]\w{0,4}|--?\w[\w-]*|\w+_\w+|\w+\(\)|[A-Z][+–-]?"
)
NUMBER, UNIT = re.compile(r"\d[\d.,]*"), re.compile(r"(?:\d[\d.,]*)?[^\W\d_]{1,4}\.?(?:/[^\W\d_]+)?")
CLOSING = re.compile(
    r"\b(?:regards|wishes|sincerely|faithfully|truly|cheers|thanks|thank you|yours|best|love|looking forward"
    r"|greetings|grüße|grüßen|gruß|gruss|dank|cordialement|salutations|sincèrement|merci|bien à vous|amicalement"
    r"|saludos?|atentamente|gracias|saluti|cordialmente|grazie|atenciosamente|cumprimentos|obrigad[oa]|abraços?|groet|groeten|hälsningar|hilsen|pozdrawiam"
    r"|pozdravem|уважением|пожеланиями)\b",
    re.IGNORECASE,
)
COMMAS, DASHES = ",;،、，；؛", "-–—‐‑"
OPERATOR = re.compile(r"\s(?:[+=&|<>\\]|-{1,2})$")
OPENED = re.compile(r"[(\[{（［【「『《〈„¿¡]$|^[^„]*“$|^[^»]*«$")
BRACKETS = {"(": ")", "[": "]", "{": "}", "（": "）", "［": "］", "【": "】", "「": "」", "『": "』", "《": "》"}
QUOTES = {"“": "”", "„": "“”", "«": "»"}
CLOSING_MARKS = {*BRACKETS.values(), *"”“»"}
SPAN = re.compile(r"`[^`\n]+`")
NAMES = {mark: "bracket" for mark in BRACKETS} | {mark: "quote" for mark in QUOTES} | {"{": "brace"}
# Marks that open and close alike: quotes, code and bold. An odd number of them, the last before a word, is open.
ALIKE = (('"', "quote"), ("**", "bold text"), ("`", "piece of code"))


def ending(text: str) -> End:
    """How a text ends: with a sentence, a colon, in running prose without a full stop, or in something else ("").

    "last open" is prose whose last sentence alone has no full stop.
    """
    line, block = _last(text)
    if len(WORD.findall(text)) < WORDS:
        return ""
    if line.endswith((":", "：")):
        return "" if ITEM.match(line) or is_keyed(block.split("\n")) else "colon"
    if _is_ended(line):
        return "ended"
    if UNSTOPPED.search(line) or _is_whole(line) or _needs_no_stop(line, block, text):
        return ""
    *_, last = INNER_STOP.split(block)
    return "last open" if last != block and len(WORD.findall(last)) > 2 else _alone(block)


def _alone(block: str) -> End:
    return "open" if len(WORD.findall(block)) >= ALONE else ""


def _last(text: str) -> tuple[str, str]:
    """The last line, without invisible characters, and the last paragraph."""
    text = SMILEY.sub("☺", text.rstrip())
    while text and unicodedata.category(text[-1]) in ("Cf", "Mn") and not text[-1].isalpha():
        if unicodedata.category(text[-1]) == "Mn" and text[-1] not in "\ufe0e\ufe0f\u20e3":
            break
        text = text[:-1].rstrip()
    return text[text.rfind("\n") + 1 :], text[text.rfind("\n\n") + 1 :].strip("\n")


def _is_ended(line: str) -> bool:
    """Whether the last character ends a sentence, or is a number, a bracket, a symbol."""
    last = line[-1:]
    return unicodedata.category(last or "x")[0] in "NPS" and not _goes_on(line)


def _is_whole(line: str) -> bool:
    """Whether the last word needs no full stop: an address, a path, a number with its unit."""
    *before, last = ["", *line.split()]
    return bool(WHOLE.fullmatch(last)) or bool(
        UNIT.fullmatch(last) and (last[:1].isdigit() or NUMBER.fullmatch(before[-1] if before else ""))
    )


def _goes_on(line: str) -> bool:
    """Whether a line ends with a sign that something follows; commands in a list may end so."""
    last = line[-1:]
    if last in COMMAS:
        return not GREEK_QUESTION.search(line)
    if OPERATOR.search(line):
        return not ITEM.match(line) and not line.startswith(("-", "+", "="))
    if last in DASHES:
        return any(map(str.isalnum, line)) and not _is_whole(line)  # a rule is no dash
    return OPENED.search(line) is not None


def _needs_no_stop(line: str, block: str, text: str) -> bool:
    """Whether the last line is a heading, an item, a label, a name, a verse, or a line of an address or signature."""
    words = WORD.findall(line)
    if HEADING.match(line) or ITEM.match(line) or line.startswith((">", "|")):
        return True
    if KEYED.fullmatch(line) and ":" in line and len(words) <= MAX_VALUE:
        return True
    long = [word for word in words if len(word) > 3]
    if len(long) > 1 and sum(word[0].isupper() for word in long) >= 0.8 * len(long):
        return True
    lines = block.split("\n")
    if INNER_STOP.search(line):
        return False
    if len(lines) > 1 and max(map(len, lines)) < WIDTH:
        return True
    before = text[: text.rfind("\n\n") + 1].rstrip()
    return len(lines) == 1 and bool(before) and (len(words) < LONG or before[-1].isalnum())


def broken_off(text: str) -> str:
    """Why a text ends in the middle of a sentence, with a comma, a dash or an operator; empty if it does not."""
    line, _ = _last(text)
    if len(WORD.findall(text)) < WORDS or not _goes_on(line):
        return ""
    if line[-1] in COMMAS and "\n" in text and len(line.split()) <= 5 and CLOSING.search(line):
        return ""
    return f"ends in the middle of a sentence, with {line.split()[-1][-20:]!r}"


def open_mark(text: str) -> str:
    """Why a text ends inside a bracket, a quote or emphasis of its last paragraph; empty if it does not."""
    line, block = _last(text)
    if len(WORD.findall(text)) < 2 or (_is_ended(line) and not line[-1:].isalnum() and line[-1:] not in "€$%°*"):
        return ""
    block = INTERVAL.sub("", SPAN.sub("", block))
    at, mark = _unclosed(block)
    if mark and _reaches(block[at:], block[: at + 1], line, quote=mark in QUOTES):
        return f"ends inside a {NAMES[mark]} that opens with {mark!r}"
    for mark, name in ALIKE:
        last = block.rfind(mark)
        opening = last >= 0 and not block[:last][-1:].isalnum() and block[last + len(mark) :][:1].strip()
        odd = block.count(mark) % 2 and not (mark == "`" and "´" in block)
        if opening and odd and _reaches(block[last:], block[: last + 1], line, quote=mark == '"'):
            return f"ends inside a {name} that opens with {mark!r}"
    return ""


def _reaches(inside: str, before: str, line: str, *, quote: bool) -> bool:
    """Whether what follows an open mark is inside it: in one sentence or quote, on its line and wrapped ones."""
    if INNER_STOP.search(inside) and not quote:
        return False
    wrapped = len(before.split("\n")[-1] + inside.split("\n")[0]) >= WIDTH and not (
        HEADING.match(line) or ITEM.match(line)
    )
    return "\n" not in inside or wrapped


def _unclosed(block: str) -> tuple[int, str]:
    """The last bracket or quote that is not closed, and its place."""
    opened: list[tuple[int, str]] = []
    german = "»" in block and block.find("»") < (block + "«").find("«")  # »so«, not « so »
    for at, sign in enumerate(block):
        last = opened[-1][1] if opened else ""
        if sign in QUOTES and sign in QUOTES.get(last, ""):
            opened.pop()
        elif sign in BRACKETS or (sign in QUOTES and not (german and sign == "«")):
            opened.append((at, sign))
        elif sign in CLOSING_MARKS:
            place = next((n for n in reversed(range(len(opened))) if sign in (BRACKETS | QUOTES)[opened[n][1]]), None)
            del opened[len(opened) if place is None else place :]
    return opened[-1] if opened else (0, "")
