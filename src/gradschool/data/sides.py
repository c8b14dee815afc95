"""Two or more answers side by side, such as `response_a` and `response_b`, and what says which one is preferred."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from gradschool.data.formats import MarkedBad, NoConversation, plain

SCORES = (
    *("overall_score", "score", "rating", "reward", "rank_score", "fine_grained_score", "human_score", "quality"),
    *("pm_score", "helpfulness"),
)
REJECTED = (
    *("rejected", "non_preferred_output", "rejected_response", "rejected_answer", "rejected_output"),
    *("non_preferred_response", "dispreferred", "dispreferred_response", "worse_response", "worse", "loser_response"),
    *("incorrect_answers", "incorrect_answer", "wrong_answer", "wrong_answers", "bad_answer"),
)
SIDE = re.compile(r"(response|answer|output|completion|conversation|summary|generation|reply|human_ref)_?([a-e]|[0-4])")
WINNERS = (
    *("winner", "preference", "preferred", "better_response_id", "better", "chosen", "choice", "overall_preference"),
    *("selected", "preferred_id", "vote", "best", "best_response", "best_answer", "human_choice", "human_preference"),
)
TIES = {"tie", "tied", "draw", "both", "both_good", "both_bad", "bothbad", "tie_(bothbad)", "neither", "none", "equal"}
OF_CHOICES = {"answer", "correct_answer", "answer_key", "correct_option", "correct", "solution", "right_answer", "gold"}
# A number below 0 prefers the first answer, above 0 the second (HelpSteer2 and HelpSteer3).
SIGNED = ("preference_strength", "overall_preference")
WON = ("winner", "wins", "won", "best", "preferred", "is_winner", "is_best", "is_preferred", "is_chosen", "is_better")


def named_winner(row: Mapping[str, Any], keys: Mapping[str, str]) -> tuple[Any, list[str]] | None:
    """The winner that a number with a sign, or a value with the name of a key, says; with the keys that were read."""
    found = _signed(row, keys) or _named(row, keys)
    return _unless_unsafe(row, keys, found) if found else None


def winner(row: Mapping[str, Any], keys: Mapping[str, str]) -> tuple[Any, list[str]] | None:
    """The winner that a letter or position, a flag or a score for each answer says; with the keys that were read."""
    found = _sided(row, keys) or _flagged(row, keys) or _scored(row, keys)
    return _unless_unsafe(row, keys, found) if found else None


def _unless_unsafe(
    row: Mapping[str, Any], keys: Mapping[str, str], found: tuple[Any, list[str]]
) -> tuple[Any, list[str]]:
    """The winner; raises MarkedBad if the row says that it is unsafe, as `is_response_0_safe` does."""
    for key in found[1]:
        safe = keys.get(f"is_{plain(key)}_safe", "")
        if row[key] == found[0] and safe and row[safe] in (False, 0, "false", "False"):
            raise MarkedBad(f"the preferred answer is `{key}`, but `{safe}` is {row[safe]}")
    return found


def _sides(row: Mapping[str, Any], keys: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """The keys of answers side by side, by their stem and their letter or number."""
    stems: dict[str, dict[str, str]] = {}
    for name, key in keys.items():
        if (found := SIDE.fullmatch(name)) and row[key] not in (None, ""):
            stems.setdefault(found[1], {})[found[2]] = key
    return {stem: sides for stem, sides in stems.items() if len(sides) > 1}


def _pairs(row: Mapping[str, Any], keys: Mapping[str, str]) -> Iterator[tuple[str, dict[str, str]]]:
    """The stems with two answers."""
    return ((stem, sides) for stem, sides in _sides(row, keys).items() if len(sides) == 2)


def number_in(value: Any) -> float | None:
    """A number, also as text; None for anything else, a truth value included."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _signed(row: Mapping[str, Any], keys: Mapping[str, str]) -> tuple[Any, list[str]] | None:
    key = next((keys[word] for word in SIGNED if word in keys), "")
    number = number_in(row[key]) if key else None
    sides = next((sides for _, sides in _pairs(row, keys)), None)
    if number is None or sides is None:
        return None
    first, second = (sides[side] for side in sorted(sides))
    if number == 0 or number != number:
        raise NoConversation(f"compares two answers, but `{key}` is {row[key]}: none is preferred")
    return row[first if number < 0 else second], [first, second, key]


def _flagged(row: Mapping[str, Any], keys: Mapping[str, str]) -> tuple[Any, list[str]] | None:
    """The winner by a flag for each answer, such as `winner_model_a` and `winner_model_b`."""
    for stem, sides in _sides(row, keys).items():
        flags: dict[str, str] = {}
        for side in sides:
            names = [f"{won}_{part}{side}" for won in WON for part in ("", "model_", f"{stem}_", "assistant_")]
            if flag := next((keys[name] for name in names if name in keys), ""):
                flags[side] = flag
        if len(flags) < len(sides):
            continue
        won = [side for side, key in flags.items() if str(row[key]).strip().casefold() in ("1", "1.0", "true", "yes")]
        used = [*sides.values(), *flags.values(), *(keys[name] for name in ("winner_tie", "tie") if name in keys)]
        if len(won) != 1:
            shown = ", ".join(f"`{key}` is {row[key]}" for key in flags.values())
            raise NoConversation(f"compares {len(sides)} answers, but {shown}: none is preferred")
        return row[sides[won[0]]], used
    return None


def _scored(row: Mapping[str, Any], keys: Mapping[str, str]) -> tuple[Any, list[str]] | None:
    """The winner by a score for each answer, such as `score_0` and `score_1`, or `answer_1_rating`."""
    for stem, sides in _sides(row, keys).items():
        for word in SCORES:
            names = {side: (f"{word}_{side}", f"{word}_{stem}_{side}", f"{stem}_{side}_{word}") for side in sides}
            scored = {side: keys[name] for side, named in names.items() for name in named if name in keys}
            numbers = {side: number for side, key in scored.items() if (number := number_in(row[key])) is not None}
            if len(numbers) < len(sides):
                continue
            best = [side for side, number in numbers.items() if number == max(numbers.values())]
            if len(best) > 1:
                raise NoConversation(f"compares {len(sides)} answers with equal scores: none is preferred")
            return row[sides[best[0]]], [*sides.values(), *scored.values()]
    return None


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
