"""Forms of weights other than safetensors: recognized by the names of files, with what to do about each."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePath

PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
# What a training saves next to a model, and is not weights of it.
STATE = re.compile(r"(training_args|optimizer|scheduler|scaler|rng_state|trainer_state)\b.*|.*_states?_\d+\..*")
OTHERS = {  # by the ends of file names: which program runs them
    ".onnx": "ONNX",
    ".onnx_data": "ONNX",
    ".ort": "ONNX",
    "openvino_model.bin": "OpenVINO",
    "openvino_model.xml": "OpenVINO",
    ".h5": "TensorFlow",
    ".keras": "TensorFlow",
    ".tflite": "TensorFlow Lite",
    ".litertlm": "LiteRT",
    ".task": "LiteRT",
    ".msgpack": "Flax",
    ".mlmodel": "Core ML",
    ".mlpackage": "Core ML",
    ".npz": "MLX",
    ".engine": "TensorRT",
    ".pte": "ExecuTorch",
    ".nemo": "NeMo",
    ".rkllm": "RKLLM",
    ".ggml": "an old llama.cpp",
    ".llamafile": "llamafile",
}
GGUF = ".gguf"
ORIGINAL_FIX = "name the model that they were made from, as its makers published it (config.json and *.safetensors)"


@dataclass(frozen=True, slots=True)
class Form:
    """A form of weights: a file that shows it, its name, why they are not loaded from there, and what to do."""

    file: str
    name: str
    why: str
    fix: str


def form_of(names: Iterable[str]) -> Form | None:
    """The form of the weights among files of these names, GGUF first; None if none of them is known."""
    found = [form for name in sorted(names) if (form := _form(name))]
    return next((form for form in found if form.name == "a GGUF file"), found[0] if found else None)


def _form(file: str) -> Form | None:
    name = PurePath(file).name.lower()
    if name.endswith(GGUF):
        return Form(
            file,
            "a GGUF file",
            "A folder or a Hub id means a model with *.safetensors; a GGUF file is a base by itself.",
            f'name the file, downloaded: base_model = "{PurePath(file).name}" (--base-model {PurePath(file).name}).',
        )
    for end, program in OTHERS.items():
        if name.endswith(end):
            return Form(
                file,
                f"a file of {program}",
                f"Only {program} can run such weights, and they cannot be trained here.",
                f"{ORIGINAL_FIX}.",
            )
    if name.endswith(PICKLED) and not STATE.fullmatch(name):
        return Form(
            file,
            "a pickled file",
            "Such files can run code when they are opened, so they are never opened.",
            "use a version of the model with *.safetensors (most have one), or convert it on a machine for that.",
        )
    return None
