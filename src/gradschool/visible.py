"""Show what others wrote: control, escape and bidi characters are visible instead of acting on a terminal or a page."""

import json
import re

# Control characters but tab and line end; marks and overrides of bidi text; tags; lone surrogates.
ACTING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\U000e0000-\U000e007f]"
)


def visible(text: str) -> str:
    r"""A text in which characters that act or hide are written as in JSON; JSON keeps its value.

    >>> visible("a\x1b[31mb")
    'a\\u001b[31mb'
    """
    return ACTING.sub(lambda found: json.dumps(found[0])[1:-1], text)
