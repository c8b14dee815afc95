"""Mailboxes: every mail is found once, completely and with its line, for any block size."""

import mailbox as standard
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradschool.prepare.mail import mailbox
from gradschool.prepare.mail.mailbox import message_locations, read_head, read_mail
from gradschool.prepare.recognize import SourceFile
from mails import mail, mbox


def contents(path: Path) -> list[bytes]:
    return [read_mail(place) for place in message_locations(SourceFile(path.name, path, "mbox"))]


BODY = st.text(alphabet=st.sampled_from(list("From >x\n:")), max_size=80).map(lambda text: text.rstrip("\n"))
BODIES = st.lists(BODY, min_size=1, max_size=8)


@pytest.mark.parametrize("block", [64, 300, 8 << 20])
def test_mails_round_trip(tmp_path: Path, monkeypatch: Any, block: int) -> None:
    monkeypatch.setattr(mailbox, "BLOCK", block)
    monkeypatch.setattr(mailbox, "OVERLAP", 120 if block < 1000 else 1 << 16)
    path = tmp_path / "box"
    mails = [
        mail(f"From here to {number}\nFrom: nobody\n\nFrom nowhere" + "\nline" * number, day=number + 1)
        for number in range(20)
    ]
    path.write_bytes(mbox(*mails))
    found = contents(path)
    assert [one.rstrip(b"\n") for one in found] == [one.rstrip(b"\n") for one in mails]
    lines = path.read_bytes().split(b"\n")
    for place in message_locations(SourceFile("box", path, "mbox")):
        assert lines[place.source.line - 1].startswith(b"From x@example.org")


@settings(max_examples=60, deadline=None)
@given(BODIES, st.integers(30, 200))
def test_agrees_with_the_standard_library(tmp_path_factory: Any, bodies: list[str], block: int) -> None:
    path = tmp_path_factory.mktemp("box") / "box"
    box = standard.mbox(str(path))
    for number, body in enumerate(bodies):
        box.add(mail(body, day=number + 1))
    box.close()
    before = mailbox.BLOCK, mailbox.OVERLAP
    mailbox.BLOCK, mailbox.OVERLAP = block, 120
    try:
        found = contents(path)
    finally:
        mailbox.BLOCK, mailbox.OVERLAP = before
    assert len(found) == len(bodies)
    assert [one.rstrip() for one in found] == [mail(body, day=n + 1).rstrip() for n, body in enumerate(bodies)]


def test_windows_line_ends_missing_empty_lines_and_dashes(tmp_path: Path) -> None:
    path = tmp_path / "box"
    path.write_bytes(mbox(mail("one"), mail("two", day=2)).replace(b"\n", b"\r\n"))
    assert len(contents(path)) == 2
    path.write_bytes(
        b"From - Mon Jan  6 09:00:00 2020\nSubject: a\n\none\nFrom - Tue Jan  7 09:00:00 2020\nSubject: b\n\ntwo\n"
    )
    assert len(contents(path)) == 2
    path.write_bytes(mbox(mail("From here on it is easy\nSubject: not a mail")))
    assert len(contents(path)) == 1


def test_mails_are_read_up_to_a_limit(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(mailbox, "MAX_MAIL", 500)
    path = tmp_path / "box"
    path.write_bytes(mbox(mail("x" * 5_000), mail("short", day=2)))
    first, second = contents(path)
    assert len(first) == 500 and b"short" in second


def test_apple_mails_have_a_length_before_them(tmp_path: Path) -> None:
    content = mail("hello")
    path = tmp_path / "1.emlx"
    path.write_bytes(str(len(content)).encode() + b"\n" + content + b"<?xml version='1.0'?><plist></plist>")
    (place,) = message_locations(SourceFile("1.emlx", path, "mail"))
    assert read_mail(place) == content
    assert read_head(place).endswith(b"\n\n") and b"hello" not in read_head(place)
