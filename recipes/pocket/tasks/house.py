"""Answers by house rules: opening, fact with its passage, closing; rules are given as text, as examples, or both."""

from dataclasses import dataclass, field

from recipes.pocket.chat import Task, Turn
from recipes.pocket.tasks.facts import Fact, fact, thing
from recipes.pocket.tasks.reading import MISSING, asked_about, citing, numbered, titles, window
from recipes.pocket.tasks.source import Source
from recipes.pocket.tasks.support import ANGER, CLOSINGS

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
_OPENINGS = ["Thanks for writing to {f}.", "Hello from {f}.", "Thank you for asking {f}.", "{f} here."]

_HEADINGS = ["# How {a} writes", "# House rules", "## How we answer", "# Guidelines of {a}", "Rules:"]
_ABOUT_AGENT = [
    "You are {a} of {f}. What you know stands in the pages.",
    "{a} writes to the customers of {f}, in short and calm letters.",
    "You answer for {f}. Everything you may say stands in its pages.",
    "{f} asks you to keep to these rules.",
]
_LOOKS = ["An answer looks like this:", "For example:", "A good answer:", "This is how it looks:"]
_MARKS = [('"', '"'), ('"', '"'), ("“", "”"), ("'", "'")]


@dataclass
class _House:
    """The house style of answers: the text around the fact, and the form of page references."""

    firm: str
    agent: str
    opening: str = ""
    close: str = ""
    see: str = ""
    missing: str = MISSING
    marks_last: bool = False  # the passage number follows the entire answer

    def form(self, body: str, mark: str = "") -> str:
        """The complete answer around a fact, with the passage number after the fact or at the end."""
        if not self.marks_last:
            body += mark
        if self.opening:
            body = f"{self.opening} {body}"
        if self.close:
            body += f"\n\n{self.close}\n{self.agent}"
        return body + (mark if self.marks_last else "")


@dataclass
class _Pages:
    """Passages, their titles, and their facts by passage; natural passages have no facts."""

    texts: list[list[str]]
    names: list[str]
    facts: list[tuple[int, Fact]] = field(default_factory=list)


def _house(source: Source) -> _House:
    """Generate a house style with an opening, a closing or both."""
    firm = source.name()  # most agents have the firm's name, but are distinct from it
    agent = f"{firm if source.chance(0.7) else source.name()} {source.one(['Care', 'Support', 'Help', 'Desk', 'Team'])}"
    house = _House(firm, agent)
    house.opening = source.one(_OPENINGS).format(f=firm) if source.chance(0.8) else ""
    house.close = source.one(CLOSINGS) + "," if source.chance(0.7) or not house.opening else ""
    return house


def _pages(source: Source, count: int, real: bool, titled: bool) -> _Pages:
    """Natural passages, or passages of invented facts; some have titles, or all if `titled`."""
    names = titles(source, count)
    while titled and not names[0]:
        names = titles(source, count)
    if real:
        return _Pages([window(source, source.upto(25, 90)) for _ in range(count)], names)
    facts: list[tuple[int, Fact]] = []
    for place in range(count):
        about, taken = thing(source), set[int]()
        facts += [(place, fact(source, about, taken)) for _ in range(source.upto(1, 4))]
    return _Pages([[f.statement for at, f in facts if at == place] for place in range(count)], names, facts)


def _asked(source: Source, pages: _Pages) -> tuple[str, str, int]:
    """Ask about one of the passages; returns the question, the sentence with the answer, and its index or -1."""
    if not pages.facts:
        question, answer = asked_about(source, pages.texts)
        if answer == MISSING:
            return question, MISSING, -1
        sentence, _, number = answer.rpartition(" [")
        return question, sentence, int(number.rstrip("]")) - 1
    if source.chance(0.07):
        other = fact(source, source.invented(), set())
        return other.question, MISSING, -1
    place, known = source.one(pages.facts)
    return known.question, known.statement, place


