"""Extraction: copy values from a text into a JSON object of named keys."""

import json

from recipes.pocket.chat import Task, Turn, rounds_of
from recipes.pocket.tasks.labels import TOPICS
from recipes.pocket.tasks.source import Source

_FIELDS = {
    "name": ["for {v}", "my name is {v}", "it's {v} here", "{v} is asking", "signed {v}"],
    "city": ["in {v}", "near {v}", "over in {v}", "the place is {v}", "around {v}"],
    "product": ["the {v} set", "a {v}", "one {v} please", "it is about the {v}", "with the {v}"],
    "order": ["order {v}", "number {v}", "reference {v}", "my order is {v}", "ref. {v}"],
    "date": ["on {v}", "by {v}", "before {v}", "starting {v}", "for {v}"],
    "time": ["at {v}", "around {v}", "from {v}", "not before {v}", "until {v}"],
    "amount": ["for {v}", "costing {v}", "I paid {v}", "at most {v}", "worth {v}"],
    "count": ["{v} of them", "for {v} people", "{v} pieces", "all {v}", "{v} times"],
    "title": ["called {v}", "the one named {v}", "titled {v}", "the song {v}", "namely {v}"],
    "artist": ["by {v}", "from {v}", "sung by {v}", "of {v}", "written by {v}"],
    "list": ["to my {v} list", "on the {v} list", "into {v}", "in {v}", "under {v}"],
    "colour": ["in {v}", "the {v} one", "painted {v}", "coloured {v}", "all {v}"],
}
_VERBS = {
    "BookTable": ["book a table", "reserve seats", "get me a table", "I need a booking", "save us a place"],
    "PlaySong": ["play something", "put on music", "I want to hear it", "start the tune", "let me listen"],
    "ReturnItem": ["I want to send it back", "please take back", "return this", "I would return", "can I give back"],
    "AddItem": ["add it", "put this in", "include it", "add one more", "please append"],
    "AskWeather": ["what is the weather", "will it rain", "forecast please", "how cold is it", "tell me the weather"],
    "RateThing": ["give it stars", "I rate it", "my rating goes", "score this", "mark it"],
}
_ASK = [
    "Give {k} as JSON.",
    "Extract a JSON object with the keys {k}.",
    "Return JSON with {k}.",
    "Read the message and fill {k} in JSON.",
    "Turn the request into JSON: {k}.",
    "JSON with keys {k}, copied from the text.",
    "Pull out {k}. Answer with JSON only.",
    "Write {k} as one JSON object.",
]
_SKIP = [" Leave out keys that are not mentioned.", " Omit what is missing.", " Only keys that occur.", ""]


def _value(source: Source, key: str) -> str:
    """Generate a value for a key."""
    if key in {"order"}:
        return source.code()
    if key == "date":
        return source.day()
    if key == "time":
        return source.hour()
    if key == "amount":
        return source.price()
    if key == "count":
        return str(source.between(2, 99))
    return source.title(4 if source.size > 0.4 else 2)


def slots(source: Source) -> Task:
    """Fill a flat or nested object from requests with invented values."""
    keys = source.some(sorted(_FIELDS), source.upto(1, 5))
    names = {
        k: k if source.chance(0.6) else source.one([source.word(), k + "_name", "the_" + k, k.upper(), k.capitalize()])
        for k in keys
    }
    intent, nested, as_asked = source.one(sorted(_VERBS)), source.chance(0.45), source.chance(0.5)
    asked = [names[k] for k in keys]
    absent = source.some([k for k in sorted(_FIELDS) if k not in keys], source.between(0, 2))
    skip = source.one(_SKIP) if absent else ""
    asked = source.some(asked + (absent if skip else []), len(asked) + (len(absent) if skip else 0))
    head = "intent and slots " + ", ".join(asked) if nested else ", ".join(asked)
    ask = source.wording(_ASK).format(k=head) + skip
    if nested and source.chance(0.4):
        ask = source.one(
            ["Turn the request into JSON with an intent and its slots.", "Answer with JSON: intent, slots."]
        )

    def round_() -> Turn:
        text, record = _message(source, intent, {k: names[k] for k in keys})
        flat = {k: record[k] for k in (asked if as_asked else list(record)) if k in record}
        answer: dict[str, object] = {"intent": intent, "slots": flat} if nested else dict(flat)
        return text, json.dumps(answer, ensure_ascii=False)

    rounds = [round_() for _ in range(source.rounds(4))]
    if source.chance(0.7):
        return Task("slots", rounds_of((("system", ask),), "", rounds))
    return Task("slots", rounds_of((), ask, rounds))


