"""Downloading a base from the Hub: one commit, only the files that are needed, resumable.

The Hub library's own cache is used if it holds the commit. Downloads do not go through that library, because it (2.x)
deletes an incomplete file when the program ends, and gigabytes over a slow connection need more than one session.
"""

import re
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

import httpx
from huggingface_hub import HfApi, constants, hf_hub_url, snapshot_download
from huggingface_hub.errors import (  # type: ignore[attr-defined]  # HTTPError is raised by its HTTP client
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    HTTPError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.hf_api import ModelInfo, RepoSibling
from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]
from pydantic import TypeAdapter

from gradschool.durable import make_folder, replace_file
from gradschool.errors import ModelError, ResourceError
from gradschool.files import disk_errors, read_json, sha256, write_json
from gradschool.model.connection import proxy_errors
from gradschool.model.kinds import ADAPTER, BASE_KEY, adapter
from gradschool.model.weight_forms import form_of
from gradschool.records import Note, Progress, Work

T = TypeVar("T")
COMMIT = re.compile("[0-9a-f]{40}")
REVISION = re.compile(r"(?!.*\.\.)[A-Za-z0-9_.-][A-Za-z0-9_./+@#-]{0,199}")  # of Git's names for branches and tags
NEEDED = re.compile(r"[^/]+\.(json|safetensors|jinja)|tokenizer\.model|spiece\.model|(merges|vocab)\.txt")
BLOCK = 1 << 20  # bytes between two Progress events
RETRIES = 5  # attempts in a row that receive nothing
TIMEOUT = httpx.Timeout(30.0)
LEAVE_FREE = 200_000_000  # bytes
MAX_SHOWN = 100  # characters of a wrong name


@dataclass(frozen=True, slots=True)
class Fetched:
    """The record of a complete download: the size of each file in bytes, the model, and its commit."""

    sizes: dict[str, int]
    model: str = ""
    commit: str = ""


def fetch(model_id: str, revision: str | None = None, pause: Callable[[float], None] = time.sleep) -> Work[Path]:
    """Download a model from the Hub, or find it on this machine; returns a folder whose name is the commit.

    `revision` is a commit, branch or tag; None is the current main branch. A commit that is complete on disk needs no
    network. An interrupted download continues where it stopped, in this process or a later one. Large files are checked
    against their SHA-256. HF_ENDPOINT, HF_TOKEN, HF_HOME and HF_HUB_OFFLINE are respected. Raises ModelError if the
    model cannot be downloaded or has no safetensors, ResourceError if the disk is too small.
    """
    place = Path(constants.HF_HOME) / "gradschool" / model_id.replace("/", "--")
    wanted = revision or "main"
    if not REVISION.fullmatch(wanted):
        what = f"{wanted[:MAX_SHOWN]!r} is not a revision of {model_id}."
        raise ModelError(what, "A revision is a commit, a branch or a tag.", "correct it, or leave it out.")
    if COMMIT.fullmatch(wanted) and (folder := _complete(place / wanted)):
        return folder
    if constants.is_offline_mode():
        return _from_disk(place, model_id, wanted, "HF_HUB_OFFLINE is set", "unset HF_HUB_OFFLINE to download it")
    try:
        with proxy_errors():
            info = HfApi().model_info(model_id, revision=wanted, files_metadata=True, timeout=30)
    except HfHubHTTPError as error:
        raise _refused(model_id, wanted, error) from error
    except HFValidationError as error:
        raise ModelError(f"{model_id!r} is not a Hub id.", str(error), "write it as owner/name.") from error
    except (HTTPError, OSError) as error:
        reason = f"the Hub at {constants.ENDPOINT} cannot be reached ({type(error).__name__})"
        folder = _from_disk(place, model_id, wanted, reason, "connect to the network once to download it")
        yield Note(f"{reason.capitalize()}; the copy of {model_id} on disk is used, commit {folder.name}.", "warning")
        return folder
    files = _needed(model_id, info)
    commit = info.sha or wanted
    folder = place / commit
    if not _complete(folder):
        cached = _library_cache(model_id, commit, files)
        if cached:
            return cached
        yield from _download(model_id, commit, files, folder, pause)
    write_json(place / "revisions.json", {**_revisions(place), wanted: commit})
    return folder


