"""Private data: what must be found, what must not, in several languages; and the counts on real sets."""

import itertools
import json
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradschool.data.private import find_private


def found(text, language="en"):
    return [(one.kind, one.value) for one in find_private(text, language)]


@pytest.mark.parametrize(
    "language, text, kind, value",
    [
        ("en", "Write to jo.doe+x@mail.example.org.", "e-mail address", "jo.doe+x@mail.example.org"),
        ("de", "an jürgen@bücher.example bitte", "e-mail address", "jürgen@bücher.example"),
        ("en", "Call 020 7946 0112 now", "phone number", "020 7946 0112"),
        ("en", "(+1) 202 555 0143", "phone number", "(+1) 202 555 0143"),
        ("en", "my number is 9876543210", "phone number", "9876543210"),
        ("de", "Tel. 030/23125118", "phone number", "030/23125118"),
        ("fr", "au 06 39 98 00 12 demain", "phone number", "06 39 98 00 12"),
        ("es", "móvil 612 345 678", "phone number", "612 345 678"),
        ("it", "chiama il 333 1234567", "phone number", "333 1234567"),
        ("nl", "bel 06 5550 1188", "phone number", "06 5550 1188"),
        ("en", "card 4111 1111 1111 1111 expires", "card number", "4111 1111 1111 1111"),
        ("en", "378282246310005", "card number", "378282246310005"),
        ("de", "IBAN DE89 3704 0044 0532 0130 00.", "bank account", "DE89 3704 0044 0532 0130 00"),
        ("en", "GB82WEST12345698765432 IS IT", "bank account", "GB82WEST12345698765432"),
        ("de", "Steuer-ID 86 095 742 719", "national id", "86 095 742 719"),
        ("it", "CF RCCMNL83S18D969H", "national id", "RCCMNL83S18D969H"),
        ("es", "DNI 54362315K", "national id", "54362315K"),
        ("fr", "NIR 2 95 10 99 126 111 93", "national id", "2 95 10 99 126 111 93"),
        ("nl", "BSN 111222333", "national id", "111222333"),
        ("en", "SSN 536-90-4399", "national id", "536-90-4399"),
        ("en", "NI number AB 12 34 56 C", "national id", "AB 12 34 56 C"),
        ("en", "from 203.0.113.9 today", "IP address", "203.0.113.9"),
        ("en", "at 2001:db8::1 too", "IP address", "2001:db8::1"),
        ("en", "AKIAIOSFODNN7EXAMPLE", "key or token", "AKIAIOSFODNN7EXAMPLE"),
        ("en", "token ghp_abcdefghijklmnopqrstuvwxyz012345", "key or token", "ghp_abcdefghijklmnopqrstuvwxyz012345"),
        ("en", "the password is hunter2Xyz99", "key or token", "hunter2Xyz99"),
        ("en", "postgres://bob:s3cret@db.example/x", "key or token", "s3cret"),
        ("en", "a -----BEGIN RSA PRIVATE KEY-----\nx\n-----END RSA PRIVATE KEY----- b", "key or token",
         "-----BEGIN RSA PRIVATE KEY-----\nx\n-----END RSA PRIVATE KEY-----"),
        ("en", "at 14 Mill Street, Hexham NE46 9ZZ.", "postal address", "14 Mill Street, Hexham NE46 9ZZ"),
        ("de", "Hafenstraße 12, 26789 Leer", "postal address", "Hafenstraße 12, 26789 Leer"),
        ("fr", "12 bis rue des Forges, 13001 Marseille", "postal address", "12 bis rue des Forges, 13001 Marseille"),
        ("es", "Calle Mayor 3, 26200 Haro", "postal address", "Calle Mayor 3, 26200 Haro"),
        ("it", "via Garibaldi 22 - 43100 Parma", "postal address", "via Garibaldi 22 - 43100 Parma"),
        ("nl", "Keizersgracht 12, 1015 AA Amsterdam", "postal address", "Keizersgracht 12, 1015 AA Amsterdam"),
    ],
)  # fmt: skip
def test_it_is_found(language, text, kind, value):
    assert (kind, value) in found(text, language)


@pytest.mark.parametrize(
    "text",
    [
        "On 12.03.2019 at 10:30, pages 100-200, 1,234,567 items.",
        "Order 502-2345678-9012345 and ticket 1234567890.",
        "order #2345-6789-1011-1213 is late",
        "4111 1111 1111 1112 is no card",  # the checksum is wrong
        "DE88 3704 0044 0532 0130 00 is no account",
        "version 1.2.3.4, v2.0.0.1, 127.0.0.1, 0.0.0.0",
        "ISBN 978-3-16-148410-0, 0.9919292, 2020-08-19 00",
        "git clone git@host.example:x.git",
        "the password is wrong, the token expired, secret=secret",
        "We walked 12 miles a day on the high road in May 1974.",
        "123456789 and 86095742719 are numbers",
        "Sie haben 3 Äpfel am Montag gekauft.",
    ],
)
def test_text_that_only_resembles_it_is_not_found(text):
    assert found(text) == []


def test_spans_do_not_overlap_and_have_the_right_offsets():
    text = "Ann, ann@example.org, +49 30 23125118, 14 Mill Street, Hexham NE46 9ZZ; DE89370400440532013000"
    pieces = find_private(text)
    assert [text[one.start : one.end] for one in pieces] == [one.value for one in pieces]
    assert len(pieces) == 4 and all(one.end <= other.start for one, other in itertools.pairwise(pieces))


@settings(max_examples=60, deadline=None)
@given(
    st.text(alphabet=st.sampled_from(list("0123456789 .-/+()@abAZ:x\n#ßé")), max_size=120),
    st.sampled_from(["en", "de", "xx"]),
)
def test_any_text_is_searched(text, language):
    pieces = find_private(text, language)
    assert [text[one.start : one.end] for one in pieces] == [one.value for one in pieces]
    assert sorted(pieces, key=lambda one: one.start) == pieces


def test_the_invented_data_of_real_dialogues_is_found(real):
    counts = Counter()
    lines = (real / "support_dialogues/dialogues.jsonl").read_text(encoding="utf-8").splitlines()
    for text in {turn["text"] for line in lines for turn in json.loads(line)["turns"]}:
        counts.update(one.kind for one in find_private(text))
    assert counts["e-mail address"] > 120 and counts["postal address"] > 150 and counts["phone number"] > 60
    assert counts["card number"] == 0  # order numbers are no cards


@pytest.mark.parametrize(
    "text", ["Am Tag 3, gegen Mittag", "Im Juni 2031 wieder", "In der Zeile 12 fehlt es", "Zum Preis 40"]
)
def test_what_is_counted_in_german_is_no_street(text: str) -> None:
    assert not find_private(text, "de")


def test_streets_that_begin_with_a_preposition_are_still_found() -> None:
    assert [one.value for one in find_private("Abholen: Im Tagwerk 14, 2. Stock", "de")] == ["Im Tagwerk 14"]
