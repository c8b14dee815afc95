"""The side of a child process in `bounded`: it answers requests, each within limits of time and memory.

Reads requests from standard input, each a line of JSON (`size`, `seconds`, `memory` and more) and so many bytes of
content. Writes its replies to standard output as lines of JSON; then `end`, which is empty, or says why the request is
not answered completely. Exits when standard input is closed.
"""

import contextlib
import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import psutil


def answer_requests(
    answer: Callable[[dict[str, Any], bytes], Iterator[dict[str, Any]]], refusal: type[Exception]
) -> None:
    """Answer requests until standard input is closed; `answer` raises `refusal` for content that it cannot use."""
    limit("RLIMIT_CORE", 0)
    requests, replies = sys.stdin.buffer, os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a parser prints is no reply
    while header := requests.readline():
        request = json.loads(header)
        content = requests.read(request["size"])
        cause = why = ""
        limit("RLIMIT_AS", psutil.Process().memory_info().vms + request["memory"])
        limit("RLIMIT_CPU", math.ceil(time.process_time() + request["seconds"]))
        try:
            for reply in answer(request, content):
                replies.write(json.dumps(reply) + "\n")
                replies.flush()  # whoever asked may show each as it comes
        except refusal as reason:
            cause, why = "memory" if isinstance(reason.__cause__, MemoryError) else "refused", str(reason)
        except MemoryError:
            cause = "memory"
        replies.write(json.dumps({"end": cause, "why": why}) + "\n")
        replies.flush()


def limit(name: str, value: int) -> None:
    """Limit a resource of this process, if the system can."""
    if os.name == "posix":
        import resource

        kind = getattr(resource, name)
        _, hard = resource.getrlimit(kind)
        with contextlib.suppress(ValueError, OSError):  # macOS refuses limits of memory
            resource.setrlimit(kind, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))
