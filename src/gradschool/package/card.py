"""The model card: a README.md that says what a specialist is, what was proven about it, and what was not."""

import re
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gradschool.model.opening import is_hub_id
from gradschool.package.forms import Shipped
from gradschool.package.manifest import Manifest
from gradschool.package.verdicts import bounds, difference, percent, verdict_sentence, verdict_words
from gradschool.records import Report, RungResult

HUB_METRICS = {
    "exact_match": "exact_match",
    "label": "accuracy",
    "json_fields": "f1",
    "token_f1": "f1",
    "rouge_l": "rouge",
    "chrf": "chrf",
}
FORMS = {  # library and relation to the base, as the Hub calls them
    "adapter": ("peft", "adapter"),
    "merged": ("transformers", "merge"),
    "gguf": ("gguf", "quantized"),
    "ollama": ("gguf", "quantized"),
}
FEW_EXAMPLES = 100  # test examples under which the card points out how wide the bounds are


def card(manifest: Manifest, results: Sequence[RungResult], shipped: Shipped | None = None) -> str:
    """Write the README.md of a specialist: front matter that the Hugging Face Hub reads, then prose for people.

    `manifest` is the specialist's (its hashes may be missing yet), `results` are those of all rungs; `shipped` is the
    form that lies beside the card, where that is an export and not the specialist's own folder. Nothing is said that
    is not known: the licence and the language of the data are left to the person who publishes.
    """
    chosen = next((r for r in results if r.rung == manifest.rung), RungResult(manifest.rung, None))
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=False,  # Markdown; what others wrote goes through the filters below
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
    )
    environment.filters |= {
        "cell": _cell,
        "fenced": _fenced,
        "word": _word,
        "python": repr,
        "bounds": bounds,
        "number": _number,
        "percent": percent,
    }
    header = yaml.safe_dump(_front_matter(manifest, chosen, shipped), sort_keys=False, allow_unicode=True, width=100)
    return environment.get_template("card.md.j2").render(
        front_matter=header,
        manifest=manifest,
        base=_spoken(manifest.base.base_model),
        rungs=results,
        tested=[r for r in results if r.report],
        chosen=chosen,
        report=chosen.report,
        sentence=verdict_sentence(chosen),
        difference=difference,
        verdict=verdict_words,
        parts=_parts(chosen),
        few=FEW_EXAMPLES,
        shipped=shipped,
        hub=base_on_hub(manifest),
    )


def _spoken(base: str) -> str:
    """A base by its name; where its folder lies on one machine is nothing for the readers of a card."""
    return PurePath(base).name if PurePath(base).is_absolute() else base


def base_on_hub(manifest: Manifest) -> str:
    """The base's id on the Hub, or nothing where it is not from there."""
    base = manifest.base.base_model
    return base if is_hub_id(base) and "/" in base else ""


def _front_matter(manifest: Manifest, chosen: RungResult, shipped: Shipped | None) -> dict[str, Any]:
    made_of, base = _parts(chosen), manifest.base.base_model
    trained = {"adapter": ("peft", "adapter"), "own weights": ("transformers", "finetune")}
    library, relation = next((trained[part] for part in made_of if part in trained), ("", ""))
    if shipped:
        library, relation = FORMS[shipped.to]
    header: dict[str, Any] = {}
    if library:
        header["library_name"] = library
    header["pipeline_tag"] = "text-generation"
    # A folder or a built-in base means nothing on the Hub, and a wrong link would be worse than none.
    if is_hub_id(base) and "/" in base:
        header["base_model"] = base
        if relation:
            header["base_model_relation"] = relation
    kinds = {"adapter": "lora", "own weights": "full-fine-tuning"}
    if shipped and shipped.to in ("gguf", "ollama"):
        header["quantized_by"] = "gradschool"
    tags = ["gradschool", *(kinds[part] for part in made_of if part in kinds)]
    if manifest.recipe.passages:
        tags.append("retrieval-augmented-generation")
    header["tags"] = tags
    if chosen.report:
        metric = chosen.report.metric
        header["metrics"] = [HUB_METRICS.get(metric, metric)]
        header["model-index"] = [{"name": manifest.name, "results": [_model_index(manifest, chosen.report, shipped)]}]
    return header


def _model_index(manifest: Manifest, report: Report, shipped: Shipped | None) -> dict[str, Any]:
    score = shipped.result.score if shipped else report.score
    dataset = {"type": "private", "name": f"test examples of {manifest.name}", "split": "test"}
    if manifest.split:
        dataset["revision"] = manifest.split
    args: dict[str, float | str] = {
        "lower_bound": round(score.interval.low, 6),
        "upper_bound": round(score.interval.high, 6),
        "confidence_of_each_bound": round(score.interval.level, 6),
        "examples": score.examples,
        "groups": score.groups,
        "pass_mark": report.pass_mark,
        "verdict": manifest.verdict,
    }
    if shipped:
        args["form"] = shipped.result.form
    measured = {
        "type": HUB_METRICS.get(report.metric, report.metric),
        "value": round(score.mean, 6),
        "name": report.metric,
        "args": args,
    }
    return {"task": {"type": "text-generation", "name": manifest.name}, "dataset": dataset, "metrics": [measured]}


def _parts(result: RungResult) -> list[str]:
    """What a rung's candidate is made of, part by part."""
    return result.recipe.split(" + ") if result.recipe else []


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2f}"


def _cell(text: object) -> str:
    """Text that cannot break out of its line or table cell, nor become HTML."""
    line = " ".join(str(text).split())
    return re.sub(r"([\\|`*_\[\]<>])", r"\\\1", line)


def _word(name: str) -> str:
    """A name that can stand in a command and names a model for Ollama."""
    return re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip("-._") or "specialist"


def _fenced(text: str) -> str:
    """Text as a block that it cannot end itself: the fence is longer than any run of backticks in it."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text.strip()}\n{fence}"
