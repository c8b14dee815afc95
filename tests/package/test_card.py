"""The model card: front matter that the Hub reads, and text that claims no more than was proven."""

import re
from dataclasses import replace
from typing import Any

import pytest
import yaml
from huggingface_hub import ModelCard

from gradschool.environment import duration
from gradschool.package.card import card
from gradschool.package.forms import FormResult, Shipped
from gradschool.package.manifest import Manifest
from gradschool.package.verdicts import differences, plain_verdict, verdict_sentence
from gradschool.records import (
    Abstention,
    BaseIdentity,
    Cost,
    Coverage,
    Difference,
    Gate,
    Interval,
    Report,
    RungResult,
    Score,
    Verdict,
)
from gradschool.specialist import Recipe


def report(mean: float, verdict: Verdict, **more: Any) -> Report:
    score = Score(mean, Interval(mean - 0.05, mean + 0.05, 0.9875), 80, 72)
    return Report("rouge_l", score, verdict, 0.45, None, cost=Cost(412.0, 12.5, 0.31), **more)


BASE = RungResult("base", report(0.2, "failed"), recipe="no help")
GROUND = RungResult("ground", None, skipped="the job names no documents")
TUNE = RungResult(
    "tune",
    report(
        0.512,
        "passed",
        parts={"polite | <b>": Score(0.9, Interval(0.8, 0.95, 0.9875), 80, 72)},
        failures={"empty answer": 2},
        difference=Difference("base", 0.312, Interval(0.25, 0.37, 0.9875)),
    ),
    gates=(Gate("forgetting", True, "the loss on general text rose by 0.04"),),
    recipe="instructions + adapter",
    seconds=93.0,
    tokens_trained=120_000,
)
RESULTS = (BASE, GROUND, TUNE)


def manifest(**more: Any) -> Manifest:
    name = "HuggingFaceTB/SmolLM2-135M-Instruct"
    base = BaseIdentity("local", name, revision="a1b2", weights="c3", template="d4")
    recipe = Recipe("Rewrite the clause.\n```\n# Not a heading")
    known = Manifest("contracts", "0.1.0", "tune", "passed", name, base, recipe, split="e5f6")
    return replace(known, **more)


def front(text: str) -> dict[str, Any]:
    header: dict[str, Any] = yaml.safe_load(text.split("---\n")[1])
    return header


def test_the_hub_reads_the_front_matter() -> None:
    read = ModelCard(card(manifest(), RESULTS)).data
    assert read.library_name == "peft"
    assert read.base_model == "HuggingFaceTB/SmolLM2-135M-Instruct"
    assert read.to_dict()["base_model_relation"] == "adapter"
    [result] = read.eval_results or []
    assert (result.metric_type, result.metric_name, result.metric_value) == ("rouge", "rouge_l", 0.512)
    assert (result.dataset_split, result.dataset_revision) == ("test", "e5f6")
    assert result.metric_args["lower_bound"] == 0.462
    assert result.metric_args["verdict"] == "passed"


def test_unknown_fields_are_left_out() -> None:
    header = front(card(manifest(), RESULTS))
    assert not {"license", "language", "datasets"} & header.keys()


@pytest.mark.parametrize("base", ["pocket", "/home/someone/models/tiny", "http://localhost:11434/v1"])
def test_a_base_that_is_not_on_the_hub_is_not_linked(base: str) -> None:
    text = card(manifest(base_model=base, base=BaseIdentity("local", base)), RESULTS)
    assert not {"base_model", "base_model_relation"} & front(text).keys()
    assert f"`{base.removeprefix('/home/someone/models/')}`" in text
    assert "/home" not in text
    assert "unknown" in text


