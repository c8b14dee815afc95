"""GGUF files as bases: the same weights and tokens as the file has, and the answers that llama.cpp gives."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gguf
import psutil
import pytest
import torch
from gguf import GGUFReader

import tiny
from finish import finish
from gradschool.errors import ModelError, ResourceError
from gradschool.export.gguf import About, write_gguf
from gradschool.export.template import standalone_template
from gradschool.model import gguf_base
from gradschool.model.gguf_base import folder_of_gguf
from gradschool.model.gguf_cache import is_complete
from gradschool.model.llama_cpp import LlamaCpp
from gradschool.model.local import LocalEngine
from gradschool.model.opening import POCKET, base_folder, open_engine
from gradschool.model.places import find_base
from gradschool.records import Decoding, Message, Note
from gradschool.settings import Settings

pytestmark = pytest.mark.slow
ROTATED: dict[str, Any] = {"rope_type": "default", "rope_theta": 10_000.0}
LLAMA_3 = {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}
# By name: the family, its tokenizer, and what is unusual about the network.
BASES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "llama-2": ("llama", "llama-2", {}),
    "llama-3.1": (
        "llama",
        "llama-bpe",
        {"head_dim": 32, "rope_parameters": {**ROTATED, "rope_type": "llama3", **LLAMA_3}},
    ),
    "mistral": ("mistral", "tekken", {"sliding_window": None}),
    "qwen2-yarn": (
        "qwen2",
        "qwen2",
        {"rope_parameters": {**ROTATED, "rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64}},
    ),
    "qwen3": ("qwen3", "qwen2", {"head_dim": 64}),
    "gemma2": ("gemma2", "gemma", {"query_pre_attn_scalar": 8, "sliding_window": 32, "tie_word_embeddings": True}),
    "gemma3-linear": (
        "gemma3",
        "gemma",
        {
            "query_pre_attn_scalar": 8,
            "sliding_window": 32,
            "num_hidden_layers": 6,
            "tie_word_embeddings": True,
            "rope_parameters": {
                "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1e6},
                "sliding_attention": {"rope_type": "default", "rope_theta": 10_000.0},
            },
        },
    ),
    "phi3-long": (
        "phi3",
        "phi-3",
        {
            "original_max_position_embeddings": 64,
            "rope_parameters": {
                "rope_type": "longrope",
                "rope_theta": 10_000.0,
                "short_factor": [1.0, 1.1, 1.3, 2.0],
                "long_factor": [2.0, 3.0, 4.0, 8.0],
                "original_max_position_embeddings": 64,
            },
        },
    ),
}
SENTENCEPIECE = ("llama-2", "gemma", "phi-3")
ASKED = (Message("system", "Be brief."), Message("user", "Is 12.50 more than 1,234? Don't guess: é – “yes”."))


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))  # other tests remember bases with equal weights
    return tmp_path / "cache"


def file_of(engine: LocalEngine, path: Path, number_format: Any = "f32") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    about = About(path.stem, "somewhere/base")
    finish(write_gguf(engine.network, engine.chat, standalone_template(engine.chat), path, number_format, about))
    return path


@pytest.fixture(scope="module")
def of_pocket(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built-in base as a file; tests copy it."""
    return file_of(LocalEngine(POCKET, dtype=torch.float32), tmp_path_factory.mktemp("pocket") / "x.gguf")


@pytest.mark.parametrize("name", BASES)
def test_a_base_is_the_network_that_the_file_holds(name: str, tmp_path: Path) -> None:
    family, kind, changes = BASES[name]
    made = tiny.sentencepiece(kind) if kind in SENTENCEPIECE else tiny.byte_level(kind)
    sizes = {"max_position_embeddings": 512, **changes}
    original = LocalEngine(tiny.save_model(tmp_path / "base", family, made, **sizes))
    asked = ASKED[1:] if kind == "gemma" else ASKED
    folder, events = finish(folder_of_gguf(file_of(original, tmp_path / f"{kind}.gguf")))
    opened = LocalEngine(folder)
    ids = original.chat.prompt_ids(asked)
    assert opened.chat.prompt_ids(asked) == ids
    assert opened.context_length == (64 if name == "phi3-long" else 512)
    with torch.inference_mode():
        ours, theirs = (one.network(input_ids=torch.tensor([ids[:60]])).logits for one in (opened, original))
    assert torch.allclose(ours, theirs, atol=1e-4)
    assert opened.identity.gguf and any("converted once" in getattr(event, "text", "") for event in events)


def test_a_base_is_converted_once(tmp_path: Path) -> None:
    file = file_of(LocalEngine(POCKET, dtype=torch.float32), tmp_path / "small.gguf")
    folder, _ = finish(folder_of_gguf(file))
    again, events = finish(folder_of_gguf(file))
    assert again == folder and not [event for event in events if isinstance(event, Note)]


