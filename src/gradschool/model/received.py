"""Responses of model servers, within limits: a server of others may send without an end, or a little that becomes much.

Requests ask for contents as they are (`PLAIN`): a few compressed bytes could otherwise fill the memory.
"""

import time
from collections.abc import AsyncIterator, Iterator

import httpx

MAX_REPLY = 8 << 20  # bytes of a reply
MAX_STREAM = 256 << 20  # bytes of a stream, of which each token takes some hundreds
PLAIN = {"Accept-Encoding": "identity"}


def whole(response: httpx.Response, seconds: float) -> bytes:
    """The content of a response that arrives within so many seconds; raises httpx.HTTPError for more than MAX_REPLY.

    The timeout of a client is for each read: a server that sends a byte now and then needs a deadline for its reply.
    """
    deadline, content = time.monotonic() + seconds, bytearray()
    for block in blocks(response, MAX_REPLY):
        content += block
        if time.monotonic() > deadline:
            raise httpx.ReadTimeout("the answer took too long")
    return bytes(content)


def blocks(response: httpx.Response, most: int = MAX_STREAM) -> Iterator[bytes]:
    """The blocks of a response; raises httpx.ReadError for more than `most` bytes, and for a compressed one."""
    _demand_plain(response)
    for block in response.iter_raw():
        most = _left(most, block)
        yield block


async def blocks_async(response: httpx.Response, most: int = MAX_STREAM) -> AsyncIterator[bytes]:
    """As `blocks`."""
    _demand_plain(response)
    async for block in response.aiter_raw():
        most = _left(most, block)
        yield block


def _demand_plain(response: httpx.Response) -> None:
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise httpx.ReadError(f"its content is compressed ({encoding[:40]}), which was not asked for")


def _left(most: int, block: bytes) -> int:
    if len(block) > most:
        raise httpx.ReadError("more was received than any answer has")
    return most - len(block)
