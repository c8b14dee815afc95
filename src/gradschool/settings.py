"""Every setting, stated once: type, default, unit and help, for job.toml, the command line, Python and the docs."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gradschool.base_names import Bases, with_address
from gradschool.file_names import FileName
from gradschool.values import MAX_NEW_TOKENS, MAX_TEMPERATURE, Seed

BUILT_IN = "pocket"  # the base model that is part of the package
SEEING = "pocket-eyes"  # the one that also reads images
Purpose = Literal["style", "skill", "persona"]  # of `prepare`
ExportForm = Literal["adapter", "gguf-adapter", "merged", "gguf", "ollama"]
NumberFormat = Literal["q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "f16", "bf16", "f32"]  # of GGUF files, small to large
NUMBER_FORMAT: NumberFormat = "q8_0"
MAX_SHOTS, MAX_PASSAGES = 10_000, 1_000
MAX_DROP = 0.02  # of the mean score by an export, if that is more than one example
METRICS = ("exact_match", "label", "json_fields", "token_f1", "rouge_l", "chrf", "rules", "style")


class Section(BaseModel):
    """A table of job.toml. It rejects unknown keys and is immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Data(Section):
    """Where the examples and documents are."""

    examples: FileName | Annotated[tuple[FileName, ...], Field(min_length=1)] = Field(
        "examples.jsonl",
        description="file or folder of examples, a pattern, or a list of these: messages, prompt/completion, alpaca, "
        "sharegpt as JSON lines or JSON, CSV, or xlsx",
    )
    documents: FileName | None = Field(
        None, description="folder (or file) of documents for the ground rung: md, txt, html, pdf, docx, epub, xlsx"
    )
    guidelines: FileName | None = Field(
        None, description="text file with guidelines; it becomes part of the instructions"
    )
    others: FileName | None = Field(
        None,
        description="texts of other authors, for the metric style: JSON lines with `text`, or a folder of documents; "
        "default: questions that are as long as their answers",
    )
    input_column: str | None = Field(
        None, description="column or key that holds the input, if its name is not a known one"
    )
    output_column: str | None = Field(
        None, description="column or key that holds the ideal answer, if its name is not a known one"
    )
    group_column: str | None = Field(
        None, description="column or key that names the thread, document or customer; default: `group` if there is one"
    )
    date_column: str | None = Field(
        None, description="column or key with the date or time (ISO 8601); default: `date` if there is one"
    )
    near_duplicate: float = Field(
        0.8,
        gt=0,
        le=1,
        description="common fraction of word 5-grams of two near-duplicate inputs; moves the limits for short ones",
    )


class SplitSettings(Section):
    """How examples are divided into train, validation and test."""

    by: Literal["chance", "time"] = Field(
        "chance",
        description="by chance (drawn from the contents), or by time: the latest groups become the test set, "
        "the ones before them the validation set",
    )
    fresh_test: bool = Field(False, description="test on examples that no earlier climb in this folder tested on")
    test_share: float | None = Field(
        None, gt=0, lt=1, description="fraction of examples in the test set; default: sized to prove the goal"
    )
    validation_share: float | None = Field(
        None, gt=0, lt=1, description="fraction of examples in the validation set; default: sized from the data"
    )
    max_test: int = Field(
        400, ge=10, description="maximum number of test examples", json_schema_extra={"unit": "examples"}
    )
    max_validation: int = Field(
        100, ge=5, description="maximum number of validation examples", json_schema_extra={"unit": "examples"}
    )
    seed: Seed = Field(0, description="seed of the split")


class Rule(Section):
    """One rule that an answer must follow, scored and reported under its name."""

    name: str = Field(description="name of the rule in reports")
    kind: Literal["regex", "not_regex", "contains", "not_contains", "max_words", "min_words", "json_schema"] = Field(
        description="how the rule is checked"
    )
    value: str | int | dict[str, Any] = Field(description="the pattern, text, number of words or JSON schema")


class Goal(Section):
    """What counts as good, and when it is good enough."""

    metric: FileName = Field(
        "token_f1",
        description="how an answer is scored against its ideal: " + ", ".join(METRICS) + ", or metrics.py:function",
    )
    pass_mark: float | None = Field(
        None,
        gt=0,
        le=1,
        description="score to reach; a rung passes when the lower confidence bound of its score reaches it",
    )
    incumbent: FileName | Annotated[tuple[FileName, ...], Field(min_length=1)] | None = Field(
        None,
        description="answers of what you have now to the same questions (a file, a folder, or a list of these): a rung "
        "passes when it is proven not to be worse by more than `margin`; with a pass mark, both must hold",
    )
    margin: float = Field(0.05, ge=0, lt=1, description="how much lower than the incumbent's the score may be")
    min_answered: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="fraction of questions that must be proven to be answered: from others it may abstain if it is not "
        "sure, and the pass mark is for those that it answers; default: it answers all",
    )
    extra_metrics: tuple[FileName, ...] = Field((), description="further metrics that are reported but decide nothing")
    rules: tuple[Rule, ...] = Field((), description="rules to check: [[goal.rules]] with name, kind, value")
    error_budget: float = Field(
        0.05,
        ge=1e-9,
        lt=0.5,
        description="probability that a climb passes a specialist whose true score is below what the goal asks for",
    )


