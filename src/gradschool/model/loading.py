"""Loading a model folder: only safetensors, no code that comes with a model, and helpful errors."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    AutoTokenizer,
    PreTrainedTokenizerFast,
)
from transformers.utils import logging

from gradschool.errors import GradschoolError, ModelError, ResourceError, first_line
from gradschool.files import read_json, sha256, sha256_of
from gradschool.model.folders import refuse_adapter_folder
from gradschool.model.foreign import check_tokenizer, refuse_config, refuse_special
from gradschool.model.four_bits import loading_in_four_bits, settle
from gradschool.model.gguf_cache import source_of
from gradschool.model.hub_cache import refuse_broken_links
from gradschool.model.image_tokens import NO_EYES
from gradschool.model.kinds import no_config
from gradschool.model.loaded import demand_numbers, left_out, refuse_head, refuse_report
from gradschool.model.seeing import FAMILIES, eyes_of, give_eyes, language_part, sees, why_blind
from gradschool.model.weights import check_weights, refuse_packed, refuse_pointers
from gradschool.panics import panics_as_errors

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json", "tekken.json", "spiece.model")
# The files of a model folder that transformers loads, besides the weights.
LOADED = re.compile(
    r"config\.json|generation_config\.json|added_tokens\.json|special_tokens_map\.json|tokenizer.*\.json|tekken\.json|"
    r"vocab\.(json|txt)|merges\.txt|.*\.(model|spm|tiktoken)|chat_template\..*|.*\.safetensors\.index\.json"
)
LOADED_TO_SEE = re.compile(r"(pre)?processor_config\.json")  # these too, by a base that reads images
# Keys that any program may write differently: its version, and the places where it found the model.
PLACES = ("_name_or_path", "name_or_path", "special_tokens_map_file", "tokenizer_file")
WRITERS = ("transformers_version", *PLACES)
LOAD_ERRORS = Exception  # transformers, tokenizers and safetensors raise any for files that they cannot load


def check_folder(folder: Path) -> dict[str, Any]:
    """The config.json of a folder that can be loaded safely; raises ModelError if it cannot."""
    refuse_adapter_folder(folder)
    refuse_broken_links(folder)
    refuse_special(folder)
    config_file = folder / "config.json"
    if not config_file.is_file():
        raise no_config(folder)
    refuse_pointers(folder)
    try:
        config = read_json(config_file)
    except (OSError, ValueError) as error:
        raise ModelError(f"{config_file} cannot be read.", f"{error}.", "save or download the model again.") from error
    if not isinstance(config, dict):
        raise ModelError(f"{config_file} is not a model's config.", "It is not a JSON object.", "download it again.")
    refuse_mlx(folder, config)
    refuse_head(folder, config)
    refuse_config(folder, config)
    check_weights(folder, config.get("transformers_weights"))
    refuse_packed(folder, config)
    if not any((folder / name).is_file() for name in TOKENIZER_FILES):
        raise ModelError(
            f"{folder} has no tokenizer.",
            f"It has none of {', '.join(TOKENIZER_FILES)}.",
            "save the tokenizer into the same folder.",
        )
    return config


def refuse_mlx(folder: Path, config: dict[str, Any]) -> None:
    """Raise ModelError for weights that MLX has quantized: it writes no method of quantization into the config."""
    packed = config.get("quantization") or config.get("quantization_config")
    if not isinstance(packed, dict) or "group_size" not in packed or "bits" not in packed or packed.get("quant_method"):
        return
    method = config.get("quantization_config")
    if isinstance(method, dict) and method.get("quant_method"):
        return
    raise ModelError(
        f"{folder} is a model that MLX has quantized to {packed['bits']} bits.",
        "Only MLX can read such weights, and they cannot be trained here.",
        "name the model that they were made from, as its makers published it.",
    )


def load(
    folder: Path,
    device: torch.device,
    dtype: torch.dtype,
    quantization: Literal["nf4"] | None = None,
    warnings: list[str] | None = None,
) -> tuple["PreTrainedModel", "PreTrainedTokenizerBase"]:
    """Load the network and the tokenizer of a folder, offline and without running code that comes with it.

    With `quantization`, the linear layers but the output layer are quantized as they are read (four_bits.py).
    `warnings` gets what the user should know about the base.
    """
    config = check_folder(folder)
    if quantization and config.get("quantization_config"):
        raise _quantized(folder)
    check_tokenizer(folder)
    with quiet():
        try:
            known = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        except LOAD_ERRORS as error:
            raise _unknown_kind(folder, config, error) from error
        try:
            with panics_as_errors():
                tokenizer = tokenizer_of(folder)
        except LOAD_ERRORS as error:
            raise _unusable(f"The tokenizer in {folder} cannot be loaded.", error) from error
        packing = loading_in_four_bits(known, dtype, device) if quantization else {}
        if sees(known):
            network, report = _seeing(folder, device, dtype, packing, tokenizer)
        else:
            network, report = _network(folder, device, dtype, packing, AutoModelForCausalLM)
    if warnings is not None and (warning := left_out(network, report)):
        warnings.append(warning)
    demand_numbers(folder, network, [0, 1])
    embedding: Any = network.get_input_embeddings()
    rows = int(embedding.weight.shape[0])
    if len(tokenizer) > rows:
        raise ModelError(
            f"The tokenizer in {folder} does not fit the model.",
            f"The tokenizer has {len(tokenizer)} tokens, the model {rows}.",
            "put the model's own tokenizer files into the folder.",
        )
    return network.eval(), tokenizer


def tokenizer_of(folder: Path) -> Any:
    """The tokenizer of a folder as transformers loads it.

    For a base from GGUF, tokenizer.json has all of it: the class of its family would build the way to cut texts again,
    as the family's makers have it and not as llama.cpp does.
    """
    loader: Any = PreTrainedTokenizerFast if source_of(folder) else AutoTokenizer
    return loader.from_pretrained(folder, local_files_only=True, trust_remote_code=False)


def _seeing(
    folder: Path, device: torch.device, dtype: torch.dtype, packing: dict[str, Any], tokenizer: Any
) -> tuple["PreTrainedModel", dict[str, Any]]:
    """The language part of a base that reads images, whose embedding layer takes image tokens, and the report."""
    if packing:
        raise ModelError(
            f"The base in {folder} cannot be quantized.",
            "Its vision tower would be too.",
            "leave out `quantization`, or take a smaller base.",
        )
    whole, report = _network(folder, device, dtype, packing, AutoModelForImageTextToText)
    whole.requires_grad_(False).eval()
    network = language_part(whole)

    def identity() -> str:
        return sha256_of([hash_weights(folder), hash_files(folder), str(dtype)])

    give_eyes(network, eyes_of(folder, whole, tokenizer, identity))
    return network, report


def _network(
    folder: Path, device: torch.device, dtype: torch.dtype, packing: dict[str, Any], kind: Any
) -> tuple["PreTrainedModel", dict[str, Any]]:
    """The network of a folder as a class of transformers loads it, and what the loader reports about its weights."""
    try:
        with panics_as_errors():
            loaded: Any = kind.from_pretrained(
                folder,
                dtype=dtype,
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # `refuse_report` names them
                **packing,
            )
        network: PreTrainedModel = loaded[0] if packing else loaded[0].to(device)
        settle(network)
    except LOAD_ERRORS as error:
        if is_out_of_memory(error):
            raise out_of_memory(f"The model in {folder} does not fit into memory.") from error
        raise _not_loaded(folder, error) from error
    refuse_report(folder, loaded[1])
    return network, loaded[1]


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """No progress bars of transformers, and no warnings, which quote what the files of others say."""
    bars_were_on, level = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars_were_on:
            logging.enable_progress_bar()


def _quantized(folder: Path) -> ModelError:
    return ModelError(
        f"The base in {folder} is quantized already.",
        "Only weights as they were published can be quantized.",
        "leave out `quantization`, or take the base as its makers published it.",
    )


@contextlib.contextmanager
def unusable_values(folder: Path) -> Iterator[None]:
    """Turn errors in the first use of a base into a ModelError: its files may hold values that nothing checks."""
    try:
        with panics_as_errors():
            yield
    except (GradschoolError, AssertionError):
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise
        raise ModelError(
            f"The base in {folder} cannot be used.",
            f"A value in its config, tokenizer or weights is wrong: {type(error).__name__}: {first_line(error)}",
            "check that the folder is complete, or download the model again.",
        ) from error


def hash_weights(folder: Path) -> str:
    """One SHA-256 for all *.safetensors of a folder, from their names and their own hashes.

    Large files in the Hub's cache are links to files named by their SHA-256; for these, the name is used.
    """
    hashes = {}
    for path in sorted(folder.glob("*.safetensors")):
        blob = path.resolve().name
        hashes[path.name] = blob if path.is_symlink() and re.fullmatch("[0-9a-f]{64}", blob) else sha256(path)
    return sha256_of(hashes)


def hash_files(folder: Path) -> str:
    """One SHA-256 for all other files that are loaded: config, generation config and tokenizer.

    JSON is compared by its values, without those that only say which program wrote it.
    """
    hashes = {}
    seeing = _is_seeing(folder)
    for path in sorted(folder.iterdir()):
        known = LOADED.fullmatch(path.name) or (seeing and LOADED_TO_SEE.fullmatch(path.name))
        if known and path.is_file():
            hashes[path.name] = _hash_json(path) if path.suffix == ".json" else sha256(path)
    return sha256_of(hashes)


def _is_seeing(folder: Path) -> bool:
    """Whether the base in a folder reads images."""
    try:
        config = read_json(folder / "config.json")
    except (OSError, ValueError):
        return False
    return isinstance(config, dict) and config.get("model_type") in FAMILIES


def _hash_json(path: Path) -> str:
    try:
        value = read_json(path)
        return sha256_of({k: v for k, v in value.items() if k not in WRITERS} if isinstance(value, dict) else value)
    except ValueError:  # no JSON, or half a character in it
        return sha256(path)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory ran out, on any device."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and re.search("out of memory|can't allocate memory", str(error)) is not None


def out_of_memory(what: str) -> ResourceError:
    """The error for memory that ran out."""
    return ResourceError(
        what,
        "Memory ran out.",
        "close other programs, use a smaller base_model, shorter questions, or a smaller answers.batch_size.",
    )


def _unknown_kind(folder: Path, config: dict[str, Any], error: Exception) -> ModelError:
    kind = config.get("model_type", "none")
    if "auto_map" in config:
        return ModelError(
            f"The model in {folder} needs code of its own (model_type {kind!r}).",
            "Its config.json names it under auto_map; code that comes with a model is never run.",
            "use a model of a type that the installed transformers supports, such as llama, qwen3, gemma3 or mistral.",
        )
    return ModelError(
        f"The model in {folder} is of a type that cannot be loaded (model_type {kind!r}).",
        f"The loader reports: {first_line(error)}",
        "update transformers if the type is new, or use another base_model.",
    )


def _not_loaded(folder: Path, error: Exception) -> ModelError:
    """The error for a network that the loader refuses."""
    config, what = read_json(folder / "config.json"), f"The model in {folder} cannot be loaded."
    packed = config.get("quantization_config")
    if isinstance(packed, dict) and packed.get("quant_method"):
        return ModelError(
            what,
            f"Its weights are quantized ({packed['quant_method']}), and the loader reports: {first_line(error)}",
            'name the model that they were made from, as its makers published it (quantization = "nf4" makes that '
            "small too), or install what the loader names.",
        )
    if "Unrecognized configuration class" in str(error):
        kind = str(config.get("model_type"))
        why = f"No network of the type {kind!r} continues a text, which is how a base answers."
        if "vision_config" in config:
            return ModelError(what, f"{why} {why_blind(kind, True, 'It')}", f"{NO_EYES}.")
        return ModelError(what, why, "name a language model such as llama, qwen3, gemma3 or mistral.")
    return _unusable(what, error)


def _unusable(what: str, error: Exception) -> ModelError:
    return ModelError(
        what,
        f"The loader reports: {first_line(error)}",
        "check that the folder is complete, or download the model again.",
    )
