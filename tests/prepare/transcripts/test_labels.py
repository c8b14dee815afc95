"""Which labels are speakers: those that the user names, those that the structure shows, or none until the user says."""

from collections.abc import Callable
from typing import Any

import pytest

from gradschool.errors import DataError
from gradschool.prepare.transcripts.labels import Speakers, labelled, speakers_of

Run = Callable[..., Any]


def form(number: int, asks: str, answers: str) -> str:
    """A question and an answer with two fields each, of which the agent's first is always the same."""
    asked, answer = f"{asks}: is kite {number} in\nNote: by day {number}", f"{answers}: yes {number}"
    return f"{asked}\n{answer}\nPlace: the quay\nCode: {number * 7}"


def found(text: str, *named: str) -> Speakers:
    return speakers_of(labelled(text.split("\n")), named)


@pytest.mark.parametrize("between", ["\n\n", "\n"])
@pytest.mark.parametrize("count", [1, 3, 12])
def test_a_named_agent_is_a_speaker_and_fields_of_both_stay_in_their_messages(between: str, count: int) -> None:
    names = [f"Customer {n}" for n in range(count)]
    text = between.join(form(n, names[n % count], "Bo") for n in range(12))
    assert found(text, "bo") == Speakers(frozenset({f"customer_{n}" for n in range(count)} | {"bo"}))


@pytest.mark.parametrize("between", ["\n\n", "\n"])
def test_customers_who_ask_once_are_speakers_if_the_agent_is_named(between: str) -> None:
    names = [f"{letter}da" for letter in "ABCDEFGHIJKL"]
    text = between.join(form(n, name, "Bo") for n, name in enumerate(names))
    assert found(text, "bo").names == {name.lower() for name in names} | {"bo"}


@pytest.mark.parametrize("between", ["\n\n", "\n"])
@pytest.mark.parametrize("title", ["Agent Bo", "Support (Bo)", "Bo - Advisor"])
def test_a_label_with_a_word_for_who_answers_is_the_speaker(between: str, title: str) -> None:
    text = between.join(form(n, f"Customer {n % 3}", title) for n in range(12))
    speakers = found(text)
    assert not speakers.doubtful and len(speakers.names) == 4 and not speakers.names & {"note", "place", "code"}


@pytest.mark.parametrize("between", ["\n\n", "\n"])
def test_labels_that_all_could_answer_are_doubtful(between: str) -> None:
    text = between.join(form(n, "Ida", "Bo") for n in range(12))
    assert set(found(text).doubtful) == {"Note", "Bo", "Code"}  # "Place" always says the same: a field


def test_a_label_that_only_some_answers_have_is_not_doubtful() -> None:
    text = "\n\n".join(f"Ida: is {n} in\nBo: yes {n}" + f"\nPrice: {n}" * (n % 3 == 0) for n in range(12))
    assert found(text) == Speakers(frozenset({"ida", "bo"}))


def test_speakers_with_a_number_each_are_speakers() -> None:
    text = "\n".join(f"Speaker {n % 2 + 1}: text {n}" for n in range(12))
    assert found(text).names == {"speaker_1", "speaker_2"}


def test_the_user_is_asked_who_answers_where_it_is_not_clear(run: Run, rows: Any) -> None:
    text = "\n\n".join(form(n, "Ida", "Bo") for n in range(12))
    with pytest.raises(DataError, match=r"(?s)not clear which labels are speakers.*Note.*Bo.*--agent"):
        run({"chat.txt": text}, "persona")
    run({"chat.txt": text}, "persona", agents=("BO",))
    asked = [(row["prompt"], row["completion"]) for row in rows("examples.jsonl")]
    assert asked[1] == ("is kite 1 in\nNote: by day 1", "yes 1\nPlace: the quay\nCode: 7") and len(asked) == 12


def test_a_named_agent_makes_a_conversation_of_a_text_that_does_not_look_so(run: Run, rows: Any) -> None:
    text = "Ida: is it in\nand where\nand how\nBo: yes\nover there\nby boat\n\nIda: now\nor then\nor not\nBo: now\n"
    run({"chat.txt": text}, "persona", agents=("Bo",))
    assert len(rows("examples.jsonl")) == 2


def turns_with_notes(*asking: str) -> str:
    """Turns that each are a paragraph with a note below; the Kiosk answers."""
    parts = [f"{asking[n % len(asking)]}: is {n} in\nNote: by {n}\n\nKiosk: yes {n}\nNote: box {n}" for n in range(12)]
    return "\n\n".join(parts)


@pytest.mark.parametrize("asking", [("Ida",), ("Ida", "Lev", "Zoe"), tuple(f"{letter}da" for letter in "ABCDEFGHIJKL")])
def test_a_label_below_every_turn_is_a_field_once_the_agent_is_named(asking: tuple[str, ...]) -> None:
    text = turns_with_notes(*asking)
    assert found(text, "kiosk") == Speakers(frozenset(name.lower() for name in (*asking, "Kiosk")))
    assert {"Note", "Kiosk"} <= set(found(text).doubtful)
