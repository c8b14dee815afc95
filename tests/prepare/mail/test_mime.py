"""One mail's bytes: charsets, encodings, parts; any bytes give a body or a reason."""

import base64
import quopri
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradschool.data.encoding import Unreadable
from gradschool.prepare.mail.body import body_of
from gradschool.prepare.mail.headers import head_of
from gradschool.prepare.mail.html_lines import html_lines
from gradschool.prepare.mail.mime import parse
from gradschool.prepare.mail.outlook import outlook_mail
from mails import mail
from outlook_file import outlook_file


def text_of(content: bytes) -> str:
    return "\n".join(line.text for line in body_of(parse(content)).lines).strip()


def typed(kind: str, body: bytes, encoding: str = "8bit") -> bytes:
    return f"From: a@example.org\nContent-Type: {kind}\nContent-Transfer-Encoding: {encoding}\n\n".encode() + body


@pytest.mark.parametrize(
    "kind, body, encoding",
    [
        ("text/plain; charset=utf-8", "Grüße".encode(), "8bit"),
        ("text/plain; charset=iso-8859-1", "Grüße".encode("latin-1"), "8bit"),
        ("text/plain; charset=iso-8859-1", "Grüße".encode(), "8bit"),  # it is UTF-8 after all
        ("text/plain", "Grüße".encode("cp1252"), "8bit"),
        ("text/plain; charset=utf-8", "Grüße".encode("cp1252"), "8bit"),
        ("text/plain; charset=klingon", "Grüße".encode(), "8bit"),
        ("text/plain; charset=utf-8", quopri.encodestring("Grüße".encode()), "quoted-printable"),
        ("text/plain; charset=utf-8", base64.encodebytes("Grüße".encode()), "base64"),
        ("text/html; charset=utf-8", b"<p>Gr&uuml;&szlig;e</p>", "8bit"),
        ("text/plain; charset=utf-16", "Grüße".encode("utf-16"), "8bit"),
    ],
)
def test_charsets_right_and_wrong(kind: str, body: bytes, encoding: str) -> None:
    assert text_of(typed(kind, body, encoding)) == "Grüße"


@pytest.mark.parametrize("name", ["undefined", "ut\0f-8", "hex", "idna", "punycode", "x" * 500, "'utf-8'", "utf8mb4"])
@pytest.mark.parametrize("encoding", ["8bit", "base64", "nonsense"])
def test_names_of_charsets_that_are_none_do_not_stop_the_reading(name: str, encoding: str) -> None:
    body = base64.encodebytes(b"fine") if encoding == "base64" else b"fine"
    assert text_of(typed(f"text/plain; charset={name}", body, encoding)) == "fine"


@pytest.mark.parametrize("header", ["To", "Cc", "Reply-To", "Sender", "From"])
@pytest.mark.parametrize("value", ["(" * 3_000, "=?utf-8?q?x?= " + "(" * 3_000, "a:" * 2_000, "[" * 3_000])
def test_a_header_nested_too_deeply_costs_only_its_names(header: str, value: str) -> None:
    other = "" if header == "From" else "From: Ida <ida@x.example>\n"
    message = parse(f"{other}{header}: olav@x.example {value}\nSubject: boats\n\nfine".encode())
    head = head_of(message)
    assert head.subject == "boats" and body_of(message).lines[0].text == "fine"
    assert "olav@x.example" in [address for _, address in head.people]


def test_a_wrong_charset_is_reported() -> None:
    assert "klingon" in body_of(parse(typed("text/plain; charset=klingon", "Grüße".encode()))).notes[0]
    assert "UTF-8" in body_of(parse(typed("text/plain; charset=iso-8859-1", "Grüße".encode()))).notes[0]


def multipart(kind: str, *parts: bytes) -> bytes:
    return f'From: a@example.org\nContent-Type: multipart/{kind}; boundary="b"\n\n'.encode() + b"".join(
        b"--b\n" + part + b"\n" for part in parts
    ) + b"--b--\n"  # fmt: skip


