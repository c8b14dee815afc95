"""What a messenger writes in place of a message, and what only looks so."""

import pytest

from gradschool.prepare.transcripts.notices import is_notice, written

NOTICES = [
    "location: https://maps.google.com/?q=52.5200,13.4050",
    "Sijainti nyt: https://maps.google.com/?q=1,-2",
    "https://maps.google.com/?q=52.5200,13.4050",
    "Standort: https://example.org/place/7",
    "POLL:\nWhich kite?",
    "UMFRAGE:\nWelcher?\nOPTION: rot (0 Stimmen)\nOPTION: blau (2 Stimmen)",
    "QQQQ:\nxx\nVVVV: yy (0 zz)\nVVVV: ww (3 zz)",
    "Anruf in Abwesenheit",
    "Missed voice call, Tap to call back",
    "Missed voice call at 10:05",
    "Verpasster Sprachanruf um 10:05",
    "Voice call, 2 min",
    "Video call, 1 hr 3 min",
    "Sprachanruf, 12 Min.",
    "Videollamada, Sin respuesta",
    "This message was deleted by admin Ida Q.",
    "Live-Standort wird geteilt",
    "View once voice message omitted",
    "Scheda contatto omessa",
    "ida.vcf (Datei angehängt)",
    "Hat mit 😍 auf deine Nachricht reagiert ",
    "このメッセージは削除されました",
]
MESSAGES = [
    "Location: the quay, second door",
    "our shop: https://goo.gl/maps/xyz",
    "Poll:",
    "No answer",
    "Location",
    "Video call?",
    "Could we do a video call",
    "Voice call tomorrow please",
    "Prices:\nwhich one\nMug: blue",
    "Colours left:\nas of today\nred: kites (3 pieces)\nblue: kites (2 pieces)",
    "The contact is Ida",
    "the voice call was 2 min",
]


@pytest.mark.parametrize("text", NOTICES)
def test_a_notice_is_known_in_many_languages(text: str) -> None:
    assert is_notice(text) and not written(text)


@pytest.mark.parametrize("text", MESSAGES)
def test_words_of_notices_in_a_message_are_no_notice(text: str) -> None:
    assert not is_notice(text) and written(text) == text


def test_a_mark_of_an_edit_is_no_part_of_a_message() -> None:
    assert written("it floats (edited)") == written("it floats <Diese Nachricht wurde bearbeitet>") == "it floats"
    assert written("it floats (rarely)") == "it floats (rarely)"
