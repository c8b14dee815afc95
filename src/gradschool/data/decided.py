"""The examples of a job, with what its user has decided about them in review.jsonl.

In a job that was prepared, `prepare` has applied the decisions. In another one, they are applied here, whenever its
examples are read: the files of examples stay as they are.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

from gradschool.data.issues import Issue
from gradschool.data.read import read_examples
from gradschool.data.reading import Reading
from gradschool.data.review_rows import FIX, REVIEW, ReviewRow, review_rows
from gradschool.errors import DataError
from gradschool.job import Job
from gradschool.preparation import PREPARED
from gradschool.records import IMAGE, Conversation, Example, Message, Source


def job_examples(job: Job) -> Reading:
    """Read the examples of a job, without those that its user dropped, and others as the user edited them.

    Raises DataError as `read_examples`, and for a review that cannot be read.
    """
    return decided(read_examples(job.examples, job.settings.data, root=job.folder), job.folder)


def decided(reading: Reading, folder: Path) -> Reading:
    """A reading after the decisions in the review of a job's folder, unless a preparation has applied them.

    A decision about an example that has changed since is not applied, and an issue says so.
    """
    review = folder / REVIEW
    if (folder / PREPARED).exists() or not review.exists():
        return reading
    rows = {row.item: row for _, row in review_rows(review) if row.item and row.word in ("drop", "edit")}
    examples: list[Example] = []
    issues: list[Issue] = []
    for example in reading.examples:
        row = rows.pop(example.id, None)
        if row is not None and not _is_about(row, example):
            text = "the example has changed since it was decided about; the decision is not applied"
            issues.append(Issue("decided", example.source, "kept", text, example.id))
        elif row is not None and row.word == "drop":
            issues.append(Issue("decided", example.source, "dropped", f"by a decision{_signed(row)}", example.id))
            continue
        elif row is not None:
            example = replace(example, messages=_edited(row, example))
        examples.append(example)
    if rows:
        text = f"{len(rows)} decision{'s are' if len(rows) > 1 else ' is'} about examples that are not in the data"
        issues.append(Issue("decided", Source(REVIEW, 1), "kept", text))
    return replace(reading, examples=examples, issues=[*reading.issues, *issues])


def turns_of(messages: Any) -> list[tuple[str, str]]:
    """The roles and texts of messages in JSON, as a review holds them; what is none is left out."""
    given = [one for one in messages if isinstance(one, dict)] if isinstance(messages, list) else []
    return [(str(one.get("role", "")), str(one.get("content", ""))) for one in given]


def _is_about(row: ReviewRow, example: Example) -> bool:
    """Whether an example is as it was when it was decided about, if the row says how it was (`before`)."""
    before = turns_of((row.model_extra or {}).get("before"))
    return not before or before == [(message.role, message.content) for message in example.messages]


def _edited(row: ReviewRow, example: Example) -> Conversation:
    """The messages of an edit, with the images of those that they replace."""
    if not any(message.images for message in example.messages):
        return row.messages
    if len(row.messages) != len(example.messages):
        raise _lost_image(row)
    return tuple(_pictured(new, old, row) for new, old in zip(row.messages, example.messages, strict=True))


def _pictured(new: Message, old: Message, row: ReviewRow) -> Message:
    if old.images and new.content.count(IMAGE) != len(old.images):
        raise _lost_image(row)
    return replace(new, images=old.images)


def _lost_image(row: ReviewRow) -> DataError:
    return DataError(f"The edit of {row.item} in {REVIEW} has another number of images.", "None can be added.", FIX)


def _signed(row: ReviewRow) -> str:
    return f" ({', '.join(row.signature.values())})" if row.signature else ""
