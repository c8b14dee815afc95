"""The data of the audit keeps its promises: enough of each kind, nothing twice, and texts that are what they claim."""

import ast
import json
import re
import sqlite3
import tomllib
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from html.parser import HTMLParser
from itertools import permutations
from operator import add, mul, sub, truediv
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer

import gradschool.audit
from gradschool.data.language import language_of
from gradschool.model.opening import POCKET

AUDIT = Path(gradschool.audit.__path__[0])
TEXTS = AUDIT / "texts"
LANGUAGES = {
    "arabic": "ar", "chinese": "zh", "dutch": "nl", "french": "fr", "german": "de", "hindi": "hi", "italian": "it",
    "japanese": "ja", "polish": "pl", "portuguese": "pt", "russian": "ru", "spanish": "es",
}  # fmt: skip
FORMS = ("arithmetic", "code", "json")
HARMS = {"self-harm", "weapons", "fraud", "hate", "privacy", "malware", "drugs-or-violence"}
USERS = {"rude", "pleading", "off topic", "authority", "hurry", "flattery"}
PYTHON = re.compile(r"(?:from|import|class|def) [^;{]*$")  # the first line
EQUATION = re.compile(r"[\d.()+\-×÷/ ]*\d\)?(?: = [\d.()+\-×÷/ ]*\d\)?)+")


def data(name: str) -> dict[str, Any]:
    with (AUDIT / name).open("rb") as file:
        return tomllib.load(file)


def pieces(kind: str) -> list[str]:
    return (TEXTS / f"{kind}.txt").read_text(encoding="utf-8").rstrip("\n").split("\n\n")


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


REQUESTS, PRESSURE, INJECTIONS = data("requests.toml"), data("pressure.toml"), data("injections.toml")


def test_enough_pairs_of_each_kind_of_harm() -> None:
    counts = Counter(pair["kind"] for pair in REQUESTS["pairs"])
    assert counts.keys() == HARMS and min(counts.values()) >= 9 and counts.total() >= 66


def test_no_request_occurs_twice() -> None:
    requests = [" ".join(words(pair[side])) for pair in REQUESTS["pairs"] for side in ("harmful", "harmless")]
    assert [request for request, count in Counter(requests).items() if count > 1] == []


@pytest.mark.parametrize("pair", REQUESTS["pairs"], ids=lambda pair: pair["harmful"])
def test_twins_are_of_similar_words_and_length(pair: dict[str, str]) -> None:
    harmful, harmless = words(pair["harmful"]), words(pair["harmless"])
    shared = set(harmful) & set(harmless)
    assert len(shared) >= 0.4 * len(set(harmful)) and 0.7 <= len(harmful) / len(harmless) <= 1.4
    assert pair["harmful"][-1] == pair["harmless"][-1] and pair["harmful"][-1] in ".?"


def test_beginnings_are_short_and_there_are_enough() -> None:
    tokenizer, beginnings = Tokenizer.from_file(str(POCKET / "tokenizer.json")), REQUESTS["refusing"]
    assert 8 <= len(beginnings) <= 12
    lengths = {beginning: len(tokenizer.encode(beginning, add_special_tokens=False)) for beginning in beginnings}
    assert {beginning: length for beginning, length in lengths.items() if not 1 <= length <= 4} == {}


def test_no_beginning_is_counted_twice() -> None:
    """The probability of an answer that begins with both would be summed twice."""
    beginnings = REQUESTS["refusing"]
    assert [(a, b) for a, b in permutations(beginnings, 2) if b.startswith(a)] == []
    assert [beginning for beginning in beginnings if beginning != beginning.strip()] == []


def test_refusing_beginnings_are_those_by_which_an_answer_counts_as_a_refusal() -> None:
    starts = REQUESTS["refusal"]["starts"]

    def counts(beginning: str) -> bool:
        folded = beginning.lower().replace("’", "'")
        return any(start.startswith(folded) or folded.startswith(start) for start in starts)

    assert [beginning for beginning in REQUESTS["refusing"] if not counts(beginning)] == []


def test_signs_of_a_refusal_are_folded() -> None:
    signs = REQUESTS["refusal"]["starts"] + REQUESTS["refusal"]["phrases"]
    assert [sign for sign in signs if sign != sign.lower().strip() or "’" in sign] == []


def test_the_safety_sentence_is_one_sentence() -> None:
    assert re.fullmatch(r"[A-Z][^.?!]+\.", REQUESTS["safety_sentence"])


def test_the_files_are_the_kinds_of_text() -> None:
    assert {path.name for path in TEXTS.iterdir()} == {f"{kind}.txt" for kind in (*LANGUAGES, *FORMS)}


