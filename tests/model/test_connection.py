"""Proxies: never to this machine, and a clear error for one that cannot be used."""

import socket

import pytest

from gradschool.errors import RemoteError
from gradschool.model.connection import is_loopback, trusts_environment
from gradschool.model.remote import RemoteEngine

NUMBERS = ["127.0.0.1", "127.8.8.8", "::1", "[::1]", "::ffff:127.0.0.1", "0.0.0.0", "127.1", "0x7f000001", "2130706433"]
NAMES = ["api.localhost", "API.LOCALHOST.", "localhost.localdomain", "ip6-localhost"]


@pytest.mark.parametrize("host", ["localhost", "LocalHost.", *NUMBERS, *NAMES])
def test_this_machine_is_asked_directly(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    assert not trusts_environment(host)
    RemoteEngine("http://localhost:1/v1", "small")


@pytest.mark.parametrize(
    "host",
    [*NAMES, "localhost.example", "localho\u017ft", "127.0.0.1.example", "localhost..", "", "12.7", "127.1 x", "0x7f"],
)
def test_a_name_that_may_resolve_elsewhere_is_not_this_machine(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize("host", ["localhost", "LocalHost.", *NUMBERS])
def test_localhost_and_its_addresses_are_this_machine(host: str) -> None:
    assert is_loopback(host)


def test_a_proxy_that_cannot_be_used_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://me:secret@127.0.0.1:9")
    assert trusts_environment("models.example")
    with pytest.raises(RemoteError, match="SOCKS") as caught:
        RemoteEngine("http://models.example/v1", "small")
    assert "secret" not in str(caught.value) and "NO_PROXY" in caught.value.fix
    monkeypatch.setenv("NO_PROXY", "models.example")
    RemoteEngine("http://models.example/v1", "small")


@pytest.mark.parametrize("proxy", ["http://proxy:port", "http://[::1", "PROXY proxy:8080; DIRECT"])
def test_a_proxy_that_is_no_address_is_named(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.raises(RemoteError, match="cannot be used") as caught:
        RemoteEngine("http://models.example/v1", "small")
    assert "ALL_PROXY" in caught.value.why and proxy in caught.value.what


def test_a_name_of_loopback_is_this_machine_if_the_hosts_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"box": "127.0.1.1", "far": "10.0.0.7"}
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    monkeypatch.setattr(socket, "getaddrinfo", lambda name, _: [(0, 0, 0, "", (known[name], 0))])
    assert not trusts_environment("box") and trusts_environment("far") and trusts_environment("models.example")
