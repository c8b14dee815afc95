"""What the user has allowed, remembered in a private file: hosts with the key they get, and code by its hash."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import filelock
from pydantic import TypeAdapter

from gradschool.errors import DamagedError
from gradschool.files import disk_errors, new_file, sha256


@dataclass(frozen=True, slots=True)
class Trusted:
    """Everything that the user has allowed so far."""

    hosts: Mapping[str, str] = field(default_factory=dict)  # the variable with the API key, by origin
    code: Mapping[str, str] = field(default_factory=dict)  # the path at that time, by the SHA-256 of the file


_trusted: TypeAdapter[Trusted] = TypeAdapter(Trusted)


def trust_file() -> Path:
    """The file that remembers it: in XDG_CONFIG_HOME, by default ~/.config."""
    root = Path(os.environ.get("XDG_CONFIG_HOME", ""))
    return (root if root.is_absolute() else Path.home() / ".config") / "gradschool" / "trust.json"


def trusted() -> Trusted:
    """Read what the user has allowed; raises DamagedError if the file cannot be read."""
    path = trust_file()
    try:
        return _trusted.validate_json(path.read_bytes())
    except FileNotFoundError:
        return Trusted()
    except (OSError, ValueError) as error:
        raise DamagedError(f"{path} cannot be read.", str(error), "delete it; you are then asked again.") from error


def remember_host(origin: str, variable: str, *, replaces: bool = True) -> None:
    """Allow requests to an origin, with the API key in an environment variable."""
    _change(hosts={origin: variable}, replaces=replaces)


def remember_code(path: Path) -> None:
    """Allow a file of Python code to run, as long as its content stays the same."""
    _change(code={sha256(path): str(path.resolve())})


def is_trusted_code(path: Path) -> bool:
    """Whether the user has allowed exactly this content to run."""
    return sha256(path) in trusted().code


def _change(
    hosts: Mapping[str, str] | None = None, code: Mapping[str, str] | None = None, replaces: bool = True
) -> None:
    path = trust_file()
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with filelock.FileLock(path.with_name(".trust.lock")):
            known = trusted()
            new = {**known.hosts, **(hosts or {})} if replaces else {**(hosts or {}), **known.hosts}
            changed = replace(known, hosts=new, code={**known.code, **(code or {})})
            if changed != known:
                with new_file(path, mode=0o600) as file:
                    file.write(_trusted.dump_json(changed, indent=1))
