"""Columns with names in other languages are read as those with English names, however short their texts are."""

import json

import pytest

from gradschool.data.column_languages import ENGLISH, columns_by_name, english

ROWS = {
    "de": ("Frage", "Kontext", "Antwort"),
    "fr": ("question", "contexte", "réponse"),
    "es": ("pregunta", "contexto", "respuesta"),
    "ja": ("質問", "文脈", "回答"),
    "zh": ("问题", "上下文", "答案"),
    "ko": ("질문", "문맥", "답변"),
    "ar": ("السؤال", "السياق", "الجواب"),
    "he": ("שאלה", "הקשר", "תשובה"),
    "ru": ("Вопрос", "Контекст", "Ответ"),
    "vi": ("câu hỏi", "ngữ cảnh", "câu trả lời"),
    "hi": ("प्रश्न", "संदर्भ", "उत्तर"),
    "th": ("คำถาม", "บริบท", "คำตอบ"),
}


@pytest.mark.parametrize("language", ROWS)
def test_question_and_context_are_read_with_a_remark(read, language):
    asked, about, given = ROWS[language]
    reading = read(json.dumps({asked: "Wo?", about: "Am Wehr.", given: "Dort."}))
    assert [message.content for message in reading.examples[0].messages] == ["Wo?\n\nAm Wehr.", "Dort."]
    assert [issue.kind for issue in reading.issues] == ["guessed columns"]


@pytest.mark.parametrize(
    "row, asked, given",
    [
        ({"指令": "总结", "输入": "水坝。", "输出": "坝"}, "总结\n\n水坝。", "坝"),
        ({"текст": "Плотина.", "категория": "река"}, "Плотина.", "река"),
        ({"texto": "La presa.", "etiqueta": "río"}, "La presa.", "río"),
        ({"Anweisung": "Kürze.", "Text": "Das Wehr.", "Zusammenfassung": "Wehr."}, "Kürze.\n\nDas Wehr.", "Wehr."),
        ({"Betreff": "Wehr", "Nachricht": "Ist es auf?", "Antwort": "Ja."}, "Wehr\n\nIst es auf?", "Ja."),
    ],
)  # fmt: skip
def test_other_columns_too(read, row, asked, given):
    [example] = read(json.dumps(row)).examples
    assert (example.question[0].content, example.ideal) == (asked, given)


def test_a_rating_judges_an_answer_whatever_language_names_it(read):
    rows = [{"คำถาม": f"Where is gate {n}?", "คำตอบ": f"Left of pier {n}.", "คะแนน": 1 + 4 * (n % 2)} for n in range(8)]
    assert len(read("\n".join(map(json.dumps, rows))).examples) == 4


def test_a_rating_judges_answers_in_texts_under_a_name_that_nobody_knows(read):
    rows = [
        {"grobl": f"Where is gate {n}?", "snurf": f"Left of pier {n}.", "rating": 1 + 4 * (n % 2)} for n in range(8)
    ]
    assert len(read("\n".join(map(json.dumps, rows))).examples) == 4


def test_the_rating_of_a_review_does_not_judge_its_summary(read):
    rows = [
        {"Text": f"The boat {n} was cold.", "Resumen": f"A cold boat, {n}.", "rating": n % 5 + 1} for n in range(10)
    ]
    assert len(read("\n".join(map(json.dumps, rows))).examples) == 10


def test_an_english_name_goes_first():
    assert columns_by_name({"Frage": 1, "question": 2}) == {"frage": "Frage", "question": "question"}


def test_no_word_of_another_language_is_an_english_column():
    known = {"answer", "output", "input", "label", "text", "rating", "id", "group", "date", "name", "score", "comment"}
    assert {word for word in ENGLISH if word != ENGLISH[word]} & known == set()
    assert english("Plain summary") == "plain_summary"
