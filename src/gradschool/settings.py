"""Every option, stated once: type, default, unit and help. Command line, job.toml, forms and docs come from here."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo

METRICS = ("exact_match", "label", "json_fields", "token_f1", "rouge_l", "chrf", "rules", "style")


class Section(BaseModel):
    """A table of job.toml: unknown keys are refused, nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Data(Section):
    """What the examples and documents are."""

    examples: str = Field(
        "examples.jsonl",
        description="file of examples: messages, prompt/completion, alpaca, sharegpt as JSON lines or JSON, or CSV",
    )
    documents: str | None = Field(
        None, description="folder (or file) that the ground rung may read: md, txt, html, pdf, docx, epub, xlsx"
    )
    guidelines: str | None = Field(
        None, description="text file with rules of conduct; becomes part of the instructions"
    )
    input_column: str | None = Field(
        None, description="column or key that holds the input, where the names do not tell"
    )
    output_column: str | None = Field(
        None, description="column or key that holds the ideal answer, where the names do not tell"
    )
    group_column: str | None = Field(
        None,
        description="column or key that names the thread, document or customer; default: `group` where there is one",
    )
    date_column: str | None = Field(
        None, description="column or key with the date or moment (ISO 8601); default: `date` where there is one"
    )
    near_duplicate: float = Field(
        0.8, gt=0, le=1, description="share of common word 5-grams from which two inputs count as near-duplicates"
    )


class SplitSettings(Section):
    """How examples are divided into train, validation and test."""

    by: Literal["chance", "time"] = Field(
        "chance",
        description="by chance (drawn from contents), or by time: the latest groups are the test, "
        "those before them validation",
    )
    test_share: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="share of examples kept for the verdict; default: sized so that the pass mark can be proved",
    )
    validation_share: float | None = Field(
        None, gt=0, lt=1, description="share of examples for choices; default: sized from the data"
    )
    max_test: int = Field(
        400, ge=10, description="most test examples that are answered per rung", json_schema_extra={"unit": "examples"}
    )
    max_validation: int = Field(
        100,
        ge=5,
        description="most validation examples that are answered per choice",
        json_schema_extra={"unit": "examples"},
    )
    seed: int = Field(0, description="seed of the split")


class Rule(Section):
    """One checkable rule about an answer, scored and reported by its name."""

    name: str = Field(description="what the rule is called in reports")
    kind: Literal["regex", "not_regex", "contains", "not_contains", "max_words", "min_words", "json_schema"] = Field(
        description="how it is checked"
    )
    value: str | int | dict[str, Any] = Field(description="the pattern, text, number of words or JSON schema")


class Goal(Section):
    """What counts as good, and when it is good enough."""

    metric: str = Field(
        "token_f1",
        description="how an answer is scored against its ideal: " + ", ".join(METRICS) + ", or metrics.py:function",
    )
    pass_mark: float | None = Field(
        None,
        gt=0,
        le=1,
        description="score from which the job counts as done; proven means that the lower bound reaches it",
    )
    also: tuple[str, ...] = Field((), description="further metrics that are reported but decide nothing")
    rules: tuple[Rule, ...] = Field((), description="checkable rules: [[goal.rules]] with name, kind, value")
    error_budget: float = Field(
        0.05, gt=0, lt=0.5, description="chance that the whole climb passes a specialist below the mark"
    )


class Prompt(Section):
    """The prompt rung."""

    shots: tuple[Annotated[int, Field(ge=0)], ...] = Field(
        (0, 2, 4), min_length=1, description="how many examples to try showing; the best on validation is kept"
    )
    nearest: bool = Field(True, description="also try showing the examples nearest to each question")


class Ground(Section):
    """The ground rung."""

    passages: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (1, 3),
        min_length=1,
        description="how many passages to try putting before a question; the best on validation is kept",
    )
    passage_words: int = Field(
        90, ge=10, description="length that passages are cut to, at sentence ends", json_schema_extra={"unit": "words"}
    )
    embedder: str | None = Field(
        None,
        description="embedding model (folder or Hub id) for vector search; default: full-text search alone",
    )


class Tune(Section):
    """The tune rung."""

    method: Literal["lora", "full"] = Field(
        "lora", description="train small added layers over a frozen base, or all weights (small bases only)"
    )
    rank: int = Field(16, ge=1, le=512, description="rank of the added layers")
    alpha: int | None = Field(None, ge=1, description="strength of the added layers; default: twice the rank")
    learning_rates: tuple[Annotated[float, Field(gt=0)], ...] | None = Field(
        None,
        description="learning rates to try; default: sized from method and base, best on validation kept",
    )
    epochs: float | None = Field(
        None,
        gt=0,
        description="passes over the training examples at most; default: sized from the data; may stop earlier",
    )
    batch_tokens: int | None = Field(
        None,
        ge=16,
        description="tokens per optimiser step; default: sized from the data",
        json_schema_extra={"unit": "tokens"},
    )
    max_tokens: int | None = Field(
        None,
        ge=16,
        description="longest training row; default: what the base can read",
        json_schema_extra={"unit": "tokens"},
    )
    weight_decay: float = Field(0.0, ge=0, description="decay of the trained weights per unit of learning rate")
    rehearsal: float = Field(
        1.0,
        ge=0,
        description="weight of staying near the base, while training, on texts that the base wrote itself; 0: none",
    )
    max_forgetting: float = Field(
        0.35,
        gt=0,
        description="most that the loss on general text may rise",
        json_schema_extra={"unit": "nats per token"},
    )
    curve: bool = Field(
        False,
        description="also tune on an eighth, a quarter and half of the examples, to say what twice as many would bring",
    )
    seed: int = Field(0, description="seed of initial weights and order")


