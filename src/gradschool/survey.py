"""The bases that a job lists, each opened once: which ones can be used, and which examples each can read."""

import gc
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from gradschool.against_base import fit_to_base
from gradschool.data.check import check
from gradschool.data.decided import job_examples
from gradschool.data.instructions import instructions_of
from gradschool.environment import gigabytes
from gradschool.errors import GradschoolError, ModelError, ResourceError
from gradschool.events import passed_on
from gradschool.job import Job
from gradschool.model.machine import choose_device
from gradschool.model.memory import free_bytes
from gradschool.model.sizes import file_bytes, weight_bytes
from gradschool.records import Example, Note, Progress, Work
from gradschool.rungs.ladder import count_looks
from gradschool.rungs.rung import Rung
from gradschool.values import Count
from gradschool.workspace import open_base

T = TypeVar("T")
MAX_UNREAD = 0.1  # fraction of the examples that a base may read less than the one that reads most


@dataclass(frozen=True, slots=True)
class Surveyed:
    """A base of a list: the ids of the examples that it cannot read, or why it is left out."""

    base: str
    left_out: str = ""
    bytes: Count = 0  # of its files; 0: not known
    unread: tuple[str, ...] = ()
    context_length: Count = 0
    looks: Count = 0  # at the test set, by a climb over it
    trains: bool = False


def survey(job: Job, ladder: Sequence[Rung]) -> Work[tuple[Surveyed, ...]]:
    """Open each base that a job lists. One that cannot be used here is left out, with a warning that says why.

    So is one that reads many fewer examples than another, since all are compared on the examples that all can read.
    Raises the error of the first one if none can be used, and errors that a base does not cause: about the data, a
    server that does not answer, or a host that the user has not allowed.
    """
    examples = check(job_examples(job)).examples
    found, errors = list[Surveyed](), list[GradschoolError]()
    for number, base in enumerate(job.settings.bases):
        yield Progress("bases: opening each", number, len(job.settings.bases), "bases")
        try:
            found.append((yield from _opened(job.over(base), examples, ladder)))
            collect(found[-1])
        except (ModelError, ResourceError) as error:
            errors.append(error)
            found.append(Surveyed(base, left_out=reason_of(error)))
    if len(errors) == len(found):
        raise none_left(errors)
    found = without_the_short(found, len(examples))
    for one in found:
        if one.left_out:
            yield Note(f"bases: {one.base} is left out: {one.left_out}", "warning")
    return tuple(found)


def collect(one: Surveyed) -> None:
    """Free the memory of a base that was opened: networks refer to themselves, and the next base needs the memory."""
    if one.trains:
        gc.collect()


def smallest(found: Sequence[Surveyed]) -> str:
    """The smallest base that can be used; one of unknown size counts as the largest."""
    return min((one for one in found if not one.left_out), key=lambda one: one.bytes or math.inf).base


def reason_of(error: GradschoolError) -> str:
    """An error in one line, for the list of bases."""
    return " ".join(f"{error.what} {error.why}".split())


def none_left(errors: Sequence[GradschoolError]) -> GradschoolError:
    """The error if no base can be used: that of the first, which names the others too."""
    first, others = errors[0], errors[1:]
    also = "".join(f"\nNor can the next one be used: {reason_of(error)}" for error in others)
    return type(first)(first.what, f"{first.why}{also}", first.fix)


def without_the_short(found: Sequence[Surveyed], examples: int) -> list[Surveyed]:
    """The same bases; those that read many fewer examples than the best reader are left out."""
    fewest = min(len(one.unread) for one in found if not one.left_out)
    return [
        replace(
            one,
            left_out=f"it reads {examples - len(one.unread)} of the {examples} examples, and another base reads "
            f"{examples - fewest}.",
        )
        if not one.left_out and len(one.unread) - fewest > MAX_UNREAD * examples
        else one
        for one in found
    ]


def _opened(job: Job, examples: Sequence[Example], ladder: Sequence[Rung]) -> Work[Surveyed]:
    base, settings = job.settings.base, job.settings
    free, needed = free_bytes(choose_device()), weight_bytes(base, job.folder)
    if needed > free:
        why = f"Its weights take {gigabytes(needed)} at least, and {gigabytes(free)} are free."
        raise ResourceError(f"The base {base} does not fit into memory.", why, "use a smaller base.")
    engine = yield from open_base(job)
    readable = yield from silent(fit_to_base(examples, engine, instructions_of(job), settings.tune))
    read = {example.id for example in readable.examples}
    return Surveyed(
        base,
        bytes=file_bytes(base, job.folder, engine),
        unread=tuple(example.id for example in examples if example.id not in read),
        context_length=engine.context_length,
        looks=count_looks(ladder, job, engine),
        trains=engine.trains,
    )


def silent(work: Work[T]) -> Work[T]:
    """Work without its notes, which the climb over the chosen base repeats; all else is shown."""
    return passed_on(work, lambda event: None if isinstance(event, Note) else event)
