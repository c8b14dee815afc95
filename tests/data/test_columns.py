"""Every column with content is read or named; the question is the same whatever its columns are called."""

import json

import pytest

WHOLE = "When is it closed? The weir is closed from the first frost until the end of March. In winter."
LONG = "The weir is closed from the first frost until the end of March."


def question(read, row):
    reading = read(json.dumps(row))
    assert [issue for issue in reading.issues if issue.kind != "unused column"] == []
    return "\n\n".join(message.content for message in reading.examples[0].question)


@pytest.mark.parametrize(
    "row",
    [
        {asked: "When is it closed?", material: LONG, "answer": "In winter."}
        for asked in ("prompt", "question", "instruction", "query", "Question", "questionText", "user_input")
        for material in ("context", "passage", "text", "document", "article", "paragraph", "story", "input", "Contexts")
    ]
    + [
        {"context": LONG, "question": "When is it closed?", "completion": "In winter."},
        {"instruction": "When is it closed?", "input": LONG, "text": WHOLE, "output": "In winter."},
        {"prompt": "When is it closed?", "context": [LONG], "response": "In winter."},
        {"history": "When is it closed?", "context": LONG, "response": "In winter."},
    ],
    ids=lambda row: "/".join(row),
)  # fmt: skip
def test_question_and_material_are_both_read(read, row):
    assert question(read, row) == f"When is it closed?\n\n{LONG}"


@pytest.mark.parametrize(
    "row, asked",
    [
        ({"instruction": "Sort.", "question": "Which?", "context": "a b", "output": "x"}, "Sort.\n\nWhich?\n\na b"),
        ({"prompt": f"Read: {LONG} When?", "context": LONG, "completion": "x"}, f"Read: {LONG} When?"),
        ({"premise": "It snows.", "hypothesis": "It is cold.", "label": "yes"}, "It snows.\n\nIt is cold."),
        ({"sentence1": "It snows.", "sentence2": "It is cold.", "label": "yes"}, "It snows.\n\nIt is cold."),
        ({"subject": "Weir", "body": LONG, "label": "river"}, f"Weir\n\n{LONG}"),
        ({"system_prompt": "Be brief.", "prompt": "When?", "completion": "x"}, "Be brief.\n\nWhen?"),
        ({"systemPrompt": "Be brief.", "question": "When?", "answer": "x"}, "Be brief.\n\nWhen?"),
        ({"prompt": "When?", "document": "weir.pdf", "completion": "x"}, "When?"),
        ({"message": "When?", "reply": "x"}, "When?"),
        ({"source": "Wann?", "target": "When?"}, "Wann?"),
        ({"text": LONG, "label": 3, "label_text": "river"}, LONG),
        ({"instruction": "Shorten.", "input": None, "output": "x"}, "Shorten."),
    ],
)
def test_what_is_asked(read, row, asked):
    assert question(read, row) == asked


def test_the_text_of_a_label_is_its_name(read):
    assert read(json.dumps({"text": LONG, "label": 3, "label_text": "river"})).examples[0].ideal == "river"


def test_a_column_with_content_that_is_not_read_is_named_once(read):
    rows = [{"prompt": f"{n}?", "completion": "x", "remarks": LONG, "n": n, "tags": ["a"]} for n in range(4)]
    issues = read("\n".join(map(json.dumps, rows))).issues
    assert [issue.kind for issue in issues] == ["unused column"] * 2
    assert "'remarks'" in issues[0].text and "'tags'" in issues[1].text


def test_named_columns_are_read_alone_and_the_rest_is_named(read):
    row = {"clause": LONG, "plain": "Shut in winter.", "question": "What does this long sentence say?"}
    reading = read(json.dumps(row), input_column="clause", output_column="plain")
    assert reading.examples[0].last_user == LONG and "'question'" in reading.issues[0].text


def test_a_conversation_without_an_answer_takes_it_from_its_column(read):
    asked = [{"role": "user", "content": "When?"}]
    for row in ({"messages": asked, "response": "x"}, {"prompt": asked, "context": LONG, "completion": "x"}):
        assert read(json.dumps(row)).examples[0].ideal == "x"


def test_a_short_text_is_read_in_every_row(read):
    """What a column is for is decided for the file: a text that one row has in a word is still its text."""
    texts = ["Good morning", "Great!", "Abba", "24/7", LONG]
    rows = [{"instruction": "Translate to German.", "text": text, "output": f"answer {text}"} for text in texts]
    reading = read("\n".join(map(json.dumps, rows)))
    assert [example.last_user for example in reading.examples] == [f"Translate to German.\n\n{text}" for text in texts]


def test_names_of_documents_are_not_the_documents(read):
    names = ["guide-7.pdf", "https://weir.example/open", "a/b.md"]
    rows = [{"question": f"When is weir {n} closed?", "document": n, "answer": "In winter."} for n in names]
    reading = read("\n".join(map(json.dumps, rows)))
    assert [example.last_user for example in reading.examples] == [row["question"] for row in rows]
    assert reading.columns["document"] == "not used"


SQL = "SELECT count(*) FROM weir"


