"""What the user has allowed, remembered in a private file: hosts with the key they get; code and runs by their hash."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import TypeAdapter

from gradschool.files import sha256
from gradschool.remembered import Remembered


@dataclass(frozen=True, slots=True)
class Trusted:
    """Everything that the user has allowed so far."""

    hosts: Mapping[str, str] = field(default_factory=dict)  # the variable with the API key, by origin
    code: Mapping[str, str] = field(default_factory=dict)  # the path at that time, by the SHA-256 of the file
    runs: Mapping[str, str] = field(default_factory=dict)  # begun here: the folder then, by the SHA-256 of run.json
    allowed_runs: Mapping[str, str] = field(default_factory=dict)  # the same of runs of others
    studios: Mapping[str, str] = field(default_factory=dict)  # opened here: the folder, by the SHA-256 of their key


TRUST = Remembered("trust.json", TypeAdapter(Trusted), Trusted(), "you are then asked again")


def trusted() -> Trusted:
    """Read what the user has allowed; raises DamagedError if the file cannot be read."""
    return TRUST.read()


def remember_host(origin: str, variable: str, *, replaces: bool = True) -> None:
    """Allow requests to an origin, with the API key in an environment variable."""
    new = {origin: variable}
    TRUST.change(lambda known: replace(known, hosts={**known.hosts, **new} if replaces else {**new, **known.hosts}))


def remember_code(path: Path) -> None:
    """Allow a file of Python code to run, as long as its content stays the same."""
    new = {sha256(path): str(path.resolve())}
    TRUST.change(lambda known: replace(known, code={**known.code, **new}))


def remember_run(digest: str, folder: Path) -> None:
    """Remember that the user began a run, by the SHA-256 of its run.json."""
    new = {digest: str(folder.resolve())}
    TRUST.change(lambda known: replace(known, runs={**known.runs, **new}))


def remember_allowed_run(digest: str, folder: Path) -> None:
    """Remember that the user allowed a run of someone else, by the SHA-256 of its run.json."""
    new = {digest: str(folder.resolve())}
    TRUST.change(lambda known: replace(known, allowed_runs={**known.allowed_runs, **new}))


def remember_studio(digest: str, folder: Path) -> None:
    """Remember that the user opened a studio over a folder, by the SHA-256 of its key."""
    new = {digest: str(folder.resolve())}
    TRUST.change(lambda known: replace(known, studios={**known.studios, **new}))


def is_opened_studio(digest: str) -> bool:
    """Whether the user has opened the studio whose key has this SHA-256."""
    return digest in trusted().studios


def is_begun_run(digest: str) -> bool:
    """Whether the user has begun the run whose run.json has this SHA-256."""
    return digest in trusted().runs


def is_trusted_run(digest: str) -> bool:
    """Whether the user has begun or allowed the run whose run.json has this SHA-256."""
    return is_begun_run(digest) or digest in trusted().allowed_runs


def is_trusted_code(path: Path) -> bool:
    """Whether the user has allowed exactly this content to run."""
    return sha256(path) in trusted().code
