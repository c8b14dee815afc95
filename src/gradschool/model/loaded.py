"""Whether a loaded network is the one that its folder holds: no weight is missing or left out, and it computes."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from gradschool.errors import ModelError, first_line

if TYPE_CHECKING:
    from transformers import PreTrainedModel

# Parts of an adapter that is saved within a model: loaders leave them out, and answer as the base does.
ADAPTER_PARTS = re.compile(r"\b(lora_[AB]|lora_embedding_[AB]|lora_magnitude_vector|base_layer|ia3_l|oft_[rR])\b")
WRAPPERS = {  # beginnings of names that programs leave when they save, and who writes them
    "module.": "training on several devices (DDP, DeepSpeed)",
    "_orig_mod.": "torch.compile",
    "_fsdp_wrapped_module.": "FSDP",
    "base_model.model.": "PEFT",
}
HEADS = re.compile(
    r"For(SequenceClassification|TokenClassification|QuestionAnswering|MultipleChoice|MaskedLM|Reward.*)$"
)
SAVE_AGAIN = "download or save the model again."


def refuse_head(folder: Path, config: Mapping[str, Any]) -> None:
    """Raise ModelError for a network that its config calls a classifier: what it was trained for is not loaded."""
    names = config.get("architectures")
    listed = [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
    if listed and all(HEADS.search(name) for name in listed):
        raise ModelError(
            f"The model in {folder} writes no text.",
            f"Its config.json says {listed[0]}: it assigns classes, scores or places, and was not trained to answer.",
            "name the language model that it was made from.",
        )


def refuse_report(folder: Path, report: Mapping[str, Any]) -> None:
    """Raise ModelError if the loader reports weights that are missing, or of another shape, or part of an adapter."""
    unexpected = sorted(str(key) for key in report.get("unexpected_keys", ()))
    if parts := [key for key in unexpected if ADAPTER_PARTS.search(key)]:
        raise ModelError(
            f"The weights in {folder} hold an adapter that is not merged into them.",
            f"It would be left out without a word: {parts[0]} is the first of its {len(parts)} weights.",
            "merge the adapter (merge_and_unload of PEFT) and save the result, or save the adapter in a folder of its "
            "own and name its base.",
        )
    missing = sorted(report["missing_keys"])
    if prefix := next((one for one in WRAPPERS if missing and any(key.startswith(one) for key in unexpected)), ""):
        raise ModelError(
            f"The weights in {folder} have names that do not fit the network.",
            f"They begin with {prefix!r}, as {WRAPPERS[prefix]} leaves them: {unexpected[0]}.",
            "save the model that is wrapped, not the wrapper (`save_pretrained` of the inner model).",
        )
    if shapes := sorted(report.get("mismatched_keys", ()), key=str):
        name, saved, expected = shapes[0]
        raise ModelError(
            f"The weights in {folder} do not fit its config.json.",
            f"{name} has the shape {tuple(saved)} where the config asks for {tuple(expected)}; {len(shapes)} differ.",
            "put the config.json into the folder that belongs to these weights, or download the model again.",
        )
    if missing:
        raise ModelError(
            f"The weights in {folder} are not complete.",
            f"{len(missing)} are missing, such as {missing[0]}; they would be random.",
            SAVE_AGAIN,
        )


def left_out(network: "PreTrainedModel", report: Mapping[str, Any]) -> str:
    """A warning about layers of the folder that its config does not count; empty if there are none.

    Weights of other parts, such as an encoder of images, are left out of many models on purpose.
    """
    names = {name for name, _ in network.named_parameters()}
    unexpected = sorted(str(key) for key in report.get("unexpected_keys", ()))
    layers = [key for key in unexpected if re.sub(r"\.layers\.\d+\.", ".layers.0.", key, count=1) in names]
    if not layers:
        return ""
    return (
        f"{len(layers)} weights of the base are not used, such as {layers[0]}: its config.json counts fewer layers. If "
        "it is not meant to, use the config.json that belongs to these weights."
    )


@torch.no_grad()
def demand_numbers(folder: Path, network: "PreTrainedModel", tokens: Sequence[int]) -> None:
    """Raise ModelError unless the network predicts something after these tokens: numbers, of which some differ."""
    try:
        logits = network(input_ids=torch.tensor([list(tokens)], device=network.device)).logits[0, -1].float()
    except (AssertionError, RuntimeError, TypeError, ValueError) as error:
        if isinstance(error, torch.OutOfMemoryError):
            raise
        raise ModelError(
            f"The model in {folder} cannot compute.",
            f"Its first step reports: {first_line(error)}.",
            "check that its config.json belongs to its weights; for quantized weights, name the model that they were "
            "made from.",
        ) from error
    if torch.isfinite(logits).all() and not torch.equal(logits, logits[:1].expand_as(logits)):
        return
    kind = "are all equal" if torch.isfinite(logits).all() else "are no finite numbers"
    raise ModelError(
        f"The weights in {folder} are damaged.",
        f"The predictions of the network {kind}, so that every answer would be noise or empty.",
        SAVE_AGAIN,
    )
