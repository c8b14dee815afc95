"""Columns that are not read: those with content, or with what looks like grades of the answers, are named."""

from collections import Counter
from collections.abc import Iterator, Mapping, Set
from typing import Any

from gradschool.data.assessment_names import grade_in, name_of
from gradschool.data.assessment_words import BAD_WORDS, FALSE, GRADES, LOW_WORDS, RATINGS, TAGS, TRUE
from gradschool.data.assessments import MAX_DEPTH, Assessment, assessments_of, number_of, share_of
from gradschool.data.columns import is_filled, says
from gradschool.data.formats import as_text
from gradschool.data.issues import Kind
from gradschool.data.normalize import SPACELESS, word_count

MIN_WORDS = 4  # on average, from which any column has content
CONTENT = {  # words of keys whose values are content, however short
    *(
        "persona",
        "character",
        "profile",
        "background",
        "bio",
        "role",
        "scenario",
        "setting",
        "style",
        "tone",
        "audience",
    ),
    *("hint", "hints", "constraint", "constraints", "requirement", "requirements", "rule", "rules", "guideline"),
    *("guidelines", "keyword", "keywords", "explanation", "distractor", "distractors", "clue", "facts", "history"),
    *("previous", "memory", "example", "examples", "test", "tests"),
    *(
        "steckbrief",
        "figur",
        "figura",
        "charakter",
        "karakter",
        "hintergrund",
        "hinweis",
        "hinweise",
        "personaje",
        "personnage",
        "personaggio",
        "perfil",
        "profil",
    ),
    *("profilo", "contexte", "kontext", "contexto", "contesto", "rolle", "rôle", "rol", "ruolo", "роль", "персонаж"),
    *("контекст", "人物", "背景", "キャラクター", "性格", "角色", "人设", "配景", "성격", "배경", "페르소나"),
}
MAX_VALUES = 12  # different ones, of a column of grades
MIN_ROWS, MIN_REPEATED = 6, 2  # rows, and rows a value, from which numbers and truth values may be grades
MAX_WORDS = 4  # of a grade
MAX_LENGTH = 40  # characters
FREE = {"label", "feedback", "user_feedback", "human_feedback", "admin_feedback", *TAGS}  # may hold any text
OTHERS = {  # words of keys whose few values are no grades of answers
    *("sentiment", "emotion", "mood", "polarity", "tone", "stimmung", "humeur", "sentimiento", "topic", "category"),
    *("class", "type", "kind", "gender", "sex", "lang", "language", "subject", "domain", "source", "model", "urgency"),
    *("severity", "priority", "level", "difficulty", "turn", "turns", "length", "len", "count", "num", "number", "n"),
    *("nb", "hop", "hops", "step", "steps", "page", "year", "month", "day", "hour", "version", "age", "split", "seed"),
    *("cluster", "size", "tokens", "chars", "words", "index", "idx", "id", "position", "chapter", "part", "round"),
    *("session", "group", "order", "week", "quarter", "channel", "has", "contains", "multi", "single", "impossible"),
    *("answerable", "gold", "batch", "shard", "worker", "fold", "temperature", "top", "k", "p", "anzahl", "seite"),
    *("jahr", "monat", "tag", "kapitel", "schwierigkeit", "priorität", "dringlichkeit", "niveau", "nombre", "número"),
    *("numero", "page", "année", "mois", "stream", "streaming", "truncated", "redacted", "english", "toxicity"),
}


