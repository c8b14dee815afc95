"""The config of the network in a GGUF file: what the loader of transformers reads, and what it leaves out.

The loader passes over how positions are scaled, how wide a head is, and how scores are scaled and capped. A network
without these reads long texts wrongly, or every text a little, and nothing fails. Each is set here as llama.cpp
computes it; what cannot be expressed is refused.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

from gguf import MODEL_ARCH_NAMES
from transformers import AutoConfig, PreTrainedConfig
from transformers.integrations.ggml import GGUF_CONFIG_DEFAULTS_MAPPING, GGUF_CONFIG_MAPPING
from transformers.integrations.gguf.gguf_conversion_mapping import GGUF_ARCHS

from gradschool.errors import GradschoolError, ModelError, first_line
from gradschool.model.gguf_file import GgufFile
from gradschool.model.gguf_header import EMBEDDING, OUTPUT, damaged
from gradschool.model.gguf_numbers import refuse_types
from gradschool.model.gguf_rope import THETA, rope_of
from gradschool.model.loading import LOAD_ERRORS, is_out_of_memory, out_of_memory, quiet

# The loader has more than its table for these, and reads them itself.
WITH_OWN_RULES = ("bloom", "deci", "falcon", "gemma4", "gpt-oss", "mamba", "minimax-m2", "stablelm")
MODEL_TYPES = {"gemma3": "gemma3_text"}  # a file holds the part of the network that reads text
ENCODER_DECODERS = {"t5", "umt5"}
WINDOW = "attention.sliding_window"
# Fields that the loader passes over in some families, with their names in a config.
PASSED_OVER = {
    "attention.key_length": "head_dim",
    "attn_logit_softcapping": "attn_logit_softcapping",
    "final_logit_softcapping": "final_logit_softcapping",
}
BIASES = {"blk.0.attn_q.bias": "attention_bias", "blk.0.ffn_gate.bias": "mlp_bias"}
# llama.cpp recognizes the largest Gemmas by their number of layers, and scales their attention by another number.
LARGEST_GEMMAS = {"gemma2": 46, "gemma3": 62}
GEMMA_PATTERNS = {"gemma2": 2, "gemma3": 6}  # one layer in so many attends to the whole text


def families() -> list[str]:
    """The families of language models that the loader knows, as llama.cpp names them."""
    spelled = {
        form
        for name in (*GGUF_CONFIG_MAPPING, *GGUF_ARCHS)
        for form in (name, name.replace("_", ""), name.replace("_", "-"))
    }
    return sorted(spelled.intersection(MODEL_ARCH_NAMES.values()) - ENCODER_DECODERS)


def config_of_gguf(file: GgufFile) -> PreTrainedConfig:
    """The config of the network in a GGUF file; raises ModelError for a family that the loader does not know."""
    path, family = file.first.path, file.first.architecture
    if family not in families():
        raise ModelError(
            f"The base in {path} cannot be converted.",
            f"It is of the family {family!r}. Known families are {', '.join(families())}.",
            "name the model as its makers published it (config.json and *.safetensors), or one of these families.",
        )
    refuse_types(file.parts)
    _refuse_sizes(file)
    with refused_by_loader(file), quiet():
        if loads_itself(file) or family in WITH_OWN_RULES:
            config: PreTrainedConfig = AutoConfig.from_pretrained(
                path.parent, gguf_file=path.name, local_files_only=True
            )
        else:
            config = AutoConfig.for_model(**_values(file))
        if not loads_itself(file):
            _complete(config, file)
    return config


def _refuse_sizes(file: GgufFile) -> None:
    """Raise ModelError for sizes that the tensors contradict: a network of them could take any time and memory."""
    names = [tensor.name for part in file.parts for tensor in part.tensors]
    blocks = {name.split(".")[1] for name in names if name.startswith("blk.")}
    embedding = file.tensor(EMBEDDING)
    for field, least, most in (
        ("block_count", 1, len(blocks)),
        ("embedding_length", 1, embedding[1].shape[-1] if embedding else 0),
        ("attention.head_count", 1, file.parameters),
    ):
        value = file.first.own(field)
        if isinstance(value, int) and not least <= value <= most:
            why = f"Its field {field} is {value:,}; by its tensors, it is between {least} and {most:,}."
            raise damaged(file.first.path, why)


def loads_itself(file: GgufFile) -> bool:
    """Whether the loader of transformers reads all of a family, and has no map of its tensors for others."""
    return file.first.architecture in GGUF_ARCHS


@contextlib.contextmanager
def refused_by_loader(file: GgufFile) -> Iterator[None]:
    """Turn any error of the loader into a ModelError that names the family."""
    try:
        yield
    except GradschoolError:
        raise
    except LOAD_ERRORS as error:
        if is_out_of_memory(error):
            raise out_of_memory(f"The base in {file.first.path} does not fit into memory.") from error
        raise ModelError(
            f"The base in {file.first.path} cannot be converted.",
            f"It is of the family {file.first.architecture!r}, and the loader reports: {first_line(error)}",
            "name the model as its makers published it (config.json and *.safetensors).",
        ) from error


def _values(file: GgufFile) -> dict[str, Any]:
    """What the loader's table takes from the fields of a file; its own reader takes seconds for the vocabulary."""
    header, kinds = file.first, {name.replace("_", ""): name for name in GGUF_CONFIG_MAPPING}
    kind = kinds[header.architecture.replace("-", "")]
    found: dict[str, Any] = {
        "model_type": MODEL_TYPES.get(kind, kind),
        "tie_word_embeddings": file.tensor(OUTPUT) is None,
    }
    found |= GGUF_CONFIG_DEFAULTS_MAPPING.get(kind, {})
    for prefix, table in ((header.architecture, kind), ("tokenizer", "tokenizer")):
        names: Any = GGUF_CONFIG_MAPPING[table]
        for field, name in names.items():
            value = header.fields.get(f"{prefix}.{field}")
            if name and (value is not None or prefix == "tokenizer"):  # the class may name tokens of other models
                found[name] = value
    return found


