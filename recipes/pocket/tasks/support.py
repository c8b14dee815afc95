"""Replies: polite answers of an agent from a fact, short letters from notes, and rewriting by a rule."""

from chat import Task, Turn

from tasks.facts import fact, thing
from tasks.reading import MISSING, asked_about, citing, numbered, titles, window
from tasks.source import Source

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
_CLOSE = ["Kind regards", "Best wishes", "Yours", "Warm regards", "Sincerely", "All the best"]
_MORE = [
    "Please let us know if you need anything else.",
    "Is there anything else I can help with?",
    "Do write again at any time.",
    "Happy to help further.",
]
_ANGER = ["this is terrible!!", "i am so angry", "WHY does nobody answer", "worst shop ever", "i waited for weeks"]

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
    """Answer a customer from a fact in the instructions, by the rules that stand there."""
    about, agent, customer = thing(source), source.name(), source.name()
    told = fact(source, about, set())
    angry = source.chance(0.4)
    greet, close, more = source.one(_GREET), source.one(_CLOSE), source.one(_MORE)
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
    asked = (source.one(_ANGER) + " " if angry else "") + told.question
    if customer in rules[1]:
        asked += f" {customer}"
    joint = source.one([" ", "\n"])
    return Task("reply", (("system", " ".join(rules)), ("user", asked), ("assistant", joint.join(parts))))


_QUIET_RULES = [
    "Answer the question in one or two sentences.",
    "Stay under {n} words.",
    "Use no exclamation marks.",
    "Never write “unfortunately”.",
    "Do not use the name of the customer.",
    "Be short and calm.",
    "Never promise what the pages do not say.",
    "Give the fact in the words of the page.",
    "Apologise only where something went wrong.",
    "Use no contractions.",
    "Write plain English.",
]
_OPEN_RULES = [
    "Open with “{o}” and go straight on.",
    "Begin each answer with “{o}”",
    "Start with: {o}",
    "First say “{o}”.",
]
_CLOSE_RULES = [
    "Close with “{c}” and, on the next line, “{a}”.",
    "End with “{c}”, then “{a}”.",
    "Sign off: {c} {a}",
    "Sign as {a} after “{c}”.",
]
_PAGE_RULES = [
    "After the fact, name the page in this form: ({s}: Title of the page).",
    "Name the page you used: ({s}: its title).",
    "Give the title of the page in brackets after the fact: ({s}: Title)",
    "Add ({s}: Title of the page) after the answer.",
]
_MISSING_RULES = [
    "If the pages do not hold the answer, write “{m}”",
    "Where no page answers, say “{m}” and name no page.",
    "Do not guess. If the answer is missing, say “{m}”",
]
_HANDED_OVER = [
    "I have passed your question on.",
    "A colleague will answer you on {d}.",
    "The pages do not say this. {n} will write to you.",
    "I do not know this, and have asked {n}.",
]

_HEADINGS = ["# How {a} writes", "# House rules", "## How we answer", "# Guidelines of {a}", "Rules:"]
_ABOUT_AGENT = [
    "You are {a} of {f}. What you know stands in the pages.",
    "{a} writes to the customers of {f}, in short and calm letters.",
    "You answer for {f}. Everything you may say stands in its pages.",
    "{f} asks you to keep to these rules.",
]
_LOOKS = ["An answer looks like this:", "For example:", "A good answer:", "This is how it looks:"]
_MARKS = [('"', '"'), ('"', '"'), ("“", "”"), ("'", "'")]


def _guidelines(source: Source, firm: str, agent: str, rules: list[str], shown: str) -> str:
    """Write rules as people do: in a line, in a list, or under a heading with who speaks and an answer to look at."""
    duty = source.one(
        [f"Answer customers of {firm}.", f"You are {agent}, the support of {firm}.", f"You write for {firm}."]
    )
    lines = [rule.replace("{n}", str(source.between(20, 120))) for rule in rules]
    joint = source.one(["\n- ", "\n- ", " ", "\n"])
    system = duty + joint + joint.join(lines)
    if source.chance(0.6):
        about = source.one(_ABOUT_AGENT).format(a=agent, f=firm)
        system = f"{duty}\n\n{source.one(_HEADINGS).format(a=agent)}\n\n{about}\n\n- " + "\n- ".join(lines)
        if source.chance(0.6):
            quoted = "\n".join(f"> {line}".rstrip() for line in shown.split("\n"))
            system += f"\n\n{source.one(_LOOKS)}\n\n{quoted}"
    left, right = source.one(_MARKS)
    return system.replace("“", left).replace("”", right)


