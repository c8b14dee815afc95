"""Dialogues, chats and tickets: every turn of the agent is an example, and the agent is given or detected."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from deciding import agents_of
from gradschool.errors import DataError
from gradschool.prepare.agents import Agents
from gradschool.prepare.dialogue import Dialogue, Turn
from gradschool.prepare.dialogues import drafts_of
from gradschool.records import Source

Run = Callable[..., Any]


def lines(*values: Any) -> str:
    return "".join(json.dumps(value) + "\n" for value in values)


def dialogue(number: int, *texts: str) -> dict[str, Any]:
    turns = [{"role": ("user", "assistant")[n % 2], "text": f"{text} {number}"} for n, text in enumerate(texts)]
    return {"id": f"d{number}", "turns": turns}


def test_every_turn_of_the_agent_is_an_example_with_the_turns_before_it(run: Run, rows: Any) -> None:
    turns = ("my bike broke", "which one is it", "the red one", "we will mend it")
    run({"d.jsonl": lines(*[dialogue(n, *turns) for n in range(3)])}, "persona")
    found = rows("examples.jsonl")
    assert len(found) == 6 and {row["group"] for row in found} == {"d0", "d1", "d2"}
    assert found[0]["completion"] == "which one is it 0"
    assert [turn["role"] for turn in found[1]["messages"]] == ["user", "assistant", "user", "assistant"]


def test_turns_are_joined_and_unanswered_ends_are_reported(run: Run, rows: Any) -> None:
    said = [("user", "hello"), ("user", "anybody"), ("assistant", "yes, how can we help"), ("user", "thanks")]
    odd = {"id": "x", "turns": [{"role": role, "text": text} for role, text in said]}
    silent = {"id": "y", "turns": [{"role": "user", "text": "hello?"}]}
    prepared, _ = run({"d.jsonl": lines(odd, silent, *[dialogue(n, "a b c", "d e f") for n in range(3)])}, "persona")
    assert rows("examples.jsonl")[0]["prompt"] == "hello\nanybody"
    told = {row["item"]: row for row in rows("review.jsonl") if "item" in row}
    assert {change["kind"]: change["text"] for change in told["x-1"]["why"]} == {"open end": "thanks"}
    assert told["y-0"]["action"] == "dropped" and told["y-0"]["why"][0]["kind"] == "no answer"
    assert prepared.summary.dropped == {"no answer": 1}


TABLE = """ticket_id,author,body
1,Ann,my bike broke
2,Bob,my lamp broke
1,Support,which bike is it
2,Support,which lamp is it
"""
CHAT = "Ann: my bike broke\nSupport: which bike is it\n\n--- next\nBob: my lamp broke\nSupport: which lamp is it\n"


def ticket(number: int, thing: str) -> dict[str, Any]:
    opening = f"my {thing} broke"
    comments = [
        {"author_id": 7, "body": opening},
        {"author_id": 1, "body": f"which {thing} is it"},
        {"author_id": 1, "body": "secret", "public": False},
    ]
    return {"ticket": number, "requester_id": 7, "description": opening, "comments": comments}


TICKETS = json.dumps([ticket(1, "bike"), ticket(2, "lamp")])


@pytest.mark.parametrize("files", [{"t.csv": TABLE}, {"t.json": TICKETS}, {"chat.txt": CHAT}])
def test_exports_of_several_kinds_give_the_same_pairs(run: Run, rows: Any, files: dict[str, str]) -> None:
    run(files, "persona", agents=("1",) if "t.json" in files else ())
    assert [(row["prompt"], row["completion"]) for row in rows("examples.jsonl")] == [
        ("my bike broke", "which bike is it"), ("my lamp broke", "which lamp is it"),
    ]  # fmt: skip


def of(*speakers: str) -> Dialogue:
    return Dialogue("d", tuple(Turn(name, "x") for name in speakers), Source("a", 1))


def roles(agents: Agents, *speakers: str) -> list[str]:
    return [agents.role_of(Turn(name, "x")) for name in speakers]


def test_the_agent_is_given_or_detected() -> None:
    assert roles(agents_of([of("customer", "agent")], ()), "Agent") == ["assistant"]
    assert roles(agents_of([of("inbound", "outbound")], ()), "outbound") == ["assistant"]
    found = agents_of([of("Ann", "Eve"), of("Bob", "Eve"), of("Cid", "Eve")], ())
    assert roles(found, "Eve", "Ann", "somebody new") == ["assistant", "user", "user"]
    assert roles(agents_of([of("Ann", "Eve")], ("Ann",)), "ann") == ["assistant"]


def test_an_ambiguous_agent_is_an_error() -> None:
    with pytest.raises(DataError, match=r"(?si)agent cannot be detected.*Ann.*--agent"):
        agents_of([of("Ann", "Eve"), of("Bob", "Joe")], ())
    with pytest.raises(DataError, match="None of Max has a turn"):
        agents_of([of("Ann", "Eve")], ("Max",))


def test_a_first_turn_of_the_agent_is_not_an_answer() -> None:
    made = list(drafts_of(of("agent", "user", "agent"), agents_of([of("user", "agent")], ())))
    assert [len(draft.messages) for draft in made] == [3]


def test_the_known_dialogues_are_read_as_they_are(run: Run, real: Any) -> None:
    content = (real / "support_dialogues/dialogues.jsonl").read_bytes()[:600_000].rpartition(b"\n")[0]
    summary = run({"d.jsonl": content}, "persona")[0].summary
    assert summary.kept > 1_000
    assert summary.dropped.keys() <= {"no answer", "near-duplicate", "duplicate", "wrong language"}
    assert summary.private["e-mail address"] > 5 and summary.private["postal address"] > 5
    assert summary.private["phone number"] > 3


def test_a_messenger_s_table_without_conversations_is_a_chat_without_its_notices(run: Run, rows: Any) -> None:
    """As KakaoTalk writes on a Mac: text of several lines is in quotes, and media and events are in the same column."""
    said = [("Min", "Is it open?"), ("Shop", "Yes,\nuntil six."), ("Min", "Photo"), ("Min", "Min left this chatroom.")]
    said += [("Min", "Have you got sage?"), ("Shop", "Two pots.")]
    table = "Date,User,Message\n" + "".join(
        f'2024-03-11 09:1{number}:00,"{user}","{text}"\n' for number, (user, text) in enumerate(said)
    )
    run({"KakaoTalk_Chat.csv": table}, "persona", agents=("Shop",))
    found = rows("examples.jsonl")
    answers = [row["messages"][-1]["content"] if "messages" in row else row["completion"] for row in found]
    assert answers == ["Yes,\nuntil six.", "Two pots."]
    assert "left this" not in json.dumps(found) and "Photo" not in json.dumps(found)
