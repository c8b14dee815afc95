"""Downloads from a small hub on localhost: complete, interrupted, rejected, offline."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants

from finish import finish
from gradschool.errors import GradschoolError, ModelError, ResourceError
from gradschool.model import hub
from gradschool.model.hub import fetch
from gradschool.records import Event, Note, Progress

COMMIT = "c0ffee" + "0" * 34
WEIGHTS = bytes(range(256)) * 12_000  # 3 MB
FILES = {
    "config.json": b"{}",
    "tokenizer.json": b"{ }",
    "model.safetensors": WEIGHTS,
    "consolidated.safetensors": WEIGHTS,
    "pytorch_model.bin": b"bad",
    "README.md": b"hello",
    "onnx/model.json": b"{}",
}


class Hub:
    """The files of a hub, its failures, and the requests that it received."""

    def __init__(self) -> None:
        self.files = dict(FILES)
        self.status: int | None = None  # of its answers about models
        self.error_code = ""
        self.about: dict[str, Any] = {}  # more fields of its answers about models
        self.file_status = 200
        self.cut_after: list[int] = []  # bytes after which connections break, one per download of the weights
        self.corrupt = False
        self.asked: list[tuple[str, str | None]] = []

    def handler(self) -> type[BaseHTTPRequestHandler]:
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = self.path.split("?")[0]
                if path.startswith("/api/models/someone/small"):
                    hub.asked.append((path, None))
                    if hub.status:
                        self.say(hub.status, {"X-Error-Code": hub.error_code}, b"{}")
                    else:
                        self.say(200, {}, json.dumps(hub.listing()).encode())
                elif path.startswith(f"/someone/small/resolve/{COMMIT}/"):
                    self.file(path.rsplit("/", 1)[1])
                else:
                    self.say(404, {"X-Error-Code": "RepoNotFound"}, b"{}")

            def file(self, name: str) -> None:
                asked = self.headers.get("Range")
                hub.asked.append((name, asked))
                content = b"x" * len(hub.files[name]) if hub.corrupt else hub.files[name]
                if hub.file_status != 200:
                    return self.say(hub.file_status, {}, b"")
                start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
                content = content[start:]
                sent = content[: hub.cut_after.pop(0)] if hub.cut_after and name == "model.safetensors" else content
                return self.say(206 if asked else 200, {"Content-Length": str(len(content))}, sent)

            def say(self, status: int, headers: dict[str, str], content: bytes) -> None:
                self.send_response(status)
                for key, value in {"Content-Length": str(len(content)), **headers}.items():
                    self.send_header(key, value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: Any) -> None:
                """Quiet."""

        return Handler

    def listing(self) -> dict[str, Any]:
        siblings = []
        for name, content in self.files.items():
            entry: dict[str, Any] = {"rfilename": name, "size": len(content), "blobId": "0" * 40}
            if name.endswith(".safetensors"):
                digest = hashlib.sha256(content).hexdigest()
                entry["lfs"] = {"sha256": digest, "size": len(content), "pointerSize": 134}
            siblings.append(entry)
        return {"id": "someone/small", "sha": COMMIT, "siblings": siblings, **self.about}


Serve = Callable[[type[BaseHTTPRequestHandler]], str]


@pytest.fixture
def small_hub(serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """A hub that the library uses, with an empty cache."""
    made = Hub()
    address = serve(made.handler())
    monkeypatch.setattr(constants, "ENDPOINT", address)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", address + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HOME", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    return made


def get(revision: str | None = None) -> tuple[list[Event], Path]:
    folder, events = finish(fetch("someone/small", revision, pause=lambda _: None))
    return events, folder


def test_only_needed_files_are_downloaded_after_a_note_of_their_size(small_hub: Hub) -> None:
    seen, folder = get()
    assert folder.name == COMMIT
    here = {path.name for path in folder.iterdir()} - {"fetched.json"}
    assert here == {"config.json", "tokenizer.json", "model.safetensors"}
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS
    assert isinstance(seen[0], Note) and "3.1 MB in 3 files" in seen[0].text and COMMIT in seen[0].text
    progress = [event for event in seen if isinstance(event, Progress)]
    assert len(progress) >= 3 and {p.unit for p in progress} == {"bytes"}
    assert [p.done for p in progress] == sorted(p.done for p in progress) and progress[-1].done == progress[-1].total


def test_a_commit_on_disk_needs_no_request(small_hub: Hub) -> None:
    _, folder = get()
    small_hub.asked.clear()
    assert get(COMMIT) == ([], folder)
    assert small_hub.asked == []
    assert get() == ([], folder)  # the commit of a branch is requested, but no file
    assert len(small_hub.asked) == 1


def test_a_download_continues_after_a_broken_connection(small_hub: Hub) -> None:
    small_hub.cut_after = [1_000_000, 1_500_000]
    _, folder = get()
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS
    ranges = [asked for name, asked in small_hub.asked if name == "model.safetensors"]
    assert ranges == [None, "bytes=1000000-", "bytes=2500000-"]


def test_a_download_continues_in_a_later_process(small_hub: Hub, tmp_path: Path) -> None:
    work = fetch("someone/small")
    for event in work:
        if isinstance(event, Progress) and event.done > 1 << 20:
            break
    work.close()
    (part,) = (tmp_path / "gradschool" / "someone--small" / COMMIT).glob("*.part")
    had = part.stat().st_size
    small_hub.asked.clear()
    seen, folder = get()
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS
    asked = [asked for name, asked in small_hub.asked if name == "model.safetensors"]
    assert asked == [f"bytes={had}-"] and had > 1 << 20
    assert "config.json" not in [name for name, _ in small_hub.asked]
    assert "MB of them already on disk" in str(seen[0])


def test_a_dead_connection_is_an_error_that_says_how_to_continue(small_hub: Hub) -> None:
    small_hub.cut_after = [1_000_000] + [0] * 20
    with pytest.raises(ModelError, match=r"failed after 1\.0 MB") as caught:
        get()
    assert "continues from there" in caught.value.fix


def test_a_damaged_file_is_detected(small_hub: Hub) -> None:
    small_hub.corrupt = True
    with pytest.raises(ModelError, match="arrived damaged"):
        get()
    small_hub.corrupt = False
    assert (get()[1] / "model.safetensors").read_bytes() == WEIGHTS


@pytest.mark.parametrize(
    ("status", "code", "says"),
    [
        (404, "RepoNotFound", "does not exist, or you have no access to it"),
        (401, "RepoNotFound", "does not exist, or you have no access to it"),
        (401, "", "does not exist, or you have no access to it"),
        (403, "GatedRepo", "accepted its terms"),
        (404, "RevisionNotFound", "has no revision 'main'"),
        (500, "", "answers 500"),
    ],
)
def test_each_kind_of_rejection_has_a_specific_error(status: int, code: str, says: str, small_hub: Hub) -> None:
    small_hub.status, small_hub.error_code = status, code
    with pytest.raises(ModelError) as caught:
        get()
    assert says in str(caught.value) and caught.value.fix


@pytest.mark.parametrize("status", [401, 403])
def test_the_error_of_gated_files_names_the_terms(status: int, small_hub: Hub) -> None:
    small_hub.file_status = status
    with pytest.raises(ModelError, match="accepted its terms") as caught:
        get()
    assert "HF_TOKEN" in caught.value.fix


@pytest.mark.parametrize(("gone", "says"), [("config.json", "no config.json"), ("safetensors", r"no \*\.safetensors")])
def test_a_model_that_cannot_be_loaded_is_not_downloaded(gone: str, says: str, small_hub: Hub) -> None:
    small_hub.files = {name: content for name, content in FILES.items() if not name.endswith(gone)}
    with pytest.raises(ModelError, match=says):
        get()
    assert len(small_hub.asked) == 1


def test_a_full_disk_is_an_error_before_the_download(small_hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "LEAVE_FREE", 1 << 60)
    with pytest.raises(ResourceError, match="does not fit on the disk"):
        get()
    assert len(small_hub.asked) == 1


def test_the_copy_on_disk_is_used_without_a_network(small_hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused() -> GradschoolError:
        with pytest.raises(ModelError, match="is not on this machine") as caught:
            get()
        return caught.value

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE" in str(refused())
    assert small_hub.asked == []
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    _, folder = get()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert get() == ([], folder)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    seen, again = get()
    assert again == folder and "cannot be reached" in str(seen[0])
    (folder / "model.safetensors").unlink()
    assert "cannot be reached" in str(refused())


def test_the_address_of_the_hub_is_read_from_the_environment(serve: Serve, tmp_path: Path) -> None:
    code = (
        "from gradschool.model.hub import fetch\n"
        "work = fetch('someone/small')\n"
        "while True:\n"
        "    try: next(work)\n"
        "    except StopIteration as end: raise SystemExit(end.value.name)\n"
    )
    environment = {**os.environ, "HF_ENDPOINT": serve(Hub().handler()), "HF_HOME": str(tmp_path)}
    environment.pop("HF_HUB_OFFLINE", None)
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120)
    assert done.stderr.strip() == COMMIT


@pytest.mark.parametrize("whole", [False, True])
def test_an_adapter_is_refused_by_the_list_of_files_and_names_its_base(small_hub: Hub, whole: bool) -> None:
    small_hub.files = {"adapter_config.json": b"{}", "adapter_model.safetensors": WEIGHTS, "tokenizer.json": b"{}"}
    small_hub.files |= FILES if whole else {}
    small_hub.about = {"config": {"peft": {"base_model_name_or_path": "maker/large"}}}
    with pytest.raises(ModelError, match="adapter next to a model" if whole else "an adapter, not a model") as caught:
        get()
    assert len(small_hub.asked) == 1 and (whole or "maker/large as base_model" in caught.value.fix)
    small_hub.about = {"cardData": {"base_model": "maker/large"}}
    with pytest.raises(ModelError, match="adapter") as caught:
        get()
    assert whole or "maker/large" in caught.value.why


def test_gguf_files_alone_are_refused_by_the_list_of_files(small_hub: Hub) -> None:
    small_hub.files = {"config.json": b"{}", "small.Q4_K_M.gguf": WEIGHTS}
    with pytest.raises(ModelError, match="only as GGUF files"):
        get()
    assert len(small_hub.asked) == 1