class UnreadColumns:
    """Collects what the columns hold that are not read."""

    def __init__(self) -> None:
        self._words: dict[str, list[float]] = {}
        self._values: dict[str, Counter[str]] = {}
        self._marked: dict[str, Assessment] = {}  # in objects
        self._read: set[str] = set()  # in some row

    def add(self, row: Mapping[str, Any], read: Set[str], *, graded: bool) -> None:
        """Collect the values of a row, but not those under the keys that were `read`; `graded` rows may have grades."""
        self._read |= read
        for key, value in row.items():
            if key in read or not is_filled(value):
                continue
            if key not in self._marked and (marks := marks_in(value)):
                self._marked[key] = marks[0]
            if words := _words_in(value):
                self._words.setdefault(key, []).append(words)
            values = self._values.setdefault(key, Counter())
            if graded and not isinstance(value, list | dict) and len(values) <= MAX_VALUES:
                values[str(value).strip()[: MAX_LENGTH + 1]] += 1

    def remarks(self) -> Iterator[tuple[Kind, str]]:
        """For each column with content, or with what looks like grades, what to do about it."""
        for key, values in self._values.items():
            if mark := self._marked.get(key):
                yield (
                    "unknown rating",
                    f"the column {key!r} has marks such as {mark}, and is not read: every row is trained on. If it "
                    "assesses the answers, rename it to `feedback`, so that bad answers are left out",
                )
            elif grades := _grades(key, values):
                yield "unknown rating", grades
            elif key not in self._read and self._has_content(key):
                text = f"the column {key!r} has content and is not read; join it to the input, or remove it"
                yield "unused column", text

    def _has_content(self, key: str) -> bool:
        words = self._words.get(key, [])
        return bool(words) and (sum(words) >= MIN_WORDS * len(words) or says(key.rstrip("0123456789"), CONTENT))


def marks_in(value: Any, depth: int = 0) -> list[Assessment]:
    """What an object, or those in a list or an object, say of something that is bad."""
    if isinstance(value, list):
        return [one for inner in value[:MAX_VALUES] for one in marks_in(inner, depth + 1)] if depth < MAX_DEPTH else []
    if not isinstance(value, dict):
        return []
    found = [one for one in assessments_of(value) if one.meaning == "bad"]
    inner = [one for part in value.values() for one in marks_in(part, depth + 1)] if depth < MAX_DEPTH else []
    return found or inner


def _words_in(value: Any) -> float:
    """The words of a value; a list or an object counts as content, and two characters as a word in Chinese."""
    if isinstance(value, list | dict):
        return MIN_WORDS
    text = as_text(value, set())
    return word_count(text) / 2 if SPACELESS.search(text) else len(text.split())


def _grades(key: str, values: Counter[str]) -> str:
    """What to do about a column that looks like grades; empty if it does not."""
    if not values or len(values) > MAX_VALUES or any(len(value) > MAX_LENGTH for value in values):
        return ""
    shown = ", ".join(f"{value!r} ({count})" for value, count in values.most_common(4))
    shown += ", …" if len(values) > 4 else ""
    if name_of(key) in RATINGS - FREE:
        unknown = [value for value in values if not _is_grade(value)]
        if not unknown or any(len(value.split()) > MAX_WORDS for value in unknown):
            return ""
        return (
            f"the column {key!r} rates the answers, but some values are not known as good or bad: {shown}. Their rows "
            "are trained on; write `bad` where they should not be"
        )
    if not looks_graded(key, values):
        return ""
    return (
        f"the column {key!r} looks like grades of the answers ({shown}) and is not read: every row is trained on. If "
        "it grades them, rename it to `rating`, or to `train` if it says yes or no, so that bad answers are left out"
    )


def looks_graded(key: str, values: Mapping[str, int]) -> bool:
    """Whether the counted values of a column look like grades: words for good and bad, yes and no, or a short scale."""
    name = name_of(key)
    if OTHERS & {name, *name.split("_")}:
        return False
    words = {grade_in(value) for value in values}
    if words <= GRADES | LOW_WORDS | TRUE | FALSE | {"high"} and words & (BAD_WORDS & GRADES):
        return True
    rows = sum(values.values())
    if rows < MIN_ROWS or len(values) < 2 or rows < MIN_REPEATED * len(values):
        return False
    if words <= TRUE | FALSE:
        return bool(words & TRUE) and bool(words & FALSE)
    if all(share_of(value) is not None for value in values):
        return True
    numbers = [number for value in values if (number := number_of(value)) is not None]
    scale = len(numbers) == len(values) and all((2 * number).is_integer() for number in numbers)
    return scale and -1 <= min(numbers) <= 1 <= max(numbers) <= 10


def _is_grade(value: str) -> bool:
    known = grade_in(value) in GRADES | LOW_WORDS | TRUE | FALSE | {"high"}
    return known or number_of(value) is not None or share_of(value) is not None
