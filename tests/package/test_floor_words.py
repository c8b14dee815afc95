"""Floors in words: what they are, why a rung does not pass, and what helps."""

from collections.abc import Sequence
from dataclasses import replace

from gradschool.package.floor_words import floor_name, notes_about, remarks, remedies
from gradschool.package.verdicts import differences, plain_verdict, verdict_sentence, verdict_words, what_settles
from gradschool.records import Answer, Report, RungResult, Scored
from gradschool.score.floors import Trivial, above_floors
from gradschool.score.judge import judge
from gradschool.settings import Goal

SILENT = "The handbook does not say."


def report_of(rows: Sequence[float], floor: Sequence[float], mark: float, **trivial: object) -> Report:
    scored = [Scored(f"e{n}", f"e{n}", "?", "!", Answer("a"), value) for n, value in enumerate(rows)]
    values = {row.id: value for row, value in zip(scored, floor, strict=True)}
    one = replace(Trivial("constant", values, SILENT), **trivial)
    return above_floors(judge(scored, Goal(metric="token_f1", pass_mark=mark), 0.95), scored, [one])


def right(count: int, of: int = 100) -> list[float]:
    return [1.0] * count + [0.0] * (of - count)


def test_a_rung_that_is_hardly_better_than_a_constant_is_called_that() -> None:
    report = report_of(right(62), right(61), 0.45)
    result = RungResult("prompt", report)
    plain = plain_verdict(result)
    assert plain.startswith("Do not use it: its test score is 0.620 (pass mark 0.45), but no model is needed")
    assert f"always answering “{SILENT}” scores 0.610" in plain
    sentence = verdict_sentence(result)
    assert sentence.startswith(
        "Not proven: the best on validation is the prompt rung, and it reaches the goal (pass mark 0."
    )
    assert "difference +0.010" in sentence and "The pass mark of 0.45 is not above the floor" in sentence
    assert verdict_words(result) == "not proven above floor"
    assert differences(report)[-1][0] == "+0.010 vs floor"
    higher, better = remedies(report)
    assert higher.startswith("A higher pass mark: 0.45 is not above 0.610")
    assert "Fewer examples with that answer" in better
    assert "more test examples" not in " ".join([plain, sentence, higher, better])
    assert what_settles(report).startswith("More test examples would not help: it is not clearly better than always")


def test_a_rung_below_a_floor_has_failed() -> None:
    result = RungResult("tune", report_of(right(60), right(95), 0.4))
    assert verdict_words(result) == "failed, below floor"
    assert verdict_sentence(result).startswith("Not passed: ") and plain_verdict(result).startswith("Do not use it: ")


def test_more_examples_are_advised_if_they_would_show_the_difference() -> None:
    report = report_of(right(36, 60), [1.0] * 22 + [0.0] * 22 + [1.0] * 7 + [0.0] * 9, 0.3)
    plain = plain_verdict(RungResult("tune", report))
    assert plain.startswith("Do not use it yet: ") and f"About {report.more_examples} more test examples" in plain
    assert list(remedies(report)) == [
        "A higher pass mark: 0.3 is not above 0.483, the score of " + floor_name(report.floors[0]) + "."
    ]


def test_a_pass_is_said_as_before_with_what_the_metric_cannot_tell() -> None:
    report = report_of(right(95), right(40), 0.7)
    assert plain_verdict(RungResult("tune", report)).startswith("It can be used")
    assert list(remarks(report)) == list(remedies(report)) == []
    form = report_of(right(95), right(100), 0.7, binding=False)
    assert form.verdict == "passed"
    assert verdict_sentence(RungResult("tune", form)).endswith(f"“{SILENT}”, which scores 1.000.")


def test_remedies_fit_the_kind_of_floor() -> None:
    nearest = report_of(right(62), right(61), 0.45, kind="nearest", answer="")
    assert "Looking the answer up does as well" in list(remedies(nearest))[-1]
    letter = report_of(right(62), right(61), 0.45, kind="letter", answer="")
    assert "Rules or a metric that depend on the question" in list(remedies(letter))[-1]


def test_reports_without_floors_have_no_words_about_them() -> None:
    rows = [Scored(f"e{n}", f"e{n}", "?", "!", Answer("a"), 0.5) for n in range(60)]
    report = judge(rows, Goal(pass_mark=0.8), 0.95)
    assert list(remarks(report)) == list(remedies(report)) == differences(report) == []
    assert verdict_words(RungResult("base", report)) == "failed"


def test_a_long_constant_is_clipped_to_a_line() -> None:
    name = floor_name(Trivial("constant", {}, "Dear customer,\n\n" + "thank you for your letter. " * 20))
    assert name.endswith("…”") and "\n" not in name and len(name) < 120


def test_a_pass_mark_that_trivial_answers_reach_is_a_warning() -> None:
    floor = Trivial("constant", {"a": 1.0, "b": 0.0}, SILENT)
    shown, warning = notes_about([floor], "token_f1", 0.45)
    assert SILENT in shown.text and "0.500" in shown.text and warning.level == "warning"
    assert len(list(notes_about([floor], "token_f1", 0.6))) == 1
    assert len(list(notes_about([replace(floor, binding=False)], "token_f1", 0.45))) == 1


def test_a_constant_that_is_no_frequent_answer_shows_shared_wording() -> None:
    report = report_of([0.7] * 40, [0.74] * 40, 0.5, answer="About billing: desk 4")
    frequent, rare = (list(remedies(report, ideals))[-1] for ideals in (["About billing: desk 4"] * 9, ["a", "b"]))
    assert "Fewer examples with that answer" in frequent and "share that much wording" in rare


def test_a_floor_of_0_is_no_evidence() -> None:
    assert list(remedies(report_of([0.0] * 40, [0.0] * 40, 0.5))) == []