@pytest.mark.parametrize("number_format", ["q4_0", "q8_0", "bf16"])
def test_the_built_in_base_answers_from_a_file_as_llama_cpp_does(number_format: str, tmp_path: Path) -> None:
    file = file_of(LocalEngine(POCKET, dtype=torch.float32), tmp_path / "pocket.gguf", number_format)
    settings = Settings(base_model="pocket.gguf")
    engine, _ = finish(open_engine(settings, tmp_path))
    assert engine.identity.name == "pocket" and engine.trains
    assert base_folder(settings, engine) == find_base(engine.identity, "pocket")
    [(_, ours)] = engine.answer([ASKED], Decoding(max_new_tokens=6))
    with LlamaCpp(file, 512, threads=1, exact=True) as server:
        assert server.prompt_ids(ASKED) == engine.chat.prompt_ids(ASKED)
        [(_, theirs)] = server.engine().answer([ASKED], Decoding(max_new_tokens=6))
    assert ours.text.strip() == theirs.text.strip()


def test_parts_are_joined(tmp_path: Path) -> None:
    whole = file_of(LocalEngine(POCKET, dtype=torch.float32), tmp_path / "whole.gguf", "q8_0")
    reader = GGUFReader(whole)
    for number in (0, 1):
        writer = gguf.GGUFWriter(tmp_path / f"p-{number + 1:05}-of-00002.gguf", "llama")
        for name, field in reader.fields.items() if number == 0 else ():
            if not name.startswith("GGUF.") and name != "general.architecture":
                kind, *inner = field.types
                writer.add_key_value(name, field.contents(), kind, inner[-1] if inner else None)
        writer.add_uint16("split.no", number)
        writer.add_uint16("split.count", 2)
        writer.add_int32("split.tensors.count", len(reader.tensors))
        for tensor in reader.tensors[number::2]:
            writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
    (one, _), (other, _) = finish(folder_of_gguf(whole)), finish(folder_of_gguf(tmp_path / "p-00002-of-00002.gguf"))
    assert one != other
    assert (one / "model.safetensors").read_bytes() == (other / "model.safetensors").read_bytes()


def test_other_tokens_than_those_of_llama_cpp_refuse_a_base(tmp_path: Path, own_cache: Path, of_pocket: Path) -> None:
    """The file names another way to cut words than its own."""
    file = shutil.copy(of_pocket, tmp_path / "x.gguf")
    name = str(GGUFReader(file).fields["tokenizer.ggml.pre"].contents()).encode()
    other = {6: b"viking", 5: b"tekken"[:5]}.get(len(name), b"x")
    content = file.read_bytes()
    file.write_bytes(content.replace(name, other, 1))
    with pytest.raises(ModelError, match="would not give the tokens") as caught:
        finish(folder_of_gguf(file))
    assert "llama.cpp has" in caught.value.why
    assert not [one for one in own_cache.rglob("*") if one.suffix in (".safetensors", ".gguf")]


def test_a_family_that_cannot_be_converted_is_named(tmp_path: Path, own_cache: Path, of_pocket: Path) -> None:
    file = shutil.copy(of_pocket, tmp_path / "x.gguf")
    file.write_bytes(file.read_bytes().replace(b"llama", b"lemma"))
    with pytest.raises(ModelError, match="cannot be converted") as caught:
        finish(folder_of_gguf(file))
    assert "'lemma'" in caught.value.why and "qwen3" in caught.value.why
    assert not list(own_cache.rglob("*.safetensors"))


@pytest.mark.parametrize("kind", ["disk", "memory"])
def test_too_little_space_is_said_before_anything_is_written(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_cache: Path, of_pocket: Path
) -> None:
    file = shutil.copy(of_pocket, tmp_path / "x.gguf")

    class Little:
        free = available = 1_000_000

    if kind == "disk":
        monkeypatch.setattr(gguf_base.shutil, "disk_usage", lambda _: Little)
    else:
        monkeypatch.setattr(psutil, "virtual_memory", lambda: Little)
    with pytest.raises(ResourceError, match=f"too little {kind} to convert x"):
        finish(folder_of_gguf(file))
    assert not own_cache.exists() or not list(own_cache.rglob("*.safetensors"))


def test_a_file_that_changes_while_it_is_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_cache: Path, of_pocket: Path
) -> None:
    file = shutil.copy(of_pocket, tmp_path / "x.gguf")

    def change(*_: Any) -> Iterator[None]:
        os.utime(file, ns=(1, 1))
        yield from ()

    monkeypatch.setattr(gguf_base, "write_weights", change)
    with pytest.raises(ModelError, match="changed while it was read"):
        finish(folder_of_gguf(file))
    assert not list(own_cache.rglob("*.json"))


@pytest.mark.parametrize("moment", ["write_weights", "demand_equal_network", "hash_files"])
def test_a_cache_that_is_removed_during_a_conversion_is_not_taken_for_a_bad_file(
    moment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_cache: Path, of_pocket: Path
) -> None:
    file = shutil.copy(of_pocket, tmp_path / "x.gguf")
    real = getattr(gguf_base, moment)

    def removed(*arguments: Any) -> Any:
        shutil.rmtree(own_cache)
        return real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(gguf_base, moment, removed)
        with pytest.raises(ResourceError, match="was removed while x was converted"):
            finish(folder_of_gguf(file))
    assert is_complete(finish(folder_of_gguf(file))[0])
