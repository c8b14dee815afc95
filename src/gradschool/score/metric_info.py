"""Metadata of the metrics: their type on the Hub, a default pass mark, and whether answers may need facts."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MetricInfo:
    """Metadata of a metric."""

    hub_type: str = ""  # its name on the Hub; empty: it has none
    default_pass_mark: float = 0.4  # in jobs that `prepare` writes; two good answers have little wording in common
    needs_facts: bool = True  # its answers may need facts from documents; others are about form or classes


METRIC_INFO = {
    "exact_match": MetricInfo("exact_match", default_pass_mark=0.8),
    "label": MetricInfo("accuracy", default_pass_mark=0.8, needs_facts=False),
    "json_fields": MetricInfo("f1", default_pass_mark=0.8, needs_facts=False),
    "token_f1": MetricInfo("f1"),
    "rouge_l": MetricInfo("rouge"),
    "chrf": MetricInfo("chrf"),
    "rules": MetricInfo(needs_facts=False),
    "style": MetricInfo(default_pass_mark=0.5, needs_facts=False),
}


def metric_info(metric: str) -> MetricInfo:
    """The metadata of a metric by its name; a custom function has the defaults."""
    return METRIC_INFO.get(metric, MetricInfo())
