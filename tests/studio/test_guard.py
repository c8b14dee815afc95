"""Only the studio's own pages in a browser with its key reach it."""

import pytest
from starlette.testclient import TestClient

PORT, TOKEN = 8123, "a-token-of-this-test"  # as in conftest.py


def test_the_address_with_the_token_gives_a_cookie_and_disappears(stranger: TestClient) -> None:
    reply = stranger.get(f"/queue?token={TOKEN}&path=a%20b")
    assert (reply.status_code, reply.headers["location"]) == (303, "/queue?path=a+b")
    cookie = reply.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie
    assert stranger.get("/").status_code == 200


@pytest.mark.parametrize("path", ["/", "/api/overview", "/static/dom.js", "/?token=wrong", "/?token="])
def test_nothing_is_served_without_the_key(stranger: TestClient, path: str) -> None:
    reply = stranger.get(path)
    assert reply.status_code == 403
    assert "terminal" in reply.text and TOKEN not in reply.text


@pytest.mark.parametrize(
    "host", ["evil.example", f"evil.example:{PORT}", "127.0.0.1:1", f"127.0.0.1.evil.example:{PORT}"]
)
def test_another_host_is_refused(browser: TestClient, host: str) -> None:
    assert browser.get("/api/queue", headers={"host": host}).status_code == 403


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://localhost:1", f"https://127.0.0.1:{PORT}", ""]
)
def test_a_change_needs_the_own_origin(browser: TestClient, origin: str) -> None:
    reply = browser.post("/api/work/1", json={"action": "stop"}, headers={"origin": origin})
    assert reply.status_code == 403 and "Another page" in reply.json()["error"]["what"]


def test_a_change_without_an_origin_is_refused(browser: TestClient) -> None:
    del browser.headers["origin"]
    assert browser.post("/api/uploads", json={}).status_code == 403


def test_another_page_may_link_here_but_not_read(browser: TestClient) -> None:
    cross = {"sec-fetch-site": "cross-site"}
    assert browser.get("/api/overview", headers=cross | {"sec-fetch-mode": "cors"}).status_code == 403
    assert browser.get("/", headers=cross | {"sec-fetch-mode": "navigate"}).status_code == 200


def test_every_reply_forbids_inline_code_and_frames(browser: TestClient) -> None:
    for path in ("/", "/api/queue", "/static/style.css", "/nowhere"):
        policy = browser.get(path).headers["content-security-policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy and "http" not in policy


def test_what_an_address_says_is_escaped(browser: TestClient) -> None:
    text = browser.get("/run", params={"path": '"><script>alert(1)</script>'}).text
    assert "<script>alert" not in text and "&lt;script&gt;" in text
