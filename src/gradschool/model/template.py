"""Chat templates: Jinja's sandbox with what transformers adds to it, without importing transformers.

A template is a program of whoever made the base. The sandbox hides files and system from it, but bounds neither its
time nor its memory: `rendering` renders the templates of others in a child process.
"""

import json
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import lru_cache
from typing import Any, NoReturn

from jinja2 import Template, TemplateError, nodes
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace

from gradschool.errors import first_line


class Refused(Exception):
    """Why a template does not take a conversation: its own error, or one of Jinja's."""


def render(template: str, variables: dict[str, Any]) -> str:
    """Render a template; raises Refused for every error of it, and MemoryError."""
    try:
        return _compiled(template).render(**variables)
    except MemoryError:
        raise
    except Exception as error:  # a template can raise any
        raise Refused(first_line(error)) from error


@lru_cache(maxsize=8)
def _compiled(template: str) -> Template:
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, loopcontrols]
    )
    environment.filters["tojson"] = _tojson
    environment.globals |= {
        "raise_exception": _raise,
        "strftime_now": datetime.now().strftime,
        "dict": _Dict(),
        "namespace": _Namespace,
    }
    return environment.from_string(template)


def _tojson(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | str | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """Jinja's own filter escapes the characters of HTML."""
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def _raise(message: str) -> NoReturn:
    raise TemplateError(message)


class _Generation(Extension):
    """The block `generation`, which marks the text of an answer: its content is rendered as it is."""

    tags = {"generation"}  # noqa: RUF012  # Jinja's name

    def parse(self, parser: Parser) -> nodes.Node:
        """Parse a block."""
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.CallBlock(self.call_method("_content"), [], [], body).set_lineno(line)

    def _content(self, caller: Callable[[], str]) -> str:
        return caller()


class _Dict:
    """The function `dict`, without the attributes of the class."""

    def __call__(self, *args: Any, **kwargs: Any) -> dict[Any, Any]:
        return dict(*args, **kwargs)

    def fromkeys(self, keys: Iterable[Any], value: Any = None) -> dict[Any, Any]:
        """As the method of the class."""
        return dict.fromkeys(keys, value)


class _Namespace(Namespace):
    """The class `namespace`, without names that begin with an underscore."""

    def __init__(self, /, *args: Any, **kwargs: Any) -> None:
        attributes = dict(*args, **kwargs)
        for name in attributes:
            _demand_public(name)
        super().__init__(attributes)

    def __setitem__(self, name: str, value: Any) -> None:
        _demand_public(name)
        super().__setitem__(name, value)


def _demand_public(name: object) -> None:
    if isinstance(name, str) and name.startswith("_"):
        raise SecurityError(f"A namespace cannot hold {name!r}: names that begin with an underscore are internal.")
