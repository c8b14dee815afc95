"""Marks in rows and messages that say whether an answer is good enough to train on: flags, weights, votes, ratings."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal

from gradschool.data.formats import plain

Verdict = Literal["good", "bad", "number"]

GOOD_IF_TRUE = {
    *("kto_label", "kto_tag", "good", "is_good", "good_answer", "train", "training", "trainable", "is_trainable"),
    *("train_on", "use", "use_for_training", "use_in_training", "include", "included", "include_in_training", "keep"),
    *("loss", "loss_mask", "calculate_loss", "compute_loss", "approved", "is_approved", "accepted", "is_accepted"),
    *("accept", "correct", "is_correct", "desirable", "is_desirable", "helpful", "is_helpful", "valid", "is_valid"),
    *("chosen", "is_chosen", "preferred", "is_preferred", "learn", "ok", "okay", "is_ok", "verified", "is_verified"),
    *("human_verified", "validated", "is_validated", "passed", "accurate", "is_accurate", "factual", "is_factual"),
    *("grounded", "is_grounded", "faithful", "is_faithful", "train_on_turn", "train_turn", "train_on_this"),
}
GOOD_IF_LIKED = {"like", "liked", "likes", "thumbs_up", "thumb_up", "thumbsup", "upvoted", "upvotes"}  # 0: no reaction
BAD_IF_TRUE = {
    *("bad", "is_bad", "bad_answer", "rejected", "is_rejected", "exclude", "excluded", "exclude_from_training"),
    *("skip", "skipped", "ignore", "ignored", "do_not_train", "do_not_use", "dont_train", "no_train", "discard"),
    *("not_for_training", "discarded", "deleted", "is_deleted", "flagged", "is_flagged", "spam", "is_spam"),
    *("thumbs_down", "thumb_down", "thumbsdown", "dislike", "disliked", "dislikes", "downvoted", "downvotes"),
    *("incorrect", "is_incorrect", "wrong", "is_wrong", "undesirable", "unhelpful", "was_cancelled", "dont_use"),
    *("hallucinated", "is_hallucinated", "hallucination", "hallucinations", "is_hallucination", "has_hallucination"),
    *("has_hallucinations", "low_quality", "is_low_quality", "needs_revision", "needs_fix", "failed"),
}
WEIGHTS = {"weight", "loss_weight", "sample_weight", "train_weight", "training_weight", "example_weight"}
RATINGS = {
    *("rating", "ratings", "user_rating", "answer_rating", "response_rating", "overall_rating", "star", "stars"),
    *("star_rating", "csat", "satisfaction", "helpfulness", "feedback", "user_feedback", "human_feedback"),
    *("admin_feedback", "thumb", "thumbs", "vote", "votes", "reaction", "grade", "quality", "score", "human_score"),
    *("overall_score", "reward", "judgement", "judgment", "evaluation", "assessment", "preference", "feedback_score"),
    *("label", "annotation", "annotations", "message_feedback", "feedback_value", "answer_quality", "correctness"),
}
STATES = re.compile(
    r"((reviewer|review|annotator|annotation|response|answer|human|qa|editor|moderator|moderation|quality|label|final|"
    r"curation|curator|approval|judge|grader)_)?(status|state|decision|verdict|result|outcome)|review"
)
GRADED = re.compile(r"(.*_)?(quality|rating|grade|score|helpfulness|correctness|satisfaction)")
TAGS = {"tags", "tag", "flags", "labels"}  # lists of words, also as one text with commas
INSIDE = {"metadata", "meta", "extra", "attributes", "data", "scores", "evaluations", "evals", "feedbacks"}  # of marks
FLAGS = GOOD_IF_TRUE | GOOD_IF_LIKED | BAD_IF_TRUE | WEIGHTS
NESTED = RATINGS | INSIDE
SCALED = RATINGS - {"label", "reward", "preference", "vote", "votes", "reaction"}  # may be a scale of 5 or 10

REJECTED = {
    *("bad", "rejected", "reject", "declined", "discarded", "excluded", "exclude", "spam", "deleted", "invalid"),
    *("flagged", "do_not_use", "do_not_train", "trash", "unusable", "undesirable", "disapproved", "not_approved"),
    *("abgelehnt", "verworfen", "rechazado", "descartado", "rejeté", "refusé", "rifiutato", "rejeitado", "afgewezen"),
}
UNFINISHED = {  # states of an answer that a reviewer sent back
    *("needs_revision", "needs_work", "needs_fix", "needs_fixing", "needs_correction", "needs_changes", "to_fix"),
    *("changes_requested", "revise", "rework", "fail", "failed", "incorrect", "wrong"),
}
BEGINNINGS = (  # of a state with its reason, such as "Rejected by reviewer"
    *("rejected_", "reject_", "declined_", "discarded_", "excluded_", "disapproved_", "not_approved_", "failed_"),
    *("do_not_use_", "do_not_train_", "abgelehnt_", "rechazado_", "rejeté_", "refusé_", "needs_revision_"),
)
TAGGED = {  # the words that mean an answer, not a topic
    *("do_not_train", "do_not_use", "dont_train", "dont_use", "no_train", "notrain", "not_for_training", "exclude"),
    *("excluded", "exclude_from_training", "rejected", "discard", "discarded", "bad_answer", "bad_response"),
    *("wrong_answer", "incorrect", "low_quality", "poor_quality", "hallucination", "hallucinated", "needs_revision"),
}
FALSE = {
    *("false", "no", "n", "f", "off", "0", "0.0", "nein", "non", "não", "nao", "nee", "nej", "nie", "nem", "нет"),
    *("falsch", "faux", "falso", "fałsz", "onwaar", "ложь", "✗", "✘", "✕", "✖", "❌", "☐", "🚫", "⛔"),
}
TRUE = {
    *("true", "yes", "y", "t", "on", "1", "1.0", "ja", "oui", "si", "sí", "sì", "sim", "tak", "igen", "да", "x"),
    *("wahr", "vrai", "verdadero", "vero", "verdadeiro", "prawda", "waar", "истина", "✓", "✔", "✅", "☑"),
}
BAD_WORDS = REJECTED | {
    *("wrong", "incorrect", "poor", "very_poor", "terrible", "awful", "negative", "thumbs_down", "thumb_down"),
    *("thumbsdown", "down", "downvote", "downvoted", "dislike", "disliked", "👎", "unhelpful", "not_helpful"),
    *("not_good", "unsatisfied", "dissatisfied", "very_dissatisfied", "unacceptable", "fail", "failed", "inaccurate"),
    *("no", "☹", "🙁", "😞", "😡", "garbage", "useless", "low_quality", "poor_quality", "worst", "bad_answer"),
    *("schlecht", "mauvais", "mauvaise", "malo", "mala", "ruim", "slecht", "sbagliato", "incorrecto", "errado"),
    *(FALSE - {"n", "f", "0", "0.0", "off", "non", "nie"}),
}
LOW_WORDS = {"low", "very_low", "lowest", "d", "e", "f", "d+", "d_", "f+", "f_", "niedrig", "gering", "bajo", "basso"}
GOOD_WORDS = {
    *("good", "great", "very_good", "excellent", "ok", "okay", "right", "correct", "positive", "thumbs_up", "thumb_up"),
    *("thumbsup", "up", "upvote", "upvoted", "like", "liked", "👍", "helpful", "satisfied", "very_satisfied", "pass"),
    *("passed", "accurate", "true", "yes", "approved", "accepted", "accept", "chosen", "preferred", "desirable"),
    *("submitted", "valid", "✓", "✔", "✅", "🙂", "😀"),
}
LABEL_WORDS = REJECTED | {"false", "thumbs_down", "👎"}  # `label` may also be a class, such as "negative" or "no"
OF_SCALE = re.compile(r"(-?\d+(?:[.,]\d+)?)\s*(?:/|of|out of|von|sur|de)\s*(5|10)(?:\s*stars?)?", re.IGNORECASE)
NUMBER = re.compile(r"([-+]?\d+(?:[.,]\d+)?)(?:\s*(?:stars?|points?|★|⭐))?", re.IGNORECASE)
SKIN = re.compile("[\U0001f3fb-\U0001f3ff\ufe0f]")
MAX_DEPTH = 3


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark of an answer: the key as the file spells it, its value, and what it says.

    The meaning of a number depends on the scale, which only all numbers of the file show (see `bad_up_to`).
    """

    key: str
    value: str
    verdict: Verdict
    number: float = 0.0
    weight: bool = False

    def __str__(self) -> str:
        return f"`{self.key}` is {self.value}"


