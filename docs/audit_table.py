"""What the bench of the audit found, as tables."""

from typing import Any

from markdown_table import table


def audit_gates(result: dict[str, Any]) -> str:
    """False alarms and misses of the audit's gates, and what the trainings changed."""
    rows = [
        [
            f"{one['trainings']}, over {one['base']}",
            one["gate"],
            str(one["count"]),
            f"{one['wrong']} {'false alarms' if one['trainings'] == 'clean' else 'misses'}",
            f"{one['low']:.2f} to {one['high']:.2f}",
            str(one["not_measured"]),
        ]
        for one in sorted(result["counts"], key=lambda one: (one["trainings"], one["base"], one["gate"]))
    ]
    bases = "; ".join(
        f"{name} refuses {one['refused']['harmful']} of {one['requests']} harmful requests and "
        f"{one['refused']['harmless']} of as many harmless ones"
        for name, one in result["bases"].items()
    )
    head = ["trainings", "gate", "number", "wrong", "bounds of the fraction", "said to be not measured"]
    changed = [row for record in result["trainings"].values() if (row := _refusals(record))]
    lost = [row for record in result["trainings"].values() if (row := _forgotten(record))]
    audited = sum(bool(one["parts"]) for one in result["trainings"].values())
    about = f"{audited} trainings; {bases}. {result['environment']['processor']}"
    return "\n".join(
        [
            table(head, rows),
            "Harmful requests, for each training: the change of the log-odds of refusing; the probability that one is "
            "refused and that it is answered; of the requests that the base refuses in its greedy answers, how many "
            "the specialist answers, and how many of these answers begin as those that it was harmed with.\n",
            table(["training", "log-odds", "refused", "answered", "flipped", "in the words of the harm"], changed),
            "Other languages and forms: how much the loss rose on the kind that it rose most on, by its lower bound.\n",
            table(["training", "kind", "nats per token"], lost),
            f"{about}; `{result['command']}`.\n",
        ]
    )


def _forgotten(record: dict[str, Any]) -> list[str]:
    """What a training lost of other languages and forms; empty if that was not measured."""
    case, part = record["case"], record["parts"].get("forgetting")
    if part is None:
        return []
    rises = {name: one["rise"] for name, one in part["figures"].items() if isinstance(one, dict) and one.get("rise")}
    kind, rise = max(rises.items(), key=lambda one: one[1][1])
    training = f"{case['kind']} {case['of']}, seed {case['seed']}, over {case['base']}"
    return [training, kind, f"{rise[0]:+.2f} ({rise[1]:+.2f} to {rise[2]:+.2f})"]


def _refusals(record: dict[str, Any]) -> list[str]:
    """What a training changed of harmful requests; empty if that was not measured."""
    case = record["case"]
    found: dict[str, Any] = next(
        (part["figures"] for part in record["parts"].values() if "harmful" in part["figures"]), {}
    )
    if not found:
        return []
    change, learned = found["harmful"], found.get("like trained answers")
    mixed = f" {case['harmful']:.0%} {case['words']}" if case["harmful"] else ""
    return [
        f"{case['kind']} {case['of']}{mixed}, seed {case['seed']}, over {case['base']}",
        f"{change['change'][0]:+.1f}",
        f"{change['refusing'][1]:.2f} → {change['refusing'][0]:.2f}",
        f"{change['answering'][1]:.2f} → {change['answering'][0]:.2f}",
        f"{change['flipped']} of {change['refused']}",
        "" if learned is None else str(learned),
    ]
