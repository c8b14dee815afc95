"""Paraphrase instructions, so a network does not memorize one sentence."""

import random
import re

_GROUPS = (
    "give|provide|write|return|show|state|output|print|produce|name",
    "copy|reproduce|repeat|duplicate|transcribe|type",
    "repeat|echo|say again|copy|restate",
    "text|message|line|words|passage|content|input",
    "word|term",
    "find|look up|search for|locate|get|fetch",
    "choose|pick|select|decide on",
    "pick|choose|select|take",
    "classify|sort|label|categorise|file|assign",
    "label|category|class|tag",
    "labels|categories|classes|tags|options|choices",
    "answer|reply|respond",
    "exactly|precisely|just|strictly",
    "only|just|nothing but",
    "read|look at|study|go through|consider",
    "tell me|let me know|say",
    "extract|pull out|take|collect|gather",
    "turn|convert|change|transform|make",
    "list|table|entries|record|data",
    "sentence|statement|line",
    "mentions|names|contains|includes|talks about",
    "examples|samples|pairs shown|cases before",
    "follow|imitate|use|apply|obey",
    "quote|cite word for word|copy out",
    "complete|finish|continue",
    "request|message|order|command",
    "value|entry|content",
    "correct|fix|update|change|set",
    "capitals|capital letters|upper case|big letters",
    "keys|fields|names",
    "object|record",
    "user|customer|person",
    "instruction|request|order",
    "careful|precise|exact|reliable",
    "clerk|assistant|helper|copyist",
    "short|brief",
    "what is|what's|tell me|give me|which is",
)
_SAME: dict[str, list[str]] = {}
for _group in _GROUPS:
    for _word in _group.split("|"):
        _SAME.setdefault(_word, []).extend(w for w in _group.split("|") if w != _word)
_PATTERN = re.compile(
    r"(?<![\w{'])(" + "|".join(sorted(map(re.escape, _SAME), key=len, reverse=True)) + r")(?![\w}'])", re.I
)
_FIXED = re.compile(r"(\{\w*\}|Not in the passages\.?|say: |'not listed'|not listed)")
_BEFORE = (
    "Please ",
    "Now ",
    "Can you ",
    "Could you ",
    "Kindly ",
    "Your task: ",
    "Task: ",
    "I want you to ",
    "You should ",
    "Try to ",
)
_AFTER = (
    " Thanks.",
    " Thank you.",
    " Be exact.",
    " Nothing else.",
    " Do it now.",
    " No explanation.",
    " That is all.",
    " Keep it plain.",
)


def _other(chance: random.Random, found: re.Match[str]) -> str:
    """Replace a word by a synonym with probability 1/2, keeping its capitalisation."""
    word = found[0]
    if chance.random() < 0.5:
        return word
    new = chance.choice(_SAME[word.lower()])
    return new[0].upper() + new[1:] if word[0].isupper() else new


def vary(chance: random.Random, text: str) -> str:
    """Paraphrase an instruction; placeholders and fixed answers are unchanged."""
    parts = _FIXED.split(text)
    parts[::2] = [_PATTERN.sub(lambda found: _other(chance, found), part) for part in parts[::2]]
    text = "".join(parts)
    way = chance.random()
    if way < 0.15 and text[:1].isupper() and re.match(r"[A-Z][a-z]+ (?!is|does|about|comes|stands|has)", text):
        before = chance.choice(_BEFORE)
        text = before + text[0].lower() + text[1:]
    elif way < 0.22 and not text.endswith("}"):
        text += chance.choice(_AFTER)
    elif way < 0.32:
        text = text[:1].lower() + text[1:]
    elif way < 0.4:
        text = re.sub(r"[.:?]$", chance.choice(["", "!", ".", ":"]), text)
    return text
