"""Browsers: pages of the origins that the user names may use the server, others may not; a preflight needs no key."""

from collections.abc import Iterator

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gated import PATIENCE, GatedEngine, service_over
from gradschool.errors import UsageError
from gradschool.serve.origins import parse_origins
from gradschool.serve.server import running

KEY = "k" * 20
PAGE, APP = "http://localhost:3000", "https://chat.example"
PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
HELLO = {"model": "echo", "messages": [{"role": "user", "content": "hello"}]}


@pytest.fixture(params=["", KEY], ids=["without a key", "with a key"])
def key(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def client(engine: GatedEngine, key: str) -> Iterator[httpx.Client]:
    with (
        running(service_over(engine), key, parse_origins([PAGE, APP + "/"], key)) as address,
        httpx.Client(base_url=address, timeout=PATIENCE) as client,
    ):
        yield client


def preflight(client: httpx.Client, origin: str, path: str = "/v1/chat/completions", **headers: str) -> httpx.Response:
    return client.options(path, headers={"Origin": origin, **PREFLIGHT, **headers})


@pytest.mark.parametrize("origin", [PAGE, APP])
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/models", "/v1/completions"])
def test_preflight_of_a_named_origin_is_granted_without_a_key(client: httpx.Client, origin: str, path: str) -> None:
    response = preflight(client, origin, path)
    assert response.status_code == 200
    assert response.headers["access-control-allow-origin"] == origin
    assert "POST" in response.headers["access-control-allow-methods"]
    allowed = response.headers["access-control-allow-headers"]
    assert "authorization" in allowed and "content-type" in allowed
    assert "Origin" in response.headers["vary"]


def test_headers_of_client_libraries_and_local_networks_are_granted(client: httpx.Client) -> None:
    asked = "authorization,content-type,x-stainless-lang,x-stainless-retry-count"
    response = preflight(
        client, APP, **{"Access-Control-Request-Headers": asked, "Access-Control-Request-Private-Network": "true"}
    )
    assert response.headers["access-control-allow-headers"] == asked
    assert response.headers["access-control-allow-private-network"] == "true"


@pytest.mark.parametrize("origin", ["http://localhost:3001", "https://evil.example", "null", "https://localhost:3000"])
def test_other_origins_are_refused(client: httpx.Client, origin: str, key: str) -> None:
    response = preflight(client, origin)
    assert response.status_code == 403 and "--allow-origin" in response.json()["error"]["message"]
    answered = client.get("/health", headers={"Origin": origin})
    assert "access-control-allow-origin" not in {**response.headers, **answered.headers}


def test_answers_and_errors_can_be_read_by_the_page(client: httpx.Client, key: str) -> None:
    headers = {"Origin": PAGE, **({"Authorization": f"Bearer {key}"} if key else {})}
    for body, status in ((HELLO, 200), ({**HELLO, "stream": True}, 200), ({**HELLO, "model": "x"}, 404), ({}, 400)):
        response = client.post("/v1/chat/completions", json=body, headers=headers)
        assert (response.status_code, response.headers["access-control-allow-origin"]) == (status, PAGE)
    if key:
        refused = client.post("/v1/chat/completions", json=HELLO, headers={"Origin": PAGE})
        assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, PAGE)


def test_without_named_origins_no_page_may_use_the_server(engine: GatedEngine, key: str) -> None:
    with running(service_over(engine), key) as address, httpx.Client(base_url=address, timeout=PATIENCE) as client:
        assert preflight(client, PAGE).status_code == 403
        assert client.options("/v1/models").status_code in (401, 405)  # not a preflight


def test_origins_are_read_as_browsers_send_them() -> None:
    given = ["HTTP://LocalHost:3000/", "https://chat.example:443", "http://bücher.example", "http://[::1]:80"]
    assert parse_origins([*given, "app://obsidian.md", "https://chat.example"], "") == (
        "http://localhost:3000", "https://chat.example", "http://xn--bcher-kva.example", "http://[::1]", "app://obsidian.md"
    )  # fmt: skip


@pytest.mark.parametrize("text", ["localhost:3000", "http://a.example/chat", "https://*.example", "http://", "", "a b"])
def test_what_is_no_origin_is_an_error(text: str) -> None:
    with pytest.raises(UsageError, match="origin") as caught:
        parse_origins([text], KEY)
    assert caught.value.fix


@pytest.mark.parametrize("text", ["*", "null"])
def test_every_page_only_with_a_key(text: str, engine: GatedEngine) -> None:
    with pytest.raises(UsageError, match="key"):
        parse_origins([text], "")
    with running(service_over(engine), KEY, parse_origins([text], KEY)) as address:
        asked = {"Origin": "null", **PREFLIGHT}
        response = httpx.options(f"{address}/v1/models", headers=asked, timeout=PATIENCE)
        assert response.headers["access-control-allow-origin"] == text


@given(st.text(max_size=20) | st.from_regex(r"https?://[\w.\[\]:%-]{0,12}", fullmatch=True))
def test_any_text_is_an_origin_or_an_error(text: str) -> None:
    try:
        [origin] = parse_origins([text], KEY)
    except UsageError as error:
        assert error.what and error.fix
    else:
        assert origin in ("*", "null") or ("://" in origin and origin.isascii())
        assert parse_origins([origin], KEY) == (origin,)
