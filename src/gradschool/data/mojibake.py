"""Repair text that was decoded with the wrong encoding, with ftfy; curly quotes and ligatures stay."""

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
    """Repair UTF-8 that was decoded as another encoding, and remove control characters.

    >>> fix_text("the cafÃ© is closed")
    'the café is closed'
    """
    if text.isascii() and text.isprintable():
        return text
    return ftfy.fix_text(text, CONFIG)
