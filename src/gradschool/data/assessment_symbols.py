"""Symbols in assessments, such as emoji and ticks, and the words next to them."""

import regex

SYMBOL = regex.compile(r"(?![★☆⭐])[\p{Extended_Pictographic}\p{So}✓✗×]")
JOINERS = regex.compile("[\U0001f3fb-\U0001f3ff\ufe0e\ufe0f\u200d]")  # colours of skin and forms of an emoji
BAD_SYMBOLS = frozenset("👎😡😠🤬👿😤😾💩🤮🤢🙁☹😞😟😔😣😖😫😩😒😕💔🗑🚮🛑🔴🟥⛔🚫❌✗✘✕✖×☠💀🤦🚩")
GOOD_SYMBOLS = frozenset("👍🙂😀😃😄😁😊☺😍🤩🥰😎🎉💯❤💚🟢🟩🌟👏🙌✅✓✔☑👌🏆🆗")


def divided(value: str) -> tuple[str, list[str]]:
    """The words of a value, and its symbols, each once.

    >>> divided("negative 😡😡"), divided("👎🏽 bad"), divided("👍")
    (('negative', ['😡']), ('bad', ['👎']), ('', ['👍']))
    """
    plain = JOINERS.sub("", value)
    symbols = list(dict.fromkeys(SYMBOL.findall(plain)))
    return (" ".join(SYMBOL.sub(" ", plain).split()) if symbols else plain), symbols


def symbol_in(symbols: list[str]) -> str:
    """The symbol that decides: one that means bad, else one that means good, else the first; empty without any."""
    for known in (BAD_SYMBOLS, GOOD_SYMBOLS):
        if found := next((symbol for symbol in symbols if symbol in known), ""):
            return found
    return symbols[0] if symbols else ""
