"""Invented facts about invented products, shops and people: statements, questions about them, and short answers."""

from dataclasses import dataclass

from recipes.pocket.tasks.source import Source, listed


@dataclass(frozen=True)
class Fact:
    """A fact: `statement` is a sentence, `question` asks for it, `value` is the short answer as in the statement."""

    about: str
    statement: str
    question: str
    value: str


_THINGS = listed(
    "kettle lamp phone laptop chair desk plan account app box bag pump drill mixer oven bike scooter "
    "router printer camera tent pass card course"
)

# (kind of value, statements, questions); {t} is the thing, {v} the value.
_FACTS: tuple[tuple[str, list[str], list[str]], ...] = (
    (
        "days",
        [
            "The {t} can be returned within {v}.",
            "Refunds for the {t} are made within {v}.",
            "You may send the {t} back for {v}.",
            "We take the {t} back for up to {v}.",
        ],
        [
            "How long do I have to return the {t}?",
            "When is the refund for my {t} made?",
            "What is the return time of the {t}?",
            "How many days can I send back a {t}?",
            "Can I still get my {t} refunded?",
        ],
    ),
    (
        "price",
        ["The {t} costs {v}.", "The price of the {t} is {v}.", "You pay {v} for the {t}.", "A {t} is sold at {v}."],
        [
            "How much is the {t}?",
            "What does the {t} cost?",
            "What is the price of the {t}?",
            "How much do I pay for a {t}?",
            "The price of the {t}, please?",
        ],
    ),
    (
        "years",
        [
            "The {t} has a warranty of {v}.",
            "We repair the {t} free of charge for {v}.",
            "The guarantee on the {t} lasts {v}.",
            "Every {t} is covered for {v}.",
        ],
        [
            "How long is the warranty of the {t}?",
            "Is my {t} under guarantee?",
            "How long is the {t} covered?",
            "What guarantee does the {t} have?",
            "For how long do you repair the {t}?",
        ],
    ),
    (
        "hour",
        [
            "The {t} desk opens at {v}.",
            "Support for the {t} starts at {v}.",
            "You can collect the {t} from {v}.",
            "The {t} office is open from {v}.",
        ],
        [
            "When does the {t} desk open?",
            "From what time is there support for the {t}?",
            "When can I collect my {t}?",
            "What time does the {t} office open?",
            "How early can I come for the {t}?",
        ],
    ),
    (
        "days",
        [
            "Delivery of the {t} takes {v}.",
            "The {t} is shipped within {v}.",
            "Your {t} arrives after {v}.",
            "We deliver the {t} in {v}.",
        ],
        [
            "How long does delivery of the {t} take?",
            "When is my {t} shipped?",
            "When will my {t} arrive?",
            "How fast do you deliver the {t}?",
            "How long must I wait for the {t}?",
        ],
    ),
    (
        "colour",
        [
            "The {t} is made in {v}.",
            "The {t} comes in {v}.",
            "The light of the {t} turns {v} when it is ready.",
            "The {t} is only sold in {v}.",
        ],
        [
            "What colour is the {t}?",
            "In which colours does the {t} come?",
            "Which colour does the light of the {t} show when ready?",
            "What colours are there for the {t}?",
            "In what colour is the {t} sold?",
        ],
    ),
    (
        "name",
        [
            "The {t} was designed by {v}.",
            "Questions about the {t} go to {v}.",
            "{v} repairs the {t}.",
            "{v} invented the {t}.",
        ],
        [
            "Who designed the {t}?",
            "Who answers questions about the {t}?",
            "Who repairs the {t}?",
            "Who invented the {t}?",
            "Who is in charge of the {t}?",
        ],
    ),
    (
        "title",
        [
            "The {t} is made in {v}.",
            "The {t} is stored in {v}.",
            "You find the {t} in {v}.",
            "The {t} museum stands in {v}.",
        ],
        [
            "Where is the {t} made?",
            "Where is the {t} kept?",
            "Where do I find the {t}?",
            "Where does the {t} museum stand?",
            "In which place is the {t}?",
        ],
    ),
    (
        "action",
        [
            "To reset the {t}, {v}.",
            "If the {t} does not start, {v}.",
            "To clean the {t}, {v}.",
            "To cancel the {t}, {v}.",
        ],
        [
            "How do I reset the {t}?",
            "My {t} does not start. What can I do?",
            "How do I clean the {t}?",
            "How can I cancel the {t}?",
            "What must I do with the {t}?",
        ],
    ),
    (
        "code",
        [
            "The code of the {t} is {v}.",
            "The {t} has the number {v}.",
            "Use the voucher {v} for the {t}.",
            "The part number of the {t} is {v}.",
        ],
        [
            "What is the code of the {t}?",
            "Which number does the {t} have?",
            "Which voucher is for the {t}?",
            "What is the part number of the {t}?",
            "Give me the number of the {t}.",
        ],
    ),
    (
        "weight",
        ["The {t} weighs {v}.", "The {t} can carry {v}.", "The {t} holds {v}.", "Up to {v} fit into the {t}."],
        [
            "How heavy is the {t}?",
            "How much can the {t} carry?",
            "How much does the {t} hold?",
            "How much fits into the {t}?",
            "What can I load on the {t}?",
        ],
    ),
    (
        "day",
        [
            "The {t} is delivered on {v}.",
            "The {t} was first sold on {v}.",
            "The sale of the {t} ends on {v}.",
            "The {t} is closed on {v}.",
        ],
        [
            "On which day is the {t} delivered?",
            "When was the {t} first sold?",
            "When does the sale of the {t} end?",
            "When is the {t} closed?",
            "Which day is it for the {t}?",
        ],
    ),
)
FACT_KINDS = len(_FACTS)
"""The number of different facts about one thing."""
_ACTIONS = [
    "hold the {a} button for {n} seconds",
    "press {a} twice",
    "open the settings and choose {a}",
    "write to {a}",
    "turn the {a} to the left",
    "wait {n} minutes and try again",
    "wipe it with {a}",
    "call {n}{n}",
    "unplug it and press {a}",
    "log in and click {a}",
]
_COLOURS = ["red", "blue", "green", "black", "white", "grey", "yellow", "orange", "purple", "pink", "silver", "brown"]


