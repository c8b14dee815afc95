"""Drafts, chat messages and discarded mail: by Gmail's labels in its languages, and by other programs' flags."""

import base64
import quopri

import pytest

from gradschool.prepare.mail.headers import head_of
from gradschool.prepare.mail.labels import system_labels
from gradschool.prepare.mail.mime import parse


def noise(header: str) -> str:
    return head_of(parse(f"From: ida@boats.example\n{header}\nSubject: x\n\nx".encode())).noise


def encoded(text: str, form: str) -> str:
    if form == "B":
        return f"=?UTF-8?B?{base64.b64encode(text.encode()).decode()}?="
    quoted = quopri.encodestring(text.encode(), quotetabs=True).decode().replace("=\n", "").replace("?", "=3F")
    return f"=?UTF-8?Q?{quoted.replace('=20', '_')}?="


@pytest.mark.parametrize("label", sorted(system_labels()))
def test_every_system_label_is_recognized_however_it_is_written(label: str) -> None:
    if label in ("draft", "deleted", "junk", "trash"):
        return
    for text in (label.title(), f"Inbox,{label}", f'"{label}",Opened'):
        for form in "BQ":
            assert noise(f"X-Gmail-Labels: {encoded(text, form)}"), (text, form)
        assert noise(f"X-Gmail-Labels: {text}"), text


@pytest.mark.parametrize(
    "header, reason",
    [
        ("X-Gmail-Labels: =?UTF-8?Q?Entw=C3?=\n =?UTF-8?Q?=BCrfe,Foo?=", "draft"),  # a character in two words
        ("X-Gmail-Labels: Sent,\n Chat", "chat"),
        ("X-GM-LABELS: \\\\Draft", "draft"),
        ("X-Gmail-Labels: [Gmail]/Papelera", "deleted"),
        ("X-Gmail-Labels: Inbox\nX-Gmail-Labels: Trash", "deleted"),
        ("X-Mozilla-Draft-Info: internal/draft; vcard=0", "draft"),
        ("X-Mozilla-Status: 0009", "deleted"),
        ("X-Mozilla-Status: 0001", ""),
        ("X-Mozilla-Status: odd", ""),
        ("X-Status: T", "draft"),
        ("X-Uniform-Type-Identifier: com.apple.mail-draft", "draft"),
        ("X-Gmail-Labels: Sent,Opened,Important", ""),
        ("X-Gmail-Labels: Work/Drafts,Chatter", ""),
        ('X-Gmail-Labels: "Boats, Drafts and Plans"', ""),
    ],
)
def test_labels_and_flags(header: str, reason: str) -> None:
    found = noise(header)
    assert reason in found and bool(reason) == bool(found)
