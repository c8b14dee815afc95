"""Floors in words, as the terminal, the model card and the report page show them."""

from collections.abc import Iterable, Iterator, Sequence

from gradschool.records import Floor, FloorKind, Note, Report, RungResult
from gradschool.score.floors import LETTER, Trivial

REPEATED = 2  # ideal answers that are the constant one
CLIP = 60  # characters of a constant answer that are shown
NAMES: dict[FloorKind, str] = {
    "constant": "always answering",
    "nearest": "copying the answer to the most similar training question",
    "question": "repeating the question",
    "letter": f"always answering “{LETTER}”",
    "probe": "a linear probe on the features of the images",
    "nearest image": "copying the answer to the most similar training image",
}


def floors_in(results: Iterable[RungResult]) -> tuple[Floor, ...]:
    """The floors of a ladder; those of rungs that an earlier version tested are unknown."""
    return next((result.report.floors for result in results if result.report and result.report.floors), ())


def floor_name(floor: Floor | Trivial) -> str:
    """How trivial answers are made; a long constant answer is clipped."""
    if not floor.answer:
        return NAMES[floor.kind]
    text = " ".join(floor.answer.split())
    return f"{NAMES[floor.kind]} “{text if len(text) <= CLIP else text[:CLIP].rstrip() + '…'}”"


def scored(floor: Floor) -> str:
    """How trivial answers are made, and their score."""
    return f"{floor_name(floor)}, which scores {floor.score.mean:.3f}"


def hardest(report: Report) -> Floor | None:
    """The floor that keeps a rung from passing although all else that the goal asks for is proven; None if none does.

    Of several it is the one with the highest score.
    """
    if report.verdict == "passed" or report.on_validation:
        return None
    if report.pass_mark is not None and report.score.interval.low < report.pass_mark:
        return None
    if report.incumbent and report.incumbent.verdict != "passed":
        return None
    return max(report.unbeaten, key=lambda floor: floor.score.mean, default=None)


def difference_from(floor: Floor) -> str:
    """The paired difference of a rung from a floor."""
    interval = floor.difference.interval
    return f"{floor.difference.mean:+.3f} ({interval.low:+.3f} to {interval.high:+.3f})"


def remarks(report: Report) -> Iterator[str]:
    """What a reader of the verdict must know about the pass mark and the metric; one sentence each."""
    floor, mark = report.floor, report.pass_mark
    if mark is None:
        return
    if floor and mark <= floor.score.mean:
        low = f"The pass mark of {mark:g} is not above the floor"
        yield f"{low}: without any model, {floor_name(floor)} scores {floor.score.mean:.3f}."
    for other in report.floors:
        if report.verdict == "passed" and not other.binding and other.score.mean >= mark:
            yield f"{report.metric} alone does not distinguish it from {scored(other)}."


def remedies(report: Report, ideals: Sequence[str] = ()) -> Iterator[str]:
    """What helps if the pass mark is too low, or if the best rung is hardly better than trivial answers.

    `ideals` are ideal answers, which show whether the constant answer is a frequent one.
    """
    floor = report.floor
    if floor is None:
        return
    if report.pass_mark is not None and report.pass_mark <= floor.score.mean:
        yield (
            f"A higher pass mark: {report.pass_mark:g} is not above {floor.score.mean:.3f}, the score of "
            f"{floor_name(floor)}."
        )
    if floor not in report.unbeaten or report.more_examples or floor.score.mean == 0:
        return  # a floor of 0 says nothing: the rung has no score at all
    better = f"Not better than {scored(floor)}; the difference is {difference_from(floor)}"
    if floor.kind == "constant" and ideals and ideals.count(floor.answer) < REPEATED:
        yield (
            f"{better}. The ideal answers share that much wording; a metric that leaves out what they share would show "
            "what is learned."
        )
    elif floor.kind == "constant":
        yield f"{better}. Fewer examples with that answer, or a metric that gives it less, would show what is learned."
    elif floor.kind == "nearest":
        yield f"{better}. Looking the answer up does as well; examples that differ more would show what is learned."
    else:
        yield f"{better}. Rules or a metric that depend on the question would show what is learned."


def notes_about(floors: Sequence[Trivial], metric: str, pass_mark: float | None) -> Iterator[Note]:
    """The scores of trivial answers on the test questions, and a warning if one to beat reaches the pass mark."""
    listed = "; ".join(f"{floor_name(one)}: {one.mean:.3f}" for one in floors)
    yield Note(f"Floors ({metric} of trivial answers to the test questions): {listed}.")
    best = max((one for one in floors if one.binding), key=lambda one: one.mean, default=None)
    if best and pass_mark is not None and best.mean >= pass_mark:
        yield Note(
            f"The pass mark of {pass_mark:g} is not above the floor: {floor_name(best)} scores {best.mean:.3f}. "
            "A specialist must be proven better than that too; set a higher pass mark.",
            "warning",
        )
