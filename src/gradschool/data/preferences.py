"""Rows that compare answers: find the preferred one, in the forms of TRL, UltraFeedback, Argilla, arenas and OpenAI."""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from gradschool.data.formats import NoConversation, keys_by_name, plain
from gradschool.data.marks import marks_of

CHOSEN = (
    *("chosen", "preferred_output", "chosen_response", "chosen_answer", "chosen_output", "preferred_response"),
    *("preferred_answer", "preferred", "accepted_response", "better_response", "better", "winner_response"),
)
REJECTED = (
    *("rejected", "non_preferred_output", "rejected_response", "rejected_answer", "rejected_output"),
    *("non_preferred_response", "dispreferred", "dispreferred_response", "worse_response", "worse", "loser_response"),
    *("incorrect_answers", "incorrect_answer", "wrong_answer", "wrong_answers", "bad_answer"),
)
LISTS = ("completions", "responses", "generations", "candidates", "outputs", "answers", "suggestions", "summaries")
TEXT_KEYS = ("response", "completion", "generation", "text", "content", "answer", "output", "summary", "value")
SCORES = ("overall_score", "score", "rating", "reward", "rank_score", "fine_grained_score", "human_score", "quality")
SCORE_LISTS = ("ratings", "rating", "scores", "score", "rewards", "overall_scores")
RANKS = ("ranks", "rank", "ranking", "rankings")
SIDE = re.compile(r"(response|answer|output|completion|conversation|summary|generation|reply|human_ref)_?([a-e]|[0-4])")
WINNERS = (
    *("winner", "preference", "preferred", "better_response_id", "better", "chosen", "choice", "overall_preference"),
    *("selected", "preferred_id", "vote", "best", "best_response", "best_answer", "human_choice", "human_preference"),
)
TIES = {"tie", "tied", "draw", "both", "both_good", "both_bad", "bothbad", "tie_(bothbad)", "neither", "none", "equal"}
OF_CHOICES = {"answer", "correct_answer", "answer_key", "correct_option", "correct", "solution", "right_answer", "gold"}
REJECTED_ANSWER = "rejected answer, not trained on"
COMPARED = "compared answers; the preferred one is the ideal answer"


def prefer(row: Mapping[str, Any]) -> tuple[Mapping[str, Any], dict[str, str]]:
    """A row whose preferred answer is under `chosen`, and the use of the keys that compared answers.

    Rows that compare nothing are returned as they are. Raises NoConversation if no answer is preferred.
    """
    keys = keys_by_name(row)
    if not any(map(_may_compare, keys)):
        return row, {}
    if found := _named(row, keys):
        value, used = found
        return _with(row, value, {*used}), dict.fromkeys(used, COMPARED)
    rejected = next((keys[word] for word in REJECTED if _holds(row, keys.get(word))), "")
    chosen = next((keys[word] for word in CHOSEN if _holds(row, keys.get(word))), "")
    if chosen:
        parts = {chosen: "ideal answer"} | ({rejected: REJECTED_ANSWER} if rejected else {})
        return _with(row, row[chosen], {chosen, rejected}), parts
    if found := _rated(row, keys) or _sided(row, keys):
        value, used = found
        return _with(row, value, {*used, rejected}), dict.fromkeys([*used, *[rejected] * bool(rejected)], COMPARED)
    if rejected:  # answers that are wrong, next to a right one
        return {key: value for key, value in row.items() if key != rejected}, {rejected: REJECTED_ANSWER}
    return row, {}


@lru_cache(maxsize=4096)  # called for each key of each row
def _may_compare(name: str) -> bool:
    return name in CHOSEN or name in REJECTED or name in LISTS or SIDE.fullmatch(name) is not None


def _holds(row: Mapping[str, Any], key: str | None) -> bool:
    """Whether a key holds an answer; `chosen` and `rejected` may also be flags."""
    if key is None:
        return False
    value = row[key]
    if isinstance(value, str):
        flag = not _is_pair(row) and any(marks_of({key: value}))
        return bool(value.strip()) and not flag
    return isinstance(value, list | dict) and bool(value)


def _is_pair(row: Mapping[str, Any]) -> bool:
    """Whether `chosen` and `rejected` are answers even if they look like flags, as "No" and "Yes" do: no other is."""
    keys = keys_by_name(row)
    both = (any(isinstance(row[keys[word]], str) for word in words if word in keys) for words in (CHOSEN, REJECTED))
    return all(both) and not any(word in keys for word in (*TEXT_KEYS, *LISTS))


def _with(row: Mapping[str, Any], answer: Any, without: set[str]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key not in without} | {"chosen": answer}


