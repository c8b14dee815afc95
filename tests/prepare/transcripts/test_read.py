"""Transcripts: who speaks follows from the structure of the text, in every locale, whatever a name looks like."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradschool.errors import GradschoolError
from gradschool.prepare.dialogue import Dialogue
from gradschool.prepare.recognize import kind_of
from gradschool.prepare.transcripts.read import read_transcript
from transcript_forms import FORMS, NAMES

Read = Callable[[str], list[Dialogue]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def reading(text: str) -> list[Dialogue]:
        path = tmp_path / "chat.txt"
        path.write_text(text, encoding="utf-8")
        assert kind_of(path) == "transcript"
        return list(read_transcript(path, "chat.txt"))

    return reading


def said(dialogue: Dialogue) -> list[tuple[str, str]]:
    return [(turn.speaker, turn.text) for turn in dialogue.turns]


@pytest.mark.parametrize("early, late", FORMS)
def test_every_spelling_of_a_time_gives_the_same_messages(read: Read, early: str, late: str) -> None:
    text = f"{early}Jo: is it open: now?\nPS: the blue one\n{late}Kiosk: yes\n{late}Jo: thanks\n{late}Kiosk: bye\n"
    (dialogue,) = read(text)
    assert said(dialogue)[:2] == [("Jo", "is it open: now?\nPS: the blue one"), ("Kiosk", "yes")]
    first, second = dialogue.turns[:2]
    assert first.at and second.at and second.at - first.at == 600
    assert dialogue.date.startswith("2024-03-28T22:00")


@pytest.mark.parametrize("name", NAMES)
def test_a_speaker_is_what_stands_after_the_date(read: Read, name: str) -> None:
    lines = []
    for day in range(1, 6):
        lines += [f"{day}/1/24, 08:10 - {name}: what now {day}", f"{day}/1/24, 08:12 - Kiosk: this {day}"]
    (dialogue,) = read("\n".join(lines))
    assert said(dialogue)[:2] == [(name, "what now 1"), ("Kiosk", "this 1")]


def test_notices_and_placeholders_are_no_messages(read: Read) -> None:
    stamp = "28.3.24, 21:50 - "
    kept = ["Jo: hello", "Kiosk: yes", "Jo: ok", "Kiosk: good"]
    out = [
        "Messages and calls are end-to-end encrypted. Tap to learn more.",
        "Jo added +32 470 555 0199",
        "Jo changed the subject from “Boats” to “Boats: all”",
        'Jo created group "Boats: all"',
        "Jo: <Media omitted>",
        "Jo: <Medien ausgeschlossen>",
        "Jo: <Что-то новое>",
        "Kiosk: Diese Nachricht wurde gelöscht.",
        "Kiosk: Se eliminó este mensaje.",
        "Kiosk: \u200eimage omitted",
        "Kiosk: IMG-20240328-WA0007.jpg (file attached)",
        "Kiosk: \u200e<attached: 00000012-PHOTO-2024-03-28-21-50-07.jpg>",
        "Kiosk: null",
    ]
    lines = [kept[0], *out[:6], kept[1], *out[6:], kept[2], kept[3]]
    (dialogue,) = read("\n".join(stamp + line for line in lines))
    assert [f"{name}: {text}" for name, text in said(dialogue)] == kept
    assert dialogue.left_out and sum(dialogue.left_out.values()) == len(out)


def test_captions_stay_and_marks_of_edits_go(read: Read) -> None:
    lines = [
        "Jo: hi",
        "Kiosk: PIC-1.jpg (file attached)\nour window",
        "Jo: nice <This message was edited>",
        "Kiosk: <3",
    ]
    (dialogue,) = read("\n".join(f"28.3.24, 21:50 - {line}" for line in lines))
    assert [text for _, text in said(dialogue)] == ["hi", "our window", "nice", "<3"]


def test_the_order_of_day_and_month_is_the_one_that_fits(read: Read) -> None:
    for dates, last in [
        (("1/2/24", "1/3/24", "1/4/24", "1/5/24"), "2024-01-05"),
        (("1/2/24", "2/2/24", "3/2/24", "4/2/24"), "2024-02-04"),
        (("24.1.1", "24.1.2", "24.1.3", "24.1.4"), "2024-01-04"),
    ]:
        (dialogue,) = read("\n".join(f"{date}, 21:50 - {'AB'[n % 2]}: x" for n, date in enumerate(dates)))
        assert dialogue.date.startswith(last)


DISCORD = """==============================================================
Guild: Boats
Channel: general / help
==============================================================

