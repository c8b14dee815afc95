"""Models in Ollama's store on this machine: the GGUF file of a name, and what Ollama adds to it.

Layout of the store: manifests/HOST/NAMESPACE/NAME/TAG is JSON that lists layers; each is the file blobs/sha256-DIGEST.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradschool.errors import ModelError, nearest
from gradschool.files import read_file, read_json, sha256
from gradschool.model.ollama import ollama_server

HOST, NAMESPACE, TAG = "registry.ollama.ai", "library", "latest"
LAYER = "application/vnd.ollama.image."
DIGEST = re.compile("sha256[:-]([0-9a-f]{64})")
BLOB = re.compile("sha256-([0-9a-f]{64})")  # how a layer's file is named
SHOWN = 160  # characters of a text in a note
MAX_TEXT = 1 << 20  # bytes of a template, a system prompt or parameters
# Where Ollama keeps its store if OLLAMA_MODELS does not say: the user's own, and those of the service on Linux.
STORES = ("~/.ollama/models", "/usr/share/ollama/.ollama/models", "/var/lib/ollama/.ollama/models")


@dataclass(frozen=True, slots=True)
class OllamaModel:
    """A model in the store: the file of its weights, and the texts that Ollama keeps next to it."""

    name: str
    file: Path
    template: str = ""
    system: str = ""
    parameters: str = ""

    @property
    def added(self) -> dict[str, str]:
        """What Ollama adds to the file, by kind."""
        texts = {"chat template": self.template, "system prompt": self.system, "parameters": self.parameters}
        return {kind: text for kind, text in texts.items() if text}

    def about(self) -> str:
        """A note about what Ollama adds, and what becomes of it; empty if it adds nothing."""
        if not self.added:
            return ""
        parts = ", ".join(f"the {kind} {_short(text)}" for kind, text in self.added.items())
        system = " To keep the system prompt, write it into the job's task." if self.system else ""
        return (
            f"In Ollama, {self.name} has {parts}. None of it is applied here: the chat template in the file is used, "
            f"and the job's own instructions.{system} `gradschool bases show ollama:{self.name}` shows all of it."
        )


def _short(text: str) -> str:
    words = " ".join(text.split())
    return repr(words if len(words) <= SHOWN else f"{words[:SHOWN]}…")


def stores() -> list[Path]:
    """The folders of Ollama's models on this machine."""
    if named := os.environ.get("OLLAMA_MODELS"):
        return [Path(named)]
    places = []
    for store in STORES:
        try:
            place = Path(store).expanduser()
            if (place / "manifests").is_dir():
                places.append(place)
        except (OSError, RuntimeError):  # no home folder, or one that may not be read
            continue
    return places


def find(name: str) -> OllamaModel:
    """The model of a name such as qwen3:8b; raises ModelError if the store has none, or not all of it."""
    known: list[str] = []
    for store in stores():
        try:
            for found, manifest in _manifests(store):
                if found == _full(name):
                    return _read(name, manifest, store)
                known.append(found)
        except OSError as error:
            raise _unreadable(store, error) from error
    places = ", ".join(map(str, stores()))
    raise ModelError(
        f"Ollama has no model {name!r} on this machine.",
        f"It is not in {places}." if places else "No store of Ollama's was found; OLLAMA_MODELS can name one.",
        f"{f'{nearest(_full(name), known)} Or ' if known else ''}fetch it with `ollama pull {name}`; for one on "
        f"another machine, {ollama_server(name)}.",
    )


def models() -> Iterator[OllamaModel]:
    """All models in the stores whose files can be read."""
    yield from (found for _, found in listed() if isinstance(found, OllamaModel))


def listed() -> Iterator[tuple[str, OllamaModel | ModelError]]:
    """The names of all models in the stores, each with the model or with the reason why it cannot be used."""
    for store in stores():
        try:
            for name, manifest in _manifests(store):
                try:
                    yield name, _read(name, manifest, store)
                except ModelError as error:
                    yield name, error
        except OSError as error:
            yield "", _unreadable(store, error)


def _unreadable(store: Path, error: OSError) -> ModelError:
    return ModelError(
        f"Ollama's store {store} cannot be read.",
        f"The system reports: {error.strerror or error}.",
        "allow your user to read it, or copy the store and set OLLAMA_MODELS to the copy.",
    )


def _full(name: str) -> str:
    return name if ":" in name.rpartition("/")[2] else f"{name}:{TAG}"


def _manifests(store: Path) -> Iterator[tuple[str, Path]]:
    """The names of models with their manifests; names of the library are without host and namespace."""
    root = store / "manifests"
    for place, folders, files in os.walk(root, onerror=_raise):
        folders.sort()
        for file in sorted(files):
            parts = Path(place, file).relative_to(root).parts
            if len(parts) < 3 or not Path(place, file).is_file():  # a pipe would never end
                continue
            *above, model, tag = parts
            if above[:1] == [HOST]:
                above = above[1:]
            if above == [NAMESPACE]:
                above = []
            yield f"{'/'.join([*above, model])}:{tag}", Path(place, file)


def _raise(error: OSError) -> None:
    raise error


def _read(name: str, manifest: Path, store: Path) -> OllamaModel:
    try:
        if manifest.stat().st_size > MAX_TEXT:
            raise ValueError(f"It has more than {MAX_TEXT:,} bytes")
        layers = {layer["mediaType"].removeprefix(LAYER): layer["digest"] for layer in read_json(manifest)["layers"]}
        files = {kind: _blob(store, digest) for kind, digest in layers.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{manifest} is not a manifest of Ollama's.", f"{error}.", f"ollama pull {name}") from error
    if "model" not in files:
        kind = "an adapter" if "adapter" in files else "no weights"
        raise ModelError(f"{name} holds {kind} in Ollama's store.", f"{manifest} lists none.", "name another model.")
    if not files["model"].is_file():
        raise ModelError(
            f"The weights of {name} are not in Ollama's store.",
            f"{manifest} names {files['model']}, which does not exist.",
            f"fetch it again: `ollama pull {name}`.",
        )
    texts = {kind: _text(files.get(kind)) for kind in ("template", "system", "params")}
    return OllamaModel(name, files["model"], texts["template"], texts["system"], texts["params"])


def _blob(store: Path, digest: Any) -> Path:
    found = DIGEST.fullmatch(digest)
    if found is None:
        raise ValueError(f"{digest!r} is not a SHA-256")
    return store / "blobs" / f"sha256-{found[1]}"


def _text(file: Path | None) -> str:
    """A text layer; raises ModelError if it is not what its name says, as a link to another file would be."""
    if file is None or not file.is_file() or file.stat().st_size > MAX_TEXT:
        return ""
    if sha256(file) != file.name.removeprefix("sha256-"):
        raise ModelError(
            f"{file} is not the file that Ollama stored.",
            "Its SHA-256 is not the one in its name.",
            "fetch the model again with `ollama pull`.",
        )
    return read_file(file).decode(errors="replace").strip()
