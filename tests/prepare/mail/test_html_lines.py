"""Hostile HTML in mails: what is opened and never closed takes no more time than other text."""

import time

import pytest

from gradschool.prepare.mail.html_lines import html_lines


@pytest.mark.parametrize("unit", ["<a", "<!--", "<!-- >", "<![CDATA[ >", "<![if >", "</a", "<!doctype "])
def test_what_is_never_closed_takes_linear_time(unit: str) -> None:
    began = time.process_time()
    html_lines(unit * (400_000 // len(unit)))
    assert time.process_time() - began < 2


def test_what_is_never_closed_is_text() -> None:
    lines = html_lines("<!-- a -->b<p>c < d</p><!-- e")
    assert [line.text for line in lines if line.text] == ["b", "c < d", "<!-- e"]