@pytest.mark.parametrize(
    ("recipe", "library", "relation"),
    [
        ("instructions + adapter", "peft", "adapter"),
        ("instructions + own weights", "transformers", "finetune"),
        ("instructions + 4 nearest examples", None, None),
    ],
)
def test_library_and_relation_follow_what_was_trained(recipe: str, library: str | None, relation: str | None) -> None:
    header = front(card(manifest(), (BASE, replace(TUNE, recipe=recipe))))
    assert (header.get("library_name"), header.get("base_model_relation")) == (library, relation)


def test_the_ladder_is_in_order_with_every_number() -> None:
    text = card(manifest(), RESULTS)
    rows = re.findall(r"^\| (base|ground|tune)\b.*$", text, re.MULTILINE)
    assert rows[:3] == ["base", "ground", "tune"]
    row = "| tune (this one) | instructions + adapter | 0.512 | 0.462 to 0.562 | "
    assert row + "+0.312 vs base (+0.250 to +0.370) | passed |" in text
    assert "the job names no documents" in text
    assert "the loss on general text rose by 0.04" in text
    assert "2 empty answer" in text
    assert "| tune | 412 | 12 | 0.31 | 93 | 120,000 |" in text
    assert "80 test examples are few" in text


def test_untrusted_text_is_escaped() -> None:
    text = card(manifest(name="a\n# b | <script>"), RESULTS)
    assert "# a # b \\| \\<script\\>" in text
    assert "polite \\| \\<b\\>" in text
    # The instructions hold a fence of three: ours must be longer.
    assert "````text\nRewrite the clause.\n```\n# Not a heading\n````" in text


def test_instructions_and_passages_are_described_if_used() -> None:
    text = card(manifest(recipe=Recipe(passages=3)), RESULTS)
    assert "without instructions" in text
    assert "3 passages" in text
    assert "retrieval-augmented-generation" in front(text)["tags"]


def test_one_sentence_for_each_verdict() -> None:
    assert verdict_sentence(TUNE).startswith(
        "Passed: the tune rung is proven to reach the pass mark of 0.45: rouge_l 0.512 on 80 held-out examples"
    )
    assert "upper bound 0.250 (98.75% confidence)" in verdict_sentence(BASE)
    unproven = replace(BASE, report=replace(report(0.46, "not proven"), more_examples=210))
    assert verdict_sentence(unproven).startswith("Not proven: the best on validation is the base rung")
    refused = replace(TUNE, gates=(Gate("forgetting", False, "the loss rose by 0.9"),))
    assert verdict_sentence(refused).startswith("Not passed: the tune rung is rejected")
    assert "the loss rose by 0.9" in verdict_sentence(refused)
    assert "has no score" in verdict_sentence(GROUND)


def test_the_plain_verdict_comes_first_and_says_what_would_settle_it() -> None:
    assert plain_verdict(TUNE).startswith("It can be used: its test score is 0.512 (pass mark 0.45).")
    assert plain_verdict(BASE).startswith("Do not use it: its test score is 0.200")
    assert "has not been tested" in plain_verdict(GROUND)
    refused = replace(TUNE, gates=(Gate("forgetting", False, "the loss rose by 0.9"),))
    assert plain_verdict(refused).startswith("Do not use it: it failed the check “forgetting”")
    grouped = Score(0.46, Interval(0.4, 0.5, 0.9875), 80, 20)
    unproven = replace(report(0.46, "not proven"), score=grouped, more_examples=210, group_name="matter")
    said = plain_verdict(replace(BASE, report=unproven))
    assert said.startswith("Do not use it yet: its test score is 0.460")
    assert "About 210 more test examples from 53 more groups (one for each “matter”) would probably settle it." in said
    assert "matter" not in plain_verdict(replace(BASE, report=replace(unproven, score=replace(grouped, groups=80))))
    assert "No practical number" in plain_verdict(replace(BASE, report=replace(unproven, more_examples=None)))
    text = card(manifest(), (BASE, GROUND, TUNE))
    assert text.index(plain_verdict(TUNE)[:40]) < text.index("Passed: the tune rung")


