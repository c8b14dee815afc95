"""Exports of messengers, assistants and ticket systems: the same conversation in each gives the same examples."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat_exports import EXPORTS, GRAPH, chatgpt, claude, discord, listed, skype, telegram, webui
from finish import finish
from gradschool.errors import GradschoolError
from gradschool.prepare.options import PrepareOptions
from gradschool.prepare.prepare import prepare
from gradschool.records import Note
from ticket_exports import PLAIN, freshdesk, front, helpscout, intercom, moments, zendesk

Run = Callable[..., Any]


def pairs(rows: Any) -> list[tuple[str, str]]:
    return [(row["prompt"], row["completion"]) for row in rows("examples.jsonl")]


@pytest.mark.parametrize("kind", EXPORTS)
def test_every_export_gives_the_same_pairs(run: Run, rows: Any, kind: str) -> None:
    prepared, events = run(EXPORTS[kind], "persona")
    assert sorted(pairs(rows)) == sorted(PLAIN)
    assert prepared.summary.kept == 3
    assert not [event for event in events if isinstance(event, Note) and "skipped" in event.text]


def test_all_chats_of_an_account_are_read_and_its_owner_is_the_agent(run: Run, rows: Any) -> None:
    everything = {
        "about": "x",
        "personal_information": {"user_id": 1},
        "chats": {"about": "y", "list": [telegram(name) for name in ("Una", "Ugo", "Uwe")]},
    }
    prepared, events = run({"result.json": json.dumps(everything)}, "persona")
    assert prepared.summary.read == 9 and {answer for _, answer in pairs(rows)} == {answer for _, answer in PLAIN}
    assert any("Boats 🚤 (9)" in event.text for event in events if isinstance(event, Note))


def test_answers_rated_bad_are_left_out_with_their_reason(run: Run, rows: Any) -> None:
    values = [
        webui(number, *said, rating) for number, (said, rating) in enumerate(zip(PLAIN, (1, -1, None), strict=True))
    ]
    prepared, _ = run({"chats.json": json.dumps(values)}, "persona")
    assert pairs(rows) == [PLAIN[0], PLAIN[2]] and prepared.summary.dropped == {"not to train on": 1}
    (row,) = [row for row in rows("review.jsonl") if row.get("item")]
    assert "rated it bad" in row["why"][0]["text"]
    feedback = [
        {
            "id": f"f{n}",
            "type": "rating",
            "data": {"rating": rating},
            "meta": {"chat_id": "x", "message_id": "c"},
            "snapshot": {"chat": webui(n, *said)},
        }
        for n, (said, rating) in enumerate(zip(PLAIN, (1, -1, 1), strict=True))
    ]
    run({"feedback.json": json.dumps(feedback)}, "persona")
    assert pairs(rows) == [PLAIN[0], PLAIN[2]]


def test_an_answer_that_is_marked_is_context_but_never_trained_on(run: Run, rows: Any) -> None:
    turns = [("user", "a b", 1), ("assistant", "bad words", 0), ("user", "c d", 1), ("assistant", "good words", 1)]
    rows_ = [
        {"messages": [{"role": role, "content": f"{text} {n}", "weight": weight} for role, text, weight in turns]}
        for n in range(3)
    ]
    prepared, _ = run({"m.jsonl": "".join(json.dumps(row) + "\n" for row in rows_)}, "persona")
    assert prepared.summary.dropped == {"not to train on": 3}
    assert all(
        len(row["messages"]) == 4 and row["messages"][-1]["content"].startswith("good")
        for row in rows("examples.jsonl")
    )


def test_without_a_current_node_the_last_branch_counts(run: Run, rows: Any) -> None:
    values = [chatgpt(number, *said) for number, said in enumerate(PLAIN)]
    for value in values:
        del value["current_node"]
    run({"conversations.json": json.dumps(values)}, "persona")
    assert pairs(rows) == PLAIN


def rated(rating: str, number: int, message: str = "y") -> dict[str, Any]:
    return {"id": message, "conversation_id": f"c{number}", "user_id": "u", "rating": rating, "content": "{}"}


def test_answers_that_chatgpt_notes_as_rated_bad_are_not_trained_on(run: Run, rows: Any) -> None:
    compared = [{"id": "m", "input": {"a": "Which is better?"}, "output": {"b": "The first one."}}]
    files = {
        "conversations.json": json.dumps([chatgpt(number, *said) for number, said in enumerate(PLAIN)]),
        "message_feedback.json": json.dumps(
            [rated("thumbs_up", 0), rated("thumbs_down", 1), rated("thumbsDown", 2, "w")]
        ),
        "user.json": json.dumps({"id": "u", "email": "una@example.org"}),
        "shared_conversations.json": json.dumps([{"id": "s", "conversation_id": "c0", "title": "t"}]),
        "model_comparisons.json": json.dumps(compared),
        "chat.html": "<html><head><title>ChatGPT Data Export</title></head><body>draft</body></html>",
    }
    prepared, events = run(files, "persona")
    assert pairs(rows) == [PLAIN[0], PLAIN[2]]  # the draft of the last one is rated, which is no answer of the branch
    assert prepared.summary.dropped == {"not to train on": 1}
    notes = [event.text for event in events if isinstance(event, Note)]
    assert any("chat.html" in note and "rates as bad" in note for note in notes)
    assert not any("not recognized" in note for note in notes)


def test_a_rating_of_an_unknown_message_counts_for_its_conversation(run: Run, rows: Any) -> None:
    values = [chatgpt(number, *said) for number, said in enumerate(PLAIN)]
    bad = [rated("thumbs_down", 1, "nowhere")]
    run({"conversations.json": json.dumps(values), "message_feedback.json": json.dumps(bad)}, "persona")
    assert pairs(rows) == [PLAIN[0], PLAIN[2]]


def test_damaged_ratings_stop_the_reading_of_their_conversations(run: Run) -> None:
    values = [chatgpt(number, *said) for number, said in enumerate(PLAIN)]
    with pytest.raises(GradschoolError):
        run({"conversations.json": json.dumps(values), "message_feedback.json": "[{"}, "persona")


def test_an_edited_question_to_claude_is_left_out_with_its_answer(run: Run, rows: Any) -> None:
    values = [claude(number, *said) for number, said in enumerate(PLAIN)]
    for value in values:
        first, second = value["chat_messages"]
        second["parent_message_uuid"] = "1"
        old = {"uuid": "8", "sender": "human", "text": "an older question", "parent_message_uuid": "0"}
        answer = {"uuid": "9", "sender": "assistant", "text": "an older answer", "parent_message_uuid": "8"}
        value["chat_messages"] = [old, answer, first | {"parent_message_uuid": "0"}, second]
    run({"conversations.json": json.dumps(values)}, "persona")
    assert pairs(rows) == PLAIN


def test_a_text_that_is_pasted_into_claude_is_part_of_the_question(run: Run, rows: Any) -> None:
    values = [claude(number, *said) for number, said in enumerate(PLAIN)]
    for value in values:
        first = value["chat_messages"][0]
        first |= {"attachments": [{"file_name": "paste.txt", "extracted_content": first["text"]}], "text": ""}
        first["content"] = [{"type": "text", "text": "Shorten this."}]
    run({"conversations.json": json.dumps(values)}, "persona")
    assert pairs(rows) == [(f"Shorten this.\n\n{asked}", answer) for asked, answer in PLAIN]


def test_an_answer_to_a_picture_is_no_answer_to_the_question_before_it(run: Run, rows: Any) -> None:
    values = [claude(number, *said) for number, said in enumerate(PLAIN)]
    for value in values:
        picture = {"uuid": "3", "sender": "human", "text": "", "content": [], "files": [{"file_name": "a.png"}]}
        value["chat_messages"] += [picture, {"uuid": "4", "sender": "assistant", "text": "That is a heron."}]
    run({"conversations.json": json.dumps(values)}, "persona")
    assert pairs(rows) == PLAIN


def test_an_answer_to_a_picture_in_chatgpt_is_no_answer_to_the_question_before_it(run: Run, rows: Any) -> None:
    def node(number: int, role: str, *parts: Any) -> dict[str, Any]:
        content = {"content_type": "multimodal_text", "parts": list(parts)}
        parent = f"{number - 1}" if number else None
        return {"id": f"{number}", "parent": parent, "message": {"author": {"role": role}, "content": content}}

    picture = {"content_type": "image_asset_pointer", "asset_pointer": "file-service://f"}
    turns = [
        [("user", asked), ("assistant", answer), ("user", picture), ("assistant", "A heron.")]
        for asked, answer in PLAIN
    ]
    values = [
        {
            "conversation_id": f"c{number}",
            "mapping": {f"{at}": node(at, *turn) for at, turn in enumerate(talk)},
            "current_node": f"{len(talk) - 1}",
        }
        for number, talk in enumerate(turns)
    ]
    run({"conversations.json": json.dumps(values)}, "persona")
    assert pairs(rows) == PLAIN


def test_texts_next_to_a_dialogue_are_no_turns_of_it(run: Run, rows: Any) -> None:
    turns = [{"from": "human", "value": "a b c"}, {"from": "gpt", "value": "d e f"}]
    values = [{"conversations": turns, "description": "about letters", "question": "which"} for _ in range(2)]
    run({"d.json": json.dumps(values)}, "persona")
    assert pairs(rows) == [("a b c", "d e f")]


def test_names_of_users_next_to_the_tickets_are_their_names(run: Run, rows: Any) -> None:
    users = [{"id": 70, "name": "Una Okonkwo", "role": "end-user"}, {"id": 1, "name": "Bo", "role": "agent"}]
    asked = [(f"{question}, asks Una Okonkwo", answer) for question, answer in PLAIN]
    values = [zendesk(n, *said) for n, said in enumerate(asked)]
    _, events = run({"t.json": json.dumps({"users": users, "tickets": values})}, "persona")
    assert any(
        "turns of Bo (3); the other speakers are Una Okonkwo (3)" in e.text for e in events if isinstance(e, Note)
    )
    assert len(pairs(rows)) == 3 and "Okonkwo" not in json.dumps(rows("examples.jsonl"))


def test_messages_in_a_table_are_one_chat(run: Run, rows: Any) -> None:
    table = "AuthorID,Author,Date,Content,Attachments,Reactions\n"
    for _, asked, answer, date in moments():
        table += f'7,una,{date}Z,"{asked}",,\n1,boats,{date[:-2]}30Z,"{answer}",,\n'
    run({"help.csv": table}, "persona")
    assert pairs(rows) == PLAIN


VALUES = [
    telegram(),
    skype(),
    discord(),
    GRAPH,
    *(json.loads(listed(make)) for make in (intercom, zendesk, freshdesk, helpscout, front, chatgpt, claude, webui)),
]


def spots(value: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        found += [(value, key), *spots(value[key])]
    return found


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(range(len(VALUES))),
    st.lists(
        st.tuples(
            st.integers(0, 10_000),
            st.sampled_from([None, "", 0, -1, "x", [], {}, [None], True, {"id": "y"}, "<p>", "9" * 30]),
        ),
        max_size=4,
    ),
)
def test_a_damaged_export_is_prepared_or_rejected(tmp_path_factory: Any, which: int, damage: list[Any]) -> None:
    value = json.loads(json.dumps(VALUES[which]))
    for place, other in damage:
        if there := spots(value):
            inside, key = there[place % len(there)]
            inside[key] = json.loads(json.dumps(other))
    folder = tmp_path_factory.mktemp("any")
    (folder / "x.json").write_text(json.dumps(value))
    try:
        finish(prepare([folder / "x.json"], PrepareOptions("persona"), folder / "job"))
    except GradschoolError as error:
        assert str(error)