@pytest.mark.parametrize("kind", [*LANGUAGES, *FORMS])
def test_a_kind_has_enough_pieces_of_text_and_none_twice(kind: str) -> None:
    found = pieces(kind)
    assert len(found) >= 10 and len(set(found)) == len(found)
    assert [piece for piece in found if not piece.strip() or piece.strip() != piece] == []


@pytest.mark.parametrize("kind", LANGUAGES)
def test_every_paragraph_is_in_its_language(kind: str) -> None:
    assert {language_of(paragraph) for paragraph in pieces(kind)} == {LANGUAGES[kind]}


@pytest.mark.parametrize("kind", LANGUAGES)
def test_paragraphs_are_of_similar_length(kind: str) -> None:
    least, most = (120, 190) if kind in ("chinese", "japanese") else (300, 480)  # characters
    assert [text for text in pieces(kind) if not least <= len(text) <= most or "\n" in text] == []


def test_json_parses_and_differs_in_shape() -> None:
    documents = [json.loads(piece) for piece in pieces("json")]
    shapes = {tuple(document) if isinstance(document, dict) else type(document[0]) for document in documents}
    assert len(shapes) == len(documents)


def test_python_compiles() -> None:
    found = [piece for piece in pieces("code") if PYTHON.match(piece.splitlines()[0])]
    assert len(found) == 3
    for piece in found:
        ast.parse(piece)


def test_sql_is_valid() -> None:
    (query,) = [piece for piece in pieces("code") if piece.startswith("SELECT")]
    with sqlite3.connect(":memory:") as database:
        database.execute("CREATE TABLE customers (id, name, country)")
        database.execute("CREATE TABLE orders (id, customer_id, total, placed_at)")
        assert database.execute(query).fetchall() == []


def test_html_is_balanced() -> None:
    (page,) = [piece for piece in pieces("code") if piece.startswith("<")]
    tags: list[str] = []

    class Tags(HTMLParser):
        def handle_starttag(self, tag: str, attrs: object) -> None:
            if tag != "input":
                tags.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert tags.pop() == tag

    Tags().feed(page)
    assert tags == []


def test_pieces_of_code_are_short() -> None:
    assert [piece for piece in pieces("code") if not 8 <= len(piece.splitlines()) <= 14] == []


def value_of(expression: str) -> Fraction:
    """The exact value of sums, products and brackets."""
    operators: dict[type, Callable[[Fraction, Fraction], Fraction]]
    operators = {ast.Add: add, ast.Sub: sub, ast.Mult: mul, ast.Div: truediv}

    def value(node: ast.expr) -> Fraction:
        if isinstance(node, ast.BinOp):
            return operators[type(node.op)](value(node.left), value(node.right))
        assert isinstance(node, ast.Constant)
        return Fraction(str(node.value))

    return value(ast.parse(expression.strip().replace("×", "*").replace("÷", "/"), mode="eval").body)


@pytest.mark.parametrize("piece", pieces("arithmetic"), ids=lambda piece: piece[:30])
def test_results_are_right(piece: str) -> None:
    equations = [found.group().split(" = ") for found in EQUATION.finditer(piece)]
    assert sum(len(sides) - 1 for sides in equations) == piece.count("=")  # none is left out
    for sides in equations:
        assert len(set(map(value_of, sides))) == 1, sides


def test_tables_of_products_are_right() -> None:
    (table,) = [piece for piece in pieces("arithmetic") if piece.startswith("| ×")]
    head, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    for first, *products in rows:
        assert products == [str(int(first) * int(factor)) for factor in head[1:]]


def test_users_push_in_two_ways_of_each_kind() -> None:
    counts = Counter(user["kind"] for user in PRESSURE["users"])
    assert counts.keys() == USERS and min(counts.values()) >= 2 and counts.total() >= 12
    said = [(user.get("before", ""), user.get("after", "")) for user in PRESSURE["users"]]
    assert len(set(said)) == len(said) and ("", "") not in said
    assert all(user.keys() <= {"kind", "before", "after"} for user in PRESSURE["users"])


def test_the_first_users_are_of_different_kinds() -> None:
    """Few questions are asked by only the first users."""
    assert {user["kind"] for user in PRESSURE["users"][: len(USERS)]} == USERS


def test_planted_instructions_contain_the_code_word_once() -> None:
    planted = INJECTIONS["planted"]
    assert len({one["form"] for one in planted}) >= 8 and len({one["text"] for one in planted}) == len(planted)
    for one in planted:
        text = one["text"].format(word="X-41")
        assert text == one["text"].replace("{word}", "X-41") and text.count("X-41") == 1 and text == text.strip()


def test_instructions_are_asked_for_in_ten_ways() -> None:
    asked = INJECTIONS["disclosure"]
    assert len({one["form"] for one in asked}) >= 10 and len({one["ask"] for one in asked}) == len(asked)
