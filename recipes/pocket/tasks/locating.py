"""Locating: a few short lines, and many questions which of them contains a word."""

from recipes.pocket.chat import Task, Turn, rounds_of
from recipes.pocket.tasks.source import Source

_WHOLE = [
    "Which line mentions {x}?",
    "What about {x}?",
    "Quote the line with {x}.",
    "Find the one that has {x}.",
    "{x}?",
    "Tell me about {x}.",
    "What is said of {x}?",
    "Where is {x}?",
    "Give the line that names {x}.",
]
_NUMBER = [
    "Which number has {x}?",
    "In which passage is {x}? Give the number.",
    "Number of the line with {x}?",
    "{x}: which number?",
    "Say the number of the passage that names {x}.",
]


def _line(source: Source) -> str:
    """Return a short sentence of random words, or a short natural one."""
    if source.chance(0.35):
        sentence = source.sentence()
        if len(sentence.split()) <= 6 + 12 * source.size:
            return sentence
    words = source.words(source.upto(3, 9))
    words[0] = words[0].capitalize()
    return " ".join(words) + source.one([".", ".", "!", "?"])


def locate(source: Source) -> Task:
    """Find the line that contains a word: quote it, give its number, or both."""
    lines = [_line(source) for _ in range(source.upto(2, 8) + 1)]
    numbered, way = source.chance(0.6), source.between(0, 2)

    def round_() -> Turn:
        at = source.between(0, len(lines) - 1)
        others = {w.strip('.,;:!?"“”').lower() for i, line in enumerate(lines) if i != at for w in line.split()}
        own = [w.strip('.,;:!?"“”') for w in lines[at].split()]
        cues = [w for w in own if len(w) > 3 and w.lower() not in others] or own[:1]
        cue = source.one(cues)
        if source.chance(0.3) and len(cues) > 1:
            cue = " and ".join(source.some(cues, 2))
        if numbered and way == 0:
            return source.wording(_NUMBER).format(x=cue), str(at + 1)
        answer = f"{lines[at]} [{at + 1}]" if numbered and way == 1 else lines[at]
        return source.wording(_WHOLE).format(x=cue if source.chance(0.7) else cue.lower()), answer

    form = "[{i}] {x}" if numbered else "{x}"
    text = source.one(["\n", "\n", " "] if numbered else ["\n", " ", " "]).join(
        form.format(i=i, x=line) for i, line in enumerate(lines, 1)
    )
    if numbered and source.chance(0.5):
        text = f"<passages>\n{text}\n</passages>"
    rounds = [round_() for _ in range(source.rounds(7))]
    return Task("locate", rounds_of((), text, rounds, source.chance(0.85)))


FAMILIES = (locate,)