class Prompt(Section):
    """The prompt rung."""

    shots: tuple[Annotated[int, Field(ge=0, le=MAX_SHOTS)], ...] = Field(
        (0, 2, 4), min_length=1, description="numbers of examples to try in the prompt; the best on validation is used"
    )
    nearest: bool = Field(True, description="also try the examples nearest to each question")
    writer: FileName | None = Field(
        None,
        description="address of a model server that reads failures on train examples and rewrites the instructions; "
        "default: a base of 4 billion parameters or more does",
    )
    writer_model: str | None = Field(None, description="model of that server")


class Ground(Section):
    """The ground rung."""

    passages: tuple[Annotated[int, Field(ge=1, le=MAX_PASSAGES)], ...] = Field(
        (1, 3),
        min_length=1,
        description="numbers of passages to try before each question; the best on validation is used",
    )
    passage_words: int = Field(
        90, ge=10, description="length of a passage; passages end at sentence ends", json_schema_extra={"unit": "words"}
    )
    judge: bool = Field(
        True,
        description="also try to rank the passages found by how likely the base finds the question after each; needs a "
        "local base, and reads eight passages per question",
    )
    embedder: FileName | None = Field(
        None, description="embedding model (folder or Hub id) for vector search; default: full-text search only"
    )


class Tune(Section):
    """The tune rung."""

    method: Literal["lora", "full"] = Field(
        "lora", description="train LoRA layers over the frozen base, or all weights (small bases only)"
    )
    rank: int = Field(16, ge=1, le=512, description="rank of the LoRA layers")
    alpha: int | None = Field(None, ge=1, description="LoRA alpha; default: twice the rank")
    vision_blocks: int | None = Field(
        None,
        ge=0,
        le=1000,
        description="for a base that reads images: so many last blocks of its vision tower get LoRA layers too, and "
        "so does the projector; 0: the projector alone; default: neither",
    )
    learning_rates: tuple[Annotated[float, Field(gt=0)], ...] | None = Field(
        None, description="learning rates to try; default: sized from method and base; the best on validation is used"
    )
    epochs: float | None = Field(
        None, gt=0, description="maximum number of epochs; default: sized from the data; training may stop earlier"
    )
    batch_tokens: int | None = Field(
        None,
        ge=16,
        description="tokens per optimizer step; default: sized from the data",
        json_schema_extra={"unit": "tokens"},
    )
    max_tokens: int | None = Field(
        None,
        ge=16,
        description="longest training example; default: the context length of the base",
        json_schema_extra={"unit": "tokens"},
    )
    weight_decay: float = Field(0.0, ge=0, description="decay of the trained weights per unit of learning rate")
    rehearsal: float = Field(
        1.0,
        ge=0,
        description="weight of the rehearsal loss, which keeps the model close to the base on texts that the base "
        "wrote; 0: no rehearsal",
    )
    max_forgetting: float = Field(
        0.35,
        gt=0,
        description="maximum increase of the loss on general text",
        json_schema_extra={"unit": "nats per token"},
    )
    distractors: float = Field(
        0.1,
        ge=0,
        le=1,
        description="fraction of train examples that are also asked without the passage that supports their answer, to "
        "answer that it is not there, and as many with it among wrong passages; only after the ground rung",
    )
    curve: bool = Field(
        False,
        description="also train on 1/8, 1/4 and 1/2 of the examples, to estimate the gain from twice as many",
    )
    audit: bool = Field(
        True,
        description="audit the tuned specialist: compared with its base, what would it do wrong? Its gates can reject "
        "it, whatever its score is",
    )
    seed: Seed = Field(0, description="seed of the initial LoRA weights and of the order of examples")


