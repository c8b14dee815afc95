"""Which model servers may be asked, and with which API key: those that the user named, each once."""

import os
import re

import httpx

from gradschool.base_names import names_of
from gradschool.errors import TrustError, UsageError
from gradschool.file_names import SERVER
from gradschool.hub_pages import page_of
from gradschool.model.connection import is_loopback
from gradschool.settings import Remote
from gradschool.trust import remember_host, trusted

DEFAULT_VARIABLE = Remote().api_key_env
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def allow_host(text: str) -> None:
    """Remember a host that the user allows: HOST, HOST:PORT or an address, with =VARIABLE if another one has its key.

    Without http:// or https://, it is https, on this machine http.
    """
    address, _, variable = text.partition("=")
    if not address.startswith(SERVER):
        loopback = is_loopback(_url(f"http://{address}", text).host)
        address = f"http{'' if loopback else 's'}://{address}"
    variable = variable or DEFAULT_VARIABLE
    if not VARIABLE.fullmatch(variable):
        raise UsageError(
            f"{variable!r} is not the name of an environment variable.",
            f"It was given in {text!r}.",
            "write HOST=VARIABLE, such as api.example.com=EXAMPLE_KEY; never the key itself.",
        )
    remember_host(_origin(_url(address, text)), variable)


def named_by_user(base: object, variable: object = None) -> None:
    """Remember the host of a model server whose address the user gave as an option or an argument; ignore other bases.

    `base` may be a list. Another variable that was remembered for a host stays, unless one is given too.
    """
    for address in names_of(base):
        _named_by_user(address, variable)


def _named_by_user(address: object, variable: object) -> None:
    if isinstance(address, str) and address.strip().lower().startswith(SERVER) and page_of(address) is None:
        given = isinstance(variable, str) and VARIABLE.fullmatch(variable)
        remember_host(
            _origin(_url(address.strip(), address)), str(variable) if given else DEFAULT_VARIABLE, replaces=bool(given)
        )


def key_variable(address: str, wanted: str | None) -> str:
    """The environment variable whose value the server at an address gets as API key; empty for none.

    `wanted` is the variable that a job.toml names. A specialist names none: it gets what the user allowed for the host.
    This machine may be asked without being allowed, but gets no key. Raises TrustError for a host, or for a variable,
    that the user has not allowed.
    """
    url = _url(address, address)
    origin = _origin(url)
    allowed = trusted().hosts.get(origin)
    if allowed is None and not is_loopback(url.host):
        flag = f"--allow-host {origin}" + ("" if wanted in (None, DEFAULT_VARIABLE) else f"={wanted}")
        raise TrustError(
            f"The questions would be sent to {origin}, which you have not allowed yet.",
            f"It would also get the API key in {wanted or DEFAULT_VARIABLE}, if that is set.",
            f"if you trust that host with both, repeat the command with {flag}; this is remembered.",
        )
    if wanted is None or wanted == allowed or not os.environ.get(wanted):
        return allowed or ""
    if allowed is None and wanted == DEFAULT_VARIABLE:
        return ""
    raise TrustError(
        f"The job wants to send the value of {wanted} to {origin}, which you have not allowed yet.",
        f"You allowed it the key in {allowed}." if allowed else "A key only goes to hosts that you named.",
        f"if this is the key for that host, repeat the command with --allow-host {origin}={wanted}.",
    )


def _url(address: str, text: str) -> httpx.URL:
    try:
        url = httpx.URL(address)
        host = url.host  # decodes names in other scripts
    except (httpx.InvalidURL, ValueError) as error:
        raise UsageError(f"{text!r} is not a host.", f"{error}.", "write it like api.example.com.") from error
    if not host or "%" in host:
        raise UsageError(f"{text!r} has no host.", "", "write it like api.example.com.")
    return url


def _origin(url: httpx.URL) -> str:
    """Scheme, host and port, without user, password and path; names in other scripts are shown as they are sent."""
    host = url.raw_host.decode("ascii")
    port = f":{url.port}" if url.port else ""
    return f"{url.scheme}://{f'[{host}]' if ':' in host else host}{port}"
