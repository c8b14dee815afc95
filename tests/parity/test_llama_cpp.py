"""Our GGUF files in llama.cpp: same prompt tokens, same next-token probabilities, same greedy answers."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import seeing
import tiny
from finish import finish
from gradschool.errors import ModelError
from gradschool.export import families
from gradschool.export.gguf import About, write_gguf
from gradschool.export.template import standalone_template
from gradschool.gates.parity import MAX_DIVERGENCE, divergence
from gradschool.model.adapter import read_adapter, save_adapter
from gradschool.model.copies import shared_copy
from gradschool.model.llama_cpp import LlamaCpp
from gradschool.model.local import LocalEngine
from gradschool.model.lora import attach, lora_layers
from gradschool.model.lora_gguf import write_lora_gguf
from gradschool.model.opening import POCKET
from gradschool.records import Conversation, Decoding, Message

pytestmark = pytest.mark.slow
NEW = 6
CLOSE = 0.03  # nats; llama.cpp's kernels keep some sums in float16
LIKELY = 20
TEXTS = (
    "It's 12345 and we'll pay 12.50, NOT 1,234!  HTTPServer\n\n said: \t don't WE'RE",
    "a  b\n\n c\t",
    "é – “yes” 漢字 😀 naïve",
    " lead",
    "x_y==z // end/\r\n  ",
)
ASKED: list[Conversation] = [
    (Message("user", "What is the capital of France?"),),
    (Message("system", "Answer in one word."), Message("user", "Is 12.50 more than 1,234?\n\n  Think: é – “yes”.")),
    (Message("user", "Hi"), Message("assistant", "Hello!"), Message("user", "don't STOP, it's 1999")),
]
FAMILIES: dict[str, dict[str, Any]] = {
    "llama": {},
    "mistral": {"sliding_window": None},
    "qwen2": {},
    "qwen3": {},
    "gemma": {"hidden_act": "gelu_pytorch_tanh"},
    "gemma2": {"query_pre_attn_scalar": 8, "sliding_window": 24},
    "gemma3": {"query_pre_attn_scalar": 8, "sliding_window": 24, "num_hidden_layers": 6},
    "phi3": {},
}
LLAMA_3 = {"low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 64}
SCALED: dict[str, tuple[str, dict[str, Any]]] = {
    "llama3": ("llama", {"rope_type": "llama3", "rope_theta": 10000.0, "factor": 8.0, **LLAMA_3}),
    "linear": ("llama", {"rope_type": "linear", "rope_theta": 10000.0, "factor": 4.0}),
    "yarn": ("qwen2", {"rope_type": "yarn", "rope_theta": 1e4, "factor": 4.0, "original_max_position_embeddings": 64}),
    "longrope": (
        "phi3",
        {
            "rope_type": "longrope",
            "rope_theta": 10000.0,
            "short_factor": [1.0, 1.1, 1.2, 1.3],
            "long_factor": [2.0, 3.0, 4.0, 5.0],
            "original_max_position_embeddings": 256,
        },
    ),
}


def written(engine: LocalEngine, folder: Path, number_format: str = "f32", name: str = "t") -> Path:
    path = folder / f"{number_format}.gguf"
    about = About(name, "somewhere/base")
    finish(write_gguf(engine.network, engine.chat, standalone_template(engine.chat), path, number_format, about))
    return path


def engine_of(folder: Path, family: str = "llama", tokenizer: Any = None, **changes: Any) -> LocalEngine:
    sizes = {"max_position_embeddings": 512, **FAMILIES[family], **changes}
    return LocalEngine(tiny.save_model(folder / "base", family, tokenizer or tiny.byte_level("qwen2"), **sizes))


def beside(path: Path, **more: Any) -> LlamaCpp:
    return LlamaCpp(path, 512, threads=1, exact=True, **more)


@torch.inference_mode()
def logprobs(engine: LocalEngine, ids: list[int]) -> Tensor:
    logits: Tensor = engine.network(input_ids=torch.tensor([ids])).logits[0, -1]
    return logits.float().log_softmax(0)


def distance(engine: LocalEngine, server: LlamaCpp, ids: list[int]) -> float:
    """The largest difference of log probabilities among llama.cpp's likeliest next tokens, in nats."""
    theirs, ours = server.likeliest(ids, LIKELY), logprobs(engine, ids)
    assert len(theirs) == LIKELY
    return max(abs(ours[token].item() - value) for token, value in theirs.items())


@pytest.fixture(scope="module")
def pocket() -> LocalEngine:
    return LocalEngine(POCKET, dtype=torch.float32)