def _complete(config: Any, file: GgufFile) -> None:
    header, names = file.first, {tensor.name for part in file.parts for tensor in part.tensors}
    values = {name: header.own(field) for field, name in PASSED_OVER.items()}
    values |= {name: True for tensor, name in BIASES.items() if tensor in names}
    for name, value in values.items():
        if value is not None and hasattr(config, name):
            setattr(config, name, value)
    if found := file.tensor(EMBEDDING):
        config.vocab_size = found[1].shape[0]
    head = int(header.own("attention.key_length") or config.hidden_size // config.num_attention_heads)
    _set_rope(config, file, head)
    if header.architecture in GEMMA_PATTERNS:
        _complete_gemma(config, file, head)
    elif hasattr(config, "sliding_window") and (file.first.architecture == "phi3" or not header.own(WINDOW)):
        config.sliding_window = None  # llama.cpp has none then, and none in Phi-3


def _set_rope(config: Any, file: GgufFile, head: int) -> None:
    if not hasattr(config, "rope_parameters"):
        return
    rope = rope_of(file, head)
    if "partial_rotary_factor" in (config.rope_parameters or {}):  # then it has to be there
        rope.setdefault("partial_rotary_factor", 1.0)
    if rope["rope_type"] == "longrope":
        # Beyond this, llama.cpp takes other factors if it was started with a longer context.
        config.max_position_embeddings = min(config.max_position_embeddings, rope["original_max_position_embeddings"])
    if "sliding_attention" in (config.rope_parameters or {}):
        if file.first.architecture != "gemma3":  # the loader knows all of these
            return
        local = float(file.first.own("rope.freq_base_swa") or THETA)
        rope = {"full_attention": rope, "sliding_attention": {"rope_type": "default", "rope_theta": local}}
    config.rope_parameters = rope


def _complete_gemma(config: Any, file: GgufFile, head: int) -> None:
    family, pattern = file.first.architecture, file.first.own("attention.sliding_window_pattern")
    large = config.num_hidden_layers == LARGEST_GEMMAS[family]
    config.query_pre_attn_scalar = config.hidden_size // config.num_attention_heads if large else head
    expected = GEMMA_PATTERNS[family]
    if isinstance(pattern, int) and pattern != expected:
        raise ModelError(
            f"The base in {file.first.path} cannot be converted.",
            f"One layer in {pattern} attends to the whole text; in a {family}, one in {expected} is expected.",
            "name the model as its makers published it (config.json and *.safetensors).",
        )
