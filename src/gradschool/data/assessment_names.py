"""Keys and values of assessments in one spelling: their English words, whatever the language and the words around."""

import re
from collections.abc import Sequence
from functools import lru_cache

from gradschool.data.assessment_languages import (
    ANSWERS,
    BEFORE_WORD,
    FILLERS,
    INTENSE,
    KEY_WORDS,
    LINKS,
    NEGATIONS,
    PEOPLE,
    VALUE_WORDS,
    folded,
)
from gradschool.data.assessment_symbols import BAD_SYMBOLS, divided, symbol_in
from gradschool.data.assessment_words import (
    BAD_IF_TRUE,
    BAD_WORDS,
    FLAGS,
    GOOD_IF_LIKED,
    GOOD_IF_TRUE,
    GOOD_WORDS,
    GRADES,
    LOW_WORDS,
    NESTED,
    RATINGS,
    STATES,
    TAGS,
)
from gradschool.data.formats import plain

IN_BRACKETS = re.compile(r"\([^)\n]{0,200}\)|（[^）\n]{0,200}）|['’`]")
REASON = re.compile(r"(?:[,;:(（，；：、]|\s[-–—]\s).*", re.DOTALL)  # "poor (too long)"
PARTS_OF_ARGILLA = re.compile(r"(?<=\w)[.\-](?:responses?|suggestion)$")  # "quality.responses", "quality-suggestion"
ELISION = re.compile(r"\b(?:l|d)['’](?=\w)", re.IGNORECASE)  # "d'entraînement"
YES_OR_NO = re.compile(r"_(?:yes_no|y_n|ja_nein|j_n|oui_non|si_no|sim_nao|ja_nee|tak_nie|да_нет)$")
UNSPECIFIC = {"label", "labels", "annotation", "annotations", "preference", "reaction", "message_feedback", "loss"}
USED = {"use", "train", "training", "keep", "include", "learn"}
COMPOUNDS = ("antwort", "kunden", "nutzer", "gesamt", "experten", "modell", "klant", "kund")  # "Kundenbewertung"
OF_PEOPLE = {"helpful", "good", "bad", "approved", "rejected", "unhelpful"}  # what people say of answers


@lru_cache(maxsize=4096)  # called for each key of each row
def name_of(key: str) -> str:
    """The English name of a key as people write it: "Use for training? (yes/no)" is `use_for_training`.

    >>> name_of("Bewertung der Antwort"), name_of("Is the answer helpful?"), name_of("Evaluación (1-5)")
    ('rating', 'helpful', 'rating')
    """
    key = PARTS_OF_ARGILLA.sub("", key)
    words = re.sub(r"\W+", "_", folded(IN_BRACKETS.sub("", plain(ELISION.sub("", key))))).strip("_") or plain(key)
    words = YES_OR_NO.sub("", words) or words
    return _english(words) or _without_others(words) or words


def may_assess(name: str) -> bool:
    """Whether a key of that name (see `name_of`) may assess the answer of its row."""
    return name in FLAGS or name in NESTED or name in TAGS or STATES.fullmatch(name) is not None


def _translated(name: str) -> str:
    if name in KEY_WORDS or name.isascii():
        return KEY_WORDS.get(name, "")
    start = max((word for word in BEFORE_WORD if name.startswith(word)), key=len, default="")
    return KEY_WORDS.get(name.removeprefix(start).strip("_"), "") if start else ""


def _without_others(name: str) -> str:
    """The English name without the words for the answer and for who assesses it; empty if the rest is not known."""
    words = name.split("_")
    if len(words) < 2:
        return ""
    if use := _use(words):
        return use
    end = len(words)
    while end > 1 and words[end - 1] in ANSWERS | LINKS:
        end -= 1
    if words[-1] in ANSWERS and (noun := _english("_".join(words[:end]))) in RATINGS - UNSPECIFIC:
        return noun
    start = 0
    while start < len(words) - 1 and words[start] in ANSWERS | PEOPLE | FILLERS:
        start += 1
    rest = _english("_".join(words[start:])) if start else ""
    before = set(words[:start])
    if PEOPLE & before:
        return rest if rest in (RATINGS - UNSPECIFIC) | OF_PEOPLE else ""
    known = (RATINGS | GOOD_IF_TRUE | GOOD_IF_LIKED | BAD_IF_TRUE) - UNSPECIFIC
    return rest if rest in known or (ANSWERS & before and STATES.fullmatch(rest)) else ""


def _use(words: Sequence[str]) -> str:
    """Whether words say that a row is used, such as "für Training verwenden", or that it is not."""
    said = [word for word in words if word not in LINKS | FILLERS | NEGATIONS | ANSWERS]
    used = bool(said) and all(_translated(word) in ("use", "train") or word in USED for word in said)
    return "" if not used else "exclude" if NEGATIONS & set(words) else "use"


def _english(name: str) -> str:
    words = name.split("_")
    if len(words) > 1 and all(_english(word) in RATINGS - UNSPECIFIC for word in words):
        return "rating"  # "quality score"
    compound = next((words[0].removeprefix(one) for one in COMPOUNDS if words[0].startswith(one)), "")
    return name if may_assess(name) else _translated(name) or (_translated(compound) if len(words) == 1 else "")


@lru_cache(maxsize=4096)  # values of assessments repeat
def word_of(value: str) -> str:
    """The English word for a value; a word that is in no list is itself, as a plain name. Words go before symbols.

    >>> word_of("Sehr schlecht!"), word_of("pas bon"), word_of("❌ Rejected by Ada"), word_of("👎👎")
    ('bad', 'bad', 'rejected_by_ada', '👎')
    """
    words, symbols = divided(value)
    word = plain(words or symbol_in(symbols)).strip(".!。！ ").replace("'", "").replace("’", "")
    return _english_value(re.sub(r"_+", "_", folded(word))) or word


def _english_value(word: str) -> str:
    """The English word for a value without accents, also with an adverb or a negation before it; empty if unknown."""
    if word in VALUE_WORDS:
        return VALUE_WORDS[word]
    words = [one for one in word.split("_") if one not in ANSWERS] or [word]  # "bad answer"
    while len(words) > 1 and words[0] in INTENSE:
        words = words[1:]
    denied = len(words) > 1 and words[0] in NEGATIONS
    while denied and len(words) > 2 and words[1] in INTENSE:
        words = [words[0], *words[2:]]
    rest = "_".join(words[denied:])
    found = VALUE_WORDS.get(rest, rest)
    if found not in GRADES | LOW_WORDS or (rest == word and rest not in VALUE_WORDS):
        return ""
    if denied:
        return "bad" if found in GOOD_WORDS else "good"
    return found


def grade_in(value: str) -> str:
    """The English word for a grade that may have its reason with it, such as "poor (too long)" or "👎 wrong price".

    A symbol that means bad decides, whatever the words next to it are.
    """
    symbol = symbol_in(divided(value)[1])
    word = word_of(value)
    if symbol not in BAD_SYMBOLS and (word in BAD_WORDS or word in GOOD_WORDS):
        return word
    first = word_of(REASON.sub("", value)) if REASON.search(value) else ""
    found = next((one for one in (word, first) if one in BAD_WORDS), "") or symbol or first
    return found if found in GRADES else word