@pytest.mark.parametrize(
    "row, asked, ideal",
    [
        ({"question": "How many?", "schema": "weir(id)", "query": SQL, "db_id": "w"}, "How many?\n\nweir(id)", SQL),
        ({"instruction": "Count.", "query": SQL}, "Count.", SQL),
        ({"sql_prompt": "How many?", "sql_context": "weir(id)", "sql": SQL}, "How many?\n\nweir(id)", SQL),
        ({"question": "Who?", "query": "MATCH (n:Weir) RETURN n"}, "Who?", "MATCH (n:Weir) RETURN n"),
        ({"question": "Which one?", "query": "weir opening", "answer": "x"}, "Which one?\n\nweir opening", "x"),
        ({"text": "Add one.", "code": "def f(a):\n    return a + 1"}, "Add one.", "def f(a):\n    return a + 1"),
        ({"question": "What?", "code": "def f():\n    pass", "answer": "x"}, "What?\n\ndef f():\n    pass", "x"),
        ({"utterance": "When?", "dialog_act": "question"}, "When?", "question"),
        ({"article": LONG, "abstract": "Shut."}, LONG, "Shut."),
        ({"question": "Why?", "context": {"contexts": ["A.", "B."], "labels": ["x", "y"]}, "final_decision": "yes"},
         "Why?\n\nA.\n\nB.", "yes"),
        ({"question": "Who?", "context": {"title": ["M"], "sentences": [["A.", " B."]]}, "answer": "x"},
         "Who?\n\nM\nA. B.", "x"),
        ({"question": "Who?", "context": [["M", ["A.", " B."]]], "answer": "x"}, "Who?\n\nM\nA. B.", "x"),
        ({"passage": "A.", "question": "Who?", "answers_spans": {"spans": ["Ilo"], "types": ["span"]}},
         "Who?\n\nA.", "Ilo"),
        ({"question": "Which?", "opa": "r", "opb": "s", "cop": 1}, "Which?\n\nA. r\nB. s", "B"),
        ({"question_title": "Why?", "question_content": "Hm.", "best_answer": "x"}, "Why?\n\nHm.", "x"),
        ({"title": "Why?", "selftext": "Hm.", "document": "", "answer": "x"}, "Why?\n\nHm.", "x"),
        ({"dialogue": ["Ada: hi", "Ilo: hello"], "summary": "They greet."}, "Ada: hi\n\nIlo: hello", "They greet."),
        ({"translation": {"en": "The weir is shut.", "de": "Das Wehr ist zu."}},
         "The weir is shut.", "Das Wehr ist zu."),
    ],
    ids=lambda value: "/".join(value) if isinstance(value, dict) else "",
)  # fmt: skip
def test_layouts_of_public_sets(read, row, asked, ideal):
    [example] = read(json.dumps(row)).examples
    assert (example.last_user, example.ideal) == (asked, ideal)


@pytest.mark.parametrize(
    "row",
    [
        {"dialog": ["Hi.", "Hello."], "act": [1, 2]},
        {"data": ["Hi.", "Hello."]},
        {"turns": {"speaker": [0, 1], "utterance": ["Hi.", "Hello."]}},
        {"turns": [{"speaker": "USER", "utterance": "Hi."}, {"speaker": "SYSTEM", "utterance": "Hello."}]},
        {"utterances": [{"speaker": "USER", "text": "Hi."}, {"speaker": "ASSISTANT", "text": "Hello."}]},
        {"chat": "USER: Hi.\n\n\nASSISTANT: Hello. <|endoftext|>\n\n\n"},
    ],
    ids=json.dumps,
)
def test_conversations_of_public_sets(read, row):
    [example] = read(json.dumps(row)).examples
    assert [(one.role, one.content) for one in example.messages] == [("user", "Hi."), ("assistant", "Hello.")]


@pytest.mark.parametrize("key", ["persona", "Personality", "bot_persona"])
def test_who_answers_is_read_as_a_system_message_and_said(read, key):
    reading = read(
        json.dumps({key: ["a pirate", "is old"], "system": "Be brief.", "prompt": "Hi?", "response": "Arr."})
    )
    assert [one.content for one in reading.examples[0].messages] == ["Be brief.\n\na pirate\nis old", "Hi?", "Arr."]
    assert [issue.kind for issue in reading.issues] == ["guessed columns"] and key in reading.issues[0].text


def test_the_answer_of_a_tool_in_a_text_is_no_answer_of_the_assistant(read):
    text = 'USER: Rain?\n\nASSISTANT: <call> w\n\nFUNCTION RESPONSE: {"t": 3}\n\nASSISTANT: It is dry.'
    [example] = read(json.dumps({"system": "SYSTEM: Be brief.", "chat": text})).examples
    assert [one.role for one in example.messages] == ["system", "user", "assistant", "tool", "assistant"]
    assert example.messages[0].content == "Be brief."


@pytest.mark.parametrize("labels, kept", [([0, 1, 2, -1], 3), ([0, 1, -1], 3), ([0, 1, 2, -2, -1], 5), ([-1], 1)])
def test_a_label_of_minus_one_is_none_where_labels_count_from_zero(read, labels, kept):
    rows = [
        {"premise": f"It snows {n}.", "hypothesis": "It is cold.", "label": label} for n, label in enumerate(labels)
    ]
    assert len(read("\n".join(map(json.dumps, rows))).examples) == kept
