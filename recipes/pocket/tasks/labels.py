"""Labels: answer with one of the labels in the instructions, by a shared word or by meaning."""

from recipes.pocket.chat import Task, Turn, rounds_of
from recipes.pocket.tasks.source import Source

TOPICS = {
    "food": "bread soup cheese dinner cook kitchen apple rice meal hungry baked eat taste fruit cake",
    "weather": "rain snow storm sunny cloud wind cold forecast thunder fog hot wet umbrella",
    "travel": "train ticket flight luggage hotel journey airport passport road trip station map",
    "money": "bank price pay coins dollars loan cost account cash debt bill rich",
    "health": "doctor fever pain medicine hospital disease symptoms nurse sick blood treatment cough",
    "animals": "dog cat horse lion bird fish sheep fox cow bear monkey wolf",
    "music": "song violin piano sing concert drum melody band album tune guitar",
    "family": "mother father brother sister son daughter uncle aunt cousin grandmother wife husband",
    "school": "teacher lesson book pupil exam homework class learn write student chalk",
    "war": "army soldier battle sword enemy fight weapon attack troops victory general",
    "sea": "ship sailor wave island boat harbour fish captain storm shore anchor",
    "house": "door window roof room garden wall stairs kitchen floor bed lamp",
    "delivery": "parcel package arrived shipping courier late tracking sent box address",
    "refund": "money back returned charged reimburse twice overcharged receipt",
    "password": "login sign in locked account forgot reset username code",
    "happy": "glad smile joy laughed delighted wonderful cheerful pleased love great",
    "sad": "cried tears sorrow wept lonely unhappy grief poor lost miserable",
    "angry": "furious rage shouted terrible unacceptable worst hate annoyed awful",
}
_ALIAS = {
    "positive": "happy",
    "negative": "angry",
    "shipping": "delivery",
    "login": "password",
    "finance": "money",
    "medicine": "health",
    "nature": "weather",
    "kitchen": "food",
    "pets": "animals",
    "song": "music",
    "ocean": "sea",
    "home": "house",
    "education": "school",
}
_ASK = [
    "Answer with one of: {l}.",
    "Choose one label: {l}.",
    "Classify the text as {l}.",
    "Which of these fits: {l}? Answer with the label only.",
    "Labels: {l}. Reply with exactly one.",
    "Pick the topic. Options: {l}.",
    "Say what it is about. One of {l}.",
    "Sort the message into one of: {l}.",
    "Read the message and name its category. Categories: {l}.",
    "The answer must be one of these: {l}.",
]
_OPENINGS = [
    "I {w} my {x}",
    "the {x} and the {w}",
    "we saw a {w} near the {x}",
    "my {w} is about the {x}",
    "there was a {w} with a {x}",
    "why is the {w} {x}?",
    "please help me with the {w} and {x}",
    "they talked of {w} and {x}",
]


def _listed(source: Source, labels: list[str]) -> str:
    """Format the labels as a list in one of several ways."""
    way = source.between(0, 3)
    if way == 0:
        return " or ".join(labels)
    if way == 1:
        return ", ".join(labels[:-1]) + " or " + labels[-1]
    return ", ".join(labels) if way == 2 else ", ".join(f'"{x}"' for x in labels)


def _task(source: Source, family: str, labels: list[str], rounds: list[Turn]) -> Task:
    """Ask for a label, in a system message or in the user message, for one text or several in turn."""
    ask = source.wording(_ASK).format(l=_listed(source, labels))
    if source.chance(0.6):
        return Task(family, rounds_of((("system", ask),), "", rounds))
    return Task(family, rounds_of((), ask, rounds, source.chance(0.6)))


def overlap(source: Source) -> Task:
    """The correct label shares a word with the text."""
    labels = source.words(source.between(2, 6))
    if source.chance(0.4):
        labels = [
            f"{a}_{b}" if source.chance(0.5) else f"{a} {b}"
            for a, b in zip(labels, source.words(len(labels)), strict=True)
        ]

    def round_() -> Turn:
        answer = source.one(labels)
        cue = source.one(answer.replace("_", " ").split())
        words = source.sentence().split() if source.chance(0.3) else [source.word() for _ in range(source.upto(2, 14))]
        words.insert(source.between(0, len(words)), cue)
        return " ".join(words), answer

    return _task(source, "label_overlap", labels, [round_() for _ in range(source.rounds(8))])


def topic(source: Source) -> Task:
    """The correct label names the topic of the text, which follows from words that belong to it."""
    names = source.some(sorted(TOPICS), source.between(2, 5))
    shown = {n: n for n in names}
    for alias, real in _ALIAS.items():
        if real in shown and source.chance(0.3):
            shown[real] = alias

    def round_() -> Turn:
        name = source.one(names)
        cues = TOPICS[name].split()
        text = source.wording(_OPENINGS).format(w=source.one(cues), x=source.one(cues))
        if source.chance(0.4):
            text += " " + " ".join(
                source.one(cues) if source.chance(0.4) else source.common() for _ in range(source.upto(2, 10))
            )
        return text, shown[name]

    labels = list(dict.fromkeys(shown.values()))
    return _task(source, "label_topic", labels, [round_() for _ in range(source.rounds(6))])


def yes_no(source: Source) -> Task:
    """Answer whether the text contains a word, with the two answers given in the instructions."""
    words = source.sentence().split() if source.chance(0.5) else source.words(source.upto(3, 12))
    word = source.one(words).strip('.,!?";:') or "a"
    inside = source.chance(0.5)
    if not inside:
        word = source.word()
        inside = word in " ".join(words)
    good, bad = source.one(
        [("yes", "no"), ("true", "false"), ("Yes", "No"), ("present", "absent"), ("found", "missing")]
    )
    ask = source.wording(
        [
            "Is the word {w} in the text? Answer {g} or {b}.",
            "Does the text contain {w}? {g} / {b}",
            "Check for {w}: {g} or {b}.",
            "{g} or {b}: the text has the word {w}.",
        ]
    )
    asked = ask.format(w=word, g=good, b=bad)
    text = " ".join(words)
    return Task(
        "yes_no",
        (
            ("user", f"{text}\n\n{asked}" if source.chance(0.5) else f"{asked}\n\n{text}"),
            ("assistant", good if inside else bad),
        ),
    )


FAMILIES = (overlap, overlap, topic, topic, yes_no)
