"""Exports: each form answers as the specialist does, or is rejected with the difference and leaves no files."""

import json
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import ModelCard
from safetensors.torch import load_file
from transformers import AutoTokenizer

import seeing
import tiny
from finish import finish
from gradschool.constraint import schema_constraint
from gradschool.errors import ModelError, UsageError
from gradschool.export import export as exporting
from gradschool.export import families, merge, session, vocabulary
from gradschool.export.export import Exported, ExportOptions, check_gguf, export
from gradschool.export.gguf import FORMATS
from gradschool.export.replay import LIKELIEST
from gradschool.export.session import CONTEXT_MARGIN
from gradschool.gates.parity import MAX_DIVERGENCE, MIN_SAME, SCORE_KEPT
from gradschool.model.local import LocalEngine
from gradschool.model.opening import POCKET
from gradschool.package.bundle import open_specialist
from gradschool.package.forms import ExportRejected
from gradschool.records import Constraint, Decoding, Message
from gradschool.serve.over_http import over_http
from gradschool.settings import MAX_DROP
from gradschool.specialist import Recipe, Specialist
from shipped import QUESTIONS, SHOWN, asked_by_the_card, renamed_base, ship

FORMS = ("adapter", "merged", "gguf", "ollama")


@pytest.fixture(scope="module")
def specialist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ship(tmp_path_factory.mktemp("shipped"))


@pytest.fixture(scope="module")
def made(specialist: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Exported]:
    """made("gguf"): that form, made once; to be looked at only."""
    done: dict[str, Exported] = {}

    def make(to: Any) -> Exported:
        if to not in done:
            folder = tmp_path_factory.mktemp(to) / "out"
            done[to] = finish(export(ExportOptions(specialist, to, folder, number_format="f16")))[0]
        return done[to]

    return make


@pytest.fixture(scope="module")
def fully_tuned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ship(tmp_path_factory.mktemp("tuned"), whole=True)


@pytest.mark.parametrize("to", FORMS)
def test_each_form_answers_as_the_specialist(to: str, made: Callable[[str], Exported]) -> None:
    exported = made(to)
    for result in exported.table:
        assert result.sound and result.verdict == "passed"
        assert result.same_prompts == len(QUESTIONS)
        assert result.divergence is not None and result.divergence < 0.01
        assert result.same_answers >= len(QUESTIONS) - 1
        assert result.bytes > 100_000 and result.tokens_per_second > 0
    names = {path.name for path in exported.folder.iterdir()}
    gguf = {name for name in names if name.endswith(".gguf")}
    expected = {
        "adapter": {"adapter_config.json", "adapter_model.safetensors", "tokenizer.json", "chat_template.jinja"},
        "merged": {"config.json", "model.safetensors", "generation_config.json", "tokenizer.json"},
        "gguf": set[str](),
        "ollama": {"Modelfile"},
    }
    assert expected[to] | {"README.md", "parity.json"} <= names
    assert len(gguf) == (to != "merged")
    assert all(re.fullmatch(r"pocket-[\d.]+M-brief-words-(F16|F32-LoRA)\.gguf", name) for name in gguf)
    rows = json.loads((exported.folder / "parity.json").read_text())["forms"]
    assert [row["form"] for row in rows] == [result.form for result in exported.table]
    content = [exported.folder, *exported.folder.rglob("*")]
    assert [path for path in content if path.stat().st_mode & 0o077] == []  # its weights were trained on private data
    places = [str(place).encode() for place in (POCKET.parent, exported.folder.parent)]
    files = [path for path in content if path.is_file()]
    assert [path for path in files if any(place in path.read_bytes() for place in places)] == []


@pytest.mark.usefixtures("answered")
def test_the_server_is_tested_over_http(specialist: Path, tmp_path: Path) -> None:
    exported, notes = finish(export(ExportOptions(specialist, "adapter", tmp_path / "out"), over_http))
    served = exported.table[0]
    assert served.form == "served over HTTP" and served.sound and served.same_answers >= len(QUESTIONS) - 1
    assert any(getattr(note, "text", "").startswith(f"served over HTTP: {served.score.mean:.3f}") for note in notes)


