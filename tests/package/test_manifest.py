"""A manifest of others: whatever it holds, it is read or ends in an error that names it."""

from pathlib import Path

import pytest

from gradschool.errors import DamagedError
from gradschool.package.manifest import MANIFEST, load_manifest, read_manifest

DEEP = b"[" * 50_000 + b"]" * 50_000
CONTENTS = {
    "lists in lists": b"format = 2\nname = " + DEEP,
    "tables in tables": b"format = 2\n" + b"a = " + b"{ b = " * 20_000,
    "a number of 5,000 digits": b"format = 2\nname = " + b"9" * 5_000,
    "a date": b"format = 2\nname = 2021-03-01T09:00:00Z\n",
    "no number": b"format = 2\nname = nan\n",
    "half a character": b'format = 2\nname = "\xed\xa0\x80"\n',
    "a list for a table": b"format = 2\nrecipe = []\nhashes = [1]\n",
}


@pytest.mark.parametrize("kind", CONTENTS)
def test_a_manifest_that_no_version_wrote_is_an_error_for_the_user(kind: str, tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_bytes(CONTENTS[kind])
    for read in (read_manifest, load_manifest):
        with pytest.raises(DamagedError, match=r"specialist\.toml was changed") as caught:
            read(tmp_path)
        assert caught.value.why and caught.value.fix
