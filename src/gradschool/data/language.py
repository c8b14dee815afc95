"""Which language a text is in, by py3langid: its model lies in the package, and nothing is asked of anybody."""

from functools import lru_cache

from py3langid.langid import MODEL_FILE, LanguageIdentifier

MIN_LETTERS = 40  # with fewer a guess is worth little
MAX_CHARACTERS = 250  # looked at
SURE = 0.8


@lru_cache(maxsize=1)
def _identifier() -> LanguageIdentifier:
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def language_of(text: str) -> str:
    """The ISO 639 code of a text's language, or nothing where it is too short or the guess unsure."""
    text = text[:MAX_CHARACTERS]
    if sum(map(str.isalpha, text)) < MIN_LETTERS:
        return ""
    language, probability = _identifier().classify(text)
    return str(language) if probability >= SURE else ""
