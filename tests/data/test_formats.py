"""Every supported format of examples, and every spelling of a role."""

import json

import pytest

from gradschool.errors import DataError
from gradschool.records import Message

ASKED, IDEAL = Message("user", "What is it?"), Message("assistant", "A cat.")
ROWS = [
    (
        {"messages": [{"role": "user", "content": "What is it?"}, {"role": "assistant", "content": "A cat."}]},
        "messages",
    ),
    (
        {"conversations": [{"role": "user", "content": "What is it?"}, {"role": "assistant", "content": "A cat."}]},
        "messages",
    ),
    ({"conversations": [{"from": "human", "value": "What is it?"}, {"from": "gpt", "value": "A cat."}]}, "sharegpt"),
    ({"turns": [{"speaker": "Customer", "text": "What is it?"}, {"speaker": "AGENT", "text": "A cat."}]}, "messages"),
    ([{"role": "user", "content": "What is it?"}, {"role": "assistant", "content": "A cat."}], "messages"),
    ({"prompt": "What is it?", "completion": "A cat."}, "prompt/completion"),
    ({"prompt": [{"role": "user", "content": "What is it?"}], "completion": "A cat."}, "prompt/completion"),
    (
        {"prompt": [{"role": "user", "content": "What is it?"}], "completion": [{"role": "bot", "content": "A cat."}]},
        "prompt/completion",
    ),
    ({"input": "What is it?", "output": "A cat."}, "input/output"),
    ({"Question": "What is it?", "Answer": "A cat."}, "Question/Answer"),
    ({"question": "What is it?", "answers": ["A cat.", "cat"]}, "question/answers"),
    ({"instruction": "What is it?", "input": "", "output": "A cat."}, "alpaca"),
    ({"text": "What is it?", "label": "A cat."}, "text/label"),
    ({"messages": None, "prompt": "What is it?", "completion": "A cat."}, "prompt/completion"),
    (
        {
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "What is it?"}]},
                {"role": "ai", "content": "A cat."},
            ]
        },
        "messages",
    ),
]


@pytest.mark.parametrize("row, form", ROWS)
def test_every_form_gives_the_same_conversation(read, row, form):
    for content, held in ((json.dumps(row), "JSON lines"), (json.dumps([row, row], indent=2), "JSON list")):
        if isinstance(row, list) and held == "JSON lines":
            content += "\n" + content  # one list alone is a list of entries
        reading = read(content)
        assert reading.examples[0].messages == (ASKED, IDEAL)
        assert reading.form == f"{form} in {held}"
        assert reading.issues == []


def test_alpaca_with_all_its_keys(read):
    row = {"instruction": "Shorten.", "input": "Long text.", "output": "Short.", "system": "Be kind."}
    (example,) = read(json.dumps(row | {"history": [["Hi", "Hello"]]})).examples
    said = [(message.role, message.content) for message in example.messages]
    assert said == [
        ("system", "Be kind."),
        ("user", "Hi"),
        ("assistant", "Hello"),
        ("user", "Shorten.\n\nLong text."),
        ("assistant", "Short."),
    ]


def test_sharegpt_keeps_the_system_key_and_tools_are_named_as_unused(read):
    row = {
        "conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}],
        "system": "s",
        "tools": "[]",
    }
    reading = read(json.dumps(row))
    assert [message.role for message in reading.examples[0].messages] == ["system", "user", "assistant"]
    assert reading.columns == {"conversations": "conversation", "system": "system message", "tools": "not used"}


def test_tool_calls_are_preserved_and_reported(read):
    calls = [{"type": "function", "function": {"name": "f", "arguments": "{}"}}]
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": None, "tool_calls": calls}]
    reading = read(json.dumps({"messages": turns}))
    assert json.loads(reading.examples[0].ideal) == calls
    assert [issue.kind for issue in reading.issues] == ["tool calls"]


def test_structured_answers_become_json(read):
    reading = read(json.dumps({"input": "x", "output": {"intent": "é", "slots": {}}}))
    assert reading.examples[0].ideal == '{"intent": "é", "slots": {}}'


@pytest.mark.parametrize(
    "turns, kind, words",
    [
        ([{"role": "wizard", "content": "a"}], "unknown role", "'wizard'"),
        ([{"content": "a"}], "unreadable", "without role"),
        (["hello"], "unreadable", "not an object"),
        ([], "unreadable", "without messages"),
        ([{"role": "user", "content": [{"type": "image_url"}]}], "image", "without an image"),
        ([{"role": "user", "content": [{"type": "input_audio"}]}], "unreadable", "input_audio"),
    ],
)
def test_rows_that_are_no_conversation_are_reported_and_skipped(read, turns, kind, words):
    good = json.dumps(ROWS[0][0])
    reading = read(f"{good}\n{json.dumps({'messages': turns})}\n{good}")
    (issue,) = reading.issues
    assert (issue.kind, issue.severity, str(issue.source)) == (kind, "dropped", "examples.jsonl:2")
    assert words in issue.text
    assert len(reading.examples) == 2


def test_unknown_roles_everywhere_are_an_error_that_names_the_known_ones(read):
    row = json.dumps({"messages": [{"role": "wizard", "content": "a"}]})
    with pytest.raises(DataError, match=r"(?s)examples.jsonl:1.*'wizard'; known roles are advisor, agent,.*user"):
        read(f"{row}\n{row}")


def test_an_unknown_form_names_found_keys_known_keys_and_the_setting(read):
    with pytest.raises(DataError) as caught:
        read('{"zorp": "a", "blick": "b"}\n')
    assert "zorp, blick" in str(caught.value)
    assert "prompt, input, question" in str(caught.value)
    assert "data.input_column" in str(caught.value)


def test_named_columns_are_used_and_missing_ones_are_errors(read):
    row = '{"frage": "a", "antwort": "b", "kunde": "k", "prompt": "no", "completion": "no"}\n'
    reading = read(row, input_column="frage", output_column="antwort", group_column="kunde")
    (example,) = reading.examples
    assert (example.last_user, example.ideal, example.group) == ("a", "b", "k")
    assert reading.columns["prompt"] == "not used" and reading.columns["kunde"] == "group"
    with pytest.raises(DataError, match=r"(?s)'antwrot'.*did you mean 'antwort'"):
        read(row, input_column="frage", output_column="antwrot")
    with pytest.raises(DataError, match="group_column"):
        read(row, group_column="firma")