PLAIN = b"Content-Type: text/plain\n\nplain"
HTML = b"Content-Type: text/html\n\n<p>rich</p>"


def test_html_is_preferred_and_attachments_are_ignored() -> None:
    assert text_of(multipart("alternative", PLAIN, HTML)) == "rich"
    attached = b"Content-Type: text/plain\nContent-Disposition: attachment; filename=a.txt\n\nattached"
    body = body_of(parse(multipart("mixed", PLAIN, attached)))
    assert [line.text for line in body.lines if line.text] == ["plain"] and body.attachments == ("a.txt",)
    footer = b"Content-Type: text/plain\n\n_____\nlist footer"
    assert "footer" in text_of(multipart("mixed", HTML, footer))
    forwarded = b"Content-Type: message/rfc822\n\n" + mail("older")
    assert text_of(multipart("mixed", PLAIN, forwarded)) == "plain"


@pytest.mark.parametrize(
    "content, why",
    [
        (multipart("encrypted", PLAIN), "encrypted"),
        (typed("application/pkcs7-mime", b"x"), "encrypted"),
        (typed("text/calendar; method=REPLY", b"BEGIN:VCALENDAR"), "invitation"),
        (typed("application/pdf", b"x"), "no text, only attachments"),
        (typed("text/plain", b"  \n"), "no text"),
    ],
)
def test_mails_without_a_text_have_a_reason(content: bytes, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        body_of(parse(content))


def test_a_mail_of_ten_thousand_nested_parts_is_bounded() -> None:
    deep = b"x"
    for number in range(3_000):
        deep = f'Content-Type: multipart/mixed; boundary="b{number}"\n\n--b{number}\n'.encode() + deep
    try:
        body_of(parse(b"From: a@example.org\n" + deep))
    except Unreadable as why:
        assert str(why)


def test_encoded_headers_are_decoded() -> None:
    head = head_of(
        parse(
            b"From: =?utf-8?q?M=C3=BCller=2C_Anna?= <Anna@Example.org>\nTo: Tom <tom@example.net>, x@example.com\n"
            b"Subject: =?iso-8859-1?q?Gr=FC=DFe?=\nDate: Fri, 3 May 2019 10:22:00 +0200\nMessage-ID: <1@x>\n"
            b"References: <a@x> <b@x>\nIn-Reply-To: <b@x>\n\n"
        )
    )
    assert head.sender == ("Müller, Anna", "anna@example.org")
    assert [address for _, address in head.recipients] == ["tom@example.net", "x@example.com"]
    assert (head.subject, head.day, head.answers) == ("Grüße", "2019-05-03T08:22:00+00:00", ("a@x", "b@x"))
    assert head_of(parse(b"From: nobody\nDate: never\n\n")).date is None


@pytest.mark.parametrize(
    "headers, noise",
    [
        ({"Auto_Submitted": "auto-replied"}, "automatic"),
        ({"Auto_Submitted": "no"}, ""),
        ({"Precedence": "auto_reply"}, "automatic"),
        ({"X_Gmail_Labels": "Drafts,Important"}, "draft"),
        ({"X_Gmail_Labels": "Spam"}, "deleted"),
        ({"subject": "Out of office: back on Monday"}, "automatic"),
        ({"subject": "Accepted: the boat"}, "invitation"),
        ({"subject": "Re: accepted, with thanks"}, ""),
        ({"subject": "Termin: Zahnarzt"}, "invitation"),
    ],
)
def test_mail_that_is_not_personal(headers: dict[str, str], noise: str) -> None:
    found = head_of(parse(mail("x", **headers))).noise
    assert noise in found and bool(noise) == bool(found)


def test_html_becomes_the_lines_that_are_displayed() -> None:
    html = "<style>x</style><div>One &amp; <b>two</b></div><div><br></div><ul><li>a</li><li>b</li></ul>"
    html += "<ol><li>c</ol><p>p<br>q</p>"
    assert [line.text for line in html_lines(html)] == ["One & two", "", "- a", "- b", "", "1. c", "", "p", "q"]
    assert [line.text for line in html_lines("<pre>a\n  b</pre>")][:2] == ["a", "  b"]
    assert html_lines("<table><tr><td>a</td><td>b</td></tr></table>")[0].text.split() == ["a", "b"]


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet=st.sampled_from(list("<>/=\"' divpblockquotebr!-&#;x\n")), max_size=200))
def test_any_html_becomes_lines(html: str) -> None:
    assert all("\n" not in line.text for line in html_lines(html))


