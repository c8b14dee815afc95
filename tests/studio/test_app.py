"""Errors of every kind reach the page with what, why and what to do; and the server starts without heavy imports."""

import subprocess
import sys
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from gradschool.studio import start
from gradschool.studio.pages import TITLES
from gradschool.studio.studio import Studio

HEAVY = ("torch", "transformers", "scipy", "numpy", "sklearn", "lancedb")
STATIC = Path(start.__file__).parent / "static"


def test_the_server_imports_nothing_heavy() -> None:
    code = f"import sys, gradschool.studio.server; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", TITLES)
def test_every_page_has_its_script_and_no_inline_code(browser: TestClient, name: str) -> None:
    text = browser.get("/" if name == "start" else f"/{name}").text
    assert f'src="/static/{name}.js"' in text and browser.get(f"/static/{name}.js").status_code == 200
    assert (
        text.count("<script") == 1
        and "style=" not in text
        and " on" not in text.partition("<main")[0].replace("one", "")
    )


def test_scripts_build_pages_from_text_alone() -> None:
    for file in STATIC.glob("*.js"):
        text = file.read_text()
        for way in (
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "new Function",
            "http://",
            "https://",
        ):
            assert way not in text.replace("http://www.w3.org/2000/svg", ""), f"{file.name}: {way}"


def test_an_unknown_page_and_an_unknown_call_say_so(browser: TestClient) -> None:
    page, call = browser.get("/nowhere"), browser.get("/api/nowhere")
    assert page.status_code == call.status_code == 404
    assert "<h1>There is no such page.</h1>" in page.text and call.json()["error"]["fix"]
    assert browser.get("/api/climb").status_code == 404  # of another method
    assert browser.get("/static/../app.py").status_code == 404


def test_a_bug_is_said_without_a_traceback(browser: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(studio: Studio) -> None:
        raise KeyError("secret detail")

    monkeypatch.setattr("gradschool.studio.folders.Folders.runs", broken)
    reply = browser.get("/api/overview")
    assert reply.status_code == 500 and "bug in gradschool" in reply.text and "secret" not in reply.text


def test_a_file_that_cannot_be_used_is_said(browser: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(studio: Studio) -> None:
        raise PermissionError(13, "Permission denied", "/some/file")

    monkeypatch.setattr("gradschool.studio.folders.Folders.runs", refused)
    assert "Permission denied" in browser.get("/api/overview").json()["error"]["why"]


def test_an_empty_folder_is_an_empty_overview(browser: TestClient) -> None:
    found = browser.get("/api/overview").json()
    assert (found["jobs"], found["runs"], found["work"], found["problem"]) == ([], [], [], "")


def test_a_report_opens_without_any_right_to_the_studio(browser: TestClient, studio: Studio) -> None:
    run = studio.folders.home / "runs" / "a-1"
    run.mkdir(parents=True)
    (run / "run.json").write_text("{}")
    assert "no report yet" in browser.get("/report", params={"path": "runs/a-1"}).text
    (run / "report.html").write_text("<script>fetch('/api/queue')</script>")
    reply = browser.get("/report", params={"path": "runs/a-1"})
    assert (
        reply.headers["content-security-policy"].startswith("sandbox")
        and "same-origin" not in reply.headers["content-security-policy"]
    )
    (run / "report.html").unlink()
    (run / "report.html").symlink_to("/etc/hostname")
    assert browser.get("/report", params={"path": "runs/a-1"}).status_code == 404
