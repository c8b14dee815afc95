"""Show what others wrote: control characters, bidirectional marks and invisible characters are escaped as in JSON."""

import json
import re

# Control characters but tab and line end; marks and overrides of bidi text; tags; lone surrogates.
_CONTROL = "\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\U000e0000-\U000e00ff"
# Characters without any width or sign of their own, wherever they are.
_UNSEEN = (
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180e\u200b\u2060-\u2065\u206a-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e01f0-\U000e0fff"
)
# Joiners and variation selectors belong to some scripts and to emoji: they are shown anywhere else.
_SCRIPTS = "\u0590-\u061b\u061d-\u10ff\u1200-\u17b3\u17b6-\u180a\u1810-\u1cff\ua800-\uabff\ufb1d-\ufdff\ufe70-\ufefc"
_EMOJI = "\u00a9\u00ae\u203c-\u205f\u2070-\u3163\u3165-\u33ff\U0001f000-\U0001faff"
_IDEOGRAPHS = "\u3400-\u9fff\uf900-\ufaff\uff01-\uff60\U00020000-\U0003ffff"
_AFTER_OTHERS = (
    f"(?<![{_SCRIPTS}])\u200c",
    f"(?<![{_SCRIPTS}{_EMOJI}\ufe0f])\u200d",
    f"(?<![#*0-9{_SCRIPTS}{_EMOJI}{_IDEOGRAPHS}])[\ufe00-\ufe0f]",
    f"(?<![{_IDEOGRAPHS}])[\U000e0100-\U000e01ef]",
    "(?<![\u1820-\u18aa])[\u180b-\u180d\u180f]",
)
ACTING = re.compile("|".join((f"[{_CONTROL}{_UNSEEN}]", *_AFTER_OTHERS)))
BREAKING = re.compile("[\t\n]")


def visible(text: str) -> str:
    r"""A text in which characters that act or hide are written as in JSON; JSON keeps its value.

    >>> visible("a\x1b[31mb"), visible("pass\u200bed")
    ('a\\u001b[31mb', 'pass\\u200bed')
    """
    return ACTING.sub(_escaped, text)


def one_line(text: str) -> str:
    r"""A text as `visible`, in one line: for names, which could otherwise add lines of their own to what is shown.

    >>> one_line("notes\nPassed: 100 %")
    'notes\\nPassed: 100 %'
    """
    return BREAKING.sub(_escaped, visible(text))


def shortened(text: str, most: int = 40) -> str:
    """A text in one line of at most `most` characters, to quote it in a sentence.

    >>> shortened("when do you\\nopen?", 12)
    'when do you…'
    """
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"


def _escaped(found: re.Match[str]) -> str:
    return json.dumps(found[0])[1:-1]
