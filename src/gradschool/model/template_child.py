"""The child process that renders chat templates of others: a template may need any time and memory.

The content of a request is the `template` and its `variables` as JSON, and `most` the length of the text that is
returned; see `bounded_child`.
"""

import json
from collections.abc import Iterator
from typing import Any

from gradschool.bounded_child import answer_requests
from gradschool.model.template import Refused, render


def _replies(request: dict[str, Any], content: bytes) -> Iterator[dict[str, Any]]:
    asked = json.loads(content)
    yield {"text": render(asked["template"], asked["variables"])[: request["most"]]}


if __name__ == "__main__":
    answer_requests(_replies, Refused)
