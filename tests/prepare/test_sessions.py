"""Long chats: sessions end with pauses after an answer, and the examples are linear in the size of the chat."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from gradschool.prepare.dialogue import Dialogue, Turn
from gradschool.prepare.sessions import HISTORY_CHARACTERS, HISTORY_TURNS, MAX_UNDATED, MAX_WHOLE, recent, sessions
from gradschool.records import Source

Run = Callable[..., Any]
HOUR = 3600.0


def parts(*turns: tuple[str, float], chat: bool = True) -> list[str]:
    """The speakers of each session of a chat, given who speaks at which hour; K is the agent."""
    said = tuple(Turn(name, "x", at=hour * HOUR) for name, hour in turns)
    dialogue = Dialogue("d", said, Source("a", 1), "2024-01-01", chat=chat)
    role = {"K": "assistant"}
    found = sessions(dialogue, lambda turn: role.get(turn.speaker, "user"))
    return ["".join(turn.speaker for turn in session.turns) for session in found]


def test_a_session_ends_with_a_pause_after_an_answer() -> None:
    assert parts(("J", 0), ("K", 1), ("J", 24), ("K", 25)) == ["JK", "JK"]
    assert parts(("J", 0), ("K", 1), ("J", 2), ("K", 3)) == ["JKJK"]


def test_an_answer_on_the_next_morning_keeps_its_question() -> None:
    assert parts(("J", 20), ("K", 33), ("J", 34), ("K", 60)) == ["JKJK"]
    assert parts(("J", 0), ("J", 30), ("K", 31)) == ["JJK"]


def test_a_message_after_weeks_is_no_answer() -> None:
    assert parts(("J", 0), ("K", 24 * 30)) == ["J", "K"]


def test_other_dialogues_stay_whole() -> None:
    assert parts(("J", 0), ("K", 1), ("J", 100), ("K", 101), chat=False) == ["JKJK"]


def test_a_very_long_conversation_is_divided_and_keeps_its_system_message() -> None:
    turns = (Turn("S", "be kind", role="system"), *(Turn("JK"[n % 2], "x") for n in range(MAX_WHOLE)))
    role = {"K": "assistant", "S": "system"}
    dialogue = Dialogue("d", turns, Source("a", 1))
    found = list(sessions(dialogue, lambda turn: role.get(turn.speaker, "user")))
    assert len(found) > 20 and all(one.turns[0].speaker == "S" and len(one.turns) <= MAX_UNDATED + 1 for one in found)
    assert sum(len(one.turns) - 1 for one in found) == MAX_WHOLE
    whole = Dialogue("d", turns[:-1], Source("a", 1))
    assert list(sessions(whole, lambda turn: role.get(turn.speaker, "user"))) == [whole]


def test_a_chat_without_times_is_divided_between_exchanges() -> None:
    turns = tuple(Turn("JK"[n % 2], "x", apart=n % 2 == 0) for n in range(8))
    dialogue = Dialogue("d", turns, Source("a", 1), chat=True)
    role = {"K": "assistant"}
    assert len(list(sessions(dialogue, lambda turn: role.get(turn.speaker, "user")))) == 4
    flat = Dialogue("d", tuple(Turn("JK"[n % 2], "x") for n in range(100)), Source("a", 1), chat=True)
    sizes = [len(one.turns) for one in sessions(flat, lambda turn: role.get(turn.speaker, "user"))]
    assert sum(sizes) == 100 and max(sizes) <= MAX_UNDATED


def test_the_history_is_bounded_in_turns_and_characters() -> None:
    assert recent([1] * 100) == 100 - HISTORY_TURNS
    assert recent([HISTORY_CHARACTERS // 4] * 100) == 96
    assert recent([10, 5, HISTORY_CHARACTERS * 9]) == 2 and recent([]) == 0


def size(run: Run, tmp_path: Path, text: str) -> tuple[float, int]:
    """How many times the size of a chat its examples have, and their groups."""
    prepared, _ = run({"chat.txt": text}, "persona", agents=("Kiosk",))
    return (tmp_path / "job" / "examples.jsonl").stat().st_size / len(text), prepared.summary.groups


def dense(count: int, minutes: int, stamped: bool = True) -> str:
    start = datetime(2024, 1, 1, tzinfo=UTC)
    lines = []
    for n in range(count):
        at = start + timedelta(minutes=minutes * n)
        name, text = (
            ("Jo", f"what about the thing that is called number {n}")
            if n % 2 == 0
            else ("Kiosk", f"number {n} costs {n * 7 % 89} and a half")
        )
        lines.append((f"{at:%d.%m.%y, %H:%M} - " if stamped else "") + f"{name}: {text}")
    return "\n".join(lines)


def test_examples_are_linear_in_the_size_of_the_chat(run: Run, tmp_path: Path) -> None:
    for minutes, stamped in ((1, True), (90, True), (0, False)):
        small, groups = size(run, tmp_path, dense(150, minutes, stamped))
        large, more = size(run, tmp_path, dense(300, minutes, stamped))
        assert large < 1.2 * small and large < 25
        assert groups > 5 and more > 1.8 * groups


def test_a_crowd_of_messages_before_an_answer_is_bounded(run: Run, rows: Any, tmp_path: Path) -> None:
    lines = []
    for n in range(2_000):
        stamp = f"{1 + n // 100:02}.01.24, 10:{n % 60:02} - "
        lines.append(f"{stamp}{('Jo', 'Al', 'Cy')[n % 3]}: some words of mine that nobody answers {n}")
        if n % 400 == 399:
            lines.append(f"{stamp}Kiosk: here is the answer to number {n}")
    ratio, _ = size(run, tmp_path, "\n".join(lines))
    assert ratio < 2 and all(len(row["prompt"]) <= HISTORY_CHARACTERS + 100 for row in rows("examples.jsonl"))


def test_a_long_dialogue_of_roles_shows_a_bounded_history(run: Run, rows: Any) -> None:
    import json

    turns = [{"role": "system", "content": "be kind"}]
    for n in range(100):
        turns += [
            {"role": "user", "content": f"ask {n} of it"},
            {"role": "assistant", "content": f"answer {n} to that"},
        ]
    prepared, _ = run({"d.jsonl": json.dumps({"messages": turns}) + "\n"}, "persona")
    found = rows("examples.jsonl")
    assert max(len(row["messages"]) for row in found) <= HISTORY_TURNS + 2
    assert all(row["messages"][0]["role"] == "system" and row["messages"][1]["role"] == "user" for row in found)
    assert prepared.summary.changed["shortened history"] > 50
