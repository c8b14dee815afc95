"""Copying: repeat, quote, pick, spell, reorder; the first skill that a small network needs."""

from recipes.pocket.chat import Task, Turn, rounds_of
from recipes.pocket.tasks.source import Source

_REPEAT = [
    "Repeat: {x}",
    "Say this again: {x}",
    "Copy the text.\n\n{x}",
    "Write exactly this: {x}",
    "{x}\n\nRepeat the line above.",
    "Repeat after me: {x}",
    "Echo: {x}",
    "Type the following words unchanged.\n{x}",
]
_QUOTE = [
    "Put in quotes: {x}",
    "Quote this text: {x}",
    "{x}\n\nWrite that in quotation marks.",
    "Surround with quotes: {x}",
]
_PICK = [
    "What is the {n} word of: {x}",
    "{x}\n\nGive the {n} word.",
    "Pick the {n} word: {x}",
    "Words: {x}\nWhich one is the {n}?",
]
_AFTER = [
    "{x}\n\nWhich word comes after {a}?",
    "What follows {a} in: {x}",
    "Find the word right after {a}: {x}",
    "In “{x}”, what is next after {a}?",
]
_BEFORE = [
    "{x}\n\nWhich word comes before {a}?",
    "What stands before {a} in: {x}",
    "The word just before {a}: {x}",
    "In “{x}”, what is before {a}?",
]
_SPELL = ["Spell {x}", "Spell the word {x} letter by letter.", "How is {x} spelled?", "Letters of {x}:"]
_UPPER = ["Write in capitals: {x}", "Upper case: {x}", "{x}\n\nMake it all caps.", "Turn to capital letters: {x}"]
_LOWER = [
    "Write in small letters: {x}",
    "Lower case: {x}",
    "{x}\n\nMake it all lower case.",
    "Turn to small letters: {x}",
]
_SWAP = [
    "Swap the two: {a}, {b}",
    "Exchange the order: {a}, {b}",
    "Put the second first: {a}, {b}",
    "Reverse the pair: {a}, {b}",
]
_ORDINAL = ["first", "second", "third", "fourth", "fifth", "last"]
_SYSTEM = [
    "Copy exactly.",
    "Do what the user asks.",
    "You are a careful clerk.",
    "Follow the instruction.",
    "You copy text without a mistake.",
    "Be exact.",
]


def _chat(source: Source, family: str, asked: str, answer: str) -> Task:
    """Build a conversation with one question and sometimes a system message."""
    head: tuple[Turn, ...] = (("system", source.wording(_SYSTEM)),) if source.chance(0.3) else ()
    return Task(family, (*head, ("user", asked), ("assistant", answer)))


def _line(source: Source) -> str:
    """Return text to copy: random words, a title, a value or a natural sentence."""
    way = source.random.random()
    if way < 0.45:
        return source.phrase(1, 12)
    if way < 0.6:
        return source.title(3)
    if way < 0.75:
        return source.thing()
    return source.sentence() if source.size > 0.2 else source.phrase(1, 5)


def repeat(source: Source) -> Task:
    """Repeat a line."""
    text = _line(source)
    return _chat(source, "repeat", source.wording(_REPEAT).format(x=text), text)


def quote(source: Source) -> Task:
    """Put a line into quotation marks, which removes the space before its first word."""
    text = _line(source)
    return _chat(source, "quote", source.wording(_QUOTE).format(x=text), f'"{text}"')


def pick(source: Source) -> Task:
    """Pick a word by position or by neighbour, once or several times from one line."""
    words = source.words(source.upto(3, 12))
    line = source.one([" ", " ", ", "]).join(words)
    way = source.between(0, 3)

    def round_(line: str) -> Turn:
        if way == 0:
            n = source.between(0, min(len(words), 5) - 1) if source.chance(0.8) else -1
            return source.wording(_PICK).format(n=_ORDINAL[n], x=line), words[n]
        at = source.between(1, len(words) - 1)
        if way == 1 or (way == 3 and source.chance(0.5)):
            return source.wording(_AFTER).format(a=words[at - 1], x=line), words[at]
        return source.wording(_BEFORE).format(a=words[at], x=line), words[at - 1]

    rounds = [round_(line), *(round_("the same line") for _ in range(source.rounds(5) - 1))]
    return Task("pick", rounds_of((), "", rounds))


def shape(source: Source) -> Task:
    """Transform a word or line: spell, upper case, lower case, swap."""
    way = source.between(0, 3)
    if way == 0:
        word = source.word()
        return _chat(source, "shape", source.wording(_SPELL).format(x=word), source.one(["-", " "]).join(word))
    if way == 1:
        text = source.phrase(1, 4)
        return _chat(source, "shape", source.wording(_UPPER).format(x=text), text.upper())
    if way == 2:
        text = source.title(3)
        return _chat(source, "shape", source.wording(_LOWER).format(x=text), text.lower())
    a, b = source.thing(), source.thing()
    return _chat(source, "shape", source.wording(_SWAP).format(a=a, b=b), f"{b}, {a}")


def echo_text(source: Source) -> Task:
    """Repeat random words without an instruction."""
    phrase = source.phrase(3, 14)
    return Task("echo", (("user", phrase), ("assistant", phrase)))


FAMILIES = (repeat, quote, pick, shape)