def _answer(house: _House, pages: _Pages, sentence: str, place: int) -> str:
    """The answer: the fact in house style, or the text for a missing answer."""
    if place < 0:
        return MISSING if house.missing == MISSING else house.form(house.missing)
    title = pages.names[place].split(" > ")[0]
    return house.form(sentence + (f" ({house.see}: {title})" if house.see else ""), f" [{place + 1}]")


def _rules(source: Source, house: _House) -> list[str]:
    """The rules of the house style, mixed with rules that have no visible effect."""
    rules = source.some(_QUIET_RULES, source.upto(1, 7))
    if house.opening:
        rules.append(source.wording(_OPEN_RULES, varied=False).format(o=house.opening))
    if house.close:
        rules.append(source.wording(_CLOSE_RULES, varied=False).format(c=house.close, a=house.agent))
    if house.see:
        rules.append(source.wording(_PAGE_RULES, varied=False).format(s=house.see))
    if house.missing != MISSING:
        rules.append(source.wording(_MISSING_RULES, varied=False).format(m=house.missing))
    return source.some(rules, len(rules))


def _guidelines(source: Source, house: _House, rules: list[str]) -> str:
    """Format rules as a line, a list, or under a heading with a description of the agent and a sample answer."""
    firm, agent = house.firm, house.agent
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
            body = fact(source, thing(source), set()).statement
            body += f" ({house.see}: {source.title(2)})" if house.see else ""
            quoted = "\n".join(f"> {line}".rstrip() for line in house.form(body).split("\n"))
            system += f"\n\n{source.one(_LOOKS)}\n\n{quoted}"
    left, right = source.one(_MARKS)
    return system.replace("“", left).replace("”", right)


def _customs(source: Source, house: _House) -> None:
    """Add page references and a text for missing answers to a house style."""
    if source.chance(0.5):
        house.see = source.one(["see", "see", "page", "from", "source"])
    if source.chance(0.5):
        house.missing = source.one(_HANDED_OVER).format(d=source.day(), n=source.name())


def told(source: Source) -> Task:
    """Answer by rules in the instructions, from passages or from facts in the instructions."""
    house, given, real = _house(source), source.chance(0.8), source.chance(0.5)
    count = source.between(1, 3)
    if given:
        _customs(source, house)
    pages = _pages(source, count, given and real, house.see != "")
    system = _guidelines(source, house, _rules(source, house)) + "\n\n"
    system += citing(source) if given else "\n".join(f.statement for _, f in pages.facts)
    turns: list[Turn] = [("system", system)]
    for i in range(source.rounds(3)):
        if given:
            asked, sentence, place = _asked(source, pages)
            answer = _answer(house, pages, sentence, place)
        else:
            known = source.one(pages.facts)[1]
            asked, answer = known.question, house.form(known.statement)
        if source.chance(0.2):
            asked = f"{source.one(ANGER)} {asked}"
        if given and i == 0:
            asked = numbered(source, pages.texts, asked, pages.names)
        turns += [("user", asked), ("assistant", answer)]
    return Task("house", tuple(turns))


def shown(source: Source) -> Task:
    """Answer in the form of earlier answers, each question with its own passages; the rules may be given, too."""
    house, real = _house(source), source.chance(0.5)
    _customs(source, house)
    house.marks_last = source.chance(0.5)
    with_rules = source.chance(0.5)
    if with_rules:
        system = _guidelines(source, house, _rules(source, house))
    else:
        system, house.missing = f"Answer customers of {house.firm}.", MISSING
    turns: list[Turn] = [("system", f"{system}\n\n{citing(source)}")]
    most = source.between(1, 2 if source.hidden else 3)
    for _ in range(source.between(2, 3) if source.hidden else source.upto(2, 6)):
        pages = _pages(source, most, real, house.see != "")
        asked, sentence, place = _asked(source, pages)
        asked = numbered(source, pages.texts, asked, pages.names)
        turns += [("user", asked), ("assistant", _answer(house, pages, sentence, place))]
    return Task("house" if with_rules else "house_shown", tuple(turns))


FAMILIES = (told, shown)
