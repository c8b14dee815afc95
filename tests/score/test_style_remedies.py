"""Remedies for a style: from what its judge says of the answers, and of the author's own texts."""

from gradschool.records import Cost, Interval, Report, Score
from gradschool.score.style_remedies import style_remedies


def report(metric: str = "style", pass_mark: float = 0.5, **parts: float) -> Report:
    scores = {name.replace("_", " "): Score(mean, Interval(0.0, 1.0, 0.95), 20, 20) for name, mean in parts.items()}
    total = Score(0.1, Interval(0.0, 0.3, 0.95), 20, 20)
    return Report(metric, total, "failed", pass_mark, None, parts=scores, cost=Cost(1, 1, 1))


def test_the_check_that_most_answers_fail_is_named_with_what_helps() -> None:
    found = list(style_remedies(report(attributed_to_the_author=0.8, natural_word_order=0.35, on_topic=0.5)))
    assert found == [
        "13 of 20 answers put words in an order that nobody writes: a larger base writes better sentences."
    ]
    assert "--writer" in next(style_remedies(report(natural_word_order=0.95, on_topic=0.5)))
    assert list(style_remedies(report(natural_word_order=0.95))) == list(style_remedies(report())) == []


def test_a_judge_that_rejects_the_author_makes_the_mark_unreachable() -> None:
    [said] = style_remedies(report(pass_mark=0.9, own_text_accepted=0.65))
    assert "accepts 65% of the author's own test texts" in said and "below 0.65" in said
    assert list(style_remedies(report(pass_mark=0.6, own_text_accepted=0.65))) == []


def test_other_metrics_have_none() -> None:
    assert list(style_remedies(report("chrf", on_topic=0.1))) == []