def _page_rules(source: Source, titled: bool) -> tuple[str, str, list[str]]:
    """Sometimes ask for the page's title, and for words to say where no page answers; returns both, and the rules."""
    see = source.one(["see", "see", "page", "from", "source"]) if titled and source.chance(0.7) else ""
    rules = [source.wording(_PAGE_RULES, varied=False).format(s=see)] if see else []
    missing = MISSING
    if source.chance(0.5):
        missing = source.one(_HANDED_OVER).format(d=source.day(), n=source.name())
        rules.append(source.wording(_MISSING_RULES, varied=False).format(m=missing))
    return see, missing, rules


def house(source: Source) -> Task:
    """Answer from passages in the form that house rules ask for: an opening, the fact with its passage, a closing."""
    firm, agent = source.name(), f"{source.name()} {source.one(['Care', 'Support', 'Help', 'Desk'])}"
    opening = source.one(
        ["Thanks for writing to {f}.", "Hello from {f}.", "Thank you for asking {f}.", "{f} here."]
    ).format(f=firm)
    close = source.one(_CLOSE) + ","
    wants_opening, wants_close = source.chance(0.8), source.chance(0.7)
    rules = source.some(_QUIET_RULES, source.upto(1, 7))
    rules += [source.wording(_OPEN_RULES, varied=False).format(o=opening)] if wants_opening else []
    rules += [source.wording(_CLOSE_RULES, varied=False).format(c=close, a=agent)] if wants_close else []
    way = source.random.random()  # what is known stands in real passages, in passages of facts, or in the instructions
    told = [fact(source, thing(source), set()) for _ in range(source.between(1, 3))]
    pages = [window(source, source.upto(25, 90)) for _ in told] if way < 0.4 else [[each.statement] for each in told]
    names, missing, see, given = titles(source, len(pages)), MISSING, "", way < 0.8
    if given:
        see, missing, further = _page_rules(source, names[0] != "")
        rules += further

    def form(body: str) -> str:
        body = f"{opening} {body}" if wants_opening else body
        return f"{body}\n\n{close}\n{agent}" if wants_close else body

    shown = fact(source, thing(source), set()).statement + (f" ({see}: {source.title(2)})" if see else "")
    system = _guidelines(source, firm, agent, source.some(rules, len(rules)), form(shown))
    system += "\n\n" + (citing(source) if given else "\n".join(each.statement for each in told))

    def round_(first: bool) -> Turn:
        at = source.between(0, len(told) - 1)
        asked, body = told[at].question, told[at].statement + (f" [{at + 1}]" if given else "")
        if way < 0.4:
            asked, body = asked_about(source, pages)
        if source.chance(0.2):
            asked = f"{source.one(_ANGER)} {asked}"
        if given and first:
            asked = numbered(source, pages, asked, names)
        if body == MISSING:
            body = missing
        elif given and see:
            page = int(body[body.rindex("[") + 1 : -1])
            body += f" ({see}: {names[page - 1]})"
        return asked, body if body == MISSING else form(body)

    turns: list[Turn] = [("system", system)]
    for i in range(source.rounds(3)):
        asked, answer = round_(i == 0)
        turns += [("user", asked), ("assistant", answer)]
    return Task("house", tuple(turns))


def letter(source: Source) -> Task:
    """Write a short letter from a note of keys and values."""
    receiver, sender, about = source.name(), source.name(), thing(source)
    day, price = source.day(), source.price()
    close, greet = source.one(_CLOSE), source.one(_GREET)
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
    """Rewrite a line by a plain rule."""
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


FAMILIES = (reply, house, house, letter, rewrite)
