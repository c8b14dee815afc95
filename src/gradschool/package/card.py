"""The model card: a README.md with the results, the cost and the limits of a specialist."""

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from gradschool.model.llama_grammar import SERVER_OPTIONS, constraint_fields
from gradschool.model.opening import is_hub_id
from gradschool.package.base_words import about_bases, behind_best, size_of
from gradschool.package.coverage_words import rule_of
from gradschool.package.floor_words import floor_name, floors_in
from gradschool.package.forms import Shipped
from gradschool.package.manifest import Manifest
from gradschool.package.marks import marks
from gradschool.package.verdicts import (
    audit_sentence,
    bounds,
    confidences,
    differences,
    percent,
    plain_verdict,
    tested_on,
    verdict_sentence,
    verdict_words,
)
from gradschool.records import ComparedBase, Gate, Report, RungResult
from gradschool.score.metric_info import metric_info
from gradschool.visible import visible

FORMS = {  # library and relation to the base, in the words of the Hub
    "adapter": ("peft", "adapter"),
    "gguf-adapter": ("gguf", "adapter"),
    "merged": ("transformers", "merge"),
    "gguf": ("gguf", "quantized"),
    "ollama": ("gguf", "quantized"),
}
FEW_EXAMPLES = 100  # with fewer test examples, the card points out how wide the bounds are


def card(
    manifest: Manifest,
    results: Sequence[RungResult],
    shipped: Shipped | None = None,
    bases: Sequence[ComparedBase] = (),
    pictured: bool = False,
) -> str:
    """Render the README.md of a specialist: front matter for the Hugging Face Hub, then text.

    The hashes of `manifest` may be missing. `results` are those of all rungs, in the order of the climb. `shipped`
    describes an export, if the card is for one, `bases` are those that were compared, and `pictured` says that the test
    questions have images. The licence and the language of the data are unknown here and left to whoever publishes it.
    """
    chosen = next((r for r in results if r.rung == manifest.rung), RungResult(manifest.rung, None))
    front = _front_matter(manifest, chosen, shipped) | ({"pipeline_tag": "image-text-to-text"} if pictured else {})
    header = yaml.safe_dump(front, sort_keys=False, allow_unicode=True, width=100)
    fields = constraint_fields(manifest.recipe.decoding.constraint)
    text = _template("card").render(
        front_matter=header,
        manifest=manifest,
        base=manifest.base_name,
        rungs=results,
        tested=[r for r in results if r.report],
        chosen=chosen,
        report=chosen.report,
        sentence=verdict_sentence(chosen),
        plain=plain_verdict(chosen),
        confidences=confidences(results),
        rule=rule_of,
        differences=differences,
        tested_on=tested_on,
        floors=floors_in(results),
        bases=bases,
        about_bases=about_bases,
        behind_best=behind_best,
        size_of=size_of,
        floor_name=floor_name,
        verdict=verdict_words,
        parts=_parts(chosen),
        marks=marks,
        few=FEW_EXAMPLES,
        shipped=shipped,
        server_options="".join(f" {' '.join(SERVER_OPTIONS[field])}" for field in fields),
        pictured=pictured,
        hub=base_on_hub(manifest),
    )
    return visible(re.sub(r"\n{3,}", "\n\n", text))  # parts that are left out leave empty lines


def audit_card(name: str, base: str, gates: Sequence[Gate]) -> str:
    """Render the gates of an audit as Markdown; `name` is that of what was audited."""
    sentence = audit_sentence(gates)
    return visible(_template("audit").render(name=name, base=base, gates=gates, sentence=sentence))


@cache
def _template(name: str) -> Template:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=False,  # Markdown; the filters below escape untrusted text
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
    )
    environment.filters |= {
        "cell": _cell,
        "fenced": _fenced,
        "word": word,
        "python": repr,
        "bounds": bounds,
        "number": _number,
        "percent": percent,
    }
    return environment.get_template(f"{name}.md.j2")


def base_on_hub(manifest: Manifest) -> str:
    """The id of the base on the Hub; empty if it is not from there."""
    base = manifest.base_model
    return base if is_hub_id(base) and "/" in base else ""


def _front_matter(manifest: Manifest, chosen: RungResult, shipped: Shipped | None) -> dict[str, Any]:
    parts = _parts(chosen)
    trained = {"adapter": ("peft", "adapter"), "own weights": ("transformers", "finetune")}
    library, relation = next((trained[part] for part in parts if part in trained), ("", ""))
    if shipped:
        library, relation = FORMS[shipped.to]
    header: dict[str, Any] = {}
    if library:
        header["library_name"] = library
    header["pipeline_tag"] = "text-generation"
    # Local folders and the built-in base do not exist on the Hub, so they get no link.
    if base := base_on_hub(manifest):
        header["base_model"] = base
        if relation:
            header["base_model_relation"] = relation
    kinds = {"adapter": "lora", "own weights": "full-fine-tuning"}
    if shipped and shipped.to in ("gguf", "ollama"):
        header["quantized_by"] = "gradschool"
    tags = ["gradschool", *(kinds[part] for part in parts if part in kinds)]
    if manifest.recipe.passages:
        tags.append("retrieval-augmented-generation")
    header["tags"] = tags
    if chosen.report:
        metric = chosen.report.metric
        header["metrics"] = [metric_info(metric).hub_type or metric]
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
        "verdict": manifest.verdict,
    }
    if report.pass_mark is not None:
        args["pass_mark"] = report.pass_mark
    if now := report.incumbent:
        args["difference_from_incumbent"] = round(now.difference.mean, 6)
        args["lower_bound_of_difference"] = round(now.difference.interval.low, 6)
        args["margin"] = now.margin
    if shipped:
        args["form"] = shipped.result.form
    measured = {
        "type": metric_info(report.metric).hub_type or report.metric,
        "value": round(score.mean, 6),
        "name": report.metric,
        "args": args,
    }
    return {"task": {"type": "text-generation", "name": manifest.name}, "dataset": dataset, "metrics": [measured]}


def _parts(result: RungResult) -> list[str]:
    """The parts of a rung's candidate, such as "instructions" and "adapter"."""
    return result.recipe.split(" + ") if result.recipe else []


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2f}"


def _cell(text: object) -> str:
    """Escape text so that it stays within a line or table cell and is not HTML."""
    line = " ".join(str(text).split())
    return re.sub(r"([\\|`*_\[\]<>])", r"\\\1", line)


def word(name: str) -> str:
    """A name that is valid in a command and as a model name in Ollama."""
    return re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip("-._") or "specialist"


def _fenced(text: str) -> str:
    """Text as a fenced block; the fence is longer than any run of backticks in the text."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text.strip()}\n{fence}"