@pytest.mark.usefixtures("answered")
@pytest.mark.parametrize("lost", [{"adapter": ""}, {"instructions": "Answer in French."}])
def test_a_server_that_leaves_out_a_part_is_detected(specialist: Path, tmp_path: Path, lost: dict[str, str]) -> None:
    def forgetful(whole: Specialist) -> AbstractContextManager[Any]:
        return over_http(replace(whole, recipe=replace(whole.recipe, **lost)))

    with pytest.raises(ExportRejected, match="The export served over HTTP differs too much from the specialist"):
        finish(export(ExportOptions(specialist, "adapter", tmp_path / "out"), forgetful))
    assert not (tmp_path / "out").exists()


def test_merged_weights_are_stored_like_the_base_and_stay_tied(made: Callable[[str], Exported]) -> None:
    ours = load_file(made("merged").folder / "model.safetensors")
    base = load_file(POCKET / "model.safetensors")
    assert ours.keys() == base.keys() and "lm_head.weight" not in ours
    assert {tensor.dtype for tensor in ours.values()} == {torch.bfloat16}
    changed = {name for name in base if not ours[name].equal(base[name])}
    assert changed == {name for name in base if "proj" in name}


@pytest.mark.parametrize("to", ["adapter", "merged"])
def test_the_tokenizer_alone_gives_the_tokens_of_the_test(to: str, made: Callable[[str], Exported]) -> None:
    tokenizer = AutoTokenizer.from_pretrained(made(to).folder)
    messages = [{"role": "system", "content": 'Be "brief".'}, {"role": "user", "content": QUESTIONS[0]}]
    ids = tokenizer.apply_chat_template(messages, add_generation_prompt=True)["input_ids"]
    asked = tuple(Message(m["role"], m["content"]) for m in messages)
    assert ids == LocalEngine(POCKET).chat.prompt_ids(asked)


@pytest.mark.parametrize("to", ["merged", "gguf"])
def test_a_fully_tuned_specialist_is_exported(to: Any, fully_tuned: Path, tmp_path: Path) -> None:
    exported, _ = finish(export(ExportOptions(fully_tuned, to, tmp_path / "out", "f16")))
    assert exported.table[0].same_answers >= len(QUESTIONS) - 1
    with pytest.raises(UsageError, match="has no adapter"):
        finish(export(ExportOptions(fully_tuned, "adapter", tmp_path / "other")))


# --- broken on purpose


def no_adapter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "merged", lambda base, adapter: merge.merged(base, None))


def wrong_template(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "standalone_template", lambda chat: chat.template.replace("\\n", " "))


def swapped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(families, "arranged", lambda config, name, tensor: tensor)


BROKEN = [
    ("merged", no_adapter, SCORE_KEPT, "character"),
    ("gguf", no_adapter, SCORE_KEPT, "character"),
    ("merged", wrong_template, "prompts are the same tokens", "differs at token"),
    ("gguf", wrong_template, "prompts are the same tokens", "differs at token"),
    ("ollama", swapped, "next tokens are as likely", "character"),
]


