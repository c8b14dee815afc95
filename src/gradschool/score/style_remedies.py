"""What would help a specialist with a low style score: its classifier, or the check that most of its answers fail."""

from collections.abc import Iterator

from gradschool.records import Report

MET = 0.9  # fraction of the answers that meet a check from which it needs no remedy
CHECKS = {  # each check of an answer, what it means to fail it, and what helps
    "attributed to the author": (
        "are not attributed to the author",
        "more of the author's texts, or longer training, bring the base closer",
    ),
    "natural word order": ("put words in an order that nobody writes", "a larger base writes better sentences"),
    "as natural as the author": (
        "put words in an order that is together less natural than the author's",
        "a larger base writes better sentences",
    ),
    "on topic": (
        "do not follow their questions",
        "instructions that say more about each text help: edit them, or let --writer of prepare write them",
    ),
    "distinct": ("repeat other answers", "instructions that differ more, and more varied texts, help"),
}


def style_remedies(report: Report) -> Iterator[str]:
    """Remedies for a score of the metric `style`, each with its evidence; none for other metrics."""
    if report.metric != "style":
        return
    own = report.parts.get("own text accepted")
    if own and report.pass_mark is not None and own.mean < report.pass_mark:
        yield (
            f"A classifier that knows the author better: it accepts {own.mean:.0%} of the author's own test texts, and "
            f"no specialist can be expected to score more. Add texts of the author, and of others with data.others, or "
            f"set a pass mark below {own.mean:.2f}."
        )
    met = {name: report.parts[name] for name in CHECKS if name in report.parts}
    worst = min(met, key=lambda name: met[name].mean, default="")
    if worst and met[worst].mean < MET:
        failed, helps = CHECKS[worst]
        count = round((1 - met[worst].mean) * met[worst].examples)
        yield f"{count} of {met[worst].examples} answers {failed}: {helps}."
