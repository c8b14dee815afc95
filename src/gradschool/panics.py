"""Panics of libraries in Rust (tokenizers, safetensors, lancedb), which no `except Exception` would catch."""

from collections.abc import Iterator
from contextlib import contextmanager

from gradschool.errors import first_line


class Panic(Exception):
    """A library in Rust stopped at a value that it did not expect; its message says where."""


@contextmanager
def panics_as_errors() -> Iterator[None]:
    """Turn a panic into a Panic, which is an Exception; use it around libraries that read what others wrote.

    PyO3 raises panics as a BaseException, whose class no module exports.
    """
    try:
        yield
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise Panic(f"the library crashed: {first_line(error)}") from error
