"""Characters that an earlier program damaged, put right by ftfy; style (curly quotes, ligatures) is left alone."""

import ftfy
from ftfy import TextFixerConfig

CONFIG = TextFixerConfig(
    unescape_html=False,
    remove_terminal_escapes=True,
    fix_encoding=True,
    restore_byte_a0=True,
    replace_lossy_sequences=True,
    decode_inconsistent_utf8=True,
    fix_c1_controls=True,
    fix_latin_ligatures=False,
    fix_character_width=False,
    uncurl_quotes=False,
    fix_line_breaks=True,
    fix_surrogates=True,
    remove_control_chars=True,
    normalization=None,
    explain=False,
)


def fix_text(text: str) -> str:
    """The text with UTF-8 that was once read as something else put right, and without control characters.

    >>> fix_text("the cafÃ© is closed")
    'the café is closed'
    """
    if text.isascii() and text.isprintable():
        return text
    return ftfy.fix_text(text, CONFIG)
