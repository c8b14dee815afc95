"""The smallest GGUF file that passes: number formats are tested from small to large."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from gradschool.data.proof import look_level
from gradschool.export.gguf import file_name, size_label
from gradschool.export.session import ExportSession, make_gguf, try_gguf
from gradschool.gates.parity import SCORE_KEPT
from gradschool.package.forms import ExportRejected, FormResult, result_line
from gradschool.records import Gate, Note, Work
from gradschool.settings import NumberFormat

if TYPE_CHECKING:
    from transformers import PreTrainedModel

FORMATS_BY_SIZE: tuple[NumberFormat, ...] = ("q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "f16")


def smallest(
    session: ExportSession, network: "PreTrainedModel", folder: Path, context: int
) -> Work[tuple[Path, list[FormResult]]]:
    """Write one format after another until one passes; returns the file and the results of all that were tested.

    A specialist that passed must be proven to reach its pass mark in the new format too. Each format is another look
    at the test set, so the error budget is split over all formats. A specialist that did not pass may lose no more of
    its score than in any export. Raises ExportRejected if no format passes, and deletes all files.
    """
    level = look_level(session.evidence.goal.error_budget, len(FORMATS_BY_SIZE))
    strict = replace(session, evidence=replace(session.evidence, level=level))
    tried: list[FormResult] = []
    for number_format in FORMATS_BY_SIZE:
        path = folder / file_name(session.about, size_label(network), number_format)
        yield from make_gguf(session, network, path, number_format)
        result = yield from try_gguf(strict, path, f"gguf {number_format}", context, number_format)
        tried.append(with_verdict_gate(result) if session.manifest.verdict == "passed" else result)
        yield Note(result_line(tried[-1]))
        if tried[-1].sound:
            return path, tried
        path.unlink()
    raise ExportRejected(tried)


def with_verdict_gate(result: FormResult) -> FormResult:
    """The result with a gate on the verdict instead of the gate on the change of the score."""
    bounds = result.score.interval
    proven = Gate(
        "the verdict still holds",
        result.verdict == "passed",
        f"{result.score.mean:.3f}, at least {bounds.low:.3f} with {bounds.level:.2%} confidence: {result.verdict}",
    )
    return replace(result, gates=(*(gate for gate in result.gates if gate.name != SCORE_KEPT), proven))