def _rated(row: Mapping[str, Any], keys: Mapping[str, str]) -> tuple[Any, list[str]] | None:
    """The best of a list of answers with scores or ranks."""
    for word in LISTS:
        answers = row.get(keys.get(word, ""))
        if not isinstance(answers, list) or len(answers) < 2:
            continue
        if all(isinstance(answer, dict) for answer in answers):
            for words, sign in ((SCORES, 1), (RANKS, -1)):
                own = [sign * score for answer in answers if (score := _score(answer, words)) is not None]
                if len(own) == len(answers):
                    return _text_of(answers[own.index(max(own))]), [keys[word]]
        if (scored := _parallel_scores(row, keys, len(answers))) is not None:
            key, scores = scored
            return _text_of(answers[scores.index(max(scores))]), [keys[word], key]
        picked = next((keys[name] for name in ("choice", "best") if name in keys), "")
        if picked and isinstance(row[picked], int) and 0 <= row[picked] < len(answers):
            return _text_of(answers[row[picked]]), [keys[word], picked]
    return None


def _parallel_scores(row: Mapping[str, Any], keys: Mapping[str, str], count: int) -> tuple[str, list[float]] | None:
    """The list of scores, or of ranks with their sign changed, that belongs to a list of answers; and its key."""
    for words, sign in ((SCORE_LISTS, 1), (RANKS, -1)):
        for word in words:
            given = row.get(keys.get(word, ""))
            if isinstance(given, list) and len(given) == count and all(map(_is_number, given)):
                return keys[word], [sign * number for number in given]
    return None


def _score(answer: Mapping[str, Any], words: Iterable[str]) -> float | None:
    keys = keys_by_name(answer)
    value = next((answer[keys[word]] for word in words if word in keys), None)
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return None
    return float(value) if value is not None and _is_number(value) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _text_of(answer: Any) -> Any:
    """The text of an answer that may be an object with scores; messages stay messages."""
    if not isinstance(answer, dict):
        return answer
    keys = keys_by_name(answer)
    return next((answer[keys[word]] for word in TEXT_KEYS if word in keys), answer)


def _sides(row: Mapping[str, Any], keys: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """The keys of answers side by side, by their stem and their letter or number."""
    stems: dict[str, dict[str, str]] = {}
    for name, key in keys.items():
        if (found := SIDE.fullmatch(name)) and row[key] not in (None, ""):
            stems.setdefault(found[1], {})[found[2]] = key
    return {stem: sides for stem, sides in stems.items() if len(sides) > 1}


def _named(row: Mapping[str, Any], keys: Mapping[str, str]) -> tuple[Any, list[str]] | None:
    """The winner of answers side by side, of which a value names a key: `better: "answer_2"`, whatever it is called.

    A key such as `correct_answer` has the right one of several choices instead.
    """
    for sides in _sides(row, keys).values():
        names = {plain(key): key for key in sides.values()}
        names |= {name.replace("_", ""): key for name, key in names.items()}
        for name, key in keys.items():
            value = plain(row[key]).strip(".!:` ") if isinstance(row[key], str) and len(row[key]) < 40 else ""
            if not value or key in sides.values() or name in OF_CHOICES:
                continue
            if value in TIES and name in WINNERS:
                raise NoConversation(f"compares {len(sides)} answers, but `{key}` is {row[key]!r}: none is preferred")
            if value not in names:
                continue
            left = [side for side in sides.values() if side != names[value]]
            if name not in REJECTED:
                return row[names[value]], [*sides.values(), key]
            if len(left) == 1:
                return row[left[0]], [*sides.values(), key]
    return None


def _sided(row: Mapping[str, Any], keys: Mapping[str, str]) -> tuple[Any, list[str]] | None:
    """The winner of two answers: `response_a`, `response_b` and `winner`, and other names for these."""
    found = _sides(row, keys).items()
    stem, sides = next(((stem, sides) for stem, sides in found if len(sides) == 2), ("", {}))
    words = ("labels", "label") if stem == "human_ref" else WINNERS
    winner = next((keys[word] for word in words if word in keys and not isinstance(row[keys[word]], dict | list)), "")
    if not sides or not winner:
        return None
    first, second = sorted(sides)
    verdict = plain(str(row[winner]))
    for prefix in ("model_", "response_", "assistant_", "answer_", "option_"):
        verdict = verdict.removeprefix(prefix)
    if stem == "human_ref":
        verdict = "a" if verdict == "1" else "b"  # SHP: 1 if A is preferred
    places = {"a": first, "first": first, "left": first, "b": second, "second": second, "right": second}
    if first == "a":
        places |= {"0": first, "2": second}  # a 1 may be either
    name = verdict if verdict in sides else places.get(verdict, "")
    if not name:
        raise NoConversation(f"compares two answers, but `{winner}` is {str(row[winner])[:40]!r}: none is preferred")
    return row[sides[name]], [sides[first], sides[second], winner]