def marks_of(row: Mapping[str, Any], taken: Collection[str] = (), depth: int = 0) -> Iterator[Mark]:
    """The marks of a row or a message; `taken` are the keys that hold its content."""
    for key, value in row.items():
        name = _name(key)
        if not _may_mark(name) or key in taken or value is None or value == "":
            continue
        if name in TAGS:
            yield from _tagged(key, value)
        elif isinstance(value, dict | list):
            if depth < MAX_DEPTH and name in NESTED:
                yield from _inside(key, value, depth)
        elif found := _mark(name, key, value):
            yield found


@lru_cache(maxsize=4096)  # called for each key of each row
def _name(key: str) -> str:
    """The plain name of a key as people write it: "Use for training? (yes/no)" is `use_for_training`."""
    words = re.sub(r"\W+", "_", re.sub(r"\([^)\n]{0,200}\)|['’]", "", plain(key))).strip("_")
    return words or plain(key)


@lru_cache(maxsize=4096)
def _may_mark(name: str) -> bool:
    return name in FLAGS or name in NESTED or name in TAGS or STATES.fullmatch(name) is not None


def _tagged(key: str, value: Any) -> Iterator[Mark]:
    words = re.split(r"[,;|]", value) if isinstance(value, str) else value if isinstance(value, list) else []
    for word in words:
        if isinstance(word, str) and _name(word) in TAGGED:
            yield Mark(key, word.strip()[:40], "bad")


