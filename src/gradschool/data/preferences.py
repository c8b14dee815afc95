"""Rows that compare answers: find the preferred one, in the forms of TRL, UltraFeedback, Argilla, arenas and OpenAI."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from gradschool.data.assessments import assessments_of
from gradschool.data.column_names import OUTPUTS
from gradschool.data.contrasts import contrasted, joined_steps
from gradschool.data.corrections import corrected
from gradschool.data.formats import keys_by_name
from gradschool.data.ranked_answers import LISTS, TEXT_KEYS, best_answer
from gradschool.data.sides import REJECTED, SIDE, named_winner, winner

CHOSEN = (
    *("chosen", "preferred_output", "chosen_response", "chosen_answer", "chosen_output", "preferred_response"),
    *("preferred_answer", "preferred", "accepted_response", "better_response", "better", "winner_response"),
)
REJECTED_ANSWER = "rejected answer, not trained on"
STEPWISE = "steps, which together are the ideal answer"
COMPARED = "compared answers; the preferred one is the ideal answer"


def prefer(row: Mapping[str, Any], keys: Mapping[str, str]) -> tuple[Mapping[str, Any], dict[str, str]]:
    """A row whose preferred answer is under `chosen`, and the use of the keys that compared answers.

    `keys` are those of the row by their plain names. Rows that compare nothing are returned as they are. Raises
    NoConversation if no answer is preferred.
    """
    if found := corrected(row, keys):
        value, parts = found
        return _with(row, value, {*parts}), parts
    if steps := joined_steps(row, keys):
        value, used = steps
        return _with(row, value, {*used}), dict.fromkeys(used, STEPWISE)
    if not any(map(_may_compare, keys)):
        pair = contrasted(row, keys)
        if not pair or any(keys.get(word) not in (None, *pair) for word in OUTPUTS):
            return row, {}
        good, bad = pair
        return _with(row, row[good], {good, bad}), {good: "ideal answer", bad: REJECTED_ANSWER}
    if preferred := named_winner(row, keys):
        value, used = preferred
        return _with(row, value, {*used}), dict.fromkeys(used, COMPARED)
    rejected = next((keys[word] for word in REJECTED if _holds(row, keys.get(word))), "")
    chosen = next((keys[word] for word in CHOSEN if _holds(row, keys.get(word))), "")
    if chosen:
        parts = {chosen: "ideal answer"} | ({rejected: REJECTED_ANSWER} if rejected else {})
        return _with(row, row[chosen], {chosen, rejected}), parts
    if best := best_answer(row, keys):
        value, used, use = best
        return _with(row, value, {*used, rejected}), dict.fromkeys([*used, *[rejected] * bool(rejected)], use)
    if preferred := winner(row, keys):
        value, used = preferred
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
        flag = not _is_pair(row) and any(assessments_of({key: value}))
        return bool(value.strip()) and not flag
    return isinstance(value, list | dict) and bool(value)


def _is_pair(row: Mapping[str, Any]) -> bool:
    """Whether `chosen` and `rejected` are answers even if they look like flags, as "No" and "Yes" do: no other is."""
    keys = keys_by_name(row)
    both = (any(isinstance(row[keys[word]], str) for word in words if word in keys) for words in (CHOSEN, REJECTED))
    return all(both) and not any(word in keys for word in (*TEXT_KEYS, *LISTS))


def _with(row: Mapping[str, Any], answer: Any, without: set[str]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key not in without} | {"chosen": answer}