def test_a_rung_is_compared_with_its_start_and_with_the_best_so_far() -> None:
    interval = Interval(-0.2, -0.05, 0.9875)
    both = replace(
        report(0.135, "failed"),
        difference=Difference("ground", 0.044, interval),
        best_difference=Difference("prompt", -0.143, interval),
    )
    assert [mean for mean, _ in differences(both)] == ["+0.044 vs ground", "-0.143 vs best so far (prompt)"]
    assert "-0.143 vs best so far (prompt) (-0.200 to -0.050)" in card(manifest(), (BASE, replace(TUNE, report=both)))


@pytest.mark.parametrize(
    "seconds, shown", [(0.0005, "0.5 ms"), (3, "3.00 s"), (517, "517 s"), (900, "15 min"), (9000, "2.5 h")]
)
def test_durations(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


def test_a_rung_without_a_report_still_gets_a_card() -> None:
    text = card(manifest(), (BASE,))
    assert "model-index" not in front(text)
    assert "# contracts" in text


def test_there_are_no_double_blank_lines_and_tables_are_valid() -> None:
    body = card(manifest(), RESULTS).split("---\n", 2)[2]
    assert "\n\n\n" not in body
    for table in re.findall(r"(?:^\|.*\n)+", body, re.MULTILINE):
        widths = {len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}
        assert len(widths) == 1, table


def test_the_card_of_an_export_says_that_it_cannot_abstain() -> None:
    share = Score(0.7, Interval(0.6, 0.8, 0.99), 110, 100)
    coverage = Coverage(
        share, 0.5, Abstention("mean log-probability", -0.5, "Ask | Mara."), 0.4, ((0.7, 0.5), (1.0, 0.4))
    )
    tuned = replace(TUNE, report=report(0.512, "passed", coverage=coverage))
    own = card(manifest(), [tuned])
    assert "It abstains if the mean log-probability of its tokens is below -0.500" in own and "Ask \\| Mara." in own
    assert "110 test examples in 100 groups" in own and "answers every question" not in own
    result = FormResult("gguf", 1, None, None, 90, 90, share, "not proven", 1.0)
    assert "**It answers every question.**" in card(manifest(), [tuned], Shipped("gguf", ("gguf",), result))
    assert "\n\n\n" not in own.split("---\n", 2)[2]


def test_the_sentences_on_abstaining_name_the_claim_that_is_missing() -> None:
    few = Score(0.5, Interval(0.4, 0.6, 0.99), 110, 110)
    enough = replace(few, mean=0.8, interval=Interval(0.7, 0.9, 0.99))
    rule = Abstention("lowest margin", 0.5, "Ask Mara.")

    def said(share: Score, verdict: Verdict, mean: float = 0.6, **more: Any) -> str:
        made = report(mean, verdict, coverage=Coverage(share, 0.65, rule, 0.4), **more)
        result = replace(TUNE, report=made)
        assert "hold together with 97.75% confidence" in verdict_sentence(result)
        return plain_verdict(result)

    assert "it answers at least 70.0% of them, and these answers score at least 0.550" in said(enough, "passed")
    assert "it is proven to answer fewer" in said(few, "failed")
    assert "It is not proven that it answers enough" in said(
        replace(few, interval=Interval(0.4, 0.7, 0.99)), "not proven"
    )
    assert "which 80 answers cannot settle" in said(enough, "not proven", 0.47)
    assert "proven to stay below that" in said(enough, "failed", 0.2)
    assert "on validation" in said(enough, "failed", 0.2, validation_high=0.3)


def test_a_specialist_that_reads_images_says_so_and_what_it_is_not() -> None:
    text = card(manifest(), RESULTS, pictured=True)
    assert front(text)["pipeline_tag"] == "image-text-to-text"
    assert "is medical advice" in text and "`images/` holds the pictures" in text
    assert "image" not in card(manifest(), RESULTS).partition("## Limits")[2]
