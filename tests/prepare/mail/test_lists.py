"""Mailing lists are no people: not as author, recipient, or sender of what they send on."""

import pytest

from gradschool.prepare.mail.authors import author_of
from gradschool.prepare.mail.headers import Head, head_of
from gradschool.prepare.mail.lists import list_addresses, looks_like_list
from gradschool.prepare.mail.mime import parse


@pytest.mark.parametrize(
    "header",
    [
        "List-Post: <mailto:knots@ropes.example>",
        "List-Id: All about knots <knots.ropes.example>",
        "X-BeenThere: knots@ropes.example",
        "Mailing-List: list knots@ropes.example; contact knots-owner@ropes.example",
        "Delivered-To: mailing list knots@ropes.example",
        "X-Mailing-List: <knots@ropes.example>",
    ],
)
def test_headers_name_the_list(header: str) -> None:
    assert "knots@ropes.example" in list_addresses(parse(f"From: a@x.example\n{header}\n\nx".encode()))


@pytest.mark.parametrize(
    "address, is_list",
    [
        ("knots@lists.ropes.example", True), ("knots@googlegroups.com", True), ("KNOTS-L@ROPES.EXAMPLE", True),
        ("knots-users@ropes.example", True), ("all@ropes.example", True), ("knots@groups.io", True),
        ("jean-l@ropes.example", False), ("ida@ropes.example", False), ("mo-l@ropes.example", False),
        ("ida.list@ropes.example", True), ("alistair@ropes.example", False), ("ida@catalist.example", False),
    ],
)  # fmt: skip
def test_lists_by_form(address: str, is_list: bool) -> None:
    assert looks_like_list(address) is is_list


def sent_on(number: int) -> Head:
    """A mail that a list sends under its own address."""
    text = f"From: 'Mira {number}' via Knots <knots@ropes.example>\nReply-To: Mira {number} <mira{number}@x.example>\n"
    return head_of(parse((text + "List-Id: <knots.ropes.example>\nTo: knots@ropes.example\n\nx").encode()))


def test_a_list_is_neither_sender_nor_author() -> None:
    own = [head_of(parse(b"From: Ida Holm <ida@x.example>\nTo: Knots <knots@ropes.example>\n\nx"))] * 9
    heads = [*own, *map(sent_on, range(9))]
    known = {address for head in heads for address in head.lists}
    people = [head.without_lists(known) for head in heads]
    assert people[-1].sender == ("Mira 8", "mira8@x.example") and not people[0].recipients
    assert people[0].lists == {"knots@ropes.example"}
    assert author_of(people, ()).addresses == {"ida@x.example"}
