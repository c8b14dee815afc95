"""Detect the language of a text with py3langid, whose model is in its package and needs no network."""

from functools import lru_cache

from py3langid.langid import MODEL_FILE, LanguageIdentifier

MIN_LETTERS = 40  # with fewer, detection is unreliable
MAX_CHARACTERS = 250  # used for detection
MIN_PROBABILITY = 0.8


@lru_cache(maxsize=1)
def _identifier() -> LanguageIdentifier:
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def language_of(text: str) -> str:
    """The ISO 639 code of a text's language; empty if the text is too short or the probability is low."""
    text = text[:MAX_CHARACTERS]
    if sum(map(str.isalpha, text)) < MIN_LETTERS:
        return ""
    language, probability = _identifier().classify(text)
    return str(language) if probability >= MIN_PROBABILITY else ""
