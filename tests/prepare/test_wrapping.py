"""Hard line breaks within paragraphs are removed, and lines that are meant are kept."""

import textwrap

import pytest

from gradschool.prepare.wrapping import unwrapped, width_of

PROSE = (
    "The garden had been neglected for so long that nobody could say any more where the beds had been, or which of "
    "the trees had been planted on purpose. When we came there first, in the spring of that year, the gate could not "
    "be opened, and we climbed over the wall behind the shed. My aunt said nothing for a while. Then she laughed, and "
    "said that it would do; that it would do very well indeed, if one began with the path."
)
VERSES = """\
i have seen the river in the morning
and it was not the river that i knew
the boats were gone that used to lie there waiting
and all the reeds were bent
and in the water something like a lantern
went out as i came near"""
CAPITALS = """\
The river in the morning had no boats,
And where they used to lie the reeds were bent;
A lantern in the water, as it floats,
Went out as I came near, and so I went."""
ADDRESS = "Jo Otter\n12 Long Street, Second Floor\nLeeds LS1 4AB\nUnited Kingdom"
TABLE = "| plant | price |\n| --- | --- |\n| rose, climbing, with a long name | 12.00 |\n| sage | 3.00 |"
COLUMNS = (
    "plant                                  price    in stock\nrose, climbing                         12.00         yes"
)
CODE = "```\nfor plant in garden:\n    water(plant)\n```"
INDENTED_CODE = "        for plant in garden:\n            water(plant)"
LIST = "- water the roses\n- cut the sage, but only where it is dry\n1. the path\n2) the beds"


def wrapped(text: str, width: int, first: str = "", others: str = "") -> str:
    return "\n".join(textwrap.wrap(text, width, initial_indent=first, subsequent_indent=others))


@pytest.mark.parametrize("width", [50, 60, 72, 80, 100, 120])
def test_wrapped_paragraphs_become_lines(width: int) -> None:
    text = f"{wrapped(PROSE, width)}\n\n{wrapped(PROSE, width)}"
    assert unwrapped(text, width_of(text)) == f"{PROSE}\n\n{PROSE}"


@pytest.mark.parametrize("kept", [VERSES, CAPITALS, ADDRESS, TABLE, COLUMNS, CODE, INDENTED_CODE, LIST, "# Title"])
def test_lines_that_are_meant_are_kept(kept: str) -> None:
    """Alone, and next to paragraphs of wrapped text."""
    assert unwrapped(kept, width_of(kept)) == kept
    text = f"{wrapped(PROSE, 72)}\n\n{kept}\n\n{wrapped(PROSE, 72)}"
    assert unwrapped(text, width_of(text)) == f"{PROSE}\n\n{kept}\n\n{PROSE}"


def test_greetings_and_closings_without_empty_lines_keep_theirs() -> None:
    text = f"Dear Ann,\n{wrapped(PROSE, 72)}\nYours,\nJo"
    assert unwrapped(text, width_of(text)) == f"Dear Ann,\n{PROSE}\nYours,\nJo"


def test_indented_paragraphs_without_empty_lines_stay_apart() -> None:
    paragraph = wrapped(PROSE, 72, first="   ")
    text = f"{paragraph}\n{paragraph}"
    assert unwrapped(text, width_of(text)) == f"   {PROSE}\n   {PROSE}"


def test_items_of_lists_that_go_on_are_joined() -> None:
    item = wrapped(f"- {PROSE}", 72, others="  ")
    text = f"{item}\n{item}"
    assert unwrapped(text, width_of(text)) == f"- {PROSE}\n- {PROSE}"


def test_broken_words_and_scripts_without_spaces_are_joined() -> None:
    german = (
        "Die Arbeit begann im Frühling mit der Haupt-\nsache, nämlich mit dem Weg, der von der Garten-\ntür zum Haus "
        "führte, und wir waren nicht mehr\nallein, denn die Nachbarn halfen uns dabei, und\nam Abend war der Weg frei."
    )
    assert unwrapped(german, width_of(german)).startswith("Die Arbeit begann im Frühling mit der Hauptsache, nämlich")
    assert "\n" not in unwrapped(german, width_of(german))
    chinese = (
        "这座花园荒废了很久没有人能说出花坛原来在哪里也没有人知道哪些树是有意种下的那年春天我们第一次来到那里大门打不开"
        * 4
    )
    text = "\n".join(chinese[at : at + 35] for at in range(0, len(chinese), 35))
    assert unwrapped(text, width_of(text)) == chinese


@pytest.mark.parametrize("text", ["", "one line", f"{PROSE}\n{PROSE}", "a\nb\nc\nd", f"{PROSE[:70]}\n{PROSE[70:130]}"])
def test_texts_that_show_no_width_stay(text: str) -> None:
    """One line a paragraph, or too few breaks to tell."""
    assert width_of(text) == 0 and unwrapped(text, 0) == text


def test_one_sentence_a_line_is_no_wrapping() -> None:
    text = "\n".join(f"{sentence}." for sentence in (PROSE + PROSE).split(". "))
    assert unwrapped(text, width_of(text)) == text