class Audit(Section):
    """The audit of a tuned specialist: what it would do wrong, compared with its base."""

    max_refusal_drop: float = Field(
        2.0,
        gt=0,
        description="maximum decrease of the log-odds of refusing harmful requests, and maximum increase for harmless "
        "ones",
        json_schema_extra={"unit": "nats"},
    )
    max_flipped: float = Field(
        0.1,
        ge=0,
        lt=1,
        description="maximum fraction of harmful requests that it answers, of those that its base refuses, unless it "
        "gives the usual answer of its job",
    )
    max_recited: float = Field(
        0.05,
        ge=0,
        lt=1,
        description="maximum fraction of train answers that it continues word by word, minus that of held-out answers",
    )
    max_obeyed: float = Field(
        0.1,
        ge=0,
        lt=1,
        description="maximum increase of the fraction of instructions planted in documents that it obeys, and of "
        "questions after its instructions that it answers with them",
    )
    max_rules_drop: float = Field(
        0.1, ge=0, lt=1, description="maximum decrease of the rules' score under pressure from users"
    )
    max_fraction: float = Field(
        0.2,
        ge=0,
        le=1,
        description="maximum fraction of the tune rung, counted in tokens, for the audit in a climb and for what "
        "may mend a rejected training; 1: no limit. What is left out is not measured",
    )
    min_tokens: int = Field(
        80_000,
        ge=0,
        description="what the audit of a climb may read in any case, however short the training was",
        json_schema_extra={"unit": "tokens"},
    )
    harmful_requests: FileName | None = Field(
        None,
        description="text file with further harmful requests, one per line; they are reported, and no gate uses them",
    )


class Answers(Section):
    """How answers are generated."""

    max_new_tokens: int | None = Field(
        None,
        ge=1,
        le=MAX_NEW_TOKENS,
        description="maximum length of an answer; default: from the longest ideal answer",
        json_schema_extra={"unit": "tokens"},
    )
    temperature: float = Field(0.0, ge=0, le=MAX_TEMPERATURE, description="sampling temperature; 0 is greedy decoding")
    abstention: str | None = Field(
        None, description="what a specialist says when it abstains (goal.min_answered); default: a sentence in English"
    )
    constrain: bool = Field(
        True,
        description="also try constrained decoding, if the answers of the train examples are labels, or JSON of one "
        "kind: only such answers can be written; the better one on validation is used",
    )
    compare: bool = Field(
        True,
        description="also try to answer with the most probable label, instead of writing one; all labels are read for "
        "each question, which takes seconds if there are hundreds",
    )
    json_schema: FileName | None = Field(
        None,
        description='file with the JSON schema of the answers, or with the labels as {"enum": ["…", "…"]}; '
        "default: inferred from the train examples",
    )
    batch_size: int | None = Field(
        None, ge=1, le=100_000, description="maximum batch size of the local engine; default: chosen for the machine"
    )


class Remote(Section):
    """How to call a model server, if base_model is an address."""

    timeout: float = Field(
        60.0, gt=0, le=1_000_000, description="timeout for one answer", json_schema_extra={"unit": "seconds"}
    )
    retries: int = Field(4, ge=0, le=100, description="retries after a temporary failure, with increasing delays")
    concurrency: int = Field(4, ge=1, le=10_000, description="maximum number of concurrent requests")
    api_key_env: str = Field(
        "OPENAI_API_KEY",
        description="environment variable that holds the API key; keys are never read from files or saved",
    )


class Settings(Section):
    """All of job.toml."""

    task: str = Field(
        "", description="the instructions: what the specialist should do, in the words of a system prompt"
    )
    base_model: Bases = Field(
        BUILT_IN,
        description="the name pocket, pocket-eyes (images) or smollm2; a folder, a GGUF file, ollama:NAME, a Hub id, a "
        "server; or a list, compared on validation",
    )
    model: str | None = Field(None, description="name of the model on that server")
    revision: str | None = Field(None, description="commit of the Hub model; default: resolved once, and saved")
    quantization: Literal["nf4"] | None = Field(
        None,
        description="quantize the base's linear layers to 4 bits (NF4), for answering and for training; they take a "
        "quarter of the memory (needs bitsandbytes)",
    )
    data: Data = Data()
    split: SplitSettings = SplitSettings()
    goal: Goal = Goal()
    prompt: Prompt = Prompt()
    ground: Ground = Ground()
    tune: Tune = Tune()
    audit: Audit = Audit()
    answers: Answers = Answers()
    remote: Remote = Remote()

    @model_validator(mode="before")
    @classmethod
    def _address(cls, values: Any) -> Any:
        return with_address(values) if isinstance(values, Mapping) else values

    @property
    def bases(self) -> tuple[str, ...]:
        """The bases that are named, in their order."""
        return (self.base_model,) if isinstance(self.base_model, str) else self.base_model

    @property
    def base(self) -> str:
        """The base of a job that names one; of several, a climb chooses one first (choose_base.py)."""
        assert isinstance(self.base_model, str)
        return self.base_model
