import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gradschool.data.documents import Document
from gradschool.data.word_lengths import count_words
from gradschool.ground.passages import MAX_ROW, split_document

SLOW = [HealthCheck.too_slow]  # a busy machine is no failure
WORDS = st.sampled_from(["word", "Mr. Smith", "ends.", "Is it?", "3.5", "日本語。", "x" * 60, "naïve", "“So!”", "…"])
LINES = st.one_of(
    st.lists(WORDS, min_size=1, max_size=25).map(" ".join),
    st.sampled_from(
        ["", "", "  ", "# One", "## Two ##", "### Three", "===", "---", "```", "- item", "| a | b |", "\tx"]
    ),
    st.text(max_size=20),
)
TEXTS = st.lists(LINES, max_size=30).map("\n".join)


@given(TEXTS, st.integers(1, 60), st.lists(st.floats(0, 1), max_size=3))
@settings(max_examples=60, deadline=None, suppress_health_check=SLOW)
def test_passages_are_exact_in_order_and_leave_nothing_out(text: str, words: int, shares: list[float]) -> None:
    pages = tuple(sorted({int(share * len(text)) for share in [0.0, *shares]})) if shares else ()
    document = Document("a.md", text, pages)
    end = 0
    for number, passage in enumerate(split_document(document, words), 1):
        assert passage.id == f"a.md#{number}"
        assert text[passage.start : passage.end] == passage.text == passage.text.strip() != ""
        assert passage.start >= end and not text[end : passage.start].strip()
        assert passage.first_line == text.count("\n", 0, passage.start) + 1
        assert passage.last_line == text.count("\n", 0, passage.end) + 1
        assert count_words(passage.text) <= (MAX_ROW + 2) * words + 12
        if pages:
            assert passage.page == sum(page <= passage.start for page in pages)
        else:
            assert passage.page is None
        end = passage.end
    assert not text[end:].strip()


def texts(text: str, words: int) -> list[str]:
    return [passage.text for passage in split_document(Document("a.md", text), words)]


def test_headings_begin_passages_and_are_remembered() -> None:
    text = "Before.\n\n# Fees\n\n## Refunds\n\nWithin 14 days.\n\n## Cards\nAll cards.\n\n# End\n"
    found = [(p.heading, p.text, p.first_line) for p in split_document(Document("a.md", text), 90)]
    assert found == [
        ("", "Before.", 1),
        ("Fees > Refunds", "# Fees\n\n## Refunds\n\nWithin 14 days.", 3),
        ("Fees > Cards", "## Cards\nAll cards.", 9),
        ("End", "# End", 12),
    ]


def test_underlined_headings() -> None:
    found = split_document(Document("a.md", "Fees\n====\n\nRefunds\n-------\nWithin 14 days.\n"), 90)
    assert [(p.heading, p.text) for p in found] == [
        ("Fees > Refunds", "Fees\n====\n\nRefunds\n-------\nWithin 14 days.")
    ]


def test_a_comment_in_code_is_no_heading() -> None:
    text = "# Real\n\n```\n# not a heading\n```\nafter"
    assert [(p.heading, p.text) for p in split_document(Document("a.md", text), 90)] == [("Real", text)]


def test_sentences_are_kept_whole_and_shares_are_even() -> None:
    sentence = "Dr. Miller paid 3.50 dollars to J. Smith on Monday. "
    assert texts(sentence * 12, 6) == [sentence.strip()] * 12
    found = texts(sentence * 12, 40)
    assert len(found) >= 3
    assert all(text.endswith("Monday.") for text in found)
    lengths = [count_words(text) for text in found]
    assert max(lengths) - min(lengths) <= 10


def test_paragraphs_are_kept_together_where_they_fit() -> None:
    one, two = "One two three. " * 5, "Four five six. " * 5
    assert texts(f"{one}\n\n{two}", 20) == [one.strip(), two.strip()]
    assert len(texts(f"{one}\n\n{two}", 40)) == 1


def test_rows_and_items_are_not_cut_inside_a_line() -> None:
    rows = [f"| {n} | First sentence. Second sentence. Third one. | yes |" for n in range(12)]
    items = [f"- Item {n}. It has two sentences, or three. Here." for n in range(12)]
    for lines in (rows, items):
        for text in texts("\n".join(lines), 15):
            assert set(text.split("\n")) <= set(lines)


def test_a_row_longer_than_any_passage_may_be_is_cut_between_words() -> None:
    found = texts("- " + "word " * 500, 20)
    assert len(found) > 20
    assert all(set(text.split()) <= {"word", "-"} for text in found)


def test_text_without_sentences_or_spaces_is_cut_too() -> None:
    assert max(map(count_words, texts("word " * 1000, 50))) <= 100
    assert max(map(len, texts("日本語の文章" * 300, 50))) <= 200
    assert max(map(len, texts("x" * 10_000, 10))) <= 500


@pytest.mark.parametrize(
    ("sentence", "most"),
    [
        ("สินค้าคืนได้ภายในสามสิบวันหลังจากวันที่ซื้อ ", 600),
        ("ສິນຄ້າສາມາດສົ່ງຄືນໄດ້ພາຍໃນສາມສິບວັນ ", 600),
        ("ទំនិញអាចប្រគល់វិញបានក្នុងរយៈពេលសាមសិបថ្ងៃ។", 900),
        ("ပစ္စည်းများကို ရက်သုံးဆယ်အတွင်း ပြန်လည်အပ်နှံနိုင်သည်။", 900),
    ],
)
def test_scripts_whose_words_have_no_spaces_are_cut_into_passages_too(sentence: str, most: int) -> None:
    found = texts(sentence * 40, 90)
    assert max(map(len, found)) <= most
    assert all(
        (sentence * 40).count(text) and text.endswith(sentence.strip()) for text in found
    )  # at ends of sentences


def test_pages_are_known_and_never_straddled() -> None:
    text = "First page.\n\nSecond page.\n\nThird page."
    pages = (0, text.index("Second"), text.index("Third"))
    assert [(p.page, p.text) for p in split_document(Document("a.pdf", text, pages), 90)] == [
        (1, "First page."),
        (2, "Second page."),
        (3, "Third page."),
    ]


def test_hostile_lines_take_no_quadratic_time() -> None:
    started = time.process_time()
    for text in (" " * 300_000 + "x", "# " + "# " * 150_000, "|" + " " * 300_000, ". " * 150_000, "\t" * 300_000 + "x"):
        split_document(Document("a.md", text), 90)
    assert time.process_time() - started < 8


def test_a_passage_inside_a_table_has_the_names_of_its_columns() -> None:
    rows = "\n".join(f"| lamp {number} | {number} EUR |" for number in range(30))
    table = f"# Prices\n\n|  |  |\n| --- | --- |\n| Article | Price |\n{rows}\n\nAll prices are with tax, as | always."
    first, *others = split_document(Document("a.md", table), 40)
    assert first.table_head == "" and "Article" in first.text
    assert len(others) > 2
    *inside, last = others
    assert {one.table_head for one in inside} == {"| Article | Price |"}
    assert last.text.endswith("always.")
    plain = split_document(Document("a.md", "Before.\n\n| a | b |\n| c | d |"), 90)
    assert [one.table_head for one in plain] == [""]