[28-Mar-24 09:50 PM] jo#1234
is it open?
and where: exactly

[28-Mar-24 10:00 PM] kiosk
yes

{Attachments}
https://example.org/a.png

[28-Mar-24 10:01 PM] jo#1234
fine

[28-Mar-24 10:02 PM] kiosk
see you

==============================================================
Exported 4 message(s)
==============================================================
"""
TELEGRAM = """Jo, [28.03.24 21:50]
is it open?
and where: exactly

Kiosk, [28.03.24 22:00]
yes

Jo, [28.03.24 22:01]
fine

Kiosk, [28.03.24 22:02]
see you
"""


@pytest.mark.parametrize(
    "text", [DISCORD, TELEGRAM, TELEGRAM.replace(", [28.03.24 ", " — 03/28/2024 ").replace("]", "")]
)
def test_a_message_can_be_below_its_name(read: Read, text: str) -> None:
    (dialogue,) = read(text)
    assert [text for _, text in said(dialogue)] == ["is it open?\nand where: exactly", "yes", "fine", "see you"]
    assert len({name for name, _ in said(dialogue)}) == 2 and not any("[" in name for name, _ in said(dialogue))


def exchanges(blank: str, between: str, names: tuple[str, str] = ("Jo (Ghent)", "Kiosk & Co")) -> str:
    """Eight exchanges; every third answer has two lines with a colon, every fourth question one."""
    parts = []
    for number in range(8):
        asked = f"{names[0]}: what is {number}" + (f"\nOrder: {number}" if number % 4 == 1 else "")
        answer = f"{names[1]}: it is {number}" + (f"\nPrice: {number}\nPickup: Friday" if number % 3 == 0 else "")
        parts.append(f"{asked}\n{blank}{answer}\n")
    return between.join(parts)


@pytest.mark.parametrize("names", [("Customer", "Agent"), ("Jo (Ghent)", "Kiosk & Co"), ("🦊", "+32 470 555 0199")])
@pytest.mark.parametrize("blank, between", [("", "\n"), ("\n", "\n"), ("", "")])
def test_a_line_with_a_colon_in_a_message_is_no_speaker(
    read: Read, names: tuple[str, str], blank: str, between: str
) -> None:
    (dialogue,) = read(exchanges(blank, between, names))
    assert {name for name, _ in said(dialogue)} == set(names)
    assert [text for _, text in said(dialogue)][:4] == [
        "what is 0",
        "it is 0\nPrice: 0\nPickup: Friday",
        "what is 1\nOrder: 1",
        "it is 1",
    ]


def test_many_customers_and_agents_are_all_speakers(read: Read) -> None:
    blocks = [f"{'ABCDEF'[n]}lan: ask {n}\n{('Sam', 'Pat')[n % 2]}: answer {n}\nNote: closed on {n}" for n in range(6)]
    for between in ("\n\n", "\n--- next ---\n"):
        dialogues = read(between.join(blocks))
        names = {name for dialogue in dialogues for name, _ in said(dialogue)}
        assert names == {"Sam", "Pat", "Alan", "Blan", "Clan", "Dlan", "Elan", "Flan"}
    (dialogue,) = read("\n".join(block.replace("Pat", "Sam") for block in blocks))
    assert {name for name, _ in said(dialogue)} == {"Sam", "Alan", "Blan", "Clan", "Dlan", "Elan", "Flan"}


def test_markdown_nicks_and_full_width_colons(read: Read) -> None:
    for form in ("**{}:** {}", "{}：{}", "<{}> {}", "[12:0{n}] {}: {}", "12:0{n} <{}> {}", "{} (12:0{n}): {}"):
        lines = [form.format(("Jo", "Kiosk")[n % 2], f"text {n}", n=n) for n in range(6)]
        (dialogue,) = read("\n".join(lines))
        assert said(dialogue) == [(("Jo", "Kiosk")[n % 2], f"text {n}") for n in range(6)], form


def test_texts_are_no_conversations(tmp_path: Path) -> None:
    for text in (
        "Name: Jo\nStreet: Quay 2\nCity: Ghent\nPhone: none\n",
        "# Diary\n\n28.3.24, 21:50 - it rained.\n\nWe went home.\n\n" + "And then it rained again. \n" * 80,
        "Dear Jo,\n\nPlease note: we open at 10:30 on Friday.\nPrice: 3\n\nYours,\nKiosk\n",
    ):
        (tmp_path / "x.txt").write_text(text)
        assert kind_of(tmp_path / "x.txt") == "document"


PIECES = st.sampled_from(
    [
        "28.3.24, 21:50 - ",
        "[3/28/24, 9:50:07\u202fPM] ",
        "\u200e",
        "Jo: ",
        "Kiosk: ",
        "Price: ",
        "<Media omitted>",
        "\n",
        "\n\n",
        "---\n",
        "12:03 ",
        "{Attachments}\n",
        "x",
        "“",
        ": ",
        "😀",
        "2024년 ",
    ]
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(PIECES, st.text(max_size=6)), max_size=40))
def test_any_text_gives_turns_or_an_error(tmp_path_factory: pytest.TempPathFactory, pieces: list[str]) -> None:
    path = tmp_path_factory.mktemp("any") / "x.txt"
    path.write_text("".join(pieces), encoding="utf-8", errors="replace")
    try:
        for dialogue in read_transcript(path, "x.txt"):
            assert all(turn.text.strip() and "\u200e" not in turn.text and turn.line for turn in dialogue.turns)
    except GradschoolError as error:
        assert str(error)


def test_what_a_phone_writes_itself_is_known_by_its_mark_in_any_language(read: Read) -> None:
    stamp = "[28.03.24, 21:50:07] "
    kept = ["Jo: hello", "Kiosk: yes", "Jo: \u200ealles gut so", "Kiosk: fine"]
    out = [
        "Boats: \u200eqqq xx enkripto yyy ba zzz ku vvv la www",
        "Jo: \u200efoto vynechana xx",
        "Kiosk: \u200efoto vynechana xx",
    ]
    (dialogue,) = read("\n".join(stamp + line for line in (out[0], *kept[:2], *out[1:], *kept[2:])))
    assert [f"{name}: {text}" for name, text in said(dialogue)] == [line.replace("\u200e", "") for line in kept]


def test_a_marked_line_that_begins_a_chat_is_no_message_of_the_person_in_whose_name_it_is(read: Read) -> None:
    stamp = "[3/28/24, 9:50:07 PM] "
    kept = ["Jo: is the blue kettle back", "Kiosk: yes, since noon", "Jo: then keep it for me", "Kiosk: it is kept"]
    (dialogue,) = read(
        "\n".join(stamp + line for line in ("Jo: \u200esporočila so šifrirana od konca do konca", *kept))
    )
    assert [f"{name}: {text}" for name, text in said(dialogue)] == kept
    assert dialogue.left_out == {"messages without text of their sender": 1}


def test_a_long_name_that_begins_with_a_short_one_is_a_speaker(read: Read) -> None:
    names = ("Jo", "Kiosk", "Jo van der Velde the second", "Kiosk")
    (dialogue,) = read("\n".join(f"28.3.24, 21:50 - {names[n % 4]}: text {n}" for n in range(40)))
    assert len(dialogue.turns) == 40 and len({turn.speaker for turn in dialogue.turns}) == 3


@pytest.mark.parametrize("between", ["\n", "\n\n"])
def test_a_word_for_a_role_in_a_message_is_no_speaker(read: Read, between: str) -> None:
    asked = [f"Customer: ask {n}\n" + "Client: no\n" * (n == 3) for n in range(9)]
    parts = [f"{asked[n]}Agent: it is {n}\n" + "Model: K2" * (n % 4 == 0) for n in range(9)]
    (dialogue,) = read(between.join(part.strip() for part in parts))
    assert {name for name, _ in said(dialogue)} == {"Customer", "Agent"}
    assert said(dialogue)[1] == ("Agent", "it is 0\nModel: K2") and said(dialogue)[6] == (
        "Customer",
        "ask 3\nClient: no",
    )


STYLES = [
    "{d}/1/24, 9:{m:02} AM - ",
    "[{d:02}.01.24, 09:{m:02}:07] ",
    "2024-01-{d:02} 09:{m:02} ",
    "[9:{m:02} AM, 1/{d}/2024] ",
]


@pytest.mark.parametrize("own", range(4))
@pytest.mark.parametrize("pasted", range(4))
def test_a_chat_that_somebody_pasted_is_part_of_a_message(read: Read, own: int, pasted: int) -> None:
    if own == pasted:
        return
    lines, expected = [], []
    for n in range(6):
        inner = [f"{STYLES[pasted].format(d=n + 1, m=m)}{name}: old {m}" for m, name in enumerate(("Cy", "Di", "Cy"))]
        lines += [
            f"{STYLES[own].format(d=n + 2, m=10)}Jo: what is {n}",
            f"{STYLES[own].format(d=n + 2, m=12)}Kiosk: see",
            *inner,
        ]
        expected += [("Jo", f"what is {n}"), ("Kiosk", "\n".join(["see", *inner]))]
    (dialogue,) = read("\n".join(lines))
    assert said(dialogue) == expected


def test_an_export_that_continues_in_another_style_is_one_chat(read: Read) -> None:
    lines = [
        f"{STYLES[0 if n < 6 else 1].format(d=n // 2 + 1, m=n % 2)}{('Jo', 'Kiosk')[n % 2]}: text {n}"
        for n in range(12)
    ]
    (dialogue,) = read("\n".join(lines))
    assert [text for _, text in said(dialogue)] == [f"text {n}" for n in range(12)]


def stamped(*texts: tuple[str, str]) -> str:
    return "\n".join(f"{n // 2 + 1}/1/24, 08:{10 + n} - {name}: {text}" for n, (name, text) in enumerate(texts))


def test_a_label_that_all_answers_share_is_part_of_them(tmp_path: Path, read: Read) -> None:
    text = stamped(*(turn for n in range(6) for turn in (("Jo", f"is {n} in"), ("Kiosk", f"Status: {n} is in"))))
    (dialogue,) = read(text)
    assert said(dialogue)[1] == ("Kiosk", "Status: 0 is in")
    (named,) = read_transcript(tmp_path / "chat.txt", "chat.txt", ["kiosk"])
    assert said(named)[1] == ("Kiosk", "Status: 0 is in")
    (named,) = read_transcript(tmp_path / "chat.txt", "chat.txt", ["Kiosk: Status"])
    assert said(named)[1] == ("Kiosk: Status", "0 is in")


def test_a_name_with_a_colon_is_whole_where_the_program_shows_it(read: Read) -> None:
    turns = [turn for n in range(5) for turn in (("Jo", f"is {n} in"), ("Kiosk: North", f"it is {n}"))]
    for notice in (("Kiosk: North", "image omitted"), ("Kiosk: North", "<Media omitted>")):
        (dialogue,) = read(stamped(*turns, notice))
        assert said(dialogue)[1] == ("Kiosk: North", "it is 0")
    (dialogue,) = read(stamped(*turns) + "\n9/1/24, 08:10 - Kiosk: North changed the subject to “Boats”")
    assert {name for name, _ in said(dialogue)} == {"Jo", "Kiosk: North"}


def test_the_mark_of_direction_says_nothing_where_every_message_has_it(read: Read) -> None:
    lines = [
        f"[{n // 2 + 1}\u200f/1\u200f/2024, 9:{10 + n}:05 ص] {('سارة', 'Kiosk')[n % 2]}: \u200etext {n}"
        for n in range(8)
    ]
    (dialogue,) = read("\n".join(lines))
    assert len(dialogue.turns) == 8


def test_what_is_before_and_after_the_messages_is_counted(read: Read) -> None:
    (dialogue,) = read(DISCORD)
    assert dialogue.left_out == {"lines before the first message": 4, "lines of attachments and reactions": 5}
    (dialogue,) = read("A talk\nin June\n\n" + exchanges("", "\n"))
    assert dialogue.left_out == {"lines before the first speaker": 2}


MESSAGE = st.tuples(
    st.sampled_from(["Jo", "Kiosk", "Jo: North", "[Cy] & Sons", ""]),
    st.sampled_from(["{w}", "{w}\n{w}", "Price: {w}\nNote: {w}", "{w}\n[01.02.23, 10:00:00] Cy: {w}", "{w} omitted",
                     "<Media omitted>\n{w}", "{{Embed}}\n{w}", "{w}\n\n{w}", "", "image omitted", "POLL:\n{w}"]),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(MESSAGE, min_size=2, max_size=14), st.booleans())
def test_each_line_is_in_a_turn_or_counted(
    tmp_path_factory: pytest.TempPathFactory, messages: list[tuple[str, str]], dated: bool
) -> None:
    lines: list[str] = []
    words: list[list[str]] = []
    for n, (name, form) in enumerate(messages):
        mine = [f"word{n}x{place}" for place in range(form.count("{w}"))]
        text = form.replace("{w}", "{}").format(*mine)
        lines.append((f"1/{n + 1}/24, 9:{n:02} - " if dated else "") + (f"{name}: " if name else "") + text)
        words.append(mine)
    path = tmp_path_factory.mktemp("any") / "x.txt"
    path.write_text("\n".join(lines), encoding="utf-8")
    dialogues = list(read_transcript(path, "x.txt"))
    kept = "\n".join(f"{turn.speaker}: {turn.text}" for one in dialogues for turn in one.turns)
    lost = sum(any(word not in kept for word in mine) for mine in words)
    assert lost <= sum(sum((one.left_out or {}).values()) for one in dialogues)


def test_a_dated_chat_pasted_into_a_transcript_without_dates_is_part_of_it(tmp_path: Path) -> None:
    old = "\n".join(f"[{n + 1}/1/24, 10:00 AM] {('Cy', 'Di')[n % 2]}: old {n}" for n in range(5))
    (tmp_path / "x.txt").write_text("\n\n".join(f"Jo: what is {n}\nKiosk: see\n{old}" for n in range(6)))
    (dialogue,) = read_transcript(tmp_path / "x.txt", "x.txt", ["Kiosk"])
    assert said(dialogue)[:2] == [("Jo", "what is 0"), ("Kiosk", f"see\n{old}")]


def test_times_above_names_are_messages_if_the_names_return(read: Read, tmp_path: Path) -> None:
    names = ("Jo", "Kiosk")
    (dialogue,) = read("\n\n".join(f"[9:{10 + n} AM] {names[n % 2]}\ntext: {n}" for n in range(8)))
    assert said(dialogue)[:2] == [("Jo", "text: 0"), ("Kiosk", "text: 1")]
    (tmp_path / "plan.txt").write_text("\n\n".join(f"[9:{10 + n} AM] Talk number {n}\nin room {n}" for n in range(8)))
    assert kind_of(tmp_path / "plan.txt") == "document"
