"""Shortening of absolute paths in what a package holds."""

from pathlib import Path

import pytest

from gradschool.package.portable import without_places


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/mira")


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("/srv/mira/orders", "orders"),
        ("read /srv/mira/orders/a.csv, and /srv/mira/orders-2/b.csv", "read orders/a.csv, and orders-2/b.csv"),
        ("saved in '/data/runs/orders-1'.", "saved in 'orders-1'."),
        ("see /home/mira/notes/x.md", "see ~/notes/x.md"),
        ("/opt/models/small", "small"),
        ("/other/srv/mira/orders", "orders"),
        ("read /other/srv/mira/orders", "read /other/srv/mira/orders"),
        ("either/or, 3 / 4, https://example.org/srv/mira/", "either/or, 3 / 4, https://example.org/srv/mira/"),
        ("é /srv/mira/o", "é o"),
        ("", ""),
    ],
)
def test_a_place_keeps_its_name_alone(text: str, short: str) -> None:
    shortened = without_places([Path("/srv/mira/orders"), Path("/data/runs/orders-1")])
    assert shortened({"a": [text, 1, None]}) == {"a": [short, 1, None]}


def test_a_place_at_the_root_changes_nothing() -> None:
    assert without_places([Path("/"), Path("/orders")])("a /b c/ d") == "a /b c/ d"
