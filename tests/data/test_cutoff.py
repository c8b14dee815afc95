"""Answers that look cut off: whole prose, whole structured answers, and answers that stop early."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradschool.data.cutoff import EndingStats

SENTENCES = [f"We keep item {n} in the second shed. It is there all day." for n in range(40)]

PROSE = [
    "Thank you for your message. We will write on Monday.\n\nBest regards\nSam",
    "Thank you for your message. We will write on Monday.\n\nBest regards,",
    "Wir schreiben Ihnen am Montag.\n\nMit freundlichen Grüßen\nIhr Team vom Bootshaus am See",
    "Nous vous écrirons lundi.\n\nBien cordialement,\nLe service des barques",
    "The shed is open.\n\nSam Otter\nQuay Street 4, Lakeside\n+44 20 7946 0000",
    "Our best offer for you is Plan A",
    "You can read all of it at https://example.org/boats/red-ones",
    "Write to the office at boats@example.org",
    "The list of all boats is in docs/boats.md",
    "Add the word to the list of tags: #boats",
    "The tank of the small boat takes 75 mg",
    "At night the speed on the lake is at most 8 km/h",
    "We open the shed every morning at 6 Uhr",
    "The boat costs about 20 €",
    "She said: “we are closed.”",
    "She said that we are closed (on Sundays.)",
    "Er sagte „wir haben am Sonntag geschlossen“",
    "Er sagte »wir haben am Sonntag geschlossen« und ging fort.",
    "All of us wish you a nice day on the lake 🚤",
    "All of us wish you a nice day on the lake ❤️",
    "The shed is closed on Monday, sorry :-/",
    "See you on the lake tomorrow then :D",
    "Call us before you come - the shed is small ;)",
    "- the red boat with the long oars\n- the blue boat with the new sail\n- a mast",
    "You need:\n\n1. the red boat\n2. two long oars and a bucket\n3. someone who can row for an hour",
    "The red boat lies still\nand the oars sleep in the grass\nnobody comes here\nonly the wind and the reeds",
    "What you should bring with you\n\nA coat and a hat. The lake is cold.\n\nThe Boat House, Lakeside",
    "# Opening hours of the boat house",
    "Place of the meeting: the old quay",
    "这条船停在湖边。明天早上八点开门。",
    "船は湖のそばにあります。明日の朝八時に開きます。",
    "เรือจอดอยู่ริมทะเลสาบ เปิดพรุ่งนี้เช้าแปดโมง",
    "नाव झील के किनारे है। कल सुबह आठ बजे खुलेगी।",
    "القارب عند البحيرة. نفتح غدا صباحا؟",
    "Πότε ανοίγει το μικρό σπίτι στη λίμνη;",
    "And so they rowed on and on and on…",
    "The shed is open all day.\n\n---",
    "billing question",
]  # fmt: skip
LOOSE = [  # whole, without the full stop that their writers may or may not set
    "Wir rufen Sie morgen wieder an",
    "Bitte schalten Sie das Gerät am Schalter ein",
    "The boat that we rented was one we were fond of",
    "The interval that we need is [0, 1) for all boats",
    "Ask for the boat that Jo is so proud of",
    "The tour is for children of 10 and older",
    "Dat is het huis waar wij allemaal van houden",
    "Tell us in the morning when you want to come in",
    "C'est tout ce que nous avons pour vous",
]  # fmt: skip
STRUCTURED = [
    "```python\nprint('(')\n```",
    "Run this line and wait:\n\n```sh\nmake all\n```",
    "Use the mark ``` for code, as Markdown does.",
    "~~~\n```\n~~~",
    '{"boat": "red", "oars": [1, 2], "note": "it said \\"go\\""}',
    '{"boat": 1}\n{"boat": 2}',
    "SELECT name, length FROM boats WHERE length > 3 ORDER BY name",
    "WITH long AS (SELECT * FROM boats) SELECT name FROM long LIMIT 5",
    "UPDATE boats SET owner = 'Ada' WHERE id = 4",
    "SELECT name, CASE WHEN length > 3 THEN 'long' ELSE 'short' END AS kind FROM boats",
    "services:\n  boats:\n    image: boats:latest\n    ports:\n      - 80:80\nvolumes:\n  data:",
    "- name: build\n  run: make all\n- name: test\n  run: make test",
    "git commit -m 'mend the boat'",
    "cd boats/red && ls -la",
    "sudo apt install boats",
    "grep -rn 'oar' boats/ | sort | uniq -c",
    "chmod +x *",
    "if [ -f boat ]; then\n  echo \"it is here\"\nfi",
    "cat <<EOF > boat.txt\nred\nEOF",
    "from boats import *",
    "def row(n):\n    # don't stop (yet\n    return [n, n + 1]",
    "const boats = items.map((one) => one.name);\nconsole.log(`${boats.length} (boats`);",
    "API_KEY=\nPORT=80\nHOST=",
    "<ul>\n  <li>red\n  <li>blue\n</ul>",
    '<boats><boat name="red"/><boat name="blue">b</boat></boats>',
    "<p>The boat is <b>red</b> and old<br>and long</p>",
    "| boat | oars |\n|---|---|\n| red | two long ones |\n| blue | none |",
    "boat,oars\nred,two\nblue,none\ngreen,four",
    "a { color: red; }\nb { color: blue; }",
    "[1] A. Otter wrote it. [2] B. Heron read it.",
    "**Red:** two long oars\n**Blue:** none",
]  # fmt: skip
CUT = [
    "We keep it in the second shed. The key of the shed is with the neigh",
    "We keep it in the second shed, next to the oars and the",
    "We keep it in the second shed, because",
    "You should bring a coat, a hat, and your",
    "Please take the oars, the bucket,",
    "Please take the oars, the bucket and the long rope that is in the sec-",
    "The boat house has three rooms (one of them is for the",
    "She looked at him and said “we have no more",
    'She looked at him and said "we have no more',
    "You can read it [on our page](https://example.org/bo",
    "Take the **red boat with the",
    "You need these things for the trip:",
    "- We row to the island first.\n- We have our lunch there.\n- In the evening we come ba",
    "You need:\n1. a coat\n2. a hat\n3.",
    "# Boats\nThe red one is old.\n## Oars\nThey are long.\n## Sails",
    "| boat | oars |\n|---|---|\n| red | two |\n| blue | no",
    "boat,oars,sails\nred,two,no\nblue,none,no\ngreen,fo",
    "Run this:\n```sh\nmake all",
    "```\nred\n```\n\nThen run this:\n```sh\nmake",
    '{"boat": "red", "oars": [1, 2',
    '{"boat": "red", "note": "it is ol',
    '{"boat": "red", "old": tr',
    '{"boat": 1}\n{"boat": 2, "oars":',
    "SELECT name FROM boats WHERE",
    "SELECT name, length FROM boats WHERE name = 'the re",
    "SELECT name FROM boats WHERE length >",
    "SELECT CASE WHEN length > 3 THEN 'long'",
    "SELECT *",
    "def row(n):\n    total = n *",
    'def row(n):\n    return f"the boat {n',
    'def row(n):\n    """Row the',
    "const boats = items.map((one) => one.",
    "for f in *.txt; do\n  echo $f",
    "cat boats.txt | sort |",
    "git commit -m 'mend the",
    "<ul>\n  <li>red</li>\n  <li>blue</li>",
    '<div><p>The boat is red and <a href="https://exam',
    "Wir schreiben Ihnen am Montag, weil die",
    "Nous avons reçu votre message et nous vous écrirons dans les",
    "Hemos recibido su mensaje y le escribiremos porque",
    "Мы получили ваше письмо и напишем вам в понедельник, чтобы",
    "我们已经收到您的来信，明天早上会给您回信，因为",
    "我们已经收到您的来信，",
    "हमें आपका पत्र मिला है और हम आपको सोमवार को लिखेंगे क्योंकि",
    "船は湖のそばにあり、明日の朝に鍵を",
    "وصلتنا رسالتك وسوف نكتب إليك يوم الاثنين لأن",
]  # fmt: skip


