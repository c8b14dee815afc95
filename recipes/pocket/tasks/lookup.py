"""Lookup: find the value of a key in a list, table or line of the prompt."""

from recipes.pocket.chat import Task, Turn, rounds_of
from recipes.pocket.tasks.source import Source, listed

_ASK = [
    "What is the {k}?",
    "{k}?",
    "Give the value of {k}.",
    "Look up {k}.",
    "Tell me {k}.",
    "Find {k}.",
    "I need {k}.",
    "Which value has {k}?",
]
_SYSTEM = [
    "Look it up.",
    "Answer from the list.",
    "Use the table.",
    "Answer with the value only.",
    "Find the entry and give its value.",
    "Reply with what stands beside it.",
]
_FIELDS = listed(
    "name city country colour size price date time phone order room owner email team status address "
    "weight brand model author title genre artist album language amount reason plan level region street "
    "guest doctor driver teacher date_of_birth"
)
_MISSING = [
    "If it is not there, say: not listed.",
    "Say 'not listed' where the key is missing.",
    "Unknown keys: answer not listed.",
]
_WHO = ["Who has {v}?", "Which key has the value {v}?", "Whose is {v}?", "{v} belongs to whom?"]


def _keys(source: Source, count: int) -> list[str]:
    """Return different keys: fields, words or names."""
    way = source.between(0, 2)
    if way == 0:
        return source.some(_FIELDS, count)
    return source.words(count) if way == 1 else source.names(count)


def _table(source: Source, pairs: list[tuple[str, str]]) -> str:
    """Format pairs as a list, table or line."""
    form = source.one(["{k}: {v}", "{k} = {v}", "- {k}: {v}", "{k} -> {v}", "| {k} | {v} |", "{k}\t{v}", "{k} is {v}"])
    joint = "; " if form in {"{k} is {v}", "{k} = {v}"} and source.chance(0.5) else "\n"
    return joint.join(form.format(k=k, v=v) for k, v in pairs)


def lookup(source: Source) -> Task:
    """Answer with the value of a key, the key of a value, or that the key is not listed."""
    keys = _keys(source, source.upto(2, 10) + 1)
    values: dict[str, None] = {}
    while len(values) < len(keys):
        values[source.thing()] = None
    pairs = list(zip(keys, values, strict=True))[:-1]
    may_miss = source.chance(0.15)
    head: tuple[Turn, ...] = (("system", source.wording(_SYSTEM)),) if source.chance(0.5) else ()
    if may_miss:
        head = (("system", source.wording(_SYSTEM) + " " + source.one(_MISSING)),)

    def round_() -> Turn:
        key, value = source.one(pairs)
        if may_miss and source.chance(0.5):
            return source.wording(_ASK).format(k=keys[-1]), "not listed"
        if source.chance(0.2):
            return source.wording(_WHO).format(v=value), key
        return source.wording(_ASK).format(k=key), value

    rounds = [round_() for _ in range(source.rounds(7))]
    table = _table(source, pairs)
    if source.chance(0.3) and head:
        return Task("lookup", rounds_of((("system", head[0][1] + "\n\n" + table),), "", rounds))
    return Task("lookup", rounds_of(head, table, rounds, source.chance(0.7)))


def fix_field(source: Source) -> Task:
    """Repeat a small list with one value changed."""
    keys = _keys(source, source.upto(2, 6))
    pairs = [(k, source.thing()) for k in keys]
    at, new = source.between(0, len(keys) - 1), source.thing()
    changed = [(k, new if i == at else v) for i, (k, v) in enumerate(pairs)]
    form = source.one(["{k}: {v}", "{k} = {v}", "- {k}: {v}"])
    before, after = ("\n".join(form.format(k=k, v=v) for k, v in each) for each in (pairs, changed))
    ask = source.wording(
        [
            "Change {k} to {v}.",
            "Set {k} to {v}.",
            "{k} should be {v}.",
            "Correct {k}: it is {v}.",
            "Update {k}, now {v}.",
        ]
    )
    return Task("fix_field", (("user", f"{before}\n\n{ask.format(k=keys[at], v=new)}"), ("assistant", after)))


def continue_list(source: Source) -> Task:
    """Continue a cyclic list."""
    words = source.words(source.upto(2, 4))
    joint = source.one([", ", " ", "\n", " - "])
    shown = words * 2 + words[: source.between(0, len(words) - 1)]
    rest = (words * 4)[len(shown) : len(shown) + len(words)]
    ask = source.wording(["Continue: {x}", "Go on with the list: {x}", "{x}\n\nWhat comes next?", "Keep going: {x}"])
    return Task("continue", (("user", ask.format(x=joint.join(shown))), ("assistant", joint.join(rest))))


FAMILIES = (lookup, lookup, fix_field, continue_list)
