"""Titles of texts that have no heading: in front matter, or in a line of their own at the top."""

from collections.abc import Callable
from typing import Any

import pytest

from essays import essay
from gradschool.data.documents import Document
from gradschool.prepare.texts import sections
from gradschool.prepare.titles import front_matter, titled

Run = Callable[..., Any]
BODY = "It rained on the bees all morning, and they stayed at home and hummed. Nobody went out, not even Ida."


@pytest.mark.parametrize(
    ("line", "title"),
    [
        ("The Mill at Low Water", "The Mill at Low Water"),
        ("  Brot und Salz  ", "Brot und Salz"),
        ("“On Ledgers”", "“On Ledgers”"),
        ("粉ひき小屋", "粉ひき小屋"),
        ("My Neighbour’s Clock, and Mine", "My Neighbour’s Clock, and Mine"),
        ("Dear Ottoline,", ""),
        ("Dear Ottoline", ""),  # a greeting without a sign
        ("Hallo zusammen!", ""),
        ("It rained.", ""),
        ("Leeds, 3 May 1874", ""),
        ("3 May 1874", ""),
        ("Chapter 7", ""),
        ("* * *", ""),
        ("- flour", ""),
        ("this line goes on for far too many words to be what anybody would call a title", ""),
    ],
)
def test_a_first_line_of_its_own_is_a_title_if_it_says_what_the_text_is_about(line: str, title: str) -> None:
    text = f"{line}\n\n{BODY}\n\n{BODY}\n"
    found = titled(text)
    assert found.title == title
    assert text[found.begin :].strip() == (text.split("\n", 1)[1] if title else text).strip()


@pytest.mark.parametrize(
    "text",
    [
        f"The Mill at Low Water\n{BODY}",  # no empty line
        "The mill\n\nThe ferry\n\nThe lamp\n\nThe road\n\n" * 5,  # a list
        "The Mill\n\nToo short.",
        "",
        "\n\n",
    ],
)
def test_other_first_lines_stay_in_the_text(text: str) -> None:
    assert titled(text).title == "" and text[titled(text).begin :] == text.lstrip()


def test_underlined_lines_are_titles() -> None:
    text = f"Who rings the bell?\n=====\n{BODY}"
    assert titled(text) == ("Who rings the bell?", text.index(BODY))


@pytest.mark.parametrize(
    ("front", "title"),
    [
        ('---\ntitle: "Bees: a year"\ntags:\n  - bees\n---\n', "Bees: a year"),
        ("---\ndate: 2024-05-03\n\n# a remark\n...\n", ""),
        ("+++\ntitle = 'Bees'\n[params]\nx = 1\n+++\n", "Bees"),
        ("---\nTitel: Bienen\n---\n", "Bienen"),
    ],
)
def test_the_title_of_front_matter_counts(front: str, title: str) -> None:
    assert front_matter(front + BODY) == (title, len(front))
    [(found, text, line)] = sections(Document("a.md", f"{front}\n{BODY}"))
    assert (found, text, line) == (title, BODY, front.count("\n") + 2)


@pytest.mark.parametrize("text", [f"---\n{BODY}\n---\n{BODY}", f"---\ntitle: x\n{BODY}\n---\n", "---", "+++\nx = 1"])
def test_prose_between_rules_is_no_front_matter(text: str) -> None:
    assert front_matter(text) == ("", 0)
    [(_, kept, _)] = sections(Document("a.md", text))
    assert kept == text.strip()


def test_what_stands_above_the_first_heading_of_a_long_text_is_kept() -> None:
    long = essay(1, 20)
    front = "---\ntitle: The Yard\n---\n"
    document = Document("a.md", f"{front}\n{BODY} {BODY}\n\n## Sheds\n\n{long}\n\n## Gates\n\n{long}\n")
    found = list(sections(document))
    assert [title for title, _, _ in found] == ["The Yard", "The Yard: Sheds", "The Yard: Gates"]
    assert found[0][1] == f"{BODY} {BODY}" and document.text.split("\n")[found[0][2] - 1] == found[0][1]
    short = Document("a.md", document.text.replace(f"{BODY} {BODY}", "A word before."))
    first = next(iter(sections(short)))
    assert first[0] == "The Yard" and first[1].startswith("A word before.\n\nSheds\n\n")


def test_a_folder_of_plain_texts_is_asked_for_by_its_titles(run: Run, rows: Any) -> None:
    names = ("The Old Ferry", "Turnips in March", "A Quarrel about Hens")
    run({f"{n}.txt": f"{name}\n\n{essay(n, 3)}\n" for n, name in enumerate(names)}, "style")
    assert [row["prompt"] for row in rows("examples.jsonl")] == [f"Write the text: {name}" for name in names]
    assert all(row["completion"].startswith("My neighbour") for row in rows("examples.jsonl"))