@pytest.fixture(scope="module")
def usual() -> EndingStats:
    """Of a set that has sentences and a few of everything else, as real sets do."""
    stats = EndingStats()
    for answer in [*SENTENCES * 10, *PROSE, *STRUCTURED, *CUT[:3]]:
        stats.add(answer)
    return stats


@pytest.mark.parametrize("answer", PROSE + STRUCTURED)
def test_a_whole_answer_is_whole(usual: EndingStats, answer: str) -> None:
    assert usual.cut_off(answer) == "" and EndingStats().cut_off(answer) == ""


@pytest.mark.parametrize("answer", LOOSE)
def test_a_word_that_may_end_a_sentence_is_no_sign(answer: str) -> None:
    assert EndingStats().cut_off(answer) == ""


@pytest.mark.parametrize("answer", CUT)
def test_an_answer_that_stops_early_looks_so(usual: EndingStats, answer: str) -> None:
    assert usual.cut_off(answer)


def test_a_missing_full_stop_means_nothing_where_many_answers_have_none() -> None:
    stats = EndingStats()
    loose = [f"We keep item {n} in the second shed. It is there all day" for n in range(10)]
    for answer in SENTENCES + loose:
        stats.add(answer)
    assert not any(map(stats.cut_off, SENTENCES + loose))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("Take the **red boat with long oars", "bold text"),
        ('{"boat": [1', "JSON that is not closed"),
        ("<ul><li>red</li>", "<ul> is not closed"),
        ("for f in *.txt; do\n  echo $f", "'do' is not closed"),
        ("You need:\n- a coat\n-", "list item without text"),
    ],
)
def test_the_reason_is_named(answer: str, words: str) -> None:
    assert words in EndingStats().cut_off(answer)


PIECES = st.sampled_from(
    [
        "```",
        "\n",
        "\n\n",
        "{",
        "}",
        '"',
        "'",
        "<b>",
        "</b>",
        "<",
        "|",
        "- ",
        "1.",
        "# ",
        "SELECT ",
        "FROM",
        "(",
        "„",
        "“",
        "»",
        "the ",
        "red ",
        ", ",
        ". ",
        ": ",
        "**",
        "if x; then",
        "\ufe0f",
        "#",
        "//",
        "/*",
        "<!--",
        "\\",
        "git -x ",
    ]
)


@settings(max_examples=60, deadline=None)
@given(st.lists(PIECES | st.text(max_size=4), max_size=30))
def test_any_text_can_be_judged(pieces: list[str]) -> None:
    stats = EndingStats()
    stats.add("".join(pieces))
    assert isinstance(stats.cut_off("".join(pieces)), str)


@pytest.mark.parametrize(
    "piece", ["<", "<a ", "<!--", "(", "```\n", '"', "'", "{[", "- ", "a=", "if ", "git ", "/*", "“", "x "]
)
def test_long_texts_are_judged_at_once(piece: str) -> None:
    began = time.process_time()
    EndingStats().cut_off(piece * 20_000)
    assert time.process_time() - began < 3