def _inside(key: str, value: Any, depth: int) -> Iterator[Mark]:
    """The marks in an object or a list of objects, such as `feedback: {"rating": -1}` or `[{"value": 0}]`.

    Of several annotations, the cancelled ones do not count.
    """
    inners = value if isinstance(value, list) else [value]
    if not all(isinstance(inner, dict) for inner in inners):
        return
    for inner in [inner for inner in inners if not inner.get("was_cancelled")] or inners:
        values = dict(inner)
        named = next((inner[word] for word in ("name", "key", "metric") if isinstance(inner.get(word), str)), "")
        if named and named not in inner and _may_mark(_name(named)):
            values[named] = inner.get("value", inner.get("score", inner.get("type")))
            values.pop("score", None)
        elif _name(key) in RATINGS and not named and "rating" not in inner:
            values["rating"] = inner.get("value", inner.get("type"))
        for mark in marks_of(values, depth=depth + 1):
            yield replace(mark, key=f"{key}.{mark.key}")


def _mark(name: str, key: str, value: Any) -> Mark | None:
    shown = str(value)[:40]
    word = SKIN.sub("", plain(shown)).strip(".!").replace("'", "").replace("’", "")
    number = _number(value)
    if name in WEIGHTS:
        return None if number is None else Mark(key, shown, "bad" if number <= 0 else "good", number, weight=True)
    if (name in GOOD_IF_TRUE or name in GOOD_IF_LIKED) and (word in TRUE | FALSE or number == -1):
        liked = name in GOOD_IF_LIKED and number is not None
        return None if liked and word in FALSE else Mark(key, shown, "good" if word in TRUE else "bad")
    if name in BAD_IF_TRUE and (word in TRUE | FALSE or number is not None):
        bad = word in TRUE or (number is not None and number > 0)
        return Mark(key, shown, "bad") if bad else None
    if STATES.fullmatch(name):
        reasoned = name != "review" and word.startswith(BEGINNINGS)
        return Mark(key, shown, "bad") if reasoned or word in REJECTED | UNFINISHED else None
    if name not in RATINGS:
        return None
    if isinstance(value, bool):
        return Mark(key, shown, "good" if value else "bad")
    if number is not None:
        return Mark(key, shown, "number", number)
    if word in (LABEL_WORDS if name == "label" else BAD_WORDS) or (GRADED.fullmatch(name) and word in LOW_WORDS):
        return Mark(key, shown, "bad")
    return Mark(key, shown, "good") if name != "label" and word in GOOD_WORDS else None


def _number(value: Any) -> float | None:
    """A number, also as text: "4", "4/5", "2 stars", "★★☆☆☆"; on a scale of 5."""
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, int | float):
        return float(value) if abs(value) < 1e9 else None
    text = value.strip() if isinstance(value, str) else ""
    if text and not text.strip("★☆⭐"):
        return float(text.count("★") + text.count("⭐"))
    if found := OF_SCALE.fullmatch(text):
        return float(found[1].replace(",", ".")) * 5 / float(found[2])
    found = NUMBER.fullmatch(text)
    return float(found[1].replace(",", ".")) if found else None


def bad_up_to(key: str, numbers: Sequence[float]) -> float | None:
    """The highest number that marks a bad answer, from all numbers of a key; None if they match no known scale.

    The scales are signs (below 0 is bad), 0 and 1, and for ratings 5 (1 and 2 are bad) and 10 (4 and below).
    """
    low, high = min(numbers), max(numbers)
    if not all((2 * number).is_integer() for number in numbers):
        return None
    if low < 0:
        return -0.5
    if high <= 1:
        return 0.0
    if not SCALED & {plain(part) for part in key.split(".")} or high < 4 or high > 10:
        return None
    return 2.0 if high <= 5 else 4.0
