"""Invented events: who did what, where and when, with a question for each part."""

from recipes.pocket.tasks.facts import Fact
from recipes.pocket.tasks.source import Source, listed

_BEINGS = listed("fox king girl boy farmer dog cat queen giant wolf miller sailor witch bear baker hunter bird teacher")
_VERBS = (
    ("found", "find"),
    ("sold", "sell"),
    ("hid", "hide"),
    ("stole", "steal"),
    ("built", "build"),
    ("lost", "lose"),
    ("saw", "see"),
    ("carried", "carry"),
    ("wanted", "want"),
    ("bought", "buy"),
    ("broke", "break"),
    ("opened", "open"),
    ("ate", "eat"),
    ("caught", "catch"),
    ("followed", "follow"),
    ("painted", "paint"),
    ("made", "make"),
    ("kept", "keep"),
    ("threw away", "throw away"),
    ("asked for", "ask for"),
)
_PLACES = listed(
    "garden forest river kitchen tower market cave harbour field cellar stable castle church road mill lake"
)
_TIMES = (
    "in the morning",
    "at night",
    "on Monday",
    "in winter",
    "after supper",
    "the next day",
    "before dawn",
    "last week",
    "at noon",
    "in the evening",
    "on Sunday",
    "a year later",
)
_SENTENCES = (
    "{who} {did} {what} {where} {when}.",
    "{when} {who} {did} {what} {where}.",
    "{where} {who} {did} {what} {when}.",
    "{who} {did} {what} {when}, and it was {where}.",
)
_PARTS = {
    "who": ["Who {did} {what}?", "Who was it that {did} {what}?", "Which one {did} {what}?", "{what}: who {did} it?"],
    "what": [
        "What did {who} {do}?",
        "What was it that {who} {did}?",
        "What thing did {who} {do}?",
        "Which thing did {who} {do}?",
    ],
    "where": [
        "Where did {who} {do} {what}?",
        "In which place did {who} {do} {what}?",
        "Where was it that {who} {did} {what}?",
        "At what place did {who} {do} {what}?",
    ],
    "when": [
        "When did {who} {do} {what}?",
        "At what time did {who} {do} {what}?",
        "When was it that {who} {did} {what}?",
        "On what occasion did {who} {do} {what}?",
    ],
}


def event(source: Source) -> Fact:
    """Describe an event in one sentence, and ask for one part of it."""
    did, do = source.one(_VERBS)
    who = source.name() if source.chance(0.6) else f"the {source.word()} {source.one(_BEINGS)}"
    what = f"{source.one(['the', 'a', 'some', 'his', 'the old', 'their'])} {source.word()}"
    place = f"the {source.one(_PLACES)}" if source.chance(0.6) else source.name()
    where = f"{source.one(['in', 'near', 'behind', 'at'])} {place}"
    parts = {"who": who, "did": did, "do": do, "what": what, "where": where, "when": source.one(_TIMES)}
    asked = source.one(sorted(_PARTS))
    said = source.one(_SENTENCES).format(**parts)
    return Fact(
        who, _capital(said), _capital(source.wording(_PARTS[asked], varied=False).format(**parts)), parts[asked]
    )


def _capital(text: str) -> str:
    """Capitalise the first letter."""
    return text[0].upper() + text[1:]
