"""Languages by their codes and English names, also as the names of columns with a text in each of two languages."""

import re
from collections.abc import Iterable

from gradschool.data.formats import plain

NAMES = {
    "ar": "Arabic", "bg": "Bulgarian", "cs": "Czech", "da": "Danish", "de": "German", "el": "Greek", "en": "English",
    "es": "Spanish", "et": "Estonian", "fi": "Finnish", "fr": "French", "he": "Hebrew", "hi": "Hindi", "hr": "Croatian",
    "hu": "Hungarian", "id": "Indonesian", "it": "Italian", "ja": "Japanese", "ko": "Korean", "lt": "Lithuanian",
    "lv": "Latvian", "nb": "Norwegian", "nl": "Dutch", "no": "Norwegian", "pl": "Polish", "pt": "Portuguese",
    "ro": "Romanian", "ru": "Russian", "sk": "Slovak", "sl": "Slovenian", "sv": "Swedish", "th": "Thai",
    "tr": "Turkish", "uk": "Ukrainian", "vi": "Vietnamese", "zh": "Chinese",
}  # fmt: skip
MORE = {  # names only of columns
    "af": "Afrikaans", "bn": "Bengali", "ca": "Catalan", "cy": "Welsh", "eu": "Basque", "fa": "Persian", "ga": "Irish",
    "gl": "Galician", "is": "Icelandic", "ka": "Georgian", "kk": "Kazakh", "la": "Latin", "mk": "Macedonian",
    "ms": "Malay", "ne": "Nepali", "sq": "Albanian", "sr": "Serbian", "sw": "Swahili", "ta": "Tamil", "te": "Telugu",
    "tl": "Tagalog", "ur": "Urdu",
}  # fmt: skip
THREE = {  # letters of ISO 639-3, where they are not those of the name
    "deu": "de", "ger": "de", "fra": "fr", "fre": "fr", "spa": "es", "nld": "nl", "dut": "nl", "zho": "zh",
    "chi": "zh", "cmn": "zh", "ell": "el", "ces": "cs", "cze": "cs", "slk": "sk", "ron": "ro", "jpn": "ja",
    "fas": "fa", "pes": "fa", "hrv": "hr", "srp": "sr", "hun": "hu", "lav": "lv", "lvs": "lv", "nob": "nb",
    "kaz": "kk", "ind": "id", "swe": "sv", "swa": "sw", "tgl": "tl", "isl": "is", "msa": "ms", "zsm": "ms",
}  # fmt: skip
CODES = (
    {code: code for code in (*NAMES, *MORE)}
    | {name.casefold()[:3]: code for code, name in (NAMES | MORE).items()}
    | THREE
    | {name.casefold(): code for code, name in (NAMES | MORE).items()}
)
AROUND = re.compile(  # a language in the name of a column
    r"text|texts|sentence|sentences|sent|translation|translated|source|src|target|tgt|lang|language|word|words|phrase"
    r"|segment|string|in|latn|cyrl|arab|hans|hant|deva|[a-z]{2}(?=$)"
)


def language_in(name: str) -> str:
    """The code of the language that the name of a column names; empty if it names none, or something else too.

    >>> language_in("de"), language_in("German"), language_in("text_deu_Latn"), language_in("en-US"), language_in("end")
    ('de', 'de', 'de', 'en', '')
    """
    first, *rest = [part for part in plain(name).split("_") if part not in ("text", "sentence")] or [""]
    parts = [first, *rest]
    found = next((part for part in parts if part in CODES), "")
    others = [part for part in parts if part != found]
    return CODES.get(found, "") if all(AROUND.fullmatch(part) for part in others) else ""


def languages_of(names: Iterable[str]) -> tuple[str, str] | None:
    """The two names that name two different languages; None if there are none, or more."""
    found = {name: language for name in names if (language := language_in(name))}
    if len(found) != 2 or len(set(found.values())) != 2:
        return None
    first, second = found
    return first, second