class Answers(Section):
    """How answers are drawn."""

    max_new_tokens: int | None = Field(
        None,
        ge=1,
        description="longest answer; default: from the longest ideal answer",
        json_schema_extra={"unit": "tokens"},
    )
    temperature: float = Field(0.0, ge=0, description="0 takes the likeliest token each time; more is more varied")
    batch_size: int | None = Field(
        None, ge=1, description="most questions answered at once by the local engine; default: what suits the machine"
    )


class Remote(Section):
    """How a model server is spoken to, where base_model is an address."""

    timeout: float = Field(60.0, gt=0, description="longest wait for one answer", json_schema_extra={"unit": "seconds"})
    retries: int = Field(4, ge=0, description="further tries after a failure that may pass, each after a longer pause")
    concurrency: int = Field(4, ge=1, description="questions under way at once")
    api_key_env: str = Field(
        "OPENAI_API_KEY",
        description="environment variable that holds the key; keys are never read from files or written down",
    )


class Settings(Section):
    """All of job.toml."""

    task: str = Field("", description="the instructions: what the specialist is to do, as one would tell a person")
    base_model: str = Field(
        "pocket",
        description="pocket (built in), a local folder, a Hub id, or the address of an OpenAI-compatible server",
    )
    model: str | None = Field(None, description="the model's name on that server")
    revision: str | None = Field(None, description="commit of the Hub model; default: resolved once and written down")
    four_bits: bool = Field(
        False,
        description="hold the base's layers in 4 bits, a quarter of the memory, while it answers and while it is tuned "
        "(needs bitsandbytes)",
    )
    data: Data = Data()
    split: SplitSettings = SplitSettings()
    goal: Goal = Goal()
    prompt: Prompt = Prompt()
    ground: Ground = Ground()
    tune: Tune = Tune()
    answers: Answers = Answers()
    remote: Remote = Remote()


@dataclass(frozen=True, slots=True)
class Option:
    """One settable value: `path` as in job.toml ("goal.pass_mark"), `flag` as on the command line ("--pass-mark")."""

    path: str
    flag: str
    type: str
    default: Any
    unit: str
    help: str


def options(section: type[Section] = Settings, prefix: str = "") -> Iterator[Option]:
    """All options in the order of job.toml, but for the rules: a table of tables is left to the file."""
    for name, info in section.model_fields.items():
        if name == "rules":
            continue
        inner = info.annotation
        if isinstance(inner, type) and issubclass(inner, Section):
            yield from options(inner, f"{prefix}{name}.")
        else:
            yield _option(name, info, prefix)


def _option(name: str, info: FieldInfo, prefix: str) -> Option:
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    # `seed` stands in two tables: there the flag carries the table's name.
    flag = f"{prefix.rstrip('.')}-{name}" if name == "seed" else name
    return Option(
        path=prefix + name,
        flag="--" + flag.replace("_", "-"),
        type=_type_name(info.annotation),
        default=None if info.is_required() else info.default,
        unit=str(extra.get("unit", "")),
        help=info.description or "",
    )


def _type_name(annotation: Any) -> str:
    if get_origin(annotation) is Annotated:
        return _type_name(get_args(annotation)[0])
    if isinstance(annotation, type) and not get_args(annotation):
        return {"str": "text", "int": "whole number", "float": "number", "bool": "true or false"}.get(
            annotation.__name__, annotation.__name__
        )
    parts = [part for part in get_args(annotation) if part not in (type(None), ...)]
    if all(isinstance(part, str) for part in parts):
        return " or ".join(map(repr, parts))
    if getattr(annotation, "__origin__", None) is tuple:
        return "list of " + _type_name(parts[0])
    return " or ".join(_type_name(part) for part in parts)


def settings_markdown() -> str:
    """The page that documents every setting."""
    lines = ["# Settings", "", "Written by `gradschool settings --markdown`; do not edit by hand.", ""]
    lines += ["Each can stand in `job.toml` under its table, or be given to `climb` and `check` by its flag.", ""]
    table = None
    for option in options():
        section = option.path.rpartition(".")[0]
        if section != table:
            table = section
            heading = f"## [{table}]" if table else "## At the top"
            lines += ["", heading, "", "| key | flag | type | default | meaning |", "| --- | --- | --- | --- | --- |"]
        default = "" if option.default in (None, "", ()) else f"`{shown(option.default)}`"
        unit = f" ({option.unit})" if option.unit else ""
        key = option.path.rpartition(".")[2]
        kind = option.type.replace("|", "\\|")
        lines.append(f"| `{key}` | `{option.flag}` | {kind}{unit} | {default} | {option.help} |")
    lines += ["", "## [[goal.rules]]", "", "| key | meaning |", "| --- | --- |"]
    lines += [f"| `{name}` | {info.description} |" for name, info in Rule.model_fields.items()]
    return "\n".join(lines) + "\n"


def shown(value: Any) -> str:
    """A default as it would be written on the command line."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
