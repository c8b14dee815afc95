"""Patterns: a new mapping, shown by a few pairs, then applied to another input."""

import json
from collections.abc import Callable

from recipes.pocket.chat import Task, Turn
from recipes.pocket.tasks.source import Source

Mapping = Callable[[], tuple[str, str]]
_SYSTEM = [
    "Follow the examples.",
    "Do as shown.",
    "Answer in the same way as before.",
    "Continue the pattern.",
    "Reply just like in the examples.",
    "Look at the examples and do the same.",
    "Same task each time.",
    "Learn the rule from the examples.",
    "The examples show what to do.",
]
_TEMPLATES = [
    "I want to {a} the {b} on {c}",
    "{a} told {b} about {c}",
    "please send {a} to {b} by {c}",
    "{a}, {b} and {c}",
    "the {a} of {b} near {c}",
    "from {a} to {b} via {c}",
    "{c}: {a} ({b})",
    "can {a} meet {b} at {c}?",
    "move {a} before {b}; keep {c}",
    "{a} costs more than {b} in {c}",
    "book {a} for {b} in {c}",
    "{a} / {b} / {c}",
]


def _labels(source: Source) -> Mapping:
    """Map cue words to labels; each input contains one cue among other words."""
    labels = source.words(source.between(2, 4))
    cues = dict(zip(labels, source.words(len(labels)), strict=True))
    style = source.between(0, 2)

    def pair() -> tuple[str, str]:
        label = source.one(labels)
        words = [*(source.word() for _ in range(source.upto(1, 7))), cues[label]]
        source.random.shuffle(words)
        text = " ".join(words)
        return (text, label) if style else (text.capitalize() + ".", label)

    return pair


def _slot(source: Source) -> Mapping:
    """Extract the same slot of a sentence template, plain or wrapped."""
    template = source.wording(_TEMPLATES)
    slot = source.one("abc")
    wrap = source.one(["{}", "{}", "{}", '"{}"', "[{}]", source.word() + ": {}", "<{}>", "{} " + source.word()])

    def pair() -> tuple[str, str]:
        values = {k: source.title(2) if source.chance(0.5) else source.thing() for k in "abc"}
        return template.format(**values), wrap.format(values[slot])

    return pair


def _pick(source: Source) -> Mapping:
    """Pick, drop or reorder items of a list."""
    joint = source.one([", ", " ", "; ", " | ", " - "])
    count = source.between(2, 4)
    rule = source.one(["first", "last", "second", "reverse", "drop first", "drop last", "rotate", "double"])

    def pair() -> tuple[str, str]:
        items = source.words(count)
        kept = {
            "first": items[:1],
            "last": items[-1:],
            "second": items[1:2],
            "reverse": items[::-1],
            "drop first": items[1:],
            "drop last": items[:-1],
            "rotate": items[1:] + items[:1],
            "double": items + items,
        }[rule]
        return joint.join(items), joint.join(kept)

    return pair


def _string(source: Source) -> Mapping:
    """Transform or wrap the entire text."""
    left, right = (
        source.one(["(", "<<", "* ", "# ", "=> ", source.word() + " "]),
        source.one([")", ">>", " *", "!", "?", " " + source.word()]),
    )
    rules: list[Callable[[str], str]] = [
        str.upper,
        str.title,
        lambda t: left + t + right,
        lambda t: t + right,
        lambda t: left + t,
        lambda t: f"{t} {t}",
        lambda t: t,
        lambda t: t.replace(" ", "-"),
        lambda t: t.replace(" ", "_"),
    ]
    rule, top = source.one(rules), source.between(1, 4)

    def pair() -> tuple[str, str]:
        text = " ".join(source.words(source.between(1, top)))
        return text, rule(text)

    return pair


def _record(source: Source) -> Mapping:
    """Convert fields to JSON or to a line in another format."""
    keys = source.words(source.between(1, 3))
    template = source.one([", ", " and ", " then "]).join(f"{source.word()} {{{i}}}" for i in range(len(keys)))
    form = source.one(["json", "json", "lines", "call"])
    name = source.word()

    def pair() -> tuple[str, str]:
        values = [source.title(2) if source.chance(0.5) else source.thing() for _ in keys]
        record = dict(zip(keys, values, strict=True))
        answer = json.dumps(record, ensure_ascii=False)
        if form == "lines":
            answer = "; ".join(f"{k}={v}" for k, v in record.items())
        elif form == "call":
            answer = f"{name}({', '.join(values)})"
        return template.format(*values), answer

    return pair


def _table(source: Source) -> Mapping:
    """Map each of a few words to a fixed partner; the question repeats a pair that was shown."""
    keys = source.words(source.between(2, 4))
    partners = dict(zip(keys, source.words(len(keys)), strict=True))

    def pair() -> tuple[str, str]:
        key = source.one(keys)
        return key, partners[key]

    return pair


_MAPPINGS = (_labels, _labels, _slot, _slot, _pick, _string, _record, _table)


def _shown(source: Source, make: Callable[[Source], Mapping]) -> list[tuple[str, str]]:
    """Draw pairs of a mapping; if answers come from a small set, the last answer was shown before."""
    pair = make(source)
    count = source.between(3, 6 if source.size < 0.5 else 9) if source.shots is None else source.shots + 1
    pairs = [pair() for _ in range(count)]
    if make in {_labels, _table}:
        known = {answer for _, answer in pairs[:-1]}
        for _ in range(30):
            if pairs[-1][1] in known:
                break
            pairs[-1] = pair()
    return pairs


def chat_pattern(source: Source) -> Task:
    """Show pairs as earlier turns of the conversation."""
    pairs = _shown(source, source.one(_MAPPINGS))
    turns: list[Turn] = [("system", source.wording(_SYSTEM))] if source.chance(0.6) else []
    for asked, answer in pairs:
        turns += [("user", asked), ("assistant", answer)]
    return Task("pattern", tuple(turns))


def inline_pattern(source: Source) -> Task:
    """Show pairs inside one user message."""
    pairs = _shown(source, source.one(_MAPPINGS))
    left, right = source.one(
        [("Input: ", "Output: "), ("Q: ", "A: "), ("", "-> "), ("Text: ", "Label: "), ("In: ", "Out: "), ("> ", "< ")]
    )
    joint = source.one(["\n", " "]) if not left else "\n"
    blocks = [f"{left}{a}{joint}{right}{b}" for a, b in pairs[:-1]] + [f"{left}{pairs[-1][0]}{joint}{right}".rstrip()]
    text = source.one(["\n", "\n\n"]).join(blocks)
    if source.chance(0.5):
        text = source.wording(_SYSTEM) + "\n\n" + text
    return Task("inline", (("user", text), ("assistant", pairs[-1][1])))


FAMILIES = (chat_pattern, chat_pattern, inline_pattern)
