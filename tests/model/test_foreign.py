"""Models of strangers: a config cannot have code fetched, and a tokenizer cannot take any time or memory."""

import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import small_job
from gradschool.errors import ModelError
from gradschool.model.foreign import LIMITS, MAX_CONFIG, check_tokenizer, refuse_kernels, refuse_special
from gradschool.model.local import LocalEngine

LOW = replace(LIMITS, seconds=1, memory=500_000_000)


def edit(folder: Path, name: str, change: Callable[[Any], object]) -> Path:
    content = json.loads((folder / name).read_text())
    change(content)
    (folder / name).write_text(json.dumps(content))
    return folder


@pytest.mark.parametrize("key", ["attn_implementation", "_attn_implementation", "_attn_implementation_internal",
                                 "experts_implementation", "_experts_implementation"])  # fmt: skip
@pytest.mark.parametrize("value", ["owner/kernel", "owner/kernel@v2:flash", {"": "owner/kernel"}, {"text": "a/b|c"}])
def test_a_config_cannot_name_code_on_the_hub(key: str, value: Any, base: Path, tmp_path: Path) -> None:
    for change in (lambda c: c.update({key: value}), lambda c: c.update(text_config={"inner": [{key: value}]})):
        folder = edit(shutil.copytree(base, tmp_path / "model", dirs_exist_ok=True), "config.json", change)
        with pytest.raises(ModelError, match="fetched from the Hub"):
            LocalEngine(folder)
        shutil.rmtree(folder)


def test_usual_values_are_no_code(tmp_path: Path) -> None:
    refuse_kernels(tmp_path, {"_attn_implementation": "sdpa", "attn_implementation": {"": "eager"}, "a": [None, "b/c"]})


@pytest.mark.parametrize("key", ["num_hidden_layers", "n_layers", "num_local_experts", "num_key_value_heads"])
def test_a_network_that_cannot_be_built_is_refused_at_once(key: str, base: Path, here: Path) -> None:
    value = 0 if key.endswith("heads") else 1 << 31
    edit(shutil.copytree(base, here / "model"), "config.json", lambda c: c.update({key: value}))
    refused = small_job.run("fit", "model")
    assert refused.exit_code == 5 and ("cannot be built" if value == 0 else key) in refused.stderr


def test_fit_refuses_such_a_config(base: Path, here: Path) -> None:
    edit(shutil.copytree(base, here / "model"), "config.json", lambda c: c.update(attn_implementation="owner/kernel"))
    refused = small_job.run("fit", "model")
    assert refused.exit_code == 5 and "fetched from the Hub" in refused.stderr


def regex(pattern: str) -> dict[str, Any]:
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}


def replacing(text: str, by: str) -> dict[str, Any]:
    return {"type": "Replace", "pattern": {"String": text}, "content": by}


REPLACE = {"type": "Replace"}


def sequence(parts: list[Any]) -> dict[str, Any]:
    return {"type": "Sequence", "normalizers": parts}


HOSTILE: dict[str, Callable[[Any], object]] = {
    "an exponential pattern": lambda t: t.update(pre_tokenizer=regex("(q|qq)+$")),
    "an exponential pattern inside": lambda t: t.update(pre_tokenizer=regex("(?=(z+)+c)z")),
    "a cubic pattern": lambda t: t.update(pre_tokenizer=regex("x*x*x*[yz]")),
    "a pattern that needs a letter": lambda t: t.update(pre_tokenizer=regex("j*j*j*k")),
    "a pattern of the normalizer": lambda t: t.update(
        normalizer={**replacing("", " "), **regex("(w|ww)+$"), **REPLACE}
    ),
    "a letter that grows": lambda t: t.update(normalizer=replacing("k", "k" * 50_000)),
    "letters that grow again": lambda t: t.update(normalizer=sequence([replacing("j", "jj")] * 40)),
    "a pattern that is none": lambda t: t.update(pre_tokenizer=regex("(")),
    "another model": lambda t: t["model"].update(vocab={"a": -1}),
    "no object": lambda t: t.clear(),
    "an added token of no length": lambda t: t["added_tokens"].append({"id": 1 << 31, "content": "", "special": True}),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_tokenizer_is_refused_in_time(kind: str, base: Path, tmp_path: Path) -> None:
    folder = edit(shutil.copytree(base, tmp_path / "model"), "tokenizer.json", HOSTILE[kind])
    began = time.monotonic()
    with pytest.raises(ModelError, match=r"tokenizer\.json cannot be used"):
        check_tokenizer(folder, LOW)
    assert time.monotonic() - began < 60


@pytest.mark.parametrize(
    "added",
    [{"extra_special_tokens": ["x"] * 20_001}, {"added_tokens_decoder": {str(place): {} for place in range(20_001)}}],
    ids=["list", "object"],
)
def test_a_config_that_adds_too_many_tokens_is_refused_before_they_are_added(
    added: dict[str, object], base: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(base, tmp_path / "model")
    config = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps(config | added))
    with pytest.raises(ModelError, match=r"tokenizer_config\.json adds too many tokens"):
        check_tokenizer(folder)


def test_what_is_too_large_is_not_read(base: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(base, tmp_path / "model")
    with (folder / "tokenizer_config.json").open("ab") as file:
        file.truncate(MAX_CONFIG + 1)
    with pytest.raises(ModelError, match="is too large"):
        LocalEngine(folder)


def test_the_tokenizer_of_a_base_is_tried_once(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_tokenizer(base)
    monkeypatch.setattr("gradschool.model.foreign.replies", lambda *_: pytest.fail("tried again"))
    check_tokenizer(base)


@pytest.mark.parametrize("name", ["README.md", "tokenizer_config.json", "model.safetensors"])
def test_a_pipe_in_a_model_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "blob").write_text("{}")
    (tmp_path / "config.json").symlink_to("blob")  # as in the Hub's cache
    refuse_special(tmp_path)
    os.mkfifo(tmp_path / name)
    with pytest.raises(ModelError, match="not a file"):
        refuse_special(tmp_path)
