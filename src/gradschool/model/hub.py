"""Fetching a base from the Hub: a fixed commit, its size told first, only what is needed, resumable.

Files are written by us, not into the Hub library's own cache: that library throws an unfinished file away when the
program ends (2.x), and gigabytes on a slow line need more than one evening. What its cache already holds is used.
"""

import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import httpx
from huggingface_hub import HfApi, constants, hf_hub_url, snapshot_download
from huggingface_hub.errors import (  # type: ignore[attr-defined]  # HTTPError: what its HTTP client raises
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

from gradschool.errors import ModelError, ResourceError
from gradschool.files import disk_errors, read_json, sha256, write_json
from gradschool.records import Note, Progress, Work

COMMIT = re.compile("[0-9a-f]{40}")
NEEDED = re.compile(r"[^/]+\.(json|safetensors|jinja)|tokenizer\.model|spiece\.model|(merges|vocab)\.txt")
BLOCK = 1 << 20  # bytes between two reports of progress
RETRIES = 5  # tries in a row that bring no byte
TIMEOUT = httpx.Timeout(30.0)
LEAVE_FREE = 200_000_000  # bytes


def fetch(model_id: str, revision: str | None = None, pause: Callable[[float], None] = time.sleep) -> Work[Path]:
    """Bring a Hub model to this machine; returns the folder of that commit, whose name is the commit.

    `revision` is a commit, branch or tag; None is the main branch as it is now. What is whole on disk is used without
    asking; an interrupted download goes on where it stopped, in this process or a later one. Large files are checked
    against their SHA-256. HF_ENDPOINT, HF_TOKEN, HF_HOME and HF_HUB_OFFLINE are honoured. Raises ModelError where the
    model cannot be had or has no safetensors, ResourceError where the disk is too small.
    """
    place = Path(constants.HF_HOME) / "gradschool" / model_id.replace("/", "--")
    wanted = revision or "main"
    if COMMIT.fullmatch(wanted) and (folder := _whole(place / wanted)):
        return folder
    if constants.is_offline_mode():
        return _from_disk(place, model_id, wanted, "HF_HUB_OFFLINE is set", "unset HF_HUB_OFFLINE to download it")
    try:
        info = HfApi().model_info(model_id, revision=wanted, files_metadata=True, timeout=30)
    except HfHubHTTPError as error:
        raise _refused(model_id, wanted, error) from error
    except HFValidationError as error:
        raise ModelError(f"{model_id!r} is not a Hub id.", str(error), "write it as owner/name.") from error
    except (HTTPError, OSError) as error:
        reason = f"the Hub at {constants.ENDPOINT} cannot be reached ({type(error).__name__})"
        folder = _from_disk(place, model_id, wanted, reason, "connect to the network once to download it")
        yield Note(f"{reason.capitalize()}; {model_id} is used as it is on disk, at commit {folder.name}.", "warning")
        return folder
    files = _needed(model_id, info)
    commit = info.sha or wanted
    folder = place / commit
    if not _whole(folder):
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
        folder.mkdir(parents=True, exist_ok=True)
        there = sum(_size(folder / file.rfilename) + _size(_part(folder, file)) for file in files)
        resumed = f", {there / 1e6:.1f} MB of it already there" if there else ""
        yield Note(
            f"Downloading {model_id} at commit {commit} from {constants.ENDPOINT}: "
            f"{total / 1e6:.1f} MB in {len(files)} files{resumed}, to {folder}."
        )
        free = shutil.disk_usage(folder).free
        if total - there + LEAVE_FREE > free:
            raise ResourceError(
                f"{model_id} does not fit on the disk.",
                f"{(total - there) / 1e6:.0f} MB are to come, {free / 1e6:.0f} MB are free at {folder}.",
                "free some space, or set HF_HOME to a folder on a larger disk.",
            )
        done = 0
        for file in files:
            yield from _file(model_id, commit, file, folder, done, total, pause)
            done += file.size or 0
        sizes = {file.rfilename: _size(folder / file.rfilename) for file in files}
        write_json(folder / "fetched.json", {"model": model_id, "commit": commit, "sizes": sizes})


def _file(
    model_id: str,
    commit: str,
    file: RepoSibling,
    folder: Path,
    done: int,
    total: int,
    pause: Callable[[float], None],
) -> Work[None]:
    target, part = folder / file.rfilename, _part(folder, file)
    if target.exists():
        return
    url = hf_hub_url(model_id, file.rfilename, revision=commit, endpoint=constants.ENDPOINT)
    idle = 0
    while file.size is None or _size(part) < file.size or not part.exists():
        before = _size(part)
        headers = {**build_hf_headers(library_name="gradschool"), "Accept-Encoding": "identity"}
        if before:
            headers["Range"] = f"bytes={before}-"
        try:
            with httpx.stream("GET", url, headers=headers, follow_redirects=True, timeout=TIMEOUT) as response:
                if response.status_code in (401, 403):
                    raise _gated(model_id)
                response.raise_for_status()
                # A server that sends 200 for a range begins at the beginning.
                with part.open("ab" if response.status_code == 206 else "wb") as sink:
                    told = -BLOCK
                    for piece in response.iter_bytes():  # as they come: a fixed size would lose the last one's rest
                        sink.write(piece)
                        if sink.tell() >= told + BLOCK:
                            told = sink.tell()
                            yield Progress(f"downloading {file.rfilename}", done + told, total, "bytes")
            if file.size is None:
                break
            if _size(part) <= before:
                raise httpx.ReadError("no more bytes came")
        except httpx.HTTPError as error:
            idle = 0 if _size(part) > before else idle + 1
            status = error.response.status_code if isinstance(error, httpx.HTTPStatusError) else 0
            if idle > RETRIES or (400 <= status < 500 and status not in (408, 416, 429)):
                raise ModelError(
                    f"The download of {model_id} broke off at {(done + _size(part)) / 1e6:.1f} MB.",
                    f"{url} says: {error or type(error).__name__}.",
                    "repeat the command: it goes on from there.",
                ) from error
            if status == 416:  # what is there is longer than the file
                part.unlink()
            pause(2.0**idle)
    _check(model_id, file, part)
    part.replace(target)
    yield Progress(f"downloading {file.rfilename}", done + _size(target), total, "bytes")


def _check(model_id: str, file: RepoSibling, part: Path) -> None:
    expected = file.lfs.sha256 if file.lfs else None
    if (file.size is not None and _size(part) != file.size) or (expected and sha256(part) != expected):
        part.unlink()
        raise ModelError(
            f"{file.rfilename} of {model_id} arrived damaged.",
            "Its size or SHA-256 is not what the Hub says; it was deleted.",
            "repeat the command; if it happens again, something between you and the Hub changes files.",
        )


def _needed(model_id: str, info: ModelInfo) -> list[RepoSibling]:
    everything = info.siblings or []
    files = [file for file in everything if NEEDED.fullmatch(file.rfilename)]
    names = {file.rfilename for file in files}
    if "config.json" not in names:
        raise ModelError(
            f"{model_id} holds no model that can be loaded.",
            "It has no config.json (it may be an adapter, a GGUF file or a data set).",
            "name the base model itself, in the transformers format.",
        )
    weights = {name for name in names if name.endswith(".safetensors")}
    if not weights:
        raise ModelError(
            f"{model_id} has no *.safetensors weights.",
            "Other weight files can run any program when they are opened, so they are never opened here.",
            "take a version of the model with safetensors; many have one on a branch (set `revision`).",
        )
    # Some models come twice, in their maker's format too ("consolidated").
    main = {name for name in weights if name == "model.safetensors" or re.fullmatch(r"model-\d+-of-\d+\..+", name)}
    return [file for file in files if file.rfilename not in weights or file.rfilename in (main or weights)]


def _refused(model_id: str, revision: str, error: HfHubHTTPError) -> ModelError:
    if isinstance(error, GatedRepoError):
        return _gated(model_id)
    if isinstance(error, RevisionNotFoundError):
        return ModelError(
            f"{model_id} has no revision {revision!r}.", "The Hub knows no such commit, branch or tag.", "correct it."
        )
    status = error.response.status_code
    if isinstance(error, RepositoryNotFoundError) or status in (401, 403, 404):
        return ModelError(
            f"The base model {model_id!r} does not exist, or you may not see it.",
            f"There is no such folder here, and the Hub at {constants.ENDPOINT} answers {status}.",
            "check the spelling (owner/name); for a private model, put a token into HF_TOKEN.",
        )
    return ModelError(
        f"The Hub did not say what {model_id} is.",
        f"{constants.ENDPOINT} answers {status}.",
        "try again later, or name a local folder.",
    )


def _gated(model_id: str) -> ModelError:
    return ModelError(
        f"{model_id} is only given to people who accepted its terms.",
        "The Hub refuses it to you.",
        f"accept them at {constants.ENDPOINT}/{model_id} and put your token into HF_TOKEN, or take another base_model.",
    )


def _from_disk(place: Path, model_id: str, revision: str, reason: str, remedy: str) -> Path:
    commit = _revisions(place).get(revision, revision)
    if folder := _whole(place / commit):
        return folder
    try:
        return Path(snapshot_download(model_id, revision=revision, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError):
        raise ModelError(
            f"The base model {model_id!r} is not on this machine.",
            f"There is no such folder, no whole copy of it in {place} or {constants.HF_HUB_CACHE}, and {reason}.",
            f'{remedy}, name a local folder, or take base_model = "pocket" (built in).',
        ) from None


def _library_cache(model_id: str, commit: str, files: list[RepoSibling]) -> Path | None:
    try:
        folder = Path(snapshot_download(model_id, revision=commit, local_files_only=True))
    except LocalEntryNotFoundError:
        return None
    return folder if all(_size(folder / file.rfilename) == file.size for file in files) else None


def _whole(folder: Path) -> Path | None:
    record = folder / "fetched.json"
    if not record.is_file():
        return None
    return folder if all(_size(folder / name) == size for name, size in read_json(record)["sizes"].items()) else None


def _revisions(place: Path) -> dict[str, str]:
    record = place / "revisions.json"
    known: dict[str, str] = read_json(record) if record.is_file() else {}
    return known


def _part(folder: Path, file: RepoSibling) -> Path:
    return folder / f"{file.rfilename}.part"


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