def _message(source: Source, intent: str, names: dict[str, str]) -> tuple[str, dict[str, str]]:
    """Generate a request that mentions a value for each key; return it with the values by key name."""
    parts, record = [source.wording(_VERBS[intent])], dict[str, str]()
    for key, name in names.items():
        record[name] = _value(source, key)
        parts.append(source.wording(_FIELDS[key]).format(v=record[name]))
    if source.chance(0.3):
        parts[1:] = source.some(parts[1:], len(parts) - 1)
    if source.chance(0.3):
        parts.insert(source.between(1, len(parts)), source.phrase(1, 6))
    if source.size > 0.3 and source.chance(0.2):
        parts.insert(source.between(0, len(parts)), source.sentence())
    return source.one([" ", " ", ", "]).join(parts), record


_CARRIERS = (
    ("{verb} {title} by {artist}", ("title", "artist")),
    ("{verb} {title} to my {list} list", ("title", "list")),
    ("{verb} something by {artist} on {list}", ("artist", "list")),
    ("can you {verb} a table for {count} in {city} at {time}", ("count", "city", "time")),
    ("i need {product} in {city} {date}", ("product", "city", "date")),
    ("what will it be like in {city} on {date} at {time}", ("city", "date", "time")),
    ("is there {product} close to {city} for {amount}", ("product", "city", "amount")),
    ("give {title} {count} points out of {amount}", ("title", "count", "amount")),
    ("find {title}, the work by {artist}", ("title", "artist")),
    ("{name} wants order {order} sent to {city}", ("name", "order", "city")),
    ("my {product} with number {order} broke on {date}", ("product", "order", "date")),
    ("tell {name} to come at {time} on {date}", ("name", "time", "date")),
    ("where in {city} can i see {title} at {time}", ("city", "title", "time")),
    ("the {colour} {product} costs {amount}", ("colour", "product", "amount")),
)


def request(source: Source) -> Task:
    """Fill an object from a natural request, with keys in the order of the text or of the instruction."""
    carriers = _CARRIERS[-2:] if source.new_wordings else _CARRIERS[:-2]
    carrier, keys = source.one(carriers)
    names = {k: k if source.chance(0.5) else f"{k}_name" if source.chance(0.3) else source.word() for k in keys}
    values = {k: source.title(3) if k in {"colour", "product", "name"} else _value(source, k) for k in keys}
    verb = source.one(["play", "add", "put", "book", "get", "find", "show", source.word()])
    text = carrier.format(verb=verb, **values)
    if source.chance(0.3):
        text = source.one(["please ", "hey, ", "could you ", "i want you to "]) + text
    wanted = [names[k] for k in keys]
    found: dict[str, object] = {names[k]: values[k] for k in keys}
    answer = (
        {"intent": verb.capitalize() + source.one(["Item", "Music", "Table", "Thing", ""]), "slots": found}
        if source.chance(0.4)
        else found
    )
    if "intent" in answer:
        ask = f"Turn the request into JSON with the intent {answer['intent']} and the slots {', '.join(wanted)}."
    else:
        ask = source.wording(_ASK).format(k=", ".join(wanted))
    return Task("request", (("system", ask), ("user", text), ("assistant", json.dumps(answer, ensure_ascii=False))))