def _download(
    model_id: str, commit: str, files: list[RepoSibling], folder: Path, pause: Callable[[float], None]
) -> Work[None]:
    total = sum(file.size or 0 for file in files)
    with disk_errors(folder):
        make_folder(folder)
        present = sum(_size(folder / file.rfilename) + _size(_part(folder, file)) for file in files)
        resumed = f", {present / 1e6:.1f} MB of them already on disk" if present else ""
        yield Note(
            f"Downloading {model_id} at commit {commit} from {constants.ENDPOINT}: "
            f"{total / 1e6:.1f} MB in {len(files)} files{resumed}, to {folder}."
        )
        free = shutil.disk_usage(folder).free
        if total - present + LEAVE_FREE > free:
            raise ResourceError(
                f"{model_id} does not fit on the disk.",
                f"{(total - present) / 1e6:.0f} MB are missing, {free / 1e6:.0f} MB are free at {folder}.",
                "free some space, or set HF_HOME to a folder on a larger disk.",
            )
        done = 0
        for file in files:
            yield from _file(model_id, commit, file, folder, done, total, pause)
            done += file.size or 0
        sizes = {file.rfilename: _size(folder / file.rfilename) for file in files}
        write_json(folder / "fetched.json", asdict(Fetched(sizes, model_id, commit)))


def _file(
    model_id: str,
    commit: str,
    file: RepoSibling,
    folder: Path,
    done: int,
    total: int,
    pause: Callable[[float], None],
) -> Work[None]:
    """Download one file; `done` are the bytes of the files before it, `total` those of all files."""
    target, part, what = folder / file.rfilename, _part(folder, file), f"downloading {file.rfilename}"
    if target.exists():
        return
    url = hf_hub_url(model_id, file.rfilename, revision=commit, endpoint=constants.ENDPOINT)
    idle = 0
    while file.size is None or _size(part) < file.size or not part.exists():
        before = _size(part)
        try:
            for size in _receive(model_id, url, part):
                yield Progress(what, done + size, total, "bytes")
            if file.size is None:
                break
            if _size(part) <= before:
                raise httpx.ReadError("the server sent nothing")
        except httpx.HTTPError as error:
            idle = 0 if _size(part) > before else idle + 1
            status = error.response.status_code if isinstance(error, httpx.HTTPStatusError) else 0
            if idle > RETRIES or (400 <= status < 500 and status not in (408, 416, 429)):
                raise ModelError(
                    f"The download of {model_id} failed after {(done + _size(part)) / 1e6:.1f} MB.",
                    f"{url}: {error or type(error).__name__}.",
                    "repeat the command: the download continues from there.",
                ) from error
            if status == 416:  # the part on disk is longer than the file
                part.unlink()
            pause(2.0**idle)
    _check(model_id, file, part)
    replace_file(part, target)
    yield Progress(what, done + _size(target), total, "bytes")


def _receive(model_id: str, url: str, part: Path) -> Iterator[int]:
    """Append to a partial file until the connection ends; yields its size after each BLOCK."""
    headers = {**build_hf_headers(library_name="gradschool"), "Accept-Encoding": "identity"}
    if before := _size(part):
        headers["Range"] = f"bytes={before}-"
    with httpx.stream("GET", url, headers=headers, follow_redirects=True, timeout=TIMEOUT) as response:
        if response.status_code in (401, 403):
            raise _gated(model_id)
        response.raise_for_status()
        # A server that answers a range with 200 sends the complete file.
        with part.open("ab" if response.status_code == 206 else "wb") as sink:
            reported = -BLOCK
            for chunk in response.iter_bytes():  # of any size: with a fixed one, the last chunk would be lost
                sink.write(chunk)
                if sink.tell() >= reported + BLOCK:
                    reported = sink.tell()
                    yield reported


def _check(model_id: str, file: RepoSibling, part: Path) -> None:
    expected = file.lfs.sha256 if file.lfs else None
    if (file.size is not None and _size(part) != file.size) or (expected and sha256(part) != expected):
        part.unlink()
        raise ModelError(
            f"{file.rfilename} of {model_id} arrived damaged.",
            "Its size or SHA-256 differs from the Hub's, so it was deleted.",
            "repeat the command; if this happens again, a proxy between you and the Hub may change files.",
        )


def _needed(model_id: str, info: ModelInfo) -> list[RepoSibling]:
    everything = info.siblings or []
    files = [file for file in everything if NEEDED.fullmatch(file.rfilename)]
    names = {file.rfilename for file in files}
    weights = {name for name in names if name.endswith(".safetensors")}
    if ADAPTER in names:
        raise adapter(model_id, _base_of(info), next_to_model="config.json" in names)
    if "config.json" not in names:
        form = form_of(file.rfilename for file in everything)
        raise no_config_on_hub(model_id) if weights or form is None else _no_safetensors(model_id, [form.file])
    if not weights:
        raise _no_safetensors(model_id, [file.rfilename for file in everything])
    # Some models have their weights twice, also in the maker's own format ("consolidated").
    main = {name for name in weights if name == "model.safetensors" or re.fullmatch(r"model-\d+-of-\d+\..+", name)}
    return [file for file in files if file.rfilename not in weights or file.rfilename in (main or weights)]


