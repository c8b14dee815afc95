"""Metadata of the metrics: their type on the Hub, a default pass mark, what answers need, and the floors to beat."""

from dataclasses import dataclass

from gradschool.records import FloorKind

IDEAL: tuple[FloorKind, ...] = ("constant", "nearest")  # trivial answers that are ideal answers to other questions
EMPTY: tuple[FloorKind, ...] = ("question", "letter")


@dataclass(frozen=True, slots=True)
class MetricInfo:
    """Metadata of a metric."""

    hub_type: str = ""  # its name on the Hub; empty: it has none
    default_pass_mark: float = 0.4  # in jobs that `prepare` writes; two good answers have little wording in common
    needs_facts: bool = True  # its answers may need facts from documents; others are about form or classes
    floors: tuple[FloorKind, ...] = IDEAL + EMPTY  # trivial answers that a specialist must be better than


METRIC_INFO = {
    "exact_match": MetricInfo("exact_match", default_pass_mark=0.8, floors=IDEAL),
    "label": MetricInfo("accuracy", default_pass_mark=0.8, needs_facts=False, floors=IDEAL),
    "json_fields": MetricInfo("f1", default_pass_mark=0.8, needs_facts=False, floors=IDEAL),
    "token_f1": MetricInfo("f1", floors=IDEAL),
    "rouge_l": MetricInfo("rouge", floors=IDEAL),
    "chrf": MetricInfo("chrf", floors=IDEAL),
    # Ideal answers follow the rules, whatever they were asked.
    "rules": MetricInfo(needs_facts=False, floors=EMPTY),
    "style": MetricInfo(default_pass_mark=0.5, needs_facts=False),
}


def metric_info(metric: str) -> MetricInfo:
    """The metadata of a metric by its name; a custom function has the defaults."""
    return METRIC_INFO.get(metric, MetricInfo())
