"""Renames outlast power cuts; temporary folders are removed by a later process, unless one holds them."""

import ast
import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gradschool.durable import clear, clear_all, make_folder, replace_file, replace_folder, temporary_folder
from gradschool.errors import ResourceError, UsageError
from gradschool.files import append_line, new_folder, write_text
from gradschool.job import Job
from gradschool.run import Run
from gradschool.settings import Settings

KILLED = """
import os, sys
from pathlib import Path
from gradschool.files import new_folder
with new_folder(Path(sys.argv[1])) as folder:
    (folder / "large").write_text("half")
    os.kill(os.getpid(), 9)
"""


SOURCE = Path(__file__).parents[1] / "src" / "gradschool"


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files and folders that were synced, in their order."""
    names: list[str] = []
    plain = os.fsync

    def fsync(handle: int) -> None:
        names.append(Path(f"/proc/self/fd/{handle}").readlink().name)
        plain(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    return names


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def hidden(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("."))


def test_new_folders_and_their_names_are_on_the_disk(tmp_path: Path, synced: list[str]) -> None:
    make_folder(tmp_path / "a" / "b" / "c")
    assert synced == [tmp_path.name, "a", "b"]
    synced.clear()
    make_folder(tmp_path / "a" / "b" / "c")
    assert synced == []
    append_line(tmp_path / "a" / "new" / "lines.jsonl", 1)
    assert synced == ["a"]


def test_a_file_is_on_the_disk_before_its_name_and_its_name_afterwards(tmp_path: Path, synced: list[str]) -> None:
    (tmp_path / "part").write_text("new")
    replace_file(tmp_path / "part", tmp_path / "whole")
    assert synced == ["part", tmp_path.name]


def test_a_run_is_on_the_disk_with_its_name(tmp_path: Path, synced: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Run.start(Job("small", tmp_path, Settings()))
    assert synced[:2] == [tmp_path.name, "runs"]
    synced.clear()
    Run.start(Job("small", tmp_path, Settings()), tmp_path / "deep" / "run")
    assert synced[:2] == [tmp_path.name, "deep"]


def test_what_a_killed_process_left_is_removed_by_the_next_one(tmp_path: Path) -> None:
    code = subprocess.run([sys.executable, "-c", KILLED, tmp_path / "export"], check=False).returncode
    assert code == -9 and len(hidden(tmp_path)) == 1 and not (tmp_path / "export").exists()
    (tmp_path / ".export.original").mkdir()  # of the user, with as many letters
    with new_folder(tmp_path / "other"):
        pass
    assert len(hidden(tmp_path)) == 2  # another path may be written meanwhile
    with new_folder(tmp_path / "export") as folder:
        write_text(folder / "file", "whole")
    assert hidden(tmp_path) == [".export.original"]
    assert [path.name for path in (tmp_path / "export").iterdir()] == ["file"]


def test_what_another_process_is_writing_is_not_touched(tmp_path: Path) -> None:
    with new_folder(tmp_path / "export") as folder:
        (folder / "file").write_text("first")
        with pytest.raises(UsageError, match="is being written by another process"), new_folder(tmp_path / "export"):
            pass
        assert hidden(tmp_path) == [folder.name]
    assert (tmp_path / "export" / "file").read_text() == "first" and hidden(tmp_path) == []


def test_links_and_files_with_such_names_stay(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / ".export.gradschool-ab12cd_9").symlink_to("mine")
    (tmp_path / ".export.gradschool-ab12cd_8").write_text("x")
    with temporary_folder(tmp_path / "export") as folder:
        (folder / "file").write_text("x")
    assert len(hidden(tmp_path)) == 2 and (tmp_path / "mine").is_dir()


@pytest.mark.parametrize("killed_after", [1, 2])
def test_a_folder_that_was_being_replaced_is_back(
    killed_after: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill between the two renames leaves no folder of that name: the old one is put back."""
    target, renames, plain = tmp_path / "target", [], Path.replace
    write_text(target / "old", "old")
    write_text(tmp_path / "new" / "new", "new")

    def replace(path: Path, to: Path) -> Path:
        if len(renames) == killed_after:
            raise SystemExit  # neither the second rename nor the one that undoes the first
        renames.append(path)
        return plain(path, to)

    monkeypatch.setattr(Path, "replace", replace)
    monkeypatch.setattr("shutil.rmtree", lambda *_, **__: (_ for _ in ()).throw(SystemExit()))
    with pytest.raises(SystemExit):
        replace_folder(tmp_path / "new", target)
    monkeypatch.undo()
    assert target.exists() == (killed_after == 2)
    with temporary_folder(target):
        pass
    assert [path.name for path in target.iterdir()] == ["old" if killed_after == 1 else "new"]
    assert hidden(tmp_path) == []


