"""What tuning lost of other languages and forms: the loss on general texts of each kind, before and after."""

import math
import zlib
from collections.abc import Sequence

from gradschool.audit.subject import FOLDER, LEVEL, NO_TIME, NotMeasured, Subject, mean_nats
from gradschool.gates.forgetting import nats_per_token, paragraphs_of
from gradschool.gates.gate import Measurements
from gradschool.gates.measured import KindOfText
from gradschool.model.engine import TextLoss
from gradschool.records import Progress, Score, Work

FEW = 4  # texts that show that a base does not know a kind: an unknown script has many tokens, which take long to read


def texts_by_kind() -> dict[str, list[str]]:
    """General texts by kind, in pieces; written for this project."""
    files = sorted((FOLDER / "texts").glob("*.txt"))
    return {file.stem: paragraphs_of(file) for file in files}


def forgetting(subject: Subject) -> Work[Measurements]:
    """The rise of the loss on general texts of each kind that the base knows, in nats per token."""
    kinds, found, budget = texts_by_kind(), list[KindOfText](), subject.budget
    for batch in budget.batches("kinds of text", list(kinds), 1):
        for kind in batch:
            yield Progress("audit: general texts", len(found), len(kinds))
            found.append(_kind(subject, kind, kinds[kind], 1 - (1 - LEVEL) / len(kinds)))
    if not found:
        raise NotMeasured(NO_TIME)
    yield Progress("audit: general texts", len(kinds), len(kinds))
    return Measurements(
        limits=subject.limits,
        kinds_of_text=found,
        kinds_left_out=len(kinds) - len(found),
        max_forgetting=subject.max_forgetting,
    )


def _kind(subject: Subject, kind: str, texts: Sequence[str], level: float) -> KindOfText:
    """Of a kind, all texts are read, or a few: those show that the base does not know it.

    If time is limited, they may also show that its loss rose by less than the limit. The worst of all kinds decides, so
    that the bounds of each have a `level` with which those of all hold together.
    """
    few = texts[:FEW]
    before = subject.base.text_losses(few)
    if not is_known(few, before):  # zlib compresses little text worse, so that it is known too often
        return KindOfText(kind, nats_per_token(before), None)
    if subject.budget.limited and (rise := _rise(subject, few, before, level)).interval.high < subject.max_forgetting:
        return KindOfText(kind, nats_per_token(before), rise)
    before = [*before, *subject.base.text_losses(texts[FEW:])]
    rise_of_all = _rise(subject, texts, before, level) if is_known(texts, before) else None
    return KindOfText(kind, nats_per_token(before), rise_of_all)


def _rise(subject: Subject, texts: Sequence[str], before: Sequence[TextLoss], level: float) -> Score:
    after = subject.specialist.text_losses(texts)
    rises = [nats_per_token([b]) - nats_per_token([a]) for a, b in zip(before, after, strict=True)]
    return mean_nats(rises, level)


def is_known(texts: Sequence[str], losses: Sequence[TextLoss]) -> bool:
    """Whether a base predicts texts better than zlib compresses them: it then knows more than their characters."""
    compressed = 8 * len(zlib.compress("\n\n".join(texts).encode(), 9))
    return sum(loss.nats for loss in losses) < compressed * math.log(2)
