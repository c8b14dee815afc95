"""Crash-safe files: failures at any point leave the old content."""

import errno
import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors import SafetensorError

from gradschool import files
from gradschool.errors import DamagedError, DataError, GradschoolError, ResourceError
from gradschool.files import (
    append_line,
    copy_folder,
    disk_errors,
    each_value,
    hash_tree,
    new_folder,
    new_path,
    read_file,
    read_json,
    read_lines,
    read_rows,
    sha256,
    sha256_of,
    write_bytes,
    write_json,
    write_lines,
    write_text,
)
from gradschool.records import Source

FULL = errno.ENOSPC


def failing(number: int) -> Callable[..., Any]:
    def fail(*_: Any) -> Any:
        raise OSError(number, os.strerror(number))

    return fail


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


WRITERS: dict[str, Callable[[Path], None]] = {
    "bytes": lambda path: write_bytes(path, b"new"),
    "text": lambda path: write_text(path, "new"),
    "json": lambda path: write_json(path, {"new": 1}),
    "lines": lambda path: write_lines(path, [{"new": 1}]),
}


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("old", [None, b"old"])
@pytest.mark.parametrize("broken", ["os.fsync", "pathlib.Path.replace", "pathlib.Path.chmod"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES])
def test_failed_write_leaves_the_old_file(
    writer: str, old: bytes | None, broken: str, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if old:
        (tmp_path / "file").write_bytes(old)
    before = tree(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(broken, failing(number))
        with pytest.raises(ResourceError) as caught:
            WRITERS[writer](tmp_path / "file")
    assert tree(tmp_path) == before
    assert str(tmp_path / "file") in caught.value.what
    assert ("full" in caught.value.what) == (number in (errno.ENOSPC, errno.EDQUOT))
    assert caught.value.fix
    WRITERS[writer](tmp_path / "file")
    assert b"new" in (tmp_path / "file").read_bytes()


def test_ctrl_c_while_writing_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"old")

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_bytes(tmp_path / "file", b"new")
    assert tree(tmp_path) == {"file": b"old"}


KILLED = """
import os, sys
from pathlib import Path
from gradschool.files import new_folder, write_bytes
target, what = Path(sys.argv[1]), sys.argv[2]
os.fsync = lambda _: os.kill(os.getpid(), 9)
if what == "file":
    write_bytes(target, b"new")
with new_folder(target) as folder:
    (folder / "a").write_bytes(b"half")
    write_bytes(folder / "b", b"new")
"""


@pytest.mark.parametrize("what", ["file", "folder"])
def test_killed_process_leaves_the_old_content(what: str, tmp_path: Path) -> None:
    target = tmp_path / "target"
    if what == "file":
        target.write_bytes(b"old")
    else:
        target.mkdir()
        (target / "a").write_bytes(b"old")
    code = subprocess.run([sys.executable, "-c", KILLED, str(target), what], check=False).returncode
    assert code == -9
    assert (target if what == "file" else target / "a").read_bytes() == b"old"
    assert what == "file" or not (target / "b").exists()


def test_full_disk_is_a_resource_error(tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    with pytest.raises(ResourceError, match="disk is full"), disk_errors(tmp_path / "file"):
        full.write_text("x")


def test_write_creates_private_folders_and_files(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)  # pytest makes it private, and what is inside would be private too
    write_text(tmp_path / "a" / "b" / "file", "é\r\n")
    assert (tmp_path / "a" / "b" / "file").read_bytes() == "é\r\n".encode()
    assert (tmp_path / "a" / "b" / "file").stat().st_mode & 0o777 == 0o600
    assert list(tree(tmp_path)) == ["a/b/file"]


def test_other_errors_are_not_converted(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), disk_errors(tmp_path):
        (tmp_path / "none").read_bytes()
    for ours in (DataError("x", "(os error 28)"), ResourceError("y", "(os error 28)")):
        with pytest.raises(GradschoolError) as caught, disk_errors(tmp_path):
            raise ours
        assert caught.value is ours
    with pytest.raises(ValueError, match="no number"), disk_errors(tmp_path):
        raise ValueError("no number")


def test_full_disk_reported_by_a_rust_library_is_a_resource_error(tmp_path: Path) -> None:
    said = "Error while serializing: I/O error: No space left on device (os error 28)"
    with pytest.raises(ResourceError, match="disk is full"), new_folder(tmp_path / "weights"):
        raise SafetensorError(said)
    assert list(tmp_path.iterdir()) == []


# --- folders


@pytest.mark.parametrize("old", [True, False])
@pytest.mark.parametrize("error", [OSError(FULL, "full"), DataError("no"), KeyboardInterrupt(), ZeroDivisionError()])
def test_failure_while_filling_a_folder_leaves_the_old_one(old: bool, error: BaseException, tmp_path: Path) -> None:
    target = tmp_path / "target"
    if old:
        write_text(target / "old_file", "old")
    before = tree(tmp_path)
    expected = ResourceError if isinstance(error, OSError) else type(error)
    with pytest.raises(expected), new_folder(target) as folder:
        write_text(folder / "half", "new")
        raise error
    assert tree(tmp_path) == before
    assert [p.name for p in tmp_path.iterdir()] == (["target"] if old else [])


def test_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)  # pytest makes it private, and what is inside would be private too
    target = tmp_path / "target"
    for name in ("first", "second"):
        with new_folder(target) as folder:
            write_text(folder / name, name)
            assert not (target / name).exists()
    assert tree(tmp_path) == {"target/second": b"second"}
    assert [p.name for p in tmp_path.iterdir()] == ["target"]
    assert target.stat().st_mode & 0o777 == 0o700


def test_copied_folder_is_equal_and_a_full_disk_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_text(tmp_path / "from" / "a" / "b", "text")
    write_text(tmp_path / "from" / "c", "more")
    copy_folder(tmp_path / "from", tmp_path / "to")
    assert tree(tmp_path / "to") == tree(tmp_path / "from")
    monkeypatch.setattr(shutil, "copyfile", failing(FULL))
    with pytest.raises(ResourceError, match="disk is full"):
        copy_folder(tmp_path / "from", tmp_path / "again")


# --- lines

rows = st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=20) | st.integers() | st.none(), min_size=1))