def test_deeply_nested_and_very_long_html_is_fast() -> None:
    assert html_lines("<div>" * 60_000 + "x" + "</b>" * 60_000)
    assert html_lines("<blockquote type=cite>" * 5_000 + "x")[0].hint == "quoted"


PIECES = st.sampled_from(
    [
        *(
            b"From: a@x.org\n",
            b"To: ,;<>\n",
            b"Subject: =?utf-8?q?=ZZ?=\n",
            b"Content-Type: multipart/mixed; boundary=\n",
        ),
        *(
            b"Content-Type: text/html; charset=\xff\n",
            b"Content-Type: multipart/mixed; boundary=b\n",
            b"--b\n",
            b"--b--\n",
        ),
        *(
            b"\n",
            b"Date: 99 Foo\n",
            b"Content-Transfer-Encoding: base64\n",
            b" \n",
            b"a\xe4\n",
            b"From: =?x?b?////?= <\n",
        ),
        b"Content-Disposition: attachment; filename*=x''%ff\n",
        *(
            b"To: =?utf-8?q?x?= " + b"(" * 1_500 + b"\n",
            b"Cc: a@x.org " + b"a:" * 1_500 + b"\n",
            b"Content-Type: text/plain; charset=undefined\n",
            b"Content-Type: text/plain; charset=ut\0f-8\n",
            b"X-Gmail-Labels: =?ut\0f?q?x?=,=?undefined?b?eA==?=\n",
        ),
    ]
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(PIECES, st.binary(max_size=20)), max_size=14).map(b"".join))
def test_any_bytes_are_a_body_or_a_reason(content: bytes) -> None:
    try:
        message = parse(content)
        head = head_of(message)
        "".join((head.subject, head.sender[0], head.sender[1])).encode()
        body_of(message)
    except Unreadable as why:
        assert str(why)


def test_an_outlook_mail_is_read_with_its_participants(tmp_path: Path) -> None:
    path = tmp_path / "a.msg"
    path.write_bytes(
        outlook_file(
            subject="The boat", body="It floats.\r\n\r\nAnna\r\n", sender=("Anna Keller", "anna@example.org"),
            to=("Tom Reed", "tom@example.net"), message_id="<1@example.org>", sent_at=132_000_000_000_000_000,
        )
    )  # fmt: skip
    message = outlook_mail(path)
    head = head_of(message)
    assert head.sender == ("Anna Keller", "anna@example.org") and head.recipients[0] == ("Tom Reed", "tom@example.net")
    assert (head.subject, head.id, head.day[:10]) == ("The boat", "1@example.org", "2019-04-17")
    assert [line.text for line in body_of(message).lines if line.text] == ["It floats.", "Anna"]


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=300), st.integers(0, 3_000))
def test_a_damaged_outlook_mail_has_a_reason(tmp_path_factory: Any, junk: bytes, at: int) -> None:
    path = tmp_path_factory.mktemp("msg") / "a.msg"
    whole = outlook_file("s", "b", ("A", "a@example.org"), ("B", "b@example.org"), "<1@x>", 0)
    path.write_bytes(whole[:at] + junk + whole[at + len(junk) :])
    try:
        head_of(outlook_mail(path))
    except Unreadable as why:
        assert str(why)
