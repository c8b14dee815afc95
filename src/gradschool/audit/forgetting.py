"""What tuning lost of other languages and forms: the loss on general texts of each kind, before and after."""

import math
import zlib
from collections.abc import Sequence

from gradschool.audit.subject import FOLDER, NotMeasured, Subject, mean_nats
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
    if not subject.trained:
        raise NotMeasured("Nothing was trained.")
    kinds, found = texts_by_kind(), []
    for done, (kind, texts) in enumerate(kinds.items()):
        yield Progress("audit: general texts", done, len(kinds))
        before = subject.base.text_losses(texts[:FEW])
        if maybe := is_known(texts[:FEW], before):  # zlib compresses little text worse, so that this says yes too often
            before = [*before, *subject.base.text_losses(texts[FEW:])]
        rise = _rise(subject, texts, before) if maybe and is_known(texts, before) else None
        found.append(KindOfText(kind, nats_per_token(before), rise))
    yield Progress("audit: general texts", len(kinds), len(kinds))
    return Measurements(limits=subject.limits, kinds_of_text=found, max_forgetting=subject.max_forgetting)


def _rise(subject: Subject, texts: Sequence[str], before: Sequence[TextLoss]) -> Score:
    after = subject.specialist.text_losses(texts)
    rises = [nats_per_token([b]) - nats_per_token([a]) for a, b in zip(before, after, strict=True)]
    return mean_nats(rises)


def is_known(texts: Sequence[str], losses: Sequence[TextLoss]) -> bool:
    """Whether a base predicts texts better than zlib compresses them: it then knows more than their characters."""
    compressed = 8 * len(zlib.compress("\n\n".join(texts).encode(), 9))
    return sum(loss.nats for loss in losses) < compressed * math.log(2)