def test_a_package_that_was_being_replaced_is_back_when_the_run_is_opened(tmp_path: Path) -> None:
    run = Run.start(Job("small", tmp_path, Settings()), tmp_path / "run").folder
    write_text(run / ".specialist.gradschool-replaced" / "specialist.toml", "old")
    write_text(run / "work" / ".index.gradschool-replaced" / "manifest.json", "old")
    write_text(run / "work" / ".index.gradschool-ab12cd_9" / "manifest.json", "half")
    with Run.open(run):
        pass
    assert (run / "specialist" / "specialist.toml").read_text() == "old"
    assert [path.name for path in (run / "work").iterdir()] == ["index"]


def test_only_marked_leftovers_are_cleared_from_a_folder_of_the_user(tmp_path: Path) -> None:
    write_text(tmp_path / ".notes.original", "mine")
    write_text(tmp_path / "inner" / ".a.gradschool-ab12cd_9", "half")
    write_text(tmp_path / ".b.gradschool-ab12cd_9" / ".c.gradschool-ab12cd_9", "half")
    clear_all(tmp_path)
    assert hidden(tmp_path) == [".notes.original"] and list((tmp_path / "inner").iterdir()) == []
    clear(tmp_path / ".gone.gradschool-ab12cd_9")


def test_nothing_is_renamed_elsewhere() -> None:
    """A rename that must last needs two syncs; `replace` with one argument is that of a path."""
    found = []
    for file in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                name, given = node.func.attr, len(node.args)
                if (
                    (name in ("replace", "rename") and given == 1)
                    or name == "renames"
                    or ast.unparse(node.func) == "shutil.move"
                ):
                    found.append(file.name)
    assert set(found) == {"durable.py"}


@pytest.mark.parametrize("fails_at", [1, 2])
def test_old_folder_is_restored_if_the_new_one_cannot_replace_it(
    fails_at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, calls, real = tmp_path / "target", [], Path.replace
    write_text(target / "old_file", "old")

    def sometimes(path: Path, target: Path) -> Path:
        calls.append(path)
        if len(calls) == fails_at:
            raise OSError(errno.ENOSPC, "full")
        return real(path, target)

    with (
        pytest.raises(ResourceError),
        new_folder(target) as folder,
    ):
        write_text(folder / "other", "new")
        monkeypatch.setattr(Path, "replace", sometimes)
    monkeypatch.undo()
    assert tree(target) == {"old_file": b"old"}


def test_what_is_replaced_is_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    plain = os.fsync

    def fsync(handle: int) -> None:
        synced.append(Path(f"/proc/self/fd/{handle}").readlink().name.split(".")[-1])
        plain(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    write_text(tmp_path / "file", "x")
    assert synced[-1] == tmp_path.name and len(synced) == 2  # the file, then the name of it
    synced.clear()
    with new_folder(tmp_path / "folder") as folder:
        (folder / "inner").write_text("x")
    assert synced[0] == "inner" and synced[-1] == tmp_path.name


def test_a_folder_that_another_process_made_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="already exists"), new_folder(tmp_path / "made", replace=False) as folder:
        (folder / "file").write_text("second")
        (tmp_path / "made").mkdir()
        (tmp_path / "made" / "file").write_text("first")
    assert tree(tmp_path) == {"made/file": b"first"}
    with new_folder(tmp_path / "other", replace=False) as folder:
        (folder / "file").write_text("alone")
    assert (tmp_path / "other" / "file").read_text() == "alone"
