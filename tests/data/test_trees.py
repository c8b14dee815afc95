"""Files of messages that answer one another."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from gradschool.data.tables import Row
from gradschool.data.trees import assembled


def message(name, parent, role, text, **more):
    return {"message_id": name, "parent_id": parent, "role": role, "text": text, "message_tree_id": "t1"} | more


FLAT = [
    message("a", None, "prompter", "How high is the weir?"),
    message("c", "a", "assistant", "Very.", rank=1),
    message("b", "a", "assistant", "Two metres.", rank=0, review_result=True),
    message("d", "b", "prompter", "And wide?"),
    message("e", "d", "assistant", "Nine.", rank=None),
    message("f", "d", "assistant", "No idea.", review_result=False),
    message("g", "c", "prompter", "How very?"),
    message("h", "g", "assistant", "So.", rank=0),
    message("i", "lost", "assistant", "Yes."),
]


def node(name, role, text, *replies, **more):
    return {"message_id": name, "role": role, "text": text, "replies": list(replies)} | more


def test_the_best_answers_are_examples_and_the_others_are_counted(read):
    reading = read("\n".join(map(json.dumps, FLAT)))
    assert [(e.id, [m.content for m in e.messages], e.group) for e in reading.examples] == [
        ("b", ["How high is the weir?", "Two metres."], "t1"),
        ("e", ["How high is the weir?", "Two metres.", "And wide?", "Nine."], "t1"),
    ]
    remarks = [issue.text for issue in reading.issues]
    for text in (
        "2 answers are left out (another answer was ranked higher)",
        "1 answers are left out (an answer before",
    ):
        assert any(text in remark for remark in remarks), remarks
    assert any("a message before them is missing" in remark for remark in remarks)


def test_a_tree_a_line(read):
    best = node(
        "b", "assistant", "Two.", node("d", "prompter", "Wide?", node("e", "assistant", "Nine.", rank=0)), rank=0
    )
    tree = node("a", "prompter", "High?", best, node("c", "assistant", "Very.", rank=1))
    rows = [{"message_tree_id": f"t{n}", "tree_state": "ready", "prompt": tree} for n in range(3)]
    reading = read("\n".join(map(json.dumps, rows)))
    assert [example.ideal for example in reading.examples] == ["Two.", "Nine."] * 3
    assert any("3 answers are left out" in issue.text for issue in reading.issues)


def test_deleted_answers_and_spam_are_left_out(read):
    rows = [*FLAT[:1], message("b", "a", "assistant", "Spam.", rank=0, deleted=True), FLAT[1]]
    assert [example.ideal for example in read("\n".join(map(json.dumps, rows))).examples] == ["Very."]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "message_id": st.sampled_from("abcd"), "parent_id": st.none() | st.sampled_from("abcd"),
                "text": st.none() | st.text(max_size=3), "role": st.sampled_from(["assistant", "prompter", "x", 3]),
                "rank": st.none() | st.integers() | st.text(max_size=2),
            }
        ),
        max_size=8,
    )
)  # fmt: skip
def test_any_messages_are_assembled(values):
    for row in assembled(iter([Row(1, value) for value in values])):
        assert row.value or row.remark or not values
