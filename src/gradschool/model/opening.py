"""Opening the engine that a job names: a base with its own name, a folder, a GGUF file, a server or a Hub id."""

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gradschool.errors import ModelError, UsageError
from gradschool.file_names import SERVER
from gradschool.hub_pages import HUB_ID, page_of
from gradschool.model.engine import Engine
from gradschool.model.folders import model_folder
from gradschool.model.gguf_file import gguf_at, gguf_name
from gradschool.model.hosts import key_variable
from gradschool.model.named import NAMED
from gradschool.model.ollama import ollama_name, ollama_route, stored_name
from gradschool.model.ollama_store import find as find_stored
from gradschool.model.places import name_of, remember
from gradschool.model.pocket_eyes import POCKET as POCKET
from gradschool.model.pocket_eyes import pocket_eyes_folder
from gradschool.records import BaseIdentity, Note, NumberFormat, Work
from gradschool.settings import BUILT_IN, SEEING, Settings

# The address of a server without its scheme: with a port, an address of this machine or a number, or the path /v1.
ADDRESS = re.compile(
    r"(?P<host>(?P<near>localhost|(?:\d{1,3}\.){3}\d{1,3}|\[[\da-f:]+\])|[\w.-]+)"
    r"(?P<port>:\d{2,5})?(?P<path>/\S*)?",
    re.IGNORECASE,
)
# A model's page on another host than the Hub's: its path has the owner and the name, and no part of an API.
MIRROR = re.compile(
    r"(?P<host>https?://(?!localhost|127\.)[^/]+)/(?:models/)?(?P<id>(?!v\d|api|openai)[\w-][\w.-]*/(?!v\d+/?$|api)[\w.-]+)"
    r"(?:/(?:tree|blob|resolve)/.*)?/?(?:[?#].*)?"
)


@dataclass(frozen=True, slots=True)
class Found:
    """A base on this machine: its folder, its name, and its commit if it is from the Hub."""

    folder: Path
    name: str
    revision: str = ""


def has_own_name(name: str) -> bool:
    """Whether a base is found by its name alone, on every machine that has it, and not by a folder."""
    return name in (BUILT_IN, SEEING) or name in NAMED or bool(stored_name(name))


def names_base(path: Path) -> bool:
    """Whether a path that does not exist is the name of a base."""
    return str(path) == "fake" or has_own_name(str(path))


def is_hub_id(name: str) -> bool:
    """Whether a name has the form of a Hub model's: owner/name, or the name alone."""
    return re.fullmatch(HUB_ID, name) is not None


def open_engine(
    settings: Settings,
    folder: Path,
    *,
    packaged: bool = False,
    answering: NumberFormat | None = None,
    training: NumberFormat | None = None,
) -> Work[Engine]:
    """Open the engine that a job names.

    Relative paths are searched in the job's `folder`, then in the working directory. Yields notes, and progress of
    downloads. Settings of a `packaged` specialist cannot choose the API key that a server gets. `answering` and
    `training` are the number formats that a run began with. Raises ModelError if the model does not exist or cannot be
    used, TrustError for a server that the user has not allowed.
    """
    name = settings.base
    refuse_other_pages(name)
    if name.startswith(SERVER) and not ollama_name(name):
        return _open_remote(settings, packaged)
    if name == "fake":
        from gradschool.model.fake import FakeEngine

        return FakeEngine()
    found = yield from _find(settings, folder)
    from gradschool.model.local import LocalEngine

    batch_size, quantization = settings.answers.batch_size, settings.quantization
    engine = LocalEngine(
        found.folder,
        name=found.name,
        revision=found.revision,
        batch_size=batch_size,
        answering=answering,
        training=training,
        quantization=quantization,
    )
    yield Note(f"The base computes on {engine.device} in {engine.dtype_reason}; on {engine.threads_reason}.", "detail")
    for warning in engine.warnings:
        yield Note(warning, "warning")
    for note in engine.chat.notes:
        yield Note(note)
    return engine


def format_of(engine: Engine) -> NumberFormat | None:
    """The number format that a local base answers in."""
    from gradschool.model.here import local_engine

    local = local_engine(engine)
    return local.answering_format if local else None


def base_folder(settings: Settings, engine: Engine) -> Path | None:
    """The folder that a base was opened from; None if it has its own name, is from the Hub or on a server."""
    from gradschool.model.here import local_engine

    local = local_engine(engine)
    return local.folder if local and not has_own_name(settings.base) and not local.revision else None


def remember_base(settings: Settings, engine: Engine) -> Work[None]:
    """Remember the folder of a base, so that what is made with it is opened without naming the folder again."""
    if folder := base_folder(settings, engine):
        yield from remember(engine.identity.weights, folder)


def is_moved(identity: BaseIdentity, name: str, folder: Path) -> bool:
    """Whether a base was opened from a folder that is no longer there, by the name that a job in `folder` gives it."""
    from_folder = identity.kind == "local" and not identity.revision and not has_own_name(name)
    path = path_named(name, folder)
    return from_folder and not (path and path.exists())


