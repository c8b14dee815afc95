"""Who the agent is: the same on every run, decided over all sources, and asked for where it is not clear."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deciding import agents_of
from gradschool.errors import DataError
from gradschool.prepare.dialogue import Dialogue, Turn
from gradschool.records import Note, Source

Run = Callable[..., Any]
DAY = 86_400.0


def chat(*speakers: str, day: float = 0, role: str = "") -> Dialogue:
    turns = tuple(Turn(name, f"text {n}", role=role, at=day * DAY + n) for n, name in enumerate(speakers))
    return Dialogue("", turns, Source("a", 1), chat=True)


def days(*openers: str) -> Dialogue:
    """A chat of Jo and Kiosk, with a session a day that each of them begins."""
    turns = [
        Turn(name, "x", at=day * DAY + place)
        for day, opener in enumerate(openers)
        for place, name in enumerate(sorted(("Jo", "Kiosk"), key=lambda one: one != opener))
    ]
    return Dialogue("", tuple(turns), Source("a", 1), chat=True)


def agents(*dialogues: Dialogue, named: tuple[str, ...] = ()) -> set[str]:
    return set(agents_of(dialogues, named).names)


def test_who_answers_in_a_chat_is_the_agent_if_the_other_begins_its_sessions() -> None:
    assert agents(days("Jo", "Jo", "Jo", "Jo")) == {"kiosk"}
    assert agents(days("Jo", "Jo", "Jo", "Kiosk")) == {"kiosk"}
    for unclear in (("Jo", "Kiosk", "Jo", "Kiosk"), ("Jo",), ("Jo", "Jo")):
        with pytest.raises(DataError, match=r"(?s)cannot be detected.*Jo.*Kiosk.*--agent"):
            agents(days(*unclear))


def test_who_speaks_in_most_chats_is_the_agent_even_if_it_begins_them() -> None:
    assert agents(chat("Kiosk", "Jo"), chat("Kiosk", "Al"), chat("Cy", "Kiosk")) == {"kiosk"}
    with pytest.raises(DataError):
        agents(chat("Sam", "Jo"), chat("Pat", "Al"), chat("Sam", "Cy"), chat("Pat", "Di"))


def test_the_spelling_of_a_name_does_not_matter() -> None:
    found = agents_of([chat("Cafe\u0301\u00a0Jo", "Una")], ("caf\u00e9 jo",))
    assert found.role_of(Turn("Cafe\u0301\u00a0Jo", "x")) == "assistant"


def test_roles_decide_over_names() -> None:
    known = Dialogue("", (Turn("Una", "x", role="user"), Turn("Bo", "y", role="assistant")), Source("a", 1))
    assert agents(known) == {"bo"}
    assert agents(chat("Customer", "Sam"), chat("Customer", "Pat")) == {"sam", "pat"}
    assert agents(chat("Agent", "Una")) == {"agent"}


def test_only_named_agents_are_trained_on_and_others_are_context(run: Run, rows: Any) -> None:
    text = "\n\n".join(f"Customer: ask {n}\nSam: hold {n}\nCustomer: ok {n}\nPat: here it is {n}" for n in range(4))
    _, events = run({"chat.txt": text}, "persona", agents=("Pat", "Nobody"))
    found = rows("examples.jsonl")
    assert [row["messages"][-1]["content"] for row in found] == [f"here it is {n}" for n in range(4)]
    assert [turn["role"] for turn in found[0]["messages"]] == ["user", "assistant"] * 2
    assert any("nobody" in event.text and event.level == "warning" for event in events if isinstance(event, Note))


def test_the_agent_is_decided_over_the_whole_folder_and_shown(run: Run, rows: Any) -> None:
    files = {
        f"{name}.txt": f"28.3.24, 21:50 - Kiosk: news\n28.3.24, 21:51 - {name}: what is {name}\n"
        f"28.3.24, 21:52 - Kiosk: it is {n}\n28.3.24, 21:53 - {name}: thanks\n"
        for n, name in enumerate(("Jo", "Al", "Cy"))
    }
    _, events = run(files, "persona")
    assert [row["messages"][-1]["content"] for row in rows("examples.jsonl")] == ["it is 0", "it is 1", "it is 2"]
    assert any("Training on the turns of Kiosk (6)" in event.text for event in events if isinstance(event, Note))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.sampled_from(["Jo", "Al", "Kiosk", "Agent", "Customer", ""]), max_size=6), max_size=6))
def test_the_order_of_the_files_does_not_matter(speakers: list[list[str]]) -> None:
    found = []
    for order in (speakers, speakers[::-1]):
        try:
            found.append(agents(*[chat(*names, day=n) for n, names in enumerate(order)]))
        except DataError as error:
            found.append({error.what})
    assert found[0] == found[1]


def test_the_agent_does_not_depend_on_the_hash_seed() -> None:
    code = (
        "from deciding import agents_of\n"
        "from gradschool.prepare.dialogue import Dialogue, Turn\n"
        "from gradschool.records import Source\n"
        "turns = tuple(Turn(('Jo', 'Kiosk')[n % 2], 'x', at=n // 2 * 1e5 + n) for n in range(12))\n"
        "print(sorted(agents_of([Dialogue('', turns, Source('a', 1), chat=True)], ()).names))\n"
    )
    for seed in ("0", "1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == "['kiosk']"
