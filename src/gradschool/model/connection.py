"""Connections to model servers: never through a proxy to this machine, and a clear error for an unusable proxy."""

import contextlib
import ipaddress
import re
import socket
import urllib.request
from collections.abc import Iterator

import httpx

from gradschool.errors import RemoteError

PROXY_SCHEMES = ("http", "https")  # that httpx supports without further packages
LOCAL_NAMES = ("localhost.localdomain", "ip6-localhost")  # usually this machine, if its table of hosts says so
NUMBERS = re.compile(r"(0x[0-9a-f]+|\d+)(\.(0x[0-9a-f]+|\d+)){0,3}")  # 127.1 and 0x7f000001 are 127.0.0.1


def trusts_environment(host: str) -> bool:
    """Whether the environment's proxies are used for a host: not for this machine, whatever HTTP_PROXY says."""
    local = is_loopback(host) or _plain(host).endswith(".localhost") or _is_name_of_this_machine(_plain(host))
    return not (local or (_unusable_proxies() and urllib.request.proxy_bypass(host)))


def is_loopback(host: str) -> bool:
    """Whether a host is this machine for certain: `localhost`, or an address. Other names may resolve elsewhere."""
    name = _plain(host)
    if name == "localhost":
        return True
    try:
        # `inet_aton` reads the short forms as the system does when it connects.
        number = socket.inet_ntoa(socket.inet_aton(name)) if NUMBERS.fullmatch(name) else name.partition("%")[0]
        address = ipaddress.ip_address(number)
    except (ValueError, OSError):
        return False
    mapped = getattr(address, "ipv4_mapped", None) or address
    return bool(mapped.is_loopback or mapped.is_unspecified)


def _is_name_of_this_machine(name: str) -> bool:
    """Whether a name without a domain, which no proxy could look up, is one of this machine's loopback addresses."""
    if name in LOCAL_NAMES:
        return True
    if "." in name or ":" in name or not urllib.request.getproxies():
        return False
    try:
        found = socket.getaddrinfo(name, None)
    except (OSError, UnicodeError):
        return False
    return bool(found) and all(is_loopback(str(entry[4][0])) for entry in found)


def _plain(host: str) -> str:
    return host.strip("[]").removesuffix(".").lower()


@contextlib.contextmanager
def proxy_errors() -> Iterator[None]:
    """Turn the errors of HTTP clients about the proxies of the environment into RemoteErrors."""
    try:
        yield
    except (ImportError, ValueError, httpx.InvalidURL) as error:
        proxies = _unusable_proxies()
        if not proxies and isinstance(error, httpx.InvalidURL):
            proxies = _malformed_proxies()
        if not proxies and not isinstance(error, ImportError):
            raise
        scheme, value = next(iter(proxies.items()), ("all", "socks5://…"))
        variable, shown = f"{scheme.upper()}_PROXY", _without_password(value)
        kind = "a SOCKS proxy" if value.startswith("socks") else "no address of an HTTP proxy"
        raise RemoteError(
            f"The proxy {shown} cannot be used.",
            f"The environment variable {variable} (or {variable.lower()}) names it, and it is {kind}.",
            "for SOCKS, run `pip install 'httpx[socks]'`; or name an HTTP proxy, unset the variable, or list the host "
            "in NO_PROXY.",
        ) from error


def _unusable_proxies() -> dict[str, str]:
    """The proxies of the environment, by scheme, that httpx cannot use alone."""
    named = urllib.request.getproxies()
    return {
        scheme: value
        for scheme, value in named.items()
        if scheme in ("http", "https", "all") and "://" in value and value.partition("://")[0] not in PROXY_SCHEMES
    }


def _malformed_proxies() -> dict[str, str]:
    """The proxies of the environment, by scheme, that are no addresses."""
    malformed = {}
    for scheme, value in urllib.request.getproxies().items():
        try:
            httpx.URL(value if "://" in value else f"http://{value}")
        except httpx.InvalidURL:
            malformed[scheme] = value
    return malformed


def _without_password(address: str) -> str:
    scheme, divider, rest = address.rpartition("://")
    return f"{scheme}{divider}{rest.rpartition('@')[2]}"
