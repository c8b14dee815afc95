"""The words of a text as metrics compare them: numbers keep their signs, and every script has words.

Ordinary English is read as by SQuAD's official script or by rouge-score. On purpose we deviate from both where they
drop what an answer says: the point in 7.5, the sign of -5, the colon in 10:30, the units in 5 %, $5 and 5 MW, the sign
in A+ and C#, and letters other than a-z. A character of a script without spaces is a word.
"""

import unicodedata

import regex

from gradschool.data.normalize import CHARACTER, SPACELESS, fold_width

ADDRESS = regex.compile(r"(https?://[^\s<>\"']*[\p{L}\d/]|[\w.+\-]{1,64}@[\w\-]+(?:\.[\w\-]+)+)")

# Rewritten first, so that each number has one form.
GROUPED = regex.compile(  # 1'000, 1 000 with any space
    r"(?<!\d)\d{1,3}(?:[\u00a0\u2009\u202f'’]\d{3})+(?!\d)"
    r"|(?<![\d.,:/+\-])(?<!\d )[1-9]\d{0,2}(?: \d{3})+(?! ?\d)"
)
FRACTION = regex.compile("(\\d?)([\u00bc-\u00be\u2150-\u215e])")
SIGNS = str.maketrans("’‘ʼ´‐‑‒–−٫٬", "''''-----.,")  # apostrophes, dashes, Arabic separators
RANGE = regex.compile(r"(?<=\d)(?:\s+-\s+|\s?~\s?|…|‥|\.\.+)(?=\d)")  # 9 - 17, 9~17, 9..17
ABOUT = regex.compile(r"(?<![~\w])~(?= ?\p{Sc}?\d)")
SEPARATED = regex.compile(r"(?<![\p{L}\d.,])\d+(?:[.,]\d+)+(?![.,]?\d)")
BARE_DECIMAL = regex.compile(r"(?<![\w.,)\]])\.(?=\d)")
MINUS_AMOUNT = regex.compile(r"(?<![\w\-])-(\p{Sc}) ?(?=\d)")
NOON = regex.compile(r"(?<=\d ?)([ap])\.\s?m\.?(?!\w)", regex.IGNORECASE)
POWER = regex.compile(r"(?<=\d ?(?:[kcdmμn]?m|ft|in|yd))[23](?![\w.])")  # m2 is m²
# Lengths and angles; the same signs close a quote that a sign of their kind opens.
FEET = regex.compile(r"(?<=\d)['′] ?(\d+(?:\.\d+)?)(?:\"|['′]{2})(?!\w)")
PRIME = regex.compile(r"(?<=\d)(?:′{1,2}|(?<!(?<!\w)\"[^\"]{0,60})\"|(?<!(?<!\w)'[^']{0,60})''?)(?!\w)")
# Units that differ by their case alone; case says nothing in all others, as in 5 KG.
CASED = regex.compile(
    r"(?<=\d ?)(?:(?P<milli>m(?=(?:W|Wh|Hz|Pa|J|Ω|N|T|Sv|Gy|bar)(?!\w)))"  # mW is not MW
    r"|(?P<mega>M(?=(?:V|A|eV|N|T|Sv|Gy|bar)(?!\w))))"
    r"|(?<=\d ?[pnμm])(?P<molar>M)(?!\w)"  # nM is not nm
    r"|(?<=\d ?[KMGTP]i?)(?P<bit>b)(?=(?:ps|/s)?(?!\w))"  # Mb is not MB
    r"|(?<=\d ?p)(?P<ampere>A)(?!\w)"  # pA is not Pa
)

