"""How to name the model of a server as a file, so that it can be tuned: servers say which file they run.

llama.cpp says it in /props (`model_path`), vLLM in its list of models (`root`). Ollama and LM Studio keep files under
the names of their models.
"""

import json
import re
import shlex
from pathlib import Path
from typing import Any

from gradschool.errors import ModelError
from gradschool.model.connection import is_loopback
from gradschool.model.engine import Engine
from gradschool.model.installed import lm_studio_files
from gradschool.model.ollama_store import find
from gradschool.model.remote import RemoteEngine

MAX_TEXT = 1_000  # characters of a path or a name
WITHOUT = "A server does not give its weights, so that its model cannot be tuned through it."


def as_file(engine: Engine) -> str:
    """A sentence that says how to name a server's model as a base that can be tuned; empty for any other base."""
    if not isinstance(engine, RemoteEngine):
        return ""
    here = is_loopback(engine.api.client.host)
    for known in (_llama_cpp, _lm_studio, _ollama, _vllm):
        if said := known(engine, here):
            return f"{WITHOUT} {said}"
    return (
        f"{WITHOUT} To tune it, name the file that the server runs: a GGUF file, a folder or a Hub id as base_model, "
        "without `model`. `gradschool bases` lists the bases on this machine."
    )


def _llama_cpp(engine: RemoteEngine, here: bool) -> str:
    path = _text(engine.api.client.at_root("/props"), "model_path")
    if not path:
        return ""
    if here and Path(path).is_file():
        return f"llama.cpp runs {path} there: {_named(str(Path(path).resolve()))}."
    place = "where it was started" if here else f"on {engine.api.client.host}"
    return f"llama.cpp says that it runs {path} {place}: copy that file here if it is not here, and {_named(path)}."


def _ollama(engine: RemoteEngine, here: bool) -> str:
    if not _text(engine.api.client.at_root("/api/version"), "version"):
        return ""
    name = f"ollama:{engine.model}"
    if not here:
        return (
            f"The server is Ollama: {_named(name)}, on the machine of the server; or here, after "
            f"`ollama pull {engine.model}`."
        )
    try:
        find(engine.model)
    except (ModelError, OSError) as error:
        why = f"{error.what} {error.why}" if isinstance(error, ModelError) else f"The system says: {error}."
        return f"The server is Ollama: {_named(name)}, once its store can be read. {why}"
    return f"The server is Ollama: {_named(name)}."


def _lm_studio(engine: RemoteEngine, here: bool) -> str:
    listed = engine.api.client.at_root("/api/v0/models")
    models = listed.get("data") if isinstance(listed, dict) else None
    about = next((one for one in models or [] if isinstance(one, dict) and one.get("id") == engine.model), None)
    if about is None or not _text(about, "publisher"):
        return ""
    form = _text(about, "compatibility_type")
    if form and form != "gguf":
        return f"The server is LM Studio, which runs it as {form}: get the model as its makers published it."
    files = [file for file in lm_studio_files() if _fits(file, about)] if here else []
    if len(files) == 1:
        return f"The server is LM Studio: {_named(str(files[0]))}."
    place = "on this machine" if here else f"on {engine.api.client.host}"
    which = ", ".join(map(str, files[:3])) or f"{_text(about, 'publisher')}/… in LM Studio's folder of models"
    return f"The server is LM Studio {place}: name its file as base_model, without `model` ({which})."


def _fits(file: Path, about: dict[str, Any]) -> bool:
    """Whether a file of LM Studio's may be a model of its list: by publisher, name and quantization."""
    wanted = _plain(_text(about, "id").rpartition("/")[2].partition("@")[0])
    names = [_plain(file.stem), _plain(file.parent.name)]
    quantization = _plain(_text(about, "quantization"))
    publisher = _plain(file.parent.parent.name) == _plain(_text(about, "publisher"))
    return publisher and any(wanted in name for name in names) and quantization in names[0]


def _vllm(engine: RemoteEngine, here: bool) -> str:
    root = next((_text(one, "root") for one in engine.api.client.models() if one["id"] == engine.model), "")
    if not root or ("/" not in root and "\\" not in root):
        return ""
    return f"The server says that it runs {root}: {_named(root)}{'' if here else ', if that is on this machine'}."


def _named(base: str) -> str:
    return f"to tune it, set base_model = {json.dumps(base)} (--base-model {shlex.quote(base)}), without `model`"


def _text(said: Any, key: str) -> str:
    """A text in what a server says; empty if it has none that can be shown in a command."""
    value = said.get(key) if isinstance(said, dict) else None
    return value if isinstance(value, str) and value.isprintable() and len(value) <= MAX_TEXT else ""


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "", name.lower())