@pytest.fixture(scope="module")
def server(pocket: LocalEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlamaCpp]:
    with beside(written(pocket, tmp_path_factory.mktemp("gguf"))) as server:
        yield server


@pytest.mark.parametrize("asked", ASKED, ids=range(len(ASKED)))
def test_pocket_reads_and_says_the_same(asked: Conversation, pocket: LocalEngine, server: LlamaCpp) -> None:
    prompt = pocket.chat.prompt_ids(asked)
    assert server.prompt_ids(asked) == prompt
    [(_, ours)] = pocket.answer([asked], Decoding(max_new_tokens=NEW))
    [(_, theirs)] = server.engine().answer([asked], Decoding(max_new_tokens=NEW))
    assert (theirs.text, theirs.stop, theirs.prompt_tokens) == (ours.text, ours.stop, ours.prompt_tokens)
    assert distance(pocket, server, prompt) < CLOSE


@pytest.mark.parametrize("text", TEXTS)
def test_pocket_cuts_plain_text_the_same(text: str, pocket: LocalEngine, server: LlamaCpp) -> None:
    assert server.tokens(text, control=False) == pocket.tokenizer.encode(text, add_special_tokens=False)


def continued(server: LlamaCpp, prompt: list[int], number: int) -> list[int]:
    """The next tokens by greedy decoding; fewer if the answer ends."""
    fields = {"prompt": prompt, "n_predict": number, "temperature": 0, "return_tokens": True, "cache_prompt": False}
    return list(server.ask("completion", **fields)["tokens"])


@pytest.mark.parametrize("family", FAMILIES)
def test_each_family_computes_the_same(family: str, tmp_path: Path) -> None:
    engine = engine_of(tmp_path, family)
    with beside(written(engine, tmp_path)) as server:
        for asked in ASKED:
            prompt = engine.chat.prompt_ids(asked)
            assert distance(engine, server, prompt) < CLOSE
        ids = prompt
        for token in continued(server, prompt, NEW):  # each is as likely for us as the likeliest
            expected = logprobs(engine, ids)
            assert expected[token] > expected.max() - CLOSE
            ids = [*ids, token]


@pytest.mark.parametrize("scaling", SCALED)
def test_positions_are_scaled_the_same(scaling: str, tmp_path: Path) -> None:
    family, rope = SCALED[scaling]
    engine = engine_of(tmp_path, family, rope_parameters=rope)
    ids = torch.randint(3, 300, (200,), generator=torch.Generator().manual_seed(0)).tolist()
    plain = engine_of(tmp_path / "plain", family)
    assert (logprobs(plain, ids) - logprobs(engine, ids)).abs().max() > 10 * CLOSE  # scaling matters here
    with beside(written(engine, tmp_path)) as server:
        assert distance(engine, server, ids) < CLOSE


def test_a_window_shorter_than_the_text_is_the_same_in_gemma(tmp_path: Path) -> None:
    engine = engine_of(tmp_path, "gemma3")
    wide = engine_of(tmp_path / "wide", "gemma3", sliding_window=400)
    ids = torch.randint(3, 300, (200,), generator=torch.Generator().manual_seed(0)).tolist()
    assert (logprobs(wide, ids) - logprobs(engine, ids)).abs().max() > 10 * CLOSE
    with beside(written(engine, tmp_path)) as server:
        assert distance(engine, server, ids) < CLOSE


TOKENIZERS: dict[str, Callable[[], Any]] = {
    **{cut: (lambda cut=cut: tiny.byte_level(cut)) for cut in ("gpt-2", "smollm", *tiny.CUTS)},
    **{kind: (lambda kind=kind: tiny.sentencepiece(kind)) for kind in ("llama-2", "gemma", "phi-3")},
    **{f"in the style of {name}": (lambda name=name: tiny.style(name)) for name in ("llama-3", "qwen-3", "gemma")},
}


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_each_tokenizer_and_template_reads_the_same(kind: str, tmp_path: Path) -> None:
    engine = engine_of(tmp_path, tokenizer=TOKENIZERS[kind]())
    with beside(written(engine, tmp_path)) as server:
        for asked in ASKED:
            assert server.prompt_ids(asked) == engine.chat.prompt_ids(asked)
        for text in TEXTS:
            assert server.tokens(text, control=False) == engine.tokenizer.encode(text, add_special_tokens=False)