def _value(source: Source, maker: str) -> str:
    """Generate a value of a kind."""
    if maker in {"days", "years"}:
        unit = (
            source.one(["days", "days", "weeks", "working days", "hours"])
            if maker == "days"
            else source.one(["years", "months"])
        )
        return f"{source.between(2, 90)} {unit}"
    if maker == "colour":
        return " and ".join(source.some(_COLOURS, source.between(1, 2)))
    if maker == "action":
        return source.one(_ACTIONS).format(a=source.word(), n=source.between(2, 60))
    if maker == "weight":
        return f"{source.between(2, 900)} {source.one(['kg', 'grams', 'pounds', 'litres', 'bags', 'books', 'people'])}"
    if maker == "title":
        return source.name()
    makers = {"price": source.price, "hour": source.hour, "name": source.name, "code": source.code, "day": source.day}
    return str(makers[maker]())


def thing(source: Source) -> str:
    """Return the name of an invented product."""
    return f"{source.name()} {source.one(_THINGS)}" if source.chance(0.75) else source.one(_THINGS)


def fact(source: Source, about: str, taken: set[int]) -> Fact:
    """Return a new fact about a thing; `taken` is updated with the facts already used."""
    free = [i for i in range(len(_FACTS)) if i not in taken]
    at = source.one(free)
    taken.add(at)
    maker, statements, questions = _FACTS[at]
    value = _value(source, maker)
    way = source.between(0, 3)
    question = questions[4] if source.new_wordings else questions[way]
    statement = statements[way].format(t=about, v=value)
    return Fact(about, statement[0].upper() + statement[1:], question.format(t=about), value)