def form(source: Source) -> Task:
    """Convert lines of 'key: value' to JSON, with numbers, booleans and empty objects."""
    keys = source.words(source.upto(1, 5))
    record: dict[str, object] = {}
    lines = []
    for key in keys:
        way = source.random.random()
        value: object = source.thing() if way < 0.7 else source.between(0, 999) if way < 0.85 else source.chance(0.5)
        if isinstance(value, str) and value.isdigit():
            value = int(value)
        record[key] = value
        lines.append(f"{key}: {('yes' if value else 'no') if isinstance(value, bool) else value}")
    wanted = keys if source.chance(0.6) else source.some(keys, source.between(1, len(keys)))
    if source.chance(0.06):
        wanted, missing = [], source.words(1)
        ask = source.wording(_ASK).format(k=missing[0]) + " Leave out keys that are not mentioned."
    else:
        ask = source.wording(_ASK).format(k=", ".join(wanted))
    said = json.dumps({k: record[k] for k in wanted}, ensure_ascii=False)
    text = source.one(["\n", "; ", ", "]).join(lines)
    return Task("form", (("system", ask), ("user", text), ("assistant", said)))


def inside(source: Source) -> Task:
    """Find a marked value in a longer line; answer with it alone or as JSON."""
    key, value = source.word(), source.title(4)
    before, after = source.phrase(1, 8), source.phrase(1, 8)
    text = source.one(["{b} {k} {v} {a}", "{b}, {k}: {v}, {a}", "{b} the {k} is {v} {a}", '{b} {k} "{v}" {a}']).format(
        b=before, k=key, v=value, a=after
    )
    turns: tuple[Turn, ...]
    if '"' in text:
        ask, answer = (
            source.wording(
                [
                    "What is in quotes?",
                    "Give the quoted words.",
                    "Copy the quotation.",
                    "Which words stand in quotation marks?",
                ]
            ),
            value,
        )
    elif ": " in text:
        ask, answer = f"Give the {key} as JSON.", json.dumps({key: value}, ensure_ascii=False)
    else:
        ask, answer = f"Copy everything after {key}.", text.split(f"{key} ", 1)[1]
    turns = (("user", f"{ask}\n\n{text}" if source.chance(0.5) else f"{text}\n\n{ask}"), ("assistant", answer))
    return Task("inside", turns)


_RECORD = [
    "Answer with one JSON object with the keys {k}. {o} Copy the others from the text, or give null.",
    "Give a JSON object with {k}. {o} The rest is copied from the text; null where it is missing.",
    "Fill the keys {k} of a JSON object. {o} Everything else stands in the text or is null.",
    "Read the text and answer in JSON with {k}. {o} Take the other values from the text, else null.",
    "One JSON object, keys {k}. {o} Other values are words of the text or null.",
]


def record(source: Source) -> Task:
    """Fill an object whose first value is a label and whose other values are copied, or null."""
    labels = source.some(sorted(TOPICS), source.between(2, 6))
    label_key, *keys = source.some(sorted(_FIELDS), source.upto(2, 4))
    one_of = f"{label_key} is one of {', '.join(labels)}."
    ask = source.wording(_RECORD, varied=False).format(k=", ".join([label_key, *keys]), o=one_of)

    def round_() -> Turn:
        topic = source.one(labels)
        cues = TOPICS[topic].split()
        parts = [
            source.one(["the {a} and the {b}", "about {a} or {b}", "as to {a}, {b}"]).format(
                a=source.one(cues), b=source.one(cues)
            )
        ]
        found: dict[str, object] = {label_key: topic}
        for key in keys:
            found[key] = None
            if source.chance(0.75):
                value = _value(source, key)
                found[key] = value
                parts.append(source.wording(_FIELDS[key]).format(v=value))
        if source.chance(0.4):
            parts.insert(source.between(0, len(parts)), source.phrase(2, 8))
        text = source.one([" ", ", ", " "]).join(parts)
        return text[0].upper() + text[1:] + ".", json.dumps(found, ensure_ascii=False)

    return Task("record", rounds_of((("system", ask),), "", [round_() for _ in range(source.rounds(5))]))


FAMILIES = (slots, request, request, record, record, form, inside)
