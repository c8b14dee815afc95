"""Any file is a Reading or an error for the user, and written examples round-trip."""

import csv
import io
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gradschool.data.chat_markup import without_end
from gradschool.data.check import check
from gradschool.data.column_names import INPUTS, OUTPUTS
from gradschool.data.formats import CONVERSATIONS
from gradschool.data.near_duplicates import near_duplicates
from gradschool.data.read import read_examples
from gradschool.data.tables import MAYBE_NOTHING, NOTHING
from gradschool.errors import GradschoolError
from gradschool.files import sha256_of
from gradschool.settings import Data

QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
KEYS = st.sampled_from([*CONVERSATIONS, *INPUTS[:5], *OUTPUTS[:5], "system", "history", "id", "group", "role", "from"])
ROLE = st.sampled_from(["user", "Human", "gpt", "assistant", "system", "tool", "wizard", "", None, 3])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(KEYS | st.text(max_size=5), inner, max_size=3)
        | st.lists(st.fixed_dictionaries({"role": ROLE, "content": inner}), max_size=3)
    ),
    max_leaves=8,
)
TEXT = st.text(st.characters(codec="utf-8"), max_size=30)  # no half characters: they are mended, not kept
# Words for nothing, and tokens of chat templates, are no text of an answer.
ANSWERS = TEXT.filter(lambda text: text.strip() not in MAYBE_NOTHING and without_end(text) == text.rstrip())
ROWS = st.lists(st.tuples(TEXT, ANSWERS), min_size=1, max_size=8)


def holds(path):
    """Reading succeeds with writable, placed, unique examples on which every check works, or ends in our error."""
    try:
        reading = read_examples(path, Data())
    except GradschoolError as error:
        assert error.what and error.why and error.fix
        str(error).encode()
        return
    assert reading.examples and len({example.id for example in reading.examples}) == len(reading.examples)
    checked = check(reading)
    near_duplicates(checked.examples, 0.8)
    for example in reading.examples:
        assert example.messages and example.group and example.source.line >= 1
        assert {message.role for message in example.messages} <= {"system", "user", "assistant", "tool"}
        sha256_of([example.id, example.group, [message.content for message in example.messages]])
    for issue in checked.issues:
        str(issue).encode()
    " ".join([reading.form, *reading.columns]).encode()


@QUICK
@given(st.binary(max_size=400) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_arbitrary_bytes(tmp_path, content):
    path = tmp_path / "examples"
    path.write_bytes(content)
    holds(path)


@QUICK
@given(
    st.sampled_from(
        [b'{"prompt": "a", "completion": "b"}\n' * 3, b"text,label\na,b\nc,d\n", b'[{"input": "a", "output": 1}]']
    ),
    st.lists(st.tuples(st.integers(0, 120), st.binary(min_size=1, max_size=4)), max_size=4),
    st.sampled_from(["utf-8", "utf-16", "cp1252"]),
)
def test_damaged_files(tmp_path, content, damages, codec):
    content = content.decode().encode(codec)
    for place, piece in damages:
        content = content[:place] + piece + content[place + 1 :]
    path = tmp_path / "examples"
    path.write_bytes(content)
    holds(path)


@QUICK
@given(
    st.lists(st.dictionaries(KEYS | st.text(max_size=5), VALUES, max_size=4) | VALUES, min_size=1, max_size=4),
    st.booleans(),
)
def test_arbitrary_json(tmp_path, rows, as_list):
    path = tmp_path / "examples.jsonl"
    path.write_text(json.dumps(rows) if as_list else "\n".join(map(json.dumps, rows)))
    holds(path)


def messages(question, answer):
    return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]}


WRITERS = {
    "messages": messages,
    "sharegpt": lambda q, a: {"conversations": [{"from": "human", "value": q}, {"from": "gpt", "value": a}]},
    "prompt/completion": lambda q, a: {"prompt": q, "completion": a},
    "lists": lambda q, a: {"prompt": messages(q, a)["messages"][:1], "completion": messages(q, a)["messages"][1:]},
    "alpaca": lambda q, a: {"instruction": q, "output": a},
    "question/answer": lambda q, a: {"question": q, "answer": a},
}


@pytest.mark.parametrize("form", WRITERS)
@settings(parent=QUICK, max_examples=40)
@given(
    pairs=ROWS, escaped=st.booleans(), as_list=st.booleans(), codec=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"])
)
def test_json_is_read_as_it_was_written(tmp_path, form, pairs, escaped, as_list, codec):
    rows = [WRITERS[form](*pair) for pair in pairs]
    path = tmp_path / "examples.jsonl"
    lines = json.dumps(rows, ensure_ascii=escaped, indent=2)
    if not as_list:
        lines = "\n".join(json.dumps(row, ensure_ascii=escaped) for row in rows)
    path.write_bytes(lines.encode(codec))
    reading = read_examples(path, Data())
    assert [(example.last_user, example.ideal) for example in reading.examples] == pairs
    assert reading.issues == []


@QUICK
@given(ROWS.filter(lambda pairs: any("".join(pair).strip() for pair in pairs)), st.sampled_from(",\t;|"))
def test_tables_are_read_as_they_were_written(tmp_path, pairs, delimiter):
    # Rows of nothing are empty lines, and some words mean an empty cell.
    pairs = [pair for pair in pairs if "".join(pair).strip() and not NOTHING & {text.strip() for text in pair}]
    if not pairs:
        return
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows([("input", "output"), *pairs])
    path = tmp_path / "examples.csv"
    path.write_bytes(file.getvalue().encode())
    try:
        reading = read_examples(path, Data())
    except GradschoolError as error:
        assert "binary file" in str(error)  # a table full of control characters
        return
    assert [(example.last_user, example.ideal) for example in reading.examples] == pairs
