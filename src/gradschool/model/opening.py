"""Opening the engine that a job names."""

import re
from pathlib import Path

from gradschool.errors import ModelError, UsageError
from gradschool.model.engine import Engine
from gradschool.records import Note, Work
from gradschool.settings import Settings

POCKET = Path(__file__).parents[1] / "bases" / "pocket"
HUB_ID = re.compile(r"[\w-][\w.-]*(/[\w.-]+)?")
SERVER = ("http://", "https://")


def is_hub_id(name: str) -> bool:
    """Whether a name has the form of a Hub model's: owner/name, or the name alone."""
    return HUB_ID.fullmatch(name) is not None


def open_engine(settings: Settings, folder: Path) -> Work[Engine]:
    """Open the engine that a job names: built in, a local folder, a server's address, or a Hub id.

    `folder` is the job's: a relative path is looked for there first, then in the working directory. Yields notes,
    and progress where something is downloaded. Raises ModelError where the model cannot be found or used.
    """
    name = settings.base_model
    if settings.quantization and name.startswith(SERVER):
        raise UsageError(
            f"quantization cannot be set for {name}.",
            "The weights are on that server, as it holds them.",
            "leave it out.",
        )
    if name == "fake":
        from gradschool.model.fake import FakeEngine

        return FakeEngine()
    if name.startswith(SERVER):
        from gradschool.model.remote import RemoteEngine

        if not settings.model:
            raise UsageError(
                f"The server {name} needs to be told which of its models to use.",
                "The job names no `model`.",
                'add model = "…" beside base_model.',
            )
        return RemoteEngine(name, settings.model, settings.remote)
    revision = ""
    if name == "pocket":
        path = POCKET
        if not path.is_dir():
            raise ModelError("The built-in model is missing.", f"{path} is not there.", "install gradschool again.")
    else:
        found = _local_folder(name, folder)
        if found is None:
            from gradschool.model.hub import fetch

            path = yield from fetch(name, settings.revision)
            revision = path.name  # the Hub's cache calls a snapshot by its commit
        else:
            path = found
    from gradschool.model.local import LocalEngine

    batch_size, quantization = settings.answers.batch_size, settings.quantization
    engine = LocalEngine(path, name=name, revision=revision, batch_size=batch_size, quantization=quantization)
    yield Note(f"The base computes on {engine.device} in {engine.dtype_reason}; on {engine.threads_reason}.")
    for remark in engine.chat.remarks:
        yield Note(remark)
    return engine


def _local_folder(name: str, folder: Path) -> Path | None:
    given = Path(name).expanduser()
    for path in (folder / given, given):
        if path.is_dir():
            return path.resolve()
        if path.is_file():
            raise ModelError(f"{path} is a file.", "A model is a folder.", "name the folder that holds config.json.")
    if is_hub_id(name):
        return None
    raise ModelError(
        f"The base model {name!r} does not exist.",
        f"There is no such folder below {folder.resolve()} or {Path.cwd()}, and it is not a Hub id (owner/name).",
        'name a folder, a Hub id, a server\'s address, or "pocket" (built in).',
    )
