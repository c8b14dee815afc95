"""Captions of calls and films: who speaks follows from voices or labels; without speakers they are refused."""

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradschool.data.encoding import Unreadable
from gradschool.prepare.recognize import kind_of
from gradschool.prepare.transcripts.captions import captions, is_captions
from gradschool.prepare.transcripts.read import read_transcript

SAID = [
    ("Jo Heron", "Is the red boat free & dry?", "On Sunday, I mean."),
    ("Kiosk", "It is free.", "Price: twenty shells."),
    ("Jo Heron", "Good, then I take it.", "Until six."),
    ("Kiosk", "See you on Sunday.", "Bring a coat."),
    ("Jo Heron", "Yes.", "Bye."),
    ("Kiosk", "Bye.", "And thanks."),
]
TURNS = [(name, f"{first} {second}") for name, first, second in SAID]


def vtt(form: str, *, head: str = "WEBVTT\n\n", sign: str = ".", number: str = "") -> str:
    """Two captions for each turn; the second has the same voice, or none if `form` has no name in it."""
    cues, n = [], 0
    for name, *texts in SAID:
        for place, text in enumerate(texts):
            shown = text.replace("&", "&amp;") if "<v" in form else text
            line = form.format(name=name, text=shown) if place == 0 or "<v" in form else shown
            n += 1
            mark = number.format(n=n)
            cues.append(f"{mark}00:00:{n:02}{sign}000 --> 00:00:{n:02}{sign}900 align:start\n{line}\n")
    return head + "\n".join(cues)


FORMS = {
    "voices": ("call.vtt", vtt("<v {name}>{text}</v>")),
    "voices with classes": ("call.vtt", vtt("<v.loud {name}><i>{text}</i>", number="ab-12/{n}-0\n")),
    "labels": ("call.vtt", vtt("{name}: {text}")),
    "capitals": ("call.vtt", vtt(">> {name}: {text}")),
    "brackets": ("call.srt", vtt("[{name}] {text}", head="", sign=",", number="{n}\n")),
    "srt": ("call.srt", vtt("{name}: {text}", head="", sign=",", number="{n}\n")),
    "styled srt": ("call.txt", vtt("{{\\an8}}<b>{name}:</b> {text}", head="\ufeff", sign=",", number="{n}\n")),
    "comments": (
        "call.vtt",
        vtt("<v {name}>{text}", head="WEBVTT Kind: captions\n\nNOTE Jo: no\nmore\n\nSTYLE\n::cue {}\n\n"),
    ),
    "windows": ("call.vtt", vtt("<v {name}>{text}</v>").replace("\n", "\r\n")),
}


@pytest.mark.parametrize("form", FORMS)
def test_who_speaks(form: str, tmp_path: Path) -> None:
    name, text = FORMS[form]
    (tmp_path / name).write_bytes(text.encode())
    assert kind_of(tmp_path / name) == "transcript"
    (dialogue,) = read_transcript(tmp_path / name, name)
    assert [(turn.speaker, turn.text) for turn in dialogue.turns] == TURNS
    assert dialogue.turns[1].at == 3.0 and text.split("\n")[dialogue.turns[1].line - 1].startswith("00:00:03")


def test_sounds_are_left_out_and_counted() -> None:
    text = vtt("<v {name}>{text}</v>").replace(
        "<v Kiosk>It is free.</v>", "[Music]\n<v Kiosk>It is free.</v>\n♪ la la ♪"
    )
    dialogue = captions(text.split("\n"), "call.vtt")
    assert [turn.text for turn in dialogue.turns] == [said for _, said in TURNS]
    assert dialogue.left_out == {"sounds and music": 2}


@pytest.mark.parametrize(
    "text",
    [
        vtt("{text}"),
        vtt("- {text}"),
        vtt("<v Jo>{text}"),
        vtt(">> {text}"),
        vtt("{text}", head="", sign=",", number="{n}\n").replace("Price: ", ""),
    ],
)
def test_captions_without_two_speakers_are_refused_in_one_sentence(text: str, tmp_path: Path) -> None:
    (tmp_path / "film.vtt").write_text(text)
    with pytest.raises(Unreadable, match="do not say who speaks"):
        kind_of(tmp_path / "film.vtt")


def test_captions_that_roll_say_each_line_once() -> None:
    lines = ["WEBVTT", ""]
    for n, (one, two) in enumerate(
        [("Jo: is it", "free"), ("Bo: it is", "free now"), ("Jo: good", "then"), ("Bo: bye", "Jo")]
    ):
        for place, shown in enumerate(([one], [one, two], [two])):
            lines += [f"00:{n:02}:0{place}.000 --> 00:{n:02}:0{place}.900", *shown, ""]
    dialogue = captions(lines, "x.vtt")
    assert [turn.text for turn in dialogue.turns] == ["is it free", "it is free now", "good then", "bye Jo"]


def test_other_texts_are_no_captions() -> None:
    for text in (
        "We met at 00:00:01.000 --> and left.",
        "1\n2\n3",
        "From 10:00 to 11:00\nJo: hi",
        "WEBVTT is a format.",
    ):
        assert not is_captions(text.split("\n"))


PIECES = st.sampled_from(
    [
        "WEBVTT\n\n",
        "00:01.000 --> 00:02.000\n",
        "00:00:01,000 --> 00:00:02,000\n",
        "<v Jo>",
        "Jo: ",
        "Bo: ",
        "\n",
        ">> ",
        "[Bo] ",
        "♪",
        "</v>",
        "NOTE x\n",
        "&amp;",
        "1\n",
    ]
)


@settings(max_examples=60, deadline=None)
@given(st.lists(PIECES | st.text(max_size=4), max_size=24))
def test_any_text_can_be_read(pieces: list[str]) -> None:
    lines = "".join(pieces).split("\n")
    assert is_captions(lines) in (True, False)
    assert all(turn.text and turn.speaker for turn in captions(lines, "x.vtt").turns)


def test_long_captions_take_no_time() -> None:
    began = time.process_time()
    for piece in ("<v ", "<", "[", "♪", "&", "{\\", "> "):
        captions(["WEBVTT", "00:01.000 --> 00:02.000", piece * 10_000], "x.vtt")
    assert time.process_time() - began < 2
