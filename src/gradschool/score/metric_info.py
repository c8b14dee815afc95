"""Facts about each metric, besides how it scores: for the card, for remedies, and for the job that `prepare` writes."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class About:
    """Facts about a metric."""

    hub_type: str = ""  # its name on the Hub; empty: it has none
    usual_pass_mark: float = 0.4  # a first guess; two good answers have little wording in common
    needs_facts: bool = True  # its answers may need facts from documents; others are about form or classes


ABOUT = {
    "exact_match": About("exact_match", usual_pass_mark=0.8),
    "label": About("accuracy", usual_pass_mark=0.8, needs_facts=False),
    "json_fields": About("f1", usual_pass_mark=0.8, needs_facts=False),
    "token_f1": About("f1"),
    "rouge_l": About("rouge"),
    "chrf": About("chrf"),
    "rules": About(needs_facts=False),
    "style": About(usual_pass_mark=0.5, needs_facts=False),
}


def about(metric: str) -> About:
    """Facts about a metric by its name; a custom function has the usual ones."""
    return ABOUT.get(metric, About())