MARK = regex.compile(
    r"(?P<glued>(?<![\p{L}\d_)\]}%.\-])-(?=\d)"  # the sign of a number
    r"|(?<=\d)[.,:/\^*+='\-](?=\d)|(?<=\d ?\p{L}[\p{L}/]{0,11})/(?=\p{L})"  # times, dates, ranges, mg/kg
    r"|(?<=\d[eE])[+\-](?=\d)|(?<=(?<![\p{L}\d_])[a-z]|\d[a-z]|\))-(?=\d)"  # 1e-5, 2x-3
    r"|(?<=\b(?:[A-Z]{1,2}|Rh))[+\-](?![\w+\-])|(?<=\b[A-Za-z]{1,2})(?:\+\+|\#|\+)(?!\w))"  # A+, O-, C++, C#
    r"|(?P<apart>(?:<=?|(?<!<[^<>]{0,40})>=?|=)(?= ?-?\p{Sc}?\d)|(?<=\d ?)[%$]|\$(?= ?-?\d)|(?<=\s)[+<>=*/](?=\s)"
    r"|(?<=[\p{L}\d)\]])\+|[§‰]|(?![$+<=>\^`|~])\p{S})"  # 18+, a+b
    r"|(?P<between>(?<=\d)[\p{P}\p{S}]+(?=\d))"
    r"|(?P<ascii>(?![\x80-\U0010ffff])[\p{P}\p{S}])|[\p{P}\p{C}]"
)
UNIT = regex.compile(r"(?<![\w.,:/\^*+='\-])(-?\d[\d.,:/\^*+='\-]*)(?=\p{L})(?!(?:st|nd|rd|th|s|e[+\-]?\d+)\b)")
DOTTED = "i\u0307"  # the letter to which Python folds the Turkish İ


def words(text: str, *, joined: bool) -> list[str]:
    """The words of a text in lower case, without punctuation.

    Punctuation inside a word is dropped if `joined` ("can't" is "cant", as SQuAD reads it), else it divides the word
    ("can", "t", as rouge-score reads it). Signs that belong to numbers stay, and units and currencies are words.
    """
    found: list[str] = []
    for number, part in enumerate(ADDRESS.split(_one_form(text))):
        found += [part.lower()] if number % 2 else _words(part, joined)
    return found


def _one_form(text: str) -> str:
    """The text in one Unicode form, with spaces around the characters of scripts that have none."""
    text = GROUPED.sub(lambda found: "".join(filter(str.isdigit, found[0])), text.replace("，", ", "))
    text = fold_width(FRACTION.sub(_fraction, text)).translate(SIGNS)
    text = PRIME.sub(_prime, FEET.sub(r" prime \1 doubleprime ", ABOUT.sub("≈", text)))
    return CHARACTER.sub(r" \g<0> ", text) if SPACELESS.search(text) else text


def _fraction(found: "regex.Match[str]") -> str:
    plain = unicodedata.normalize("NFKC", found[2]).replace("\u2044", "/")
    return f"{found[1]} {plain}" if found[1] else plain


def _prime(found: "regex.Match[str]") -> str:
    return " prime " if found[0] in "′'" else " doubleprime "


def cased_units(text: str) -> str:
    """The text with names for what distinguishes units that differ by their case alone.

    >>> cased_units("5 mW, 5 MW, 5 nM, 5 nm, 5 Mb")
    '5 milliW, 5 MW, 5 nmolar, 5 nm, 5 Mbit'
    """
    return CASED.sub(lambda found: str(found.lastgroup), text)


def folded_case(text: str) -> str:
    """The text in one case."""
    return text.casefold().replace(DOTTED, "i")


def _words(text: str, joined: bool) -> list[str]:
    forms = ((RANGE, "-"), (BARE_DECIMAL, "0."), (MINUS_AMOUNT, r"\1-"), (SEPARATED, _number), (NOON, r"\1m"))
    for pattern, new in forms:
        text = pattern.sub(new, text)
    text = cased_units(POWER.sub(lambda found: "²" if found[0] == "2" else "³", text))
    signs = {"glued": "{}", "apart": " {} ", "ascii": "" if joined else " "}
    plain = MARK.sub(lambda found: signs.get(found.lastgroup or "", " ").format(found[0]), text)
    return UNIT.sub(r"\1 ", folded_case(plain)).split()


def _number(found: "regex.Match[str]") -> str:
    """A number with a decimal point and without separators of thousands; dates and versions stay as they are.

    A comma before exactly three digits separates thousands, as in English; any other single comma is a decimal comma.
    """
    text = found[0]
    points, commas = text.count("."), text.count(",")
    if points and commas:
        decimal = max(".,", key=text.rfind)
        whole, _, rest = text.rpartition(decimal)
        return f"{regex.sub('[.,]', '', whole)}.{rest}" if _grouped(whole) else text
    if _grouped(text) and (commas or points > 1):
        return regex.sub("[.,]", "", text)
    return text.replace(",", ".") if commas == 1 else text


def _grouped(text: str) -> bool:
    """Whether the digits are in groups of three, by one separator."""
    return bool(regex.fullmatch(r"[1-9]\d{0,2}(?:(,)\d{3}(?:,\d{3})*|(\.)\d{3}(?:\.\d{3})*)", text))