def _no_safetensors(model_id: str, names: list[str]) -> ModelError:
    form = form_of(names)
    if form and form.name == "a GGUF file":
        return ModelError(f"{model_id} has its weights only as GGUF files.", form.why, form.fix)
    if form:
        why = f"It has {form.file}, {form.name}. {form.why}"
        fix = "use a version of the model with safetensors; many models have one on a branch (set `revision`)."
        return ModelError(f"{model_id} has no *.safetensors weights.", why, fix)
    return ModelError(
        f"{model_id} has no *.safetensors weights.", "The Hub lists none.", "name another repository of the model."
    )


def no_config_on_hub(model_id: str) -> ModelError:
    """The error for a repository without config.json."""
    return ModelError(
        f"{model_id} is not a model that can be loaded.",
        "It has no config.json (it may be an adapter, a GGUF file or a data set).",
        "name the base model itself, in the format of transformers.",
    )


def _base_of(info: ModelInfo) -> str:
    """The base of an adapter, as the Hub shows it; empty if it does not."""
    peft = (info.config or {}).get("peft")
    base = peft.get(BASE_KEY) if isinstance(peft, dict) else None
    base = base or (info.card_data.get("base_model") if info.card_data else None)
    return base if isinstance(base, str) else ""


def _refused(model_id: str, revision: str, error: HfHubHTTPError) -> ModelError:
    if isinstance(error, GatedRepoError):
        return _gated(model_id)
    if isinstance(error, RevisionNotFoundError):
        return ModelError(
            f"{model_id} has no revision {revision!r}.", "The Hub has no such commit, branch or tag.", "correct it."
        )
    status = error.response.status_code
    if isinstance(error, RepositoryNotFoundError) or status in (401, 403, 404):
        return ModelError(
            f"The base model {model_id!r} does not exist, or you have no access to it.",
            f"There is no such folder, and the Hub at {constants.ENDPOINT} answers {status}.",
            "check the spelling (owner/name); for a private model, set HF_TOKEN.",
        )
    return ModelError(
        f"The Hub returned no information about {model_id}.",
        f"{constants.ENDPOINT} answers {status}.",
        "try again later, or name a local folder.",
    )


def _gated(model_id: str) -> ModelError:
    return ModelError(
        f"{model_id} can only be downloaded by users who accepted its terms.",
        "The Hub refused the download.",
        f"accept them at {constants.ENDPOINT}/{model_id} and set HF_TOKEN to your token, or use another base_model.",
    )


def _from_disk(place: Path, model_id: str, revision: str, reason: str, remedy: str) -> Path:
    commit = _revisions(place).get(revision, revision)
    if COMMIT.fullmatch(commit) and (folder := _complete(place / commit)):
        return folder
    try:
        return Path(snapshot_download(model_id, revision=revision, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError):
        raise ModelError(
            f"The base model {model_id!r} is not on this machine.",
            f"There is no such folder, no complete copy in {place} or {constants.HF_HUB_CACHE}, and {reason}.",
            f'{remedy}, name a local folder, or use base_model = "pocket" (built in).',
        ) from None


def snapshots() -> Iterator[Path]:
    """The folders of all models that are on this machine, in our own cache and in that of the Hub library."""
    yield from sorted((Path(constants.HF_HOME) / "gradschool").glob("*/*"))
    yield from sorted(Path(constants.HF_HUB_CACHE).glob("models--*/snapshots/*"))


def _library_cache(model_id: str, commit: str, files: list[RepoSibling]) -> Path | None:
    try:
        folder = Path(snapshot_download(model_id, revision=commit, local_files_only=True))
    except LocalEntryNotFoundError:
        return None
    return folder if all(_size(folder / file.rfilename) == file.size for file in files) else None


def _complete(folder: Path) -> Path | None:
    fetched = _recorded(folder / "fetched.json", Fetched)
    if fetched is None:
        return None
    return folder if all(_size(folder / name) == size for name, size in fetched.sizes.items()) else None


def _revisions(place: Path) -> dict[str, str]:
    return _recorded(place / "revisions.json", dict[str, str]) or {}


def _recorded(path: Path, kind: type[T]) -> T | None:
    """What a file of our own cache says; None if there is none, or if it is damaged: both are then fetched anew."""
    try:
        return TypeAdapter(kind).validate_python(read_json(path))
    except (OSError, ValueError):
        return None


def _part(folder: Path, file: RepoSibling) -> Path:
    return folder / f"{file.rfilename}.part"


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
