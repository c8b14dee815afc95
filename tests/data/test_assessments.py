"""Answers that the data marks as bad are left out, whatever the mark is called."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradschool.data.assessments import assessments_of, bad_up_to
from gradschool.data.read import read_examples
from gradschool.errors import DataError
from gradschool.settings import Data

ROW = {"prompt": "Name the bird.", "completion": "A wren."}
TURNS = [{"role": "user", "content": "Name it."}, {"role": "assistant", "content": "A wren."}]
BAD = [
    {"label": False}, {"label": "false"}, {"label": "bad"}, {"kto_tag": False}, {"good": 0}, {"is_good": False},
    {"isGood": "no"}, {"train": False}, {"Train": "FALSE"}, {"weight": 0}, {"loss_weight": 0.0}, {"weight": "0"},
    {"rating": "bad"}, {"rating": "👎"}, {"feedback": "thumbs_down"}, {"feedback": "thumbsDown"}, {"feedback": -1},
    {"feedback": {"rating": -1, "reason": "rude"}}, {"feedback": {"score": "negative"}}, {"annotation": {"rating": -1}},
    {"feedback": [{"value": "dislike"}]}, {"rejected": True}, {"exclude": "yes"}, {"do_not_train": 1}, {"skip": True},
    {"status": "rejected"}, {"review_status": "Discarded"}, {"approved": False}, {"thumbs_down": True},
    {"thumbs_down": 3}, {"is_correct": 0}, {"loss": False}, {"metadata": {"rating": "poor"}}, {"desirable": "false"},
    {"exclude": "x"}, {"Do not train": "X"}, {"Don't train?": "yes"}, {"Use for training?": "No"}, {"train": "nein"},
    {"train (y/n)": "N"}, {"keep": "✗"}, {"use": "✘"}, {"approved": "FALSCH"}, {"approved": "FAUX"}, {"ok": False},
    {"quality": "low"}, {"answer_quality": "Very low"}, {"grade": "F"}, {"grade": "D-"}, {"result": "fail"},
    {"status": "needs_revision"}, {"status": "Rejected by reviewer"}, {"Status:": "Abgelehnt"}, {"verified": False},
    {"reviewer_decision": "reject"}, {"is_hallucinated": "yes"}, {"rejected": "ja"}, {"flags": ["do-not-use"]},
    {"tags": ["birds", "do_not_train"]}, {"tags": "birds, do not train"}, {"annotations": [{"was_cancelled": True}]},
    {"scores": [{"name": "user-feedback", "value": 0}]}, {"scores": [{"name": "hallucination", "value": 1}]},
    {"split": "exclude"}, {"subset": "Do not use"}, {"partition": "discarded"}, {"toxic": 1}, {"is_safe": False},
    {"unsafe": "yes"}, {"exclude": "wrong price"}, {"skip": "outdated offer"}, {"train": "no, wrong price"},
    {"use": "exclude"}, {"comment": "do not train"}, {"rating": "1/5"}, {"rating": "30 %"}, {"score": "2 out of 10"},
    {"openai_moderation": [{"flagged": False}, {"flagged": True}]}, {"Quality": "1 / 4"}, {"csat": "20%"},
    {"Bewertung": "schlecht"}, {"Bewertung der Antwort": "mangelhaft"}, {"calificación": "mala"},
    {"évaluation": "mauvais"},    {"valutazione": "pessima"}, {"оценка": "плохо"}, {"評価": "悪い"}, {"评分": "差"},
    {"평가": "나쁨"}, {"ocjena": "loše"}, {"оценка": "лошо"}, {"ارزیابی": "بد"}, {"valoració": "dolenta"},
    {"onay": "hayır"}, {"latih": "tidak"}, {"คะแนน": "ไม่ดี"}, {"quality.responses": ["bad", "bad", "good"]},
    {"quality.responses": [{"user_id": "u", "value": "bad", "status": "submitted"}]}, {"quality": ["bad"]},
    {"metadata": {"review": {"status": "rejected"}}}, {"review": {"verdict": "bad"}}, {"feedback": "👎 bad"},
    {"rating": "negative 😡"}, {"review": "🔴"}, {"answer": "reject", "_task_hash": 7}, {"answer": "ignore"},
    {"ocena": "zła"},    {"Antwort gut?": "nein"}, {"verwenden": "nein"}, {"ausschließen": "ja"}, {"utiliser": "non"},
    {"除外": "はい"},
    {"採用": "いいえ"}, {"是否正确": "否"}, {"Status": "verworfen"}, {"статус": "отклонено"}, {"Note": "mangelhaft"},
    {"évaluation": "1/5"}, {"Bewertung": "2 von 5 Sternen"}, {"rating": "poor (too long)"}, {"評価": "★☆☆☆☆"},
    {"Bewertung": {"Wert": "schlecht"}}, {"quality score": "bad"}, {"rating": "not good"}, {"korrekt": "falsch"},
    {"approved": "wrong"},
    {"thumbs": "down"}, {"vote": "downvote"}, {"chosen": False}, {"use_for_training": "n"}, {"reaction": "👎🏽"},
]  # fmt: skip
GOOD = [
    {"label": True}, {"label": "true"}, {"weight": 1}, {"weight": 0.5}, {"train": True}, {"rating": "good"},
    {"feedback": {"rating": 1}}, {"feedback": None}, {"rejected": False}, {"status": "published"}, {"likes": 0},
    {"thumbs_down": 0}, {"exclude": "no"}, {"feedback": "Please be friendlier next time."}, {"label": None},
    {"split": "train"}, {"split": "test"}, {"toxic": 0}, {"toxic": 0.02}, {"is_safe": True}, {"exclude": "no, fine"},
    {"exclude": "-"}, {"comment": "Do not train here, the gym is shut."}, {"rating": "4/5"}, {"rating": "80 %"},
    {"score": "3:2"}, {"exclude": "nein"}, {"exclude": "✗"}, {"train": "x"}, {"approved": "WAHR"},
    {"Use for training?": "ja"},
    {"order_status": "rejected"}, {"result": "3:1"}, {"review": "Rejected by my bank, nice clerk."}, {"ok": 1},
    {"status": "needs_review"}, {"tags": ["ignore", "spam"]}, {"severity": "low"}, {"grade": "A"}, {"verified": "yes"},
    {"annotations": [{"was_cancelled": True}, {"was_cancelled": False}]}, {"scores": [1, 2]},
    {"note": "see page 3"}, {"note": "no"}, {"Bewertung": "gut"}, {"évaluation": "moyenne"}, {"评分": "一般"},
    {"user_verified": False}, {"客户状态": "拒绝"}, {"Bemerkung": "nein"}, {"correct_answer": "no"},
    {"feedback": "No, thanks a lot."}, {"Bewertung": "nicht schlecht"}, {"ausschließen": "nein"},
    {"label": "negative"}, {"label": "no"}, {"weight": "12 kg"}, {"state": "Ohio"}, {"score": 0.01}, {"rating": 3},
]  # fmt: skip


@pytest.mark.parametrize("mark", BAD, ids=str)
@pytest.mark.parametrize(
    "row", [ROW, {"messages": [{"role": "user", "content": "Name it."}, {"role": "assistant", "content": "A wren."}]}]
)
def test_a_row_that_is_marked_as_bad_is_left_out_with_a_remark(read, row, mark):
    kept = {"prompt": "Name the tree.", "completion": "An elm."}
    reading = read("\n".join(map(json.dumps, [kept, row | mark, kept | {"prompt": "And this?"}])))
    assert [example.ideal for example in reading.examples] == ["An elm.", "An elm."]
    (issue,) = [issue for issue in reading.issues if issue.severity == "dropped"]
    assert (issue.kind, issue.source.line) == ("marked as bad", 2) and next(iter(mark)) in issue.text


@pytest.mark.parametrize("mark", GOOD, ids=str)
def test_other_rows_are_kept(read, mark):
    assert len(read(json.dumps(ROW | mark)).examples) == 1


@pytest.mark.parametrize("key", ["weight", "train", "loss", "rating", "annotation", "feedback"])
def test_messages_that_are_marked_as_bad_are_not_trained_on(read, key):
    values = {"weight": 0, "train": False, "loss": False, "rating": -1, "annotation": {"rating": -1}, "feedback": "👎"}
    user = [{"role": "user", "content": f"Question {n}?"} for n in range(3)]
    good = [{"role": "assistant", "content": f"Answer {n}."} for n in range(3)]
    marked = good[1] | {key: values[key]}
    rows = [[user[0], good[0], user[1], marked], [user[0], marked], [user[0], marked, user[1], good[2]]]
    rows += [[user[0], good[0], marked]]
    reading = read("\n".join(json.dumps({"messages": row}) for row in rows))
    assert [example.ideal for example in reading.examples] == ["Answer 0.", "Answer 2.", "Answer 0."]
    assert [len(example.messages) for example in reading.examples] == [2, 4, 2]
    assert {(issue.kind, issue.severity) for issue in reading.issues} == {
        ("marked as bad", "kept"),
        ("marked as bad", "dropped"),
    }


@pytest.mark.parametrize(
    "values, kept",
    [
        ([1, 2, 3, 4, 5], [3, 4, 5]), (["1", "5", "4"], ["5", "4"]), ([-1, 0, 1], [0, 1]), ([0, 1, 1], [1, 1]),
        ([2, 9, 10], [9, 10]), (["2/5", "5/5", "4/5"], ["5/5", "4/5"]), (["★☆☆☆☆", "★★★★★"], ["★★★★★"]),
        ([0, 1, 2, 3, 4], [2, 3, 4]), (["1/5", "2/5", "3/5"], ["3/5"]), (["10 %", "87 %"], ["87 %"]),
        ([1.5, 4.5, 5], [4.5, 5]), ([0.2, 0.9], [0.2, 0.9]), ([3, 800], [3, 800]), ([1, 2], [1, 2]),
    ],
)  # fmt: skip
def test_the_scale_of_ratings_is_found_in_the_whole_file(read, values, kept):
    rows = [{"prompt": f"q {n}", "response": str(value), "rating": value} for n, value in enumerate(values)]
    reading = read("\n".join(map(json.dumps, rows)))
    assert [example.ideal for example in reading.examples] == list(map(str, kept))
    if len(kept) == len(values):
        assert [issue.kind for issue in reading.issues] == ["unknown rating"]


@pytest.mark.parametrize(
    "question, answer, rating",
    [("Frage", "Antwort", "Bewertung"), ("pregunta", "respuesta", "calificación"), ("вопрос", "ответ", "оценка"),
     ("質問", "回答", "評価点"), ("问题", "答案", "评分"), ("domanda", "risposta", "voto"), ("질문", "답변", "평점")],
)  # fmt: skip
def test_numbers_rate_answers_in_other_languages(read, question, answer, rating):
    rows = [{question: f"門{n}はどこですか", answer: f"門は{n}番の左です。", rating: 1 + n % 5} for n in range(10)]
    assert len(read("\n".join(map(json.dumps, rows))).examples) == 6


def test_a_note_of_six_or_less_has_no_known_direction_and_one_of_twenty_is_french(read):
    def kept(numbers: range) -> tuple[int, set[str]]:
        rows = [{"question": f"Où est la porte {n} ?", "réponse": f"À gauche de {n}.", "note": n} for n in numbers]
        reading = read("\n".join(map(json.dumps, rows)))
        return len(reading.examples), {issue.kind for issue in reading.issues if issue.kind != "guessed columns"}

    assert kept(range(1, 7)) == (6, {"unknown rating"})
    assert kept(range(5, 17)) == (8, {"marked as bad"})


def test_the_rating_of_a_review_judges_no_answer(read):
    rows = [{"text": f"The tap drips again {n}.", "summary": f"Drips {n}.", "rating": n} for n in range(1, 6)]
    assert len(read("\n".join(map(json.dumps, rows))).examples) == 5


def test_a_label_is_a_mark_only_next_to_an_answer(read):
    assert read('{"text": "Is it shut?", "label": false}').examples[0].ideal == "false"
    assert read("text,label\nIt is shut today,bad\n", "t.csv").examples[0].ideal == "bad"


@pytest.mark.parametrize("mark", [{"toxic": 1}, {"rating": "1/5"}, {"is_harmful": True}], ids=str)
def test_the_class_or_rating_of_a_text_judges_no_answer(read, mark):
    rows = [{"text": f"The tap drips again {n}.", "label": f"class {n % 2}"} | mark for n in range(4)]
    assert len(read("\n".join(map(json.dumps, rows))).examples) == 4


@pytest.mark.parametrize(
    "cells, kept",
    [
        (["x", "", "x"], [0, 2]), (["", "✓", ""], [1]), (["yes", "", "ja"], [0, 2]), (["", "", ""], [0, 1, 2]),
        (["no", "", ""], [1, 2]), (["x", "no", "X"], [0, 2]),
    ],
)  # fmt: skip
def test_in_a_column_of_ticks_rows_without_one_are_left_out(read, cells, kept):
    rows = [f"What is gate {n}?,It is door {n}.,{cell}" for n, cell in enumerate(cells)]
    reading = read("\n".join(["question,answer,train", *rows]), "t.csv")
    assert [example.ideal for example in reading.examples] == [f"It is door {n}." for n in kept]
    assert len([issue for issue in reading.issues if issue.severity == "dropped"]) == 3 - len(kept)


def test_ticks_count_in_json_lines_where_other_rows_lack_the_key(read):
    rows = [{"prompt": f"q {n}", "completion": f"a {n}"} | ({"approved": "✓"} if n == 1 else {}) for n in range(3)]
    assert [example.ideal for example in read("\n".join(map(json.dumps, rows))).examples] == ["a 1"]


def test_a_file_of_bad_rows_is_refused_with_the_reason(read):
    with pytest.raises(DataError, match=r"(?s)No row .* all 2 are left out.*`label` is False"):
        read(f"{json.dumps(ROW | {'label': False})}\n{json.dumps(ROW | {'label': False})}")


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["rating", "label", "feedback", "weight", "metadata", "status", "score"]) | st.text(max_size=4),
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=6),
            lambda inner: (
                st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["rating", "value", "x"]), inner)
            ),
            max_leaves=5,
        ),
    )
)
def test_any_row_has_marks(row):
    for mark in assessments_of(row):
        assert mark.meaning in ("good", "bad", "number") and str(mark)
        bad_up_to(mark.key, [mark.number])


@pytest.mark.parametrize("bad", [{"label": False}, {"weight": 0}, {"rating": 1}], ids=str)
def test_the_remark_says_how_many_bad_answers_have_a_good_partner(tmp_path: Path, bad: dict[str, Any]) -> None:
    good = {"rating": 5} if "rating" in bad else {}
    rows = [{"prompt": f"Where is gate {n}?", "completion": f"Left of pier {n}.", **good} for n in range(9)]
    rows += [{"prompt": f"Where is GATE {n}?", "completion": "Gone.", **bad} for n in (2, 5, 40)]
    (tmp_path / "r.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    reading = read_examples(tmp_path / "r.jsonl", Data())
    [remark] = [issue for issue in reading.issues if issue.kind == "marked as bad" and issue.severity == "kept"]
    assert "2 of 3 answers marked as bad have a good answer" in remark.text and len(reading.examples) == 9