@given(rows)
def test_lines_round_trip(rows: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lines.jsonl"
        write_lines(path, rows)
        assert read_lines(path) == rows
        for row in rows:
            append_line(path, row)
        assert read_lines(path) == rows + rows


@given(st.integers(0, 10_000), st.text(min_size=1, max_size=9))
def test_incomplete_line_affects_no_other_line(cut: int, text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lines.jsonl"
        append_line(path, {"n": 1, "text": text})
        first = path.read_bytes()
        append_line(path, {"n": 2, "text": text})
        last = path.read_bytes()[len(first) :]
        path.write_bytes(first + last[: cut % len(last)])
        incomplete = cut % len(last) < len(last) - 1
        append_line(path, {"n": 3})
        read = [row["n"] for row in read_lines(path)]
        assert read == ([1, 3] if incomplete else [1, 2, 3])
        assert path.read_bytes().startswith(first)


def test_lines_that_are_appended_at_the_same_time_do_not_mix(tmp_path: Path) -> None:
    def append(who: int) -> None:
        for number in range(40):
            append_line(tmp_path / "lines.jsonl", {"who": who, "number": number, "long": "x" * 50_000})

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(append, range(4)))
    read = [(row["who"], row["number"]) for row in read_lines(tmp_path / "lines.jsonl")]
    assert sorted(read) == [(who, number) for who in range(4) for number in range(40)]


def test_missing_file_has_no_lines(tmp_path: Path) -> None:
    assert read_lines(tmp_path / "none.jsonl") == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_full_disk_while_appending_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    path.symlink_to("/dev/full")
    with pytest.raises(ResourceError, match="disk is full"):
        append_line(path, {"n": 2})


# --- hashes


def test_sha256_equals_sha256sum(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc" * 1_000_000)
    expected = subprocess.run(["sha256sum", str(tmp_path / "file")], check=True, capture_output=True, text=True).stdout
    assert sha256(tmp_path / "file") == expected.split()[0].lstrip("\\")


def test_hash_of_a_value_does_not_depend_on_key_order() -> None:
    assert sha256_of({"a": 1, "b": [1, "é"]}) == sha256_of({"b": [1, "é"], "a": 1})
    assert sha256_of({"a": 1, "b": [1, "é"]}) != sha256_of({"a": 1, "b": ["é", 1]})
    assert sha256_of(json.loads(json.dumps({"x": 0.1}))) == sha256_of({"x": 0.1})


def test_hash_tree_uses_relative_paths_with_slashes(tmp_path: Path) -> None:
    write_json(tmp_path / "a" / "b.json", {})
    write_text(tmp_path / ".hidden", "x")
    assert hash_tree(tmp_path) == {
        ".hidden": sha256(tmp_path / ".hidden"),
        "a/b.json": sha256(tmp_path / "a" / "b.json"),
    }
    assert read_json(tmp_path / "a" / "b.json") == {}


def test_a_file_that_a_library_writes_replaces_the_old_one_only_if_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "numbers"
    with new_path(path) as temporary:
        temporary.write_bytes(b"first")
    with pytest.raises(ValueError), new_path(path) as temporary:
        temporary.write_bytes(b"half")
        raise ValueError
    assert path.read_bytes() == b"first" and list(path.parent.iterdir()) == [path]


def test_all_that_is_written_is_private_in_folders_of_others_too(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    private = tmp_path / "run"
    private.mkdir(mode=0o700)
    write_text(private / "a.json", "{}")
    append_line(private / "events.jsonl", 1)
    write_text(private / "done" / "first" / "e.json", "{}")
    with new_folder(private / "inner") as folder:
        (folder / "deep").mkdir()
        (folder / "deep" / "b").write_text("x")
        (folder / "deep" / "b").chmod(0o666)
    with new_folder(tmp_path / "shared") as folder:
        write_text(folder / "c", "x")
    with new_folder(tmp_path / "specialist") as folder:
        write_text(folder / "d", "x")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*")}
    assert modes == {
        **dict.fromkeys(("run", "inner", "deep", "shared", "specialist", "done", "first"), 0o700),
        **dict.fromkeys(("a.json", "events.jsonl", "e.json", "b", "c", "d"), 0o600),
    }


def test_rows_of_another_type_are_damaged(tmp_path: Path) -> None:
    append_line(tmp_path / "rows.jsonl", {"file": "a", "line": 3})
    assert read_rows(tmp_path / "rows.jsonl", Source) == [Source("a", 3)]
    for row in (3, [], {"file": "a"}, {"file": 1, "line": 10**400}, None):
        (tmp_path / "other.jsonl").unlink(missing_ok=True)
        append_line(tmp_path / "other.jsonl", row)
        with pytest.raises(DamagedError, match=r"other\.jsonl cannot be read"):
            read_rows(tmp_path / "other.jsonl", Source)


def test_no_pipe_device_or_folder_is_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(tmp_path / "socket"))
    for path in (tmp_path / "pipe", tmp_path / "link", tmp_path / "socket", Path("/dev/zero"), tmp_path):
        for read in (read_file, read_json, sha256):
            with pytest.raises(OSError) as error:
                read(path)
            assert error.value.filename == str(path) and error.value.strerror


@pytest.fixture
def sparse(tmp_path: Path) -> Path:
    """A file of little room that says it has 10 TB."""
    path = tmp_path / "sparse.jsonl"
    path.write_bytes(b'{"file": "a", "line": 3}\n')
    os.truncate(path, 10**13)
    return path


def test_no_file_is_read_because_it_says_that_it_is_large(sparse: Path) -> None:
    with pytest.raises(OSError, match="at most 2,000 MB are read"):
        read_file(sparse)
    assert read_file(sparse, 7) == b'{"file"'
    with pytest.raises(ValueError, match="at most 500 MB are read"):
        read_json(sparse)
    with pytest.raises(DamagedError, match="cannot be read") as caught:
        read_rows(sparse, Source)
    assert "10,000,000 MB" in caught.value.why


def test_lines_are_read_one_by_one_and_too_long_ones_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MAX_JSON", 10)
    path = tmp_path / "lines.jsonl"
    path.write_bytes(b"1\n" + b"7" * 9 + b"\n" + b"8" * 35 + b"\n\n2\n" + b"\0" * 60 + b"\n3\n4")
    assert read_lines(path) == [1, 777_777_777, 2, 3, 4]
    values = each_value(path)
    assert next(values) == 1
    append_line(path, 5)  # what comes after it was opened is not read
    assert list(values) == [777_777_777, 2, 3, 4]


def test_the_first_wrong_row_ends_the_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def endless(_: Path) -> Iterator[object]:
        while True:
            yield {}

    monkeypatch.setattr(files, "each_value", endless)
    with pytest.raises(DamagedError, match="cannot be read"):
        read_rows(tmp_path / "rows.jsonl", Source)
