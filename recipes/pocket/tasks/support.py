"""Replies: polite answers from a fact, short letters from notes, and rewriting by a rule."""

from recipes.pocket.chat import Task
from recipes.pocket.tasks.facts import fact, thing
from recipes.pocket.tasks.source import Source

_GREET = ["Hello", "Hi", "Dear", "Good day", "Welcome", "Good morning"]
_THANK = [
    "thank you for your message",
    "thanks for getting in touch",
    "thank you for asking",
    "thanks for writing to us",
]
_SORRY = [
    "I am sorry for the trouble",
    "we apologise for the inconvenience",
    "I am sorry about this",
    "please accept our apologies",
]
CLOSINGS = ["Kind regards", "Best wishes", "Yours", "Warm regards", "Sincerely", "All the best"]
_MORE = [
    "Please let us know if you need anything else.",
    "Is there anything else I can help with?",
    "Do write again at any time.",
    "Happy to help further.",
]
ANGER = ["this is terrible!!", "i am so angry", "WHY does nobody answer", "worst shop ever", "i waited for weeks"]

_POLITE = [
    "Make it polite.",
    "Say it politely.",
    "Rewrite it with please.",
    "Start with please.",
    "As a polite request.",
]
_REPLACE = ["Replace {w} with {n}.", "Change {w} to {n}.", "Put {n} in place of {w}.", "Use {n} instead of {w}."]
_BEGIN = ["Begin with {n}.", "Start the line with {n}.", "Put {n} in front.", "Add {n} at the start."]
_END = ["End with {n}.", "Add {n} at the end.", "Finish with {n}.", "Put {n} after it.", "Close with {n}."]
_THREE = ["Give the first three words.", "Only the first three words.", "Shorten to three words.", "Keep three words."]


def reply(source: Source) -> Task:
    """Answer a customer from a fact in the instructions, by the rules given there."""
    about, agent, customer = thing(source), source.name(), source.name()
    told = fact(source, about, set())
    angry = source.chance(0.4)
    greet, close, more = source.one(_GREET), source.one(CLOSINGS), source.one(_MORE)
    rules, parts = [f"You are {agent}, a support agent."], []
    if source.chance(0.7):
        rules.append(f"Begin with '{greet} {customer}'." if source.chance(0.5) else f"Greet the customer with {greet}.")
        parts.append(f"{greet} {customer}," if customer in rules[-1] or source.chance(0.3) else f"{greet},")
    if angry:
        rules.append("Say sorry when the customer is upset.")
        parts.append(source.one(_SORRY).capitalize() + ".")
    elif source.chance(0.3):
        rules.append("Thank the customer.")
        parts.append(source.one(_THANK).capitalize() + ".")
    parts.append(told.statement)
    if source.chance(0.3):
        rules.append(f"End with: {more}")
        parts.append(more)
    if source.chance(0.5):
        rules.append(f"Sign with '{close}, {agent}'.")
        parts.append(f"{close}, {agent}")
    rules.append(source.one(["Know this: ", "Fact: ", "Note: ", ""]) + told.statement)
    asked = (source.one(ANGER) + " " if angry else "") + told.question
    if customer in rules[1]:
        asked += f" {customer}"
    joint = source.one([" ", "\n"])
    return Task("reply", (("system", " ".join(rules)), ("user", asked), ("assistant", joint.join(parts))))


def letter(source: Source) -> Task:
    """Write a short letter from a note of keys and values."""
    receiver, sender, about = source.name(), source.name(), thing(source)
    day, price = source.day(), source.price()
    close, greet = source.one(CLOSINGS), source.one(_GREET)
    body = source.one(
        [
            f"The {about} is ready on {day} and costs {price}.",
            f"We will bring the {about} on {day}. Please pay {price}.",
            f"Your {about} arrives on {day}. The price is {price}.",
        ]
    )
    fields = {"to": receiver, "from": sender, "about": about, "day": day, "price": price}
    fields |= {"greeting": greet, "closing": close, "sentence": body}
    note = "\n".join(f"{key}: {value}" for key, value in fields.items())
    answer = f"{greet} {receiver},\n\n{body}\n\n{close},\n{sender}"
    ask = source.wording(
        [
            "Write a letter from the note.",
            "Turn the note into a short letter.",
            "Draft an e-mail from this.",
            "Make a letter of it.",
            "Compose the letter.",
        ]
    )
    return Task("letter", (("system", ask), ("user", note), ("assistant", answer)))


def rewrite(source: Source) -> Task:
    """Rewrite a line by a simple rule."""
    line = source.sentence() if source.chance(0.5) else f"{source.word()} the {thing(source)} on {source.day()}"
    word, new = source.one(line.split()).strip(".,;:!?\"'") or "a", source.word()
    wordings, answer = source.one(
        [
            (_POLITE, f"Please {line[0].lower() + line[1:]}"),
            (_REPLACE, line.replace(word, new)),
            (_BEGIN, f"{new} {line}"),
            (_END, f"{line} {new}"),
            (_THREE, " ".join(line.split()[:3])),
        ]
    )
    ask = source.wording(wordings).format(w=word, n=new)
    if source.chance(0.5):
        return Task("rewrite", (("system", ask), ("user", line), ("assistant", answer)))
    return Task("rewrite", (("user", f"{ask}\n\n{line}"), ("assistant", answer)))


FAMILIES = (reply, letter, rewrite)
