"""Lists of answers to one question with votes, scores, ranks or an accepted one: which of them is the best."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gradschool.data.answers import printed
from gradschool.data.assessment_names import word_of
from gradschool.data.assessment_words import TRUE
from gradschool.data.assessments import assessments_of
from gradschool.data.formats import MarkedBad, keys_by_name, plain, value_of
from gradschool.data.sides import SCORES

LISTS = ("completions", "responses", "generations", "candidates", "outputs", "answers", "suggestions", "summaries")
TEXT_KEYS = (
    *("response", "completion", "generation", "text", "content", "answer", "output", "summary", "value", "body"),
    *("answer_text", "answer_body", "body_markdown", "body_text", "reply", "comment", "message"),
)
VOTES = (  # numbers below 0 mean that more readers rejected an answer than liked it
    *("score", "votes", "vote_count", "num_votes", "net_votes", "answer_score", "upvotes", "upvote_count", "ups"),
    *("likes", "like_count", "points", "helpful_votes", "karma", "vote"),
)
SCORE_LISTS = ("ratings", "rating", "scores", "score", "rewards", "overall_scores", "answer_scores", "votes", "upvotes")
RANKS = ("ranks", "rank", "ranking", "rankings", "position")
ACCEPTED = (
    *("is_accepted", "accepted", "is_accepted_answer", "accepted_answer", "is_best", "best", "is_best_answer"),
    *("best_answer", "is_selected", "selected", "is_chosen", "chosen", "is_solution", "is_answer"),
)
IDS = ("answer_id", "a_id", "id", "aid", "post_id")
ACCEPTED_IDS = ("accepted_answer_id", "accepted_id", "best_answer_id", "chosen_answer_id", "selected_answer_id")
PLACES = ("choice", "best", "best_index", "accepted_index", "best_answer_index")
BEST, GIVEN = ("best_answer", "accepted_answer", "top_answer", "chosen_answer"), ("answer", "output", "response")
SEVERAL = "several answers"  # the beginning of a use and of a note
NUMBER = re.compile(r"([-+]?\d+(?:,\d{3})*(?:\.\d+)?)\s?(k?)", re.IGNORECASE)


def best_answer(row: Mapping[str, Any], keys: Mapping[str, str]) -> tuple[Any, list[str], str] | None:
    """The best of a row's list of answers, the keys that were read, and their use in words; None without such a list.

    The accepted answer is the best one, then the one with the most votes, the highest score or the first rank. Raises
    MarkedBad if all are marked as bad, or if readers rejected even the best one.
    """
    for word in (*BEST, *GIVEN):
        if word in keys and isinstance(value := row[keys[word]], str) and value.strip():  # the row names its answer
            return (value, [keys[word]], "ideal answer") if word in BEST and _has_list(row, keys) else None
    for key in (keys[word] for word in LISTS if word in keys):
        answers = listed(row[key], key)
        objects = [answer for answer in answers if isinstance(answer, dict)]
        if (
            objects
            and len(objects) == len(answers)
            and (found := _accepted(row, keys, objects) or _rated(objects, key))
        ):
            return text_of(found[0]), [key, *_ids_used(row, keys)], _use(key, found[1], len(answers))
        if len(answers) > 1 and (listed_best := _by_list(row, keys, answers)):
            best, used = listed_best
            return text_of(best), [key, used], _use(key, f"the one that `{used}` says is the best", len(answers))
    return None


def _has_list(row: Mapping[str, Any], keys: Mapping[str, str]) -> bool:
    return any(isinstance(row[keys[word]], list | dict) for word in LISTS if word in keys)


def _use(key: str, why: str, count: int) -> str:
    return f"{SEVERAL}: {why} is the ideal answer (`{key}`)" if count > 1 else "ideal answer"


def listed(value: Any, key: str) -> list[Any]:
    """A list of answers; an object of lists of equal length, as in ELI5, becomes a list of objects."""
    value = printed(value, key) if isinstance(value, str) else value
    if isinstance(value, dict):
        keys = keys_by_name(value)
        text = next((value[keys[word]] for word in TEXT_KEYS if word in keys), None)
        if not isinstance(text, list) or not text:
            return []
        columns = {name: cells for name, cells in value.items() if isinstance(cells, list) and len(cells) == len(text)}
        return [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]
    return value if isinstance(value, list) else []


def _accepted(
    row: Mapping[str, Any], keys: Mapping[str, str], answers: Sequence[dict[str, Any]]
) -> tuple[dict[str, Any], str] | None:
    """The answer that was accepted, by a flag of its own or by its id in the row."""
    for word in ACCEPTED:
        flags = [_value(answer, (word,)) for answer in answers]
        chosen = [answer for answer, flag in zip(answers, flags, strict=True) if word_of(str(flag)) in TRUE]
        if len(chosen) == 1:
            return chosen[0], f"the accepted one (`{word}`)"
    for key in _ids_used(row, keys):
        wanted = [answer for answer in answers if str(_value(answer, IDS)) == str(row[key])]
        if len(wanted) == 1:
            return wanted[0], f"the accepted one (`{key}`)"
    return None


def _ids_used(row: Mapping[str, Any], keys: Mapping[str, str]) -> list[str]:
    return [keys[word] for word in ACCEPTED_IDS if word in keys and row[keys[word]] not in (None, "")]


def _usable(answers: Sequence[dict[str, Any]], key: str) -> list[dict[str, Any]]:
    """The answers that are not marked as bad; that an answer was not accepted does not make it bad."""
    judged = [{name: value for name, value in answer.items() if plain(name) not in ACCEPTED} for answer in answers]
    bad = [any(one.meaning == "bad" for one in assessments_of(answer)) for answer in judged]
    if all(bad):
        raise MarkedBad(f"all answers in `{key}` are marked as bad")
    return [answer for answer, is_bad in zip(answers, bad, strict=True) if not is_bad]


def _rated(answers: Sequence[dict[str, Any]], key: str) -> tuple[dict[str, Any], str] | None:
    usable = _usable(answers, key)
    unmarked = (usable[0], "the first one that is not marked as bad") if len(usable) < len(answers) else None
    return _best_of(usable, key) or unmarked


def _best_of(answers: Sequence[dict[str, Any]], key: str) -> tuple[dict[str, Any], str] | None:
    """The answer with the highest score or the first rank; of equal ones the first."""
    for words, sign in (((*VOTES, *SCORES), 1), (RANKS, -1)):
        for word in words:
            given = [number_in(_value(answer, (word,))) for answer in answers]
            numbers = [number for number in given if number is not None]
            if not numbers or (sign < 0 and len(numbers) < len(answers)):
                continue
            best = max(numbers) if sign > 0 else min(numbers)
            if sign > 0 and best < 0 and word in VOTES and all(number.is_integer() for number in numbers):
                raise MarkedBad(f"the best answer in `{key}` has a `{word}` of {best:g}")
            how = f"the one with the highest `{word}`" if sign > 0 else f"the one with the first `{word}`"
            return answers[given.index(best)], how
    return None


def _by_list(row: Mapping[str, Any], keys: Mapping[str, str], answers: Sequence[Any]) -> tuple[Any, str] | None:
    """The best answer by a list of scores or ranks next to the list of answers, or by its place."""
    for words, sign in ((SCORE_LISTS, 1), (RANKS, -1)):
        for word in words:
            given = value_of(row, keys, word)
            if isinstance(given, list) and len(given) == len(answers) and all(map(_is_number, given)):
                return answers[given.index(max(given) if sign > 0 else min(given))], keys[word]
    key = next((keys[word] for word in PLACES if word in keys), "")
    place = row.get(key)
    if isinstance(place, int) and not isinstance(place, bool) and 0 <= place < len(answers):
        return answers[place], key
    return None


def _value(answer: Mapping[str, Any], words: Iterable[str]) -> Any:
    keys = keys_by_name(answer)
    return next((answer[keys[word]] for word in words if word in keys), None)


def number_in(value: Any) -> float | None:
    """A number, also as text such as "1,204" or "1.2k"; None for anything else, a truth value included."""
    if isinstance(value, str):
        found = NUMBER.fullmatch(value.strip())
        return float(found[1].replace(",", "")) * (1000 if found[2] else 1) if found else None
    return float(value) if _is_number(value) and value == value else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def text_of(answer: Any) -> Any:
    """The text of an answer that may be an object with scores; messages stay messages."""
    if not isinstance(answer, dict):
        return answer
    keys = keys_by_name(answer)
    return next((answer[keys[word]] for word in TEXT_KEYS if word in keys), answer)
