"""Emphasis in the HTML of a mail: text in a colour or in bold, as people write answers into a quoted mail."""

import re

BOLD = {"b", "strong"}
BOLD_STYLE = re.compile(r"font-weight:(?:bold|[6-9]00)")
COLOUR = re.compile(r"(?:^|;)color:([^;!]+)")
RGB = re.compile(r"rgba?\((\d+)[,\s]+(\d+)[,\s]+(\d+)")
HEX = re.compile(r"#?([0-9a-f]{6}|[0-9a-f]{3})")
USUAL = {  # names of the colours of ordinary text, and words that are no colour
    *(
        "black",
        "white",
        "gray",
        "grey",
        "silver",
        "dimgray",
        "dimgrey",
        "darkgray",
        "darkgrey",
        "lightgray",
        "lightgrey",
    ),
    *("slategray", "slategrey", "gainsboro", "windowtext", "canvastext", "inherit", "initial", "unset", "auto"),
    *("currentcolor", "transparent", "none"),
}
MIN_COLOUR = 60  # of 255: between the strongest and the weakest part of a colour that is not grey


def emphasis_of(tag: str, style: str, colour: str) -> str | None:
    """The emphasis that a tag sets: a colour, "bold", "" for ordinary text; None if it sets none.

    `style` is its style in lower case without spaces, `colour` the colour of a `font` tag.
    """
    if tag == "a":
        return ""  # a link has the colour of links
    found = COLOUR.search(style)
    named = found[1] if found else colour.strip().lower()
    if named:
        return named if _is_coloured(named) else ""
    return "bold" if tag in BOLD or BOLD_STYLE.search(style) else None


def _is_coloured(named: str) -> bool:
    """Whether a colour is none of those of ordinary text: black, white and greys."""
    if found := RGB.match(named):
        parts = [int(part) for part in found.groups()]
    elif found := HEX.fullmatch(named):
        digits = found[1] if len(found[1]) == 6 else "".join(2 * digit for digit in found[1])
        parts = [int(digits[at : at + 2], 16) for at in (0, 2, 4)]
    else:
        return named not in USUAL and named.isalpha()
    return max(parts) - min(parts) >= MIN_COLOUR