def refuse_other_pages(name: str) -> None:
    """Raise ModelError for the address of a page of the Hub that is not a model's."""
    if (page := page_of(name)) and page.other:
        raise ModelError(
            f"{name} is the address of {page.other} of the Hub.",
            "A base is a model.",
            "name a model: its id (owner/name), or the address of its page (https://huggingface.co/owner/name).",
        )


def address_meant(name: str) -> str:
    """The address that a name without a scheme means; empty if it means none.

    >>> address_meant("localhost:11434"), address_meant("api.example.org/v1"), address_meant("owner/name")
    ('http://localhost:11434/v1', 'https://api.example.org/v1', '')
    """
    found = ADDRESS.fullmatch(name)
    if found is None or not (found["near"] or found["port"] or (found["path"] or "").rstrip("/").endswith("/v1")):
        return ""
    path = (found["path"] or "").rstrip("/") or "/v1"
    scheme = "http" if found["near"] or found["port"] else "https"
    return f"{scheme}://{found['host']}{found['port'] or ''}{path}"


def _open_remote(settings: Settings, packaged: bool) -> Engine:
    from gradschool.model.remote import RemoteEngine

    name = settings.base
    if settings.quantization:
        raise UsageError(
            f"quantization cannot be set for {name}.",
            "The server decides how it stores its weights.",
            "leave it out.",
        )
    if not settings.model:
        raise UsageError(
            f"The job does not say which model of the server {name} to use.",
            "An address other than one of huggingface.co is that of a model server, which can have several models.",
            f'add model = "…" next to base_model.{_mirror(name)}',
        )
    variable = key_variable(name, None if packaged else settings.remote.api_key_env)
    return RemoteEngine(name, settings.model, settings.remote.model_copy(update={"api_key_env": variable}))


def _mirror(address: str) -> str:
    """How to download a model from a mirror of the Hub, if an address looks like that of a model's page there."""
    found = MIRROR.fullmatch(address)
    if found is None:
        return ""
    return (
        f" If {found['host']} is a mirror of the Hub, set HF_ENDPOINT={found['host']} in the environment, and "
        f'base_model = "{found["id"].removesuffix(".git")}".'
    )


def _find(settings: Settings, folder: Path) -> Work[Found]:
    """A base on this machine, downloaded or converted if necessary."""
    name = settings.base
    if name == BUILT_IN:
        if not POCKET.is_dir():
            raise ModelError("The built-in model is missing.", f"{POCKET} does not exist.", "install gradschool again.")
        return Found(POCKET, name)
    if name == SEEING:
        return Found(pocket_eyes_folder(), name)
    if (model := stored_name(name)) and (about := find_stored(model).about()):
        yield Note(about)
    if file := gguf_of(name, folder):
        from gradschool.model.gguf_base import folder_of_gguf

        converted = yield from folder_of_gguf(file)
        return Found(converted, name if has_own_name(name) else gguf_name(file))
    local = _local_folder(name, folder, settings.revision)
    if local is not None:
        return Found(local, name_of(local))
    from gradschool.model.hub import fetch

    try:
        fetched = yield from fetch(name, settings.revision)
    except ModelError as error:
        if "/" in name:
            raise
        raise ModelError(error.what, error.why, f"{error.fix} Or, {ollama_route(name)}.") from error
    return Found(fetched, name, fetched.name)  # in the Hub's cache, the name of a snapshot is its commit


def gguf_of(name: str, folder: Path) -> Path | None:
    """The GGUF file that a base means: by its own name, from Ollama's store, or as a path; None if it is no GGUF.

    Raises ModelError if a base of that name is not on this machine.
    """
    if name in NAMED:
        return NAMED[name].path()
    if model := stored_name(name):
        return find_stored(model).file
    path = path_named(name, folder)
    return gguf_at(path) if path else None


def path_named(name: str, folder: Path) -> Path | None:
    """What a name means as a path: in a job's folder, else in the working directory; None if there is neither."""
    given = Path(name)
    with suppress(RuntimeError):  # there is no such home
        given = given.expanduser()
    # Also a link to nothing, which is named by the error.
    return next((path for path in (folder / given, given) if os.path.lexists(path)), None)


def _local_folder(name: str, folder: Path, revision: str | None) -> Path | None:
    """The folder of that name, or None if the name can only be a Hub id."""
    if path := path_named(name, folder):
        return model_folder(path, revision)
    if address := address_meant(name):
        raise ModelError(
            f"The base model {name!r} does not exist.",
            "It looks like the address of a server, which begins with http:// or https://.",
            f'write base_model = "{address}" and the model of the server, model = "…" '
            f"(--base-model {address} --model …).",
        )
    if model := ollama_name(name):
        fix = f"{ollama_route(model)}; or name a folder or a Hub id (owner/name)."
        raise ModelError(f"The base model {name!r} does not exist.", "It looks like a name of Ollama's.", fix)
    if is_hub_id(name):
        return None
    raise ModelError(
        f"The base model {name!r} does not exist.",
        f"There is no such folder in {folder.resolve()} or {Path.cwd()}, and it is not a Hub id (owner/name).",
        'name a folder, a Hub id, the address of a server, or "pocket" (built in).',
    )