@pytest.mark.parametrize(("ours", "theirs"), [("gpt-2", "smollm"), ("llama-bpe", "qwen2"), ("gpt-4o", "tekken")])
def test_another_pre_tokenizer_would_read_other_tokens(
    ours: str, theirs: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = engine_of(tmp_path, tokenizer=tiny.byte_level(ours))
    monkeypatch.setattr("gradschool.export.vocabulary._pre_tokenizer", lambda raw: theirs)
    with beside(written(engine, tmp_path)) as server:
        same = [server.tokens(t, control=False) == engine.tokenizer.encode(t, add_special_tokens=False) for t in TEXTS]
    assert not all(same)


def test_unturned_q_and_k_compute_something_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = engine_of(tmp_path)
    monkeypatch.setattr("gradschool.export.families.arranged", lambda config, name, tensor: tensor)
    with beside(written(engine, tmp_path)) as server:
        assert distance(engine, server, engine.chat.prompt_ids(ASKED[1])) > 10 * CLOSE


def test_formats_are_as_small_and_as_near_as_they_promise(
    pocket: LocalEngine, server: LlamaCpp, tmp_path: Path
) -> None:
    weights = sum(p.numel() for p in pocket.network.parameters())
    sizes, apart = {}, {}
    for number_format in ("bf16", "f16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0"):
        path = written(pocket, tmp_path, number_format)
        sizes[number_format] = 8 * (path.stat().st_size - 150_000) / weights  # bits; the vocabulary takes some too
        with beside(path) as coarse:
            prompts = [pocket.chat.prompt_ids(asked) for asked in ASKED]
            each = [divergence(server.likeliest(p, LIKELY), coarse.likeliest(p, LIKELY)) for p in prompts]
        apart[number_format] = sum(each) / len(each)
    assert list(sizes) == sorted(sizes, key=lambda name: -sizes[name])
    assert sizes["f16"] == pytest.approx(16, rel=0.02) and sizes["q8_0"] == pytest.approx(8.5, rel=0.02)
    assert sizes["q4_0"] < 5.5
    assert max(apart[name] for name in ("bf16", "f16", "q8_0")) < MAX_DIVERGENCE
    assert apart["f16"] < apart["q8_0"] < apart["q4_0"]


@pytest.mark.parametrize("family", ["llama", "qwen3", "gemma3", "phi3"])
def test_an_adapter_over_the_base_says_the_same(family: str, tmp_path: Path) -> None:
    demand_equal_adapter(engine_of(tmp_path, family), tmp_path)


@pytest.mark.parametrize("family", ["llava", "internvl", *seeing.QWENS])
def test_an_adapter_over_a_language_part_says_the_same_about_texts(
    family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    demand_equal_adapter(LocalEngine(seeing.tiny(tmp_path / "base", family), dtype=torch.float32), tmp_path, 0.3)


def demand_equal_adapter(engine: LocalEngine, tmp_path: Path, size: float = 0.1) -> None:
    base = written(engine, tmp_path)
    prompt = engine.chat.prompt_ids(ASKED[0])
    bare = logprobs(engine, prompt)
    network = shared_copy(engine.network)
    attach(network, rank=4, alpha=6, seed=0)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for _, layer in lora_layers(network):
            layer.lora_b.copy_(torch.randn(layer.lora_b.shape, generator=generator) * size)
    save_adapter(network, tmp_path / "adapter", "base", None)
    layers = read_adapter(engine.network, tmp_path / "adapter")
    write_lora_gguf(engine.network.config, layers, tmp_path / "lora.gguf", About("t", "base"))
    engine.network = network
    assert (logprobs(engine, prompt) - bare).abs().max() > 10 * CLOSE
    with beside(base, loras=[tmp_path / "lora.gguf"]) as server:
        assert distance(engine, server, prompt) < CLOSE


def test_phi_3_drops_spaces_behind_control_tokens_and_others_named_so_do_not(tmp_path: Path) -> None:
    engine = engine_of(tmp_path, "phi3", tiny.sentencepiece("phi-3"))
    with beside(written(engine, tmp_path, name="no such name")) as server:
        assert server.prompt_ids(ASKED[0]) == engine.chat.prompt_ids(ASKED[0])
    other = engine_of(tmp_path / "other", tokenizer=tiny.byte_level("qwen2"))
    with beside(written(other, tmp_path, name="rather like PHI-3 or phi3")) as server:
        assert server.prompt_ids(ASKED[0]) == other.chat.prompt_ids(ASKED[0])


def test_a_file_that_llama_cpp_refuses_is_told(tmp_path: Path) -> None:
    (tmp_path / "no.gguf").write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(ModelError, match=r"cannot run no\.gguf"), beside(tmp_path / "no.gguf"):
        pass


def test_all_families_of_the_list_are_tried() -> None:
    tried = {"gemma3_text" if name == "gemma3" else name for name in FAMILIES}
    assert tried | {f"{name}_text" for name in seeing.QWENS} == set(families.ARCHITECTURES)