@pytest.mark.usefixtures("answered")
@pytest.mark.parametrize(("to", "harm", "gate", "where"), BROKEN, ids=[f"{b[0]}-{b[1].__name__}" for b in BROKEN])
def test_a_deliberately_broken_export_is_rejected(
    to: Any,
    harm: Callable[[pytest.MonkeyPatch], None],
    gate: str,
    where: str,
    specialist: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    harm(monkeypatch)
    with pytest.raises(ExportRejected) as caught:
        finish(export(ExportOptions(specialist, to, tmp_path / "out", number_format="f16")))
    assert gate in {g.name for g in caught.value.tried[-1].gates if not g.held}
    assert where in str(caught.value)
    assert list(tmp_path.iterdir()) == []  # nothing is left behind


def test_a_context_that_is_too_small_is_detected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = ship(tmp_path / "made", recipe=Recipe("Be brief. " * 60), questions=QUESTIONS[:7])
    whole, _ = finish(export(ExportOptions(place, "ollama", tmp_path / "whole", number_format="f16")))
    assert whole.table[0].sound
    assert "num_ctx 2048" in (whole.folder / "Modelfile").read_text()  # the base's, not that of the test alone
    monkeypatch.setattr(exporting, "_context", lambda trial: 256)
    with pytest.raises(ExportRejected, match="q0: too long for the model") as caught:
        finish(export(ExportOptions(place, "gguf", tmp_path / "out", number_format="f16")))
    assert SCORE_KEPT in {g.name for g in caught.value.tried[-1].gates if not g.held}
    assert not (tmp_path / "out").exists()


def test_a_stop_token_missing_from_the_file_is_detected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = ship(tmp_path / "made", renamed_base(tmp_path / "base"))
    whole, _ = finish(export(ExportOptions(place, "gguf", tmp_path / "whole", number_format="f16")))
    assert whole.table[0].sound
    monkeypatch.setattr(vocabulary, "_ends", lambda chat: [chat.tokenizer.convert_tokens_to_ids("<|endoftext|>")])
    with pytest.raises(ExportRejected) as caught:
        finish(export(ExportOptions(place, "gguf", tmp_path / "out", number_format="f16")))
    assert "answers still stop" in {g.name for g in caught.value.tried[-1].gates if not g.held}
    assert not (tmp_path / "out").exists()


# --- refused before work starts


def test_an_impossible_export_is_rejected_before_any_work(
    specialist: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(UsageError, match="already exists"):
        finish(export(ExportOptions(specialist, "gguf", tmp_path / "there")))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match="not installed") as caught:
        finish(export(ExportOptions(specialist, "gguf", tmp_path / "out")))
    assert "gradschool[llama]" in caught.value.fix
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("answered")
def test_without_llama_cpp_the_adapter_comes_without_a_gguf_file(
    specialist: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "need_llama_cpp", lambda *_: (_ for _ in ()).throw(UsageError("none", "none")))
    exported, _ = finish(export(ExportOptions(specialist, "adapter", tmp_path / "out")))
    assert [result.form for result in exported.table] == ["adapter"]
    assert not list(exported.folder.glob("*.gguf"))


@pytest.mark.parametrize(
    ("family", "changes", "why"),
    [
        ("gpt2", {}, "llama, mistral, qwen2"),
        ("gemma2", {}, "query_pre_attn_scalar"),
        ("gemma2", {"query_pre_attn_scalar": 8, "tie_word_embeddings": False}, "output layer"),
        ("gemma3", {"query_pre_attn_scalar": 8, "layer_types": ["full_attention"] * 2}, "full and sliding attention"),
        ("llama", {"hidden_act": "gelu"}, "activation is gelu"),
        ("qwen2", {"rope_parameters": {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 1e4}}, "dynamic"),
        ("qwen2", {"use_sliding_window": True, "sliding_window": 8, "max_window_layers": 0}, "window"),
    ],
)
def test_a_base_that_llama_cpp_computes_differently_is_rejected(
    family: str, changes: dict[str, Any], why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(tiny.FAMILIES, "gpt2", "GPT2Config")
    engine = LocalEngine(tiny.save_model(tmp_path, family, tiny.byte_level("qwen2"), **changes))
    with pytest.raises(ModelError) as caught:
        check_gguf(engine)
    assert why in str(caught.value)


def test_nothing_is_merged_into_a_quantized_base(tmp_path: Path) -> None:
    base = tiny.save_model(tmp_path)
    config = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps(config | {"quantization_config": {"quant_method": "bitsandbytes"}}))
    with pytest.raises(ModelError, match="quantized \\(bitsandbytes\\)"):
        merge.stored_dtype(base)


def test_the_export_page_lists_the_checks_and_their_limits(made: Callable[[str], Exported]) -> None:
    page = (Path(__file__).parents[2] / "docs" / "export.md").read_text(encoding="utf-8")
    table = page.partition("| check |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| ([a-z ]+) \|", table, re.MULTILINE) == [g.name for g in made("merged").table[0].gates]
    assert f"is above {MAX_DIVERGENCE:g} nats (from the {LIKELIEST} most likely tokens)" in page
    assert f"less than {100 * MIN_SAME:g} % of the answers" in page and f"more than {MAX_DROP:g} (" in page
    assert all(f"`{name}`" in page for name in FORMATS) and CONTEXT_MARGIN == 1.25


# --- the smallest


@pytest.mark.usefixtures("answered")
def test_the_smallest_format_that_passes_is_exported(
    specialist: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exported, notes = finish(export(ExportOptions(specialist, "gguf", tmp_path / "out", smallest=True)))
    assert all(not result.sound for result in exported.table[:-1]) and exported.table[-1].sound
    sizes = [result.bytes for result in exported.table]
    assert sizes == sorted(sizes) and len(exported.table) >= 2  # own answers in 4 bits: not all of them
    [file] = exported.folder.glob("*.gguf")
    assert file.stat().st_size == sizes[-1]
    last = exported.table[-1]
    assert last.score.interval.level == pytest.approx(1 - 0.05 / 6)
    assert {gate.name for gate in last.gates} >= {"the verdict still holds", "prompts are the same tokens"}
    assert SCORE_KEPT not in {gate.name for gate in last.gates}
    assert last.score.interval.low >= 0.5
    for result in exported.table:
        assert any(result.form in str(note) for note in notes)


@pytest.mark.usefixtures("answered")
def test_nothing_is_exported_if_no_format_passes(
    specialist: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gradschool.export.smallest.FORMATS_BY_SIZE", ("q4_0",))
    with pytest.raises(ExportRejected) as caught:
        finish(export(ExportOptions(specialist, "gguf", tmp_path / "out", smallest=True)))
    assert [result.form for result in caught.value.tried] == ["gguf q4_0"]
    assert list(tmp_path.iterdir()) == []


# --- the card, and its commands


@pytest.mark.parametrize("to", FORMS)
def test_the_hub_reads_the_card_of_each_form(to: str, made: Callable[[str], Exported]) -> None:
    text = (made(to).folder / "README.md").read_text(encoding="utf-8")
    read = ModelCard(text).data
    [result] = read.eval_results or []
    assert result.metric_args["form"] == made(to).table[0].form
    assert result.metric_value == round(made(to).table[0].score.mean, 6)
    assert read.library_name == {"adapter": "peft", "merged": "transformers"}.get(to, "gguf")
    assert "\n\n\n" not in text.split("---\n", 2)[2]
    for word in {"adapter": ("vllm", "--lora"), "merged": ("vllm",), "gguf": ("llama-server",)}.get(
        to, ("ollama run",)
    ):
        assert word in text


@pytest.mark.slow
@pytest.mark.parametrize("to", ["adapter", "merged", "gguf"])
def test_the_python_of_the_card_gives_the_specialists_answer(
    to: str, made: Callable[[str], Exported], specialist: Path
) -> None:
    opened, _ = finish(open_specialist(specialist))
    [(_, expected)] = opened.answer([(Message("user", QUESTIONS[0]),)])
    text = (made(to).folder / "README.md").read_text(encoding="utf-8")
    assert asked_by_the_card(text, made(to).folder, QUESTIONS[0]) == expected.text.strip().splitlines()[-1]


def test_what_a_modelfile_cannot_express_is_measured_and_reported(tmp_path: Path) -> None:
    recipe = Recipe("Be brief.", shots=1, nearest=True, examples=(SHOWN,))
    exported, _ = finish(
        export(ExportOptions(ship(tmp_path / "made", recipe=recipe), "ollama", tmp_path / "out", "f16"))
    )
    assert [result.form for result in exported.table] == ["gguf f16", "alone in Ollama"]
    assert exported.table[0].score.mean > exported.table[1].score.mean
    text = (exported.folder / "README.md").read_text(encoding="utf-8")
    assert "nearest to each question" in text
    assert f"the Modelfile scores {exported.table[1].score.mean:.3f}" in text
    assert "MESSAGE" not in (exported.folder / "Modelfile").read_text()


def test_an_export_of_constrained_answers_is_tested_with_them_and_says_how_to_ask(tmp_path: Path) -> None:
    labels = Constraint(('yes, "at once"', "no", "ask a person"))
    recipe = Recipe("Yes or no?", decoding=Decoding(constraint=labels))
    options = ExportOptions(ship(tmp_path, recipe=recipe), "gguf", tmp_path / "out", number_format="f16")
    exported, _ = finish(export(options, over_http))
    assert [(one.form, one.sound) for one in exported.table] == [("served over HTTP", True), ("gguf f16", True)]
    assert all(one.same_answers == len(QUESTIONS) for one in exported.table)
    asked = json.loads((exported.folder / "constraint.json").read_text())
    assert asked["llama.cpp"] == {"grammar": 'root ::= "yes, \\"at once\\"" | "no" | "ask a person"'}
    assert asked["ollama"]["format"]["enum"] == asked["vllm"]["structured_outputs"]["choice"] == list(labels.choices)
    card = (exported.folder / "README.md").read_text()
    assert "constrained to 3 labels: " in card
    assert 'json.loads(Path("constraint.json").read_text())["llama.cpp"]' in card
    assert "--temp 0 --grammar-file constraint.gbnf\n" in card
    assert (exported.folder / "constraint.gbnf").read_text() == asked["llama.cpp"]["grammar"]
    assert asked_by_the_card(card, exported.folder, QUESTIONS[0]) in labels.choices


def test_the_commands_for_ollama_and_llama_cpp_ask_for_constrained_json(tmp_path: Path) -> None:
    flag = {"type": "object", "properties": {"yes": {"type": "boolean"}}, "required": ["yes"]}
    held = schema_constraint({**flag, "additionalProperties": False})
    recipe = Recipe("Yes or no?", decoding=Decoding(40, constraint=held))
    options = ExportOptions(ship(tmp_path, recipe=recipe), "ollama", tmp_path / "out", "f16")
    exported, _ = finish(export(options))
    card = (exported.folder / "README.md").read_text()
    assert "--temp 0 --grammar-file constraint.gbnf\n" in card
    assert "/api/chat -d @ollama-request.json\n" in card and "`ollama run` leaves answers free" in card
    request = json.loads((exported.folder / "ollama-request.json").read_text())
    assert f"ollama create {request['model']} -f Modelfile" in card
    assert request["format"] == held.schema and request["stream"] is False
    assert json.loads(asked_by_the_card(card, exported.folder, QUESTIONS[0])).keys() == {"yes"}


def test_the_adapter_of_a_base_that_reads_images_comes_for_llama_cpp_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    pictures = [seeing.picture(tmp_path, seed) for seed in range(3)]
    place = ship(tmp_path / "made", seeing.tiny(tmp_path / "base", "llava"), images=pictures, questions=QUESTIONS[:4])
    exported, _ = finish(export(ExportOptions(place, "adapter", tmp_path / "out", base=str(tmp_path / "base"))))
    assert [result.form for result in exported.table] == ["adapter", "gguf adapter, without images"]
    [file] = exported.folder.glob("*-LoRA.gguf")
    card = (exported.folder / "README.md").read_text()
    assert f"--mmproj mmproj-BASE.gguf --lora {file.name}" in card and "without their images" in card
    assert "AutoModelForImageTextToText" in card and "AutoModelForCausalLM" not in card
    with pytest.raises(ModelError, match="--mmproj"):
        finish(export(ExportOptions(place, "gguf", tmp_path / "gguf", base=str(tmp_path / "base"))))
