"""Rows with an answer and its correction, which is the ideal answer; what it corrects is not trained on."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from gradschool.data.assessment_words import FALSE, NOTHING, TRUE
from gradschool.data.choices import OPTIONS
from gradschool.data.formats import MarkedBad, plain

STEM = r"(?:response|answer|output|completion|reply|generation|message|summary|translation)"
WORD = r"(?:corrected|edited|revised|fixed|improved|amended|rewritten|rectified|post_edited|proofread)"
CORRECTED = re.compile(rf"(?:human_|user_|expert_)?{WORD}_{STEM}|{STEM}_{WORD}")
REFERENCE = (  # the right answer next to one that a model gave
    *("ground_truth", "ground_truths", "correct_response", "gold_answer", "gold_response", "golden_answer"),
    *("reference_answer", "reference_response", "expected_answer", "expected_response", "expected_output"),
    *("ideal_answer", "ideal_response", "correct_answer"),
)
# The answer, or what is wrong with it.
UNSURE = ("correction", "corrections", "corrected", "corrected_text", "revision")
GIVEN = re.compile(
    rf"(?:original_|model_|generated_|draft_|initial_|first_|raw_|bot_|assistant_|llm_|predicted_|ai_)?{STEM}s?|prediction"
)
ASKED = {"prompt", "question", "instruction", "input", "query", "messages", "conversation", "user", "request"}
BEFORE = "answer before its correction, not trained on"
AFTER = "corrected answer, the ideal one"


def corrected(row: Mapping[str, Any], keys: Mapping[str, str]) -> tuple[Any, dict[str, str]] | None:
    """The right answer of a row that has a wrong one too, and the use of both keys; None for other rows.

    Raises MarkedBad if it is unclear whether a correction is an answer.
    """
    names = [name for name in keys if _may_correct(name) and _is_filled(row[keys[name]])]
    if not names or any(word in keys for word in OPTIONS):
        return None
    given = [
        name for name in keys if name not in {*names, *ASKED} and GIVEN.fullmatch(name) and _is_filled(row[keys[name]])
    ]
    if not given or not ASKED & set(keys):
        return None
    uses = dict.fromkeys((keys[name] for name in given), BEFORE)
    if right := next((name for name in names if CORRECTED.fullmatch(name)), ""):
        return row[keys[right]], uses | {keys[right]: AFTER}
    if right := next((word for word in REFERENCE if word in names), ""):
        return row[keys[right]], uses | {keys[right]: AFTER}
    key = keys[names[0]]
    raise MarkedBad(
        f"`{key}` has a text, so that the answer was not right; if it is the whole right answer, set "
        f"data.output_column = {key!r}"
    )


@lru_cache(maxsize=4096)  # called for each key of each row
def _may_correct(name: str) -> bool:
    return name in UNSURE or name in REFERENCE or CORRECTED.fullmatch(name) is not None


def _is_filled(value: Any) -> bool:
    if isinstance(value, list | dict):
        return bool(value)
    return isinstance(value, str) and bool(value.strip()) and plain(value) not in FALSE | TRUE | NOTHING
